"""`holdfast holds`: who holds what, as this replica knows it."""

from argparse import Namespace
from typing import Any

from node.cli.asking import answer, show
from node.cli.exits import YES
from node.cli.render import UNKNOWN, age, amount, clean, legs, or_unknown, short, span, table

HEADERS = ("ID", "ON", "WHAT", "USED", "STATE", "KIND", "LEFT", "FOR", "AS OF", "NOTE")


def run(flags: Namespace) -> int:
    """Every live hold; with --ended the last ended ones too."""
    body = answer(flags, {"type": "holds", "ended": flags.ended})
    rows = [_row(hold) for hold in body["holds"]]
    show(flags, body, lambda _ink: table(HEADERS, rows) or ["nothing is held"])
    return YES


def _row(hold: dict[str, Any]) -> list[str]:
    owner = hold["owner"]
    name = clean(owner["name"])
    return [
        short(hold["id"]),
        name if owner["liveness"] == "alive" else f"{name} ({or_unknown(owner['liveness'])})",
        legs(hold["legs"]),
        _used(hold),
        clean(hold["state"]),
        clean(hold["kind"]),
        span(hold["remaining_ms"]),
        " ".join(clean(part) for part in (hold["principal"], hold["label"]) if part) or "-",
        age(hold["age_ms"]),
        _note(hold),
    ]


def _used(hold: dict[str, Any]) -> str:
    if hold["tied"] is False:
        return "nothing runs"
    known = [leg for leg in hold["legs"] if leg["used"] is not None]
    return " + ".join(amount(leg["used"], leg["unit"]) for leg in known) or UNKNOWN


def _note(hold: dict[str, Any]) -> str:
    return clean(hold["note"]) or ("unused promise" if hold["tied"] is False else "")
