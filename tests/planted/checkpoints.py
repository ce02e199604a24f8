"""What may go wrong where logs are cut short: what is let go of, and what takes its place."""

from typing import Any, Final

import pytest

from ledger.books import Books
from ledger.books.checkpoints import Checkpoints
from ledger.books.holds import Token
from ledger.lifecycle import HoldState, Step
from ledger.owner.checkpointing import Checkpointer
from simulations.checks.pruning import PrunedIsHeld
from tests.planted.bug import CRASH, Bug, Course, set_to

AWAY: Final = Course("kill=6,slow-restart=6,power-cut=3,lost-disk=3", seconds=60)
CUT: Final = Course("partition=6,isolation=6", nodes=4, seconds=40)

_summed_up = Checkpoints.summed_up


def forgets_a_hold(patch: pytest.MonkeyPatch) -> None:
    """What a checkpoint signs lacks the oldest hold that lives, and adds up all the same: whoever
    folded the log signs and checks the same mistake."""

    def summed_up(self: Checkpoints, keeps: int) -> Any:
        books = Books.revived(_summed_up(self, keeps))
        lone = [hold for hold in books.live_holds() if hold.parent is None]
        if lone:
            step = Step.RELEASE if lone[0].state is HoldState.POSTED else Step.VOID
            books._advance(lone[0].id, step, Token(0, 0, 0))
            books.ended.pop(lone[0].id, None)
        return _summed_up(books, keeps)

    patch.setattr(Checkpoints, "summed_up", summed_up)


BUGS: Final = (
    Bug(
        "checkpoint-forgets-a-hold", "the state that a checkpoint signs lacks a hold that lives",
        ("G4", "I4", "I8", "I9", "G1", "B13", CRASH), AWAY, forgets_a_hold,
    ),
    Bug(
        "pruned-too-soon", "a log moves up to a checkpoint that nobody else has", ("G10",), CUT,
        set_to(Checkpointer, "_is_held", lambda *_: True), (PrunedIsHeld,),
    ),
)  # fmt: skip
