"""`holdfast holds`: who holds what, as this replica knows it."""

from argparse import Namespace
from typing import Any

from node.cli.asking import answer, show
from node.cli.exits import YES
from node.cli.render import UNKNOWN, age, amount, clean, legs, or_unknown, short, span, table

HEADERS = ("ID", "ON", "WHAT", "USED", "STATE", "KIND", "LEFT", "FOR", "AS OF", "NOTE")
STATES = {"pending": "held, not confirmed", "posted": "confirmed", "ending": "ending"}
UNUSED = "nothing runs under it: an unused promise"
WHO_KNOWS = "how long a booking still lasts, its owner knows: `holdfast holds --peer {}`"


def run(flags: Namespace) -> int:
    """Every live hold; with --ended the last ended ones too."""
    body = answer(flags, {"type": "holds", "ended": flags.ended})
    show(flags, body, lambda _ink: _drawn(body["holds"]))
    return YES


def _drawn(holds: list[dict[str, Any]]) -> list[str]:
    lines = table(HEADERS, [_row(hold) for hold in holds]) or ["nothing is held"]
    untold = sorted({clean(h["owner"]["name"]) for h in holds if h["remaining_ms"] is None})
    return [*lines, "", WHO_KNOWS.format("|".join(untold))] if untold else lines


def _row(hold: dict[str, Any]) -> list[str]:
    owner = hold["owner"]
    name = clean(owner["name"])
    return [
        short(hold["id"]),
        name if owner["liveness"] == "alive" else f"{name} ({or_unknown(owner['liveness'])})",
        legs(hold["legs"]),
        _used(hold),
        STATES.get(hold["state"], clean(hold["state"])),
        clean(hold["kind"]),
        span(hold["remaining_ms"]),
        " ".join(clean(part) for part in (hold["principal"], hold["label"]) if part) or "-",
        age(hold["age_ms"]),
        clean(hold["note"]) or (UNUSED if hold["tied"] is False else ""),
    ]


def _used(hold: dict[str, Any]) -> str:
    if hold["tied"] is False:
        return "nothing"
    known = [leg for leg in hold["legs"] if leg["used"] is not None]
    return " + ".join(amount(leg["used"], leg["unit"]) for leg in known) or UNKNOWN
