"""What an owner may do wrong with grants that change: longer, smaller, handed on."""

from typing import Any, Final

import pytest
from msgspec.structs import replace

from ledger.books.changes import Changes
from ledger.lifecycle import Step
from tests.planted.bug import Bug, Course
from tests.planted.grants import moved

CHANGING: Final = Course(operations=24, seconds=40)

_take_less = Changes._take_less


def keeps_what_it_handed_on(patch: pytest.MonkeyPatch) -> None:
    """The parent of a new child is left with all that it had."""

    def bent(self: Changes, hold: Any) -> None:
        before = self.live[hold.id]
        shrinks = hold.shrunk_at != before.shrunk_at
        _take_less(self, hold if shrinks else replace(hold, legs=before.legs))

    patch.setattr(Changes, "_take_less", bent)


BUGS: Final = (
    Bug(
        "shrink-returns-twice",
        "a shrink gives back twice what it takes off",
        ("I3", "I4", "I2"),
        CHANGING,
        moved(Step.SHRINK, 2),
    ),
    Bug(
        "child-exceeds-parent",
        "a parent keeps what it handed on",
        ("I4",),
        CHANGING,
        keeps_what_it_handed_on,
    ),
)
