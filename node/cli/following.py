"""The steps of a joining, as they happen, read from the agent's own status.

Each peer goes through the same four: found, verified, told its facts, sent its ledger. We print a
step once, stop when every live peer has taken all four, and say plainly when nothing comes.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from node.cli import client
from node.cli.exits import Unable
from node.cli.render import clean, or_unknown, short

FOLLOW_SECONDS_MAX: Final = 20.0
LOOK_SECONDS: Final = 0.1
LOOKS_MAX: Final = int(FOLLOW_SECONDS_MAX / LOOK_SECONDS)
BELIEVED: Final = ("verified", "trusted")


def follow(
    state: Path, tell: Callable[[str], None], rest: Callable[[float], None] = time.sleep
) -> bool:
    """Tell each step; whether the joining was seen through. Never raises: it only watches."""
    told: set[str] = set()
    peers: list[dict[str, Any]] = []
    for _look in range(LOOKS_MAX):
        peers = _peers(state)
        for step in _steps(peers):
            if step not in told:
                told.add(step)
                tell(step)
        if _complete(peers):
            live = [clean(peer["name"]) for peer in peers if peer["liveness"] == "alive"]
            tell(f"joined: {', '.join(live)} and this node see each other")
            return True
        rest(LOOK_SECONDS)
    tell(_why_not(peers))
    return False


def _peers(state: Path) -> list[dict[str, Any]]:
    try:
        peers: list[dict[str, Any]] = client.ask(state, {"type": "status"})["peers"]
    except Unable:
        return []  # not listening yet, or already gone; the agent's own log says which
    return peers


def _steps(peers: list[dict[str, Any]]) -> Iterator[str]:
    for peer in peers:
        who = f"{or_unknown(peer['name'])} ({short(peer['id'])})"
        if peer["address"]:
            yield f"found {short(peer['id'])} at {clean(peer['address'])}"
        if peer["trust"] in BELIEVED:
            yield f"verified {who}: it answered our challenge with its own key"
        if peer["facts"]:
            yield f"heard the facts of {who}: {', '.join(sorted(map(clean, peer['facts'])))}"
        if _has_log(peer):
            yield f"keep the ledger of {who}"


def _complete(peers: list[dict[str, Any]]) -> bool:
    live = [peer for peer in peers if peer["liveness"] == "alive"]
    return bool(live) and all(_met(peer) for peer in live)


def _met(peer: dict[str, Any]) -> bool:
    # A node in its first quarantine has written nothing yet: there is no ledger to wait for.
    silent = peer["standing"] == "quarantine"
    told = peer["trust"] in BELIEVED and "inventory" in peer["facts"]
    return told and (silent or _has_log(peer))


def _has_log(peer: dict[str, Any]) -> bool:
    return bool(peer["log"]) and peer["log"].get("height") is not None


def _why_not(peers: list[dict[str, Any]]) -> str:
    waited = f"after {FOLLOW_SECONDS_MAX:g} s"
    if not peers:
        return (
            f"{waited} no other node has been heard: the agent keeps looking. `holdfast doctor` "
            "shows each interface; --seed HOST:PORT names a node directly"
        )
    believed = [peer for peer in peers if peer["trust"] in BELIEVED]
    if not believed:
        where = ", ".join(clean(peer["address"] or short(peer["id"])) for peer in peers)
        return (
            f"{waited} somebody was heard at {where} but has not answered our challenge: "
            "another secret, or a firewall that lets UDP through one way; see `holdfast doctor`"
        )
    return f"{waited} the joining goes on in the background: `holdfast status` shows how far it is"
