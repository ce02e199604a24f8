"""The line for the next machine, as soon as the first agent of a new mesh answers.

Whoever has just made a mesh wants a second machine in it; that needs a token, and only the running
agent can make one. So we ask it, from outside and as a person would. A token does not belong in a
log: where nobody watches, the command that prints one is named instead.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from node.cli import client
from node.cli.exits import Unable
from node.cli.render import clean, span

READY_SECONDS_MAX: Final = 30.0
LOOK_SECONDS: Final = 0.1
LOOKS_MAX: Final = int(READY_SECONDS_MAX / LOOK_SECONDS)
HINT: Final = "to let the next machine in, run `holdfast invite` here and paste its line there"
LOOPBACK: Final = ("127.", "[::1]")


def welcome(
    state: Path, tell: Callable[[str], None], rest: Callable[[float], None] = time.sleep
) -> None:
    """Wait for the agent and tell how the next machine joins. Never raises: it only watches."""
    for _look in range(LOOKS_MAX):
        if client.running(state):
            break
        rest(LOOK_SECONDS)
    for line in join_lines(state):
        tell(line)


def join_lines(state: Path) -> list[str]:
    """What to type on the next machine; the hint alone when no token is to be had."""
    try:
        body = client.ask(state, {"type": "invite"})
        return _lines(body["invite"], body["expires_ms"], body["addresses"])
    except (Unable, KeyError):
        return [HINT]  # it has no address yet, it is gone already, or it is of another version


def _lines(invite: str, expires_ms: Any, addresses: Sequence[str]) -> list[str]:
    here = all(address.startswith(LOOPBACK) for address in addresses)
    where = "for the next agent on this machine" if here else "on the next machine"
    return [
        f"{where}: holdfast join {clean(invite)}",
        f"  good once, within {span(expires_ms)}; another one any time: holdfast invite",
    ]
