"""What a start may believe too easily, and what a quarantine may leave out."""

from typing import Any, Final

import pytest

from ledger import machine
from ledger.books import Books
from ledger.commands import Answer, Outcome, Resume, SignedCommand, decode_command
from ledger.effects import LedgerEffect
from ledger.machine import Ledger
from ledger.observations import Continuity, OwnLogSeen
from ledger.recovery import Gathered, quarantine, reopening
from ledger.recovery.quarantine import Quarantine
from mesh.instant import SECOND
from mesh.persistence import Write
from node.core.continuity import kept_epoch
from node.core.machine import Agent
from simulations.checks.ends import CopiesAreHeard
from simulations.invented import machines
from simulations.invented.disk import Disk
from tests.planted.bug import Bug, Course, set_to

DOUBT: Final = Course("power-cut=6,set-back=6,lost-disk=6", 4, 30, 8)
SET_BACK: Final = Course("fast-restart=3,set-back=10", 4, 30, 8)
RESTARTED: Final = Course("fast-restart=20,set-back=10", 4, 30, 8)
"""Restarted in its quarantine: the next start must not take that for proof."""
POWER: Final = Course("power-cut=10", 4, 30, 8)

_own_log, _asked, _torn = (
    Ledger._see_own_log, Quarantine.ask, Disk._end_of_batch,
)  # fmt: skip


def ends_everything(patch: pytest.MonkeyPatch) -> None:
    def every_hold(books: Books, *_: object) -> list[bytes]:
        return [hold.id for hold in books.live_holds()]

    patch.setattr(machine, "over_and_done", every_hold)
    patch.setattr(reopening, "over_and_done", every_hold)


def blind_to_sessions(patch: pytest.MonkeyPatch) -> None:
    check = machine.checked

    def bent(signed: SignedCommand, *rest: Any) -> Any:
        answer = check(signed, *rest)
        wrong = isinstance(answer, Answer) and answer.outcome is Outcome.WRONG_SESSION
        return decode_command(signed.body) if wrong else answer

    patch.setattr(machine, "checked", bent)


def deaf_once_open(patch: pytest.MonkeyPatch) -> None:
    """Blocks of our own that a peer shows are heard in the quarantine alone."""

    def see(self: Ledger, seen: OwnLogSeen, now: int) -> list[LedgerEffect]:
        return [] if self._is_open else _own_log(self, seen, now)

    patch.setattr(Ledger, "_see_own_log", see)
    # A quarantine hears of nearly all of them: without one, this rule is all there is.
    patch.setattr(machines, "continuity", lambda *_: Continuity(True, "planted"))


def resumes_and_forgets(patch: pytest.MonkeyPatch) -> None:
    def ask(self: Quarantine, asker: int, command: Any, *rest: Any) -> Any:
        reply = _asked(self, asker, command, *rest)
        if isinstance(command, Resume):
            self.claims.pop(command.id, None)
        return reply

    patch.setattr(Quarantine, "ask", ask)


def keeps_torn_tails(patch: pytest.MonkeyPatch) -> None:
    def end(self: Disk) -> str:
        writes: list[Write] = list(self._under_way or ())
        became = _torn(self)
        if became == "torn":
            self._apply(writes[len(writes) // 2 :])
        return became

    patch.setattr(Disk, "_end_of_batch", end)


BUGS: Final = (
    Bug(
        "no-continuity-check", "every start is taken for a continuation",
        ("B13", "B1", "B5", "B8", "I8", "G1", "G3", "facts"), SET_BACK,
        set_to(machines, "continuity", lambda *_: Continuity(True, "planted")),
    ),
    Bug(
        "marker-in-quarantine", "the marker is written in quarantine too",
        ("B1", "B3", "B5", "B13", "I10", "V6"), RESTARTED,
        set_to(Agent, "vouches_for", lambda _self, head: head is not None),
    ),
    Bug(
        "no-quarantine", "a start in doubt waits for nobody", ("I10",), POWER,
        set_to(quarantine, "QUARANTINE", SECOND),
    ),
    Bug(
        "copies-ignored", "what peers kept of its log is not looked at", ("B13",), DOUBT,
        set_to(Gathered, "add", lambda *_: []),
    ),
    Bug(
        "own-head-ahead-ignored", "once it is open an owner does not look at later blocks of its "
        "own", ("B13", "B5", "G6"), SET_BACK, deaf_once_open, (CopiesAreHeard,),
    ),
    Bug(
        "resume-ignored", "a lease is said to be resumed, and forgotten", ("B3", "V6", "B13"),
        Course("power-cut=4,fast-restart=2", 3, 100, 24), resumes_and_forgets,
    ),
    Bug(
        "unproven-start-ends-all", "an unproven start ends what it finds", ("B13", "B3", "V6"),
        POWER, ends_everything,
    ),
    Bug(
        "booking-from-nothing", "after a restart a booking has no time left", ("B13", "B3"), POWER,
        set_to(reopening, "rearmed", lambda *_: 0),
    ),
    Bug(
        "no-session-check", "a command from before the restart is taken for a new one", ("B10",),
        Course("fast-restart=20,stale-session=40", 3, 30, 16), blind_to_sessions,
    ),
    Bug(
        "torn-tail-kept", "half of a torn batch is taken for the whole",
        ("I8", "B1", "B5", "B13", "I9", "G3"),
        Course("torn-tail=30,slow-disk=30", 3, 40, 24), keeps_torn_tails,
    ),
    Bug(
        "epoch-twice", "two starts show one epoch number", ("V1", "V2", "B5", "I8", "facts"),
        Course("fast-restart=10", 3, 30), set_to(
            machines, "next_counter", lambda _marker, saved, _own: max(1, kept_epoch(saved))
        ),
    ),
)  # fmt: skip
