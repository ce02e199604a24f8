"""`holdfast holds`: who holds what, as this replica knows it."""

import sys
from argparse import Namespace
from typing import Any, Final

from node.cli import ganging, when
from node.cli.asking import Body, answer, show
from node.cli.exits import YES
from node.cli.render import (
    UNKNOWN,
    age,
    amount,
    clean,
    legs,
    narrowed,
    or_unknown,
    short,
    span,
    table,
    width_of,
)

HEADERS: Final = (
    "ID", "ON", "HOLDER", "WHAT", "USED", "STATE", "KIND", "LEFT", "FOR", "AS OF",
)  # fmt: skip
EXPENDABLE: Final = ("AS OF", "FOR", "KIND", "STATE", "USED", "HOLDER")
"""What a narrow terminal does without, the first first."""
WAITING_HEADERS: Final = ("", "ID", "ASKER", "WHAT", "WAITED", "TURN IN", "PRIORITY", "FOR")
ENDED_HEADERS: Final = ("ID", "ON", "HOLDER", "ENDED AS", "AT", "HEARD")
STATES: Final = {"pending": "held, not confirmed", "posted": "confirmed", "ending": "ending"}
UNUSED: Final = "* nothing runs under it: an unused promise"
NARROW: Final = "not shown in this width: {}"
WHO_KNOWS: Final = "how long a booking still lasts, its owner knows: `holdfast holds --peer {}`{}"


def run(flags: Namespace) -> int:
    """Every live hold; with --ended the last ended ones too, with --all what nobody reserved."""
    asked = {"ended": flags.ended or flags.all, "waiting": flags.waiting or flags.all}
    body = answer(flags, {"type": "holds", **asked})
    width = width_of(sys.stdout)
    rest = _foreign(body) if flags.all else []
    show(flags, body, lambda _ink: [*_all(body, width), *rest])
    return YES


def _all(body: Body, width: int | None) -> list[str]:
    waiting = _waiting(body["waiting"]) if "waiting" in body else []
    return [*_drawn(body["holds"], width), *_ended(body.get("ended", [])), *waiting]


def _waiting(rows: list[dict[str, Any]]) -> list[str]:
    """The line of the node that was asked."""
    if not rows:
        return ["", "nobody waits here"]
    owner = clean(rows[0]["owner"]["name"])
    cells = [
        [
            str(row["place"]), short(row["id"]), clean(row["holder"]["name"]), legs(row["legs"]),
            span(row["waited_ms"]), span(row["turn_in_ms"]), str(row["priority"]),
            " ".join(clean(part) for part in (row["principal"], row["label"], _of(row)) if part)
            or "-",
        ]
        for row in rows
    ]  # fmt: skip
    return ["", f"in the line of {owner}", *table(WAITING_HEADERS, cells)]


def _of(row: dict[str, Any]) -> str:
    """That a place is one of a gang's, which waits for other owners too."""
    return f"(gang {short(row['gang'])})" if row.get("gang") else ""


def _drawn(holds: list[dict[str, Any]], width: int | None) -> list[str]:
    lines, dropped = narrowed(HEADERS, [_row(hold) for hold in holds], EXPENDABLE, width)
    gangs = ganging.told(holds)
    notes = [UNUSED] if any(h["tied"] is False for h in holds) and "USED" not in dropped else []
    notes += [line for hold in holds for line in _warnings(hold)]
    untold = sorted({clean(h["owner"]["name"]) for h in holds if _only_its_owner_knows(h)})
    others = f" (or {', '.join(untold[1:])})" if untold[1:] else ""
    notes += [WHO_KNOWS.format(untold[0], others)] if untold else []
    notes += [NARROW.format(", ".join(dropped))] if dropped else []
    lines = [*lines, "", *gangs] if gangs else lines
    return [*lines, "", *notes] if notes else lines or ["nothing is held"]


def _row(hold: dict[str, Any]) -> list[str]:
    return [
        short(hold["id"]),
        _owner(hold["owner"]),
        clean(hold["holder"]["name"]),
        legs(hold["legs"]),
        _used(hold),
        _state(hold),
        clean(hold["kind"]),
        # A carried lease is renewed for as long as its process runs: the next renewal is no end.
        "while renewed" if hold["kind"] == "carried" else span(_lasting(hold)),
        " ".join(clean(part) for part in (hold["principal"], hold["label"]) if part) or "-",
        age(hold["age_ms"]),
    ]


def _state(hold: dict[str, Any]) -> str:
    if hold.get("starts_at_ms") is not None:
        return f"{clean(hold['state'])}, starts {when.shown(hold['starts_at_ms'])}"
    return STATES.get(hold["state"], clean(hold["state"]))


def _owner(owner: dict[str, Any]) -> str:
    name = clean(owner["name"])
    return name if owner["liveness"] == "alive" else f"{name} ({or_unknown(owner['liveness'])})"


def _used(hold: dict[str, Any]) -> str:
    if hold["tied"] is False:
        return "nothing *"
    if hold.get("starts_at_ms") is not None:
        return "-"  # it has no room yet
    known = [leg for leg in hold["legs"] if leg["used"] is not None]
    if hold["legs"] and all(leg["unit"] == "slots" for leg in hold["legs"]):
        return "not measured"  # whoever uses a licence, no probe sees it
    return " + ".join(amount(leg["used"], leg["unit"]) for leg in known) or UNKNOWN


def _warnings(hold: dict[str, Any]) -> list[str]:
    """What endangers it, what it owes, that it ends soon, or that nobody uses it."""
    name = f"! {short(hold['id'])} on {clean(hold['owner']['name'])}"
    told = [f"{name}: {clean(alarm['sentence'])}" for alarm in hold.get("alarms", ())]
    if hold.get("debt"):
        debt = hold["debt"]
        told.append(f"{name}: forced over {legs(debt['legs'])}: {clean(debt['reason'])}")
    if hold.get("lapses_soon"):
        told.append(f"{name}: ends soon; `holdfast extend` lets it last longer")
    if not told and hold.get("idle"):
        told = [f"{name}: {clean(hold['note'])}"]
    return told


def _foreign(body: dict[str, Any]) -> list[str]:
    """Use that nobody reserved stands beside what is."""
    from node.cli.draw_facts import foreign_lines

    lines = foreign_lines(body.get("foreign", []))
    return ["", "used, and reserved by nobody", *lines] if lines else []


def _lasting(hold: dict[str, Any]) -> int | None:
    """What is left; of what starts later, all of it."""
    lasting: int | None = hold["remaining_ms"]
    return lasting if hold.get("starts_at_ms") is None else hold["term_ms"]


def _only_its_owner_knows(hold: dict[str, Any]) -> bool:
    return _lasting(hold) is None and hold["kind"] != "carried"


def _heard(ms: int | None) -> str:
    """No log says what time it was; the agent knows of what it heard itself."""
    return "not known: before its start" if ms is None else age(ms)


def _ended(holds: list[dict[str, Any]]) -> list[str]:
    rows = [
        [
            short(hold["id"]), _owner(hold["owner"]), clean(hold["holder"]["name"]),
            clean(hold["state"]),
            f"era {hold['ended_at']['era']}, height {hold['ended_at']['height']}",
            _heard(hold.get("heard_ms_ago")),
        ]
        for hold in holds
    ]  # fmt: skip
    return ["", "ended last", *table(ENDED_HEADERS, rows)] if rows else []
