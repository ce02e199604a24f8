"""What an owner may do wrong to those who come later: who wait, and who book ahead."""

from typing import Any, Final

import pytest

from ledger import visits
from ledger.commands import Hold, Outcome
from ledger.desk import planner
from ledger.desk.later import Later
from ledger.desk.planner import in_the_way
from ledger.granting import Refused
from ledger.visits import admission
from ledger.waiting import turns
from ledger.waiting.line import Line
from tests.planted.bug import Bug, Course, set_to

CROWDED: Final = Course(seconds=40, operations=24)
LONG_LINES: Final = Course("suspend=2", seconds=40, operations=24)
PLANNING: Final = Course(nodes=3, seconds=40, operations=24)
PLANNED_AT_TWO: Final = Course(nodes=2, seconds=60, operations=40)
DYING: Final = Course("kill=8", seconds=40, operations=16)

_is_busy = turns._is_busy


def plans_not_counted(patch: pytest.MonkeyPatch) -> None:
    """What begins now is not held against what is planned."""

    def blind(desk: object, hold: Hold, now: int) -> object:
        return None if hold.start is None else in_the_way(desk, hold, now)  # type: ignore[arg-type]  # passed on

    patch.setattr(admission, "in_the_way", blind)


def plans_overlap(patch: pytest.MonkeyPatch) -> None:
    """What else stands or is planned then is not looked at."""
    refuse = planner._refuse_plan

    def blind(desk: Any, hold: Hold, start: int, now: int) -> Refused | None:
        refused = refuse(desk, hold, start, now)
        in_use = (Outcome.TAKEN_THEN, Outcome.OTHERS_WAIT)
        return None if refused is not None and refused.outcome in in_use else refused

    patch.setattr(planner, "_refuse_plan", blind)


BUGS: Final = (
    Bug(
        "line-pushes-in", "a newcomer is granted what somebody waits for", ("B18",), CROWDED,
        set_to(admission, "others_wait", lambda *_: None),
    ),
    Bug(
        "line-forgotten", "a line is gone after a restart", ("B18",), DYING,
        set_to(Later, "restored", classmethod(lambda cls, _saved: cls())),
    ),
    Bug(
        "plans-not-counted", "what begins now takes what is planned", ("B17",), PLANNED_AT_TWO,
        plans_not_counted,
    ),
    Bug(
        "plans-overlap", "two plans are given one room at one time", ("B17", "B18"), PLANNING,
        plans_overlap,
    ),
    Bug(
        "extends-in-the-way", "a booking lasts longer, whoever waits for its room or planned it",
        ("B17", "B18"), PLANNING, set_to(visits, "may_last", lambda *_: None),
    ),
    Bug(
        "waiting-counts-nothing", "who waited long is passed by whoever matters more", ("B18",),
        LONG_LINES, set_to(Line, "importance", lambda _self, ticket, *_: ticket.priority),
    ),
    Bug(
        "priority-counts-nothing", "who matters more waits behind whoever came first", ("B18",),
        LONG_LINES, set_to(Line, "importance", lambda *_: 0),
    ),
    Bug(
        "the-rich-go-first", "who has something running already is served before who has nothing",
        ("B18",), LONG_LINES,
        set_to(turns, "_is_busy", lambda one, busy: not _is_busy(one, busy)),
    ),
)  # fmt: skip
