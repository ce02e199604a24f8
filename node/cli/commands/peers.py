"""`holdfast peers`: the other nodes, as this one knows them."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from node.cli.asking import answer, show
from node.cli.exits import YES
from node.cli.render import age, or_unknown, short, table

ALONE = "no other node is known yet: `holdfast invite` prints the line that lets one join"


def run(flags: Namespace) -> int:
    """The roll, from `status`."""
    peers = answer(flags, {"type": "status"})["peers"]
    show(flags, {"peers": peers}, lambda _ink: peer_rows(peers) or [ALONE])
    return YES


def peer_rows(peers: Sequence[dict[str, Any]]) -> list[str]:
    """The table of peers, as `status` shows it too."""
    rows = [
        [
            or_unknown(peer["name"]), short(peer["id"]), or_unknown(peer["trust"]),
            or_unknown(peer["liveness"]), age(peer["heard_ms_ago"]), or_unknown(peer["address"]),
            _standing(peer["standing"]), _blocks(peer["log"]),
        ]
        for peer in peers
    ]  # fmt: skip
    return table(
        ("NAME", "ID", "TRUST", "LIVENESS", "HEARD", "ADDRESS", "STANDING", "LEDGER"), rows
    )


def _standing(said: Any) -> str:
    # A peer's standing is a word or the whole body, and None before it has told us.
    word = said.get("state") if isinstance(said, dict) else said
    return or_unknown(word).replace("_", " ")


def _blocks(log: dict[str, Any] | None) -> str:
    if log is None or log.get("height") is None:
        return "none yet"
    return f"{log['height'] + 1} block{'s' if log['height'] else ''}"
