"""What an owner may do wrong to those who come later: who wait, and who book ahead."""

from typing import Final

import pytest

from ledger import admission
from ledger.commands import Hold
from ledger.later import Later
from ledger.planner import in_the_way
from tests.planted.bug import Bug, Course, set_to

CROWDED: Final = Course(seconds=40, operations=24)
DYING: Final = Course("kill=8", seconds=40, operations=16)


def plans_not_counted(patch: pytest.MonkeyPatch) -> None:
    """What begins now is not held against what is planned."""

    def blind(desk: object, hold: Hold, now: int) -> object:
        return None if hold.start is None else in_the_way(desk, hold, now)  # type: ignore[arg-type]  # passed on

    patch.setattr(admission, "in_the_way", blind)


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
        "plans-not-counted", "what begins now takes what is planned", ("B17",), CROWDED,
        plans_not_counted,
    ),
)  # fmt: skip
