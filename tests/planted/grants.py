"""What an open owner may do wrong: when it speaks, how it counts, how it ends what it granted."""

from random import Random
from typing import Any, Final

import pytest

from ledger import books, desk, granting, visits
from ledger.books import changes
from ledger.books.holds import EndedHold
from ledger.books.postings import Posting, step_postings
from ledger.commands import Outcome, Post, Renew
from ledger.desk import Desk
from ledger.desk.answers import Draft, Refusals
from ledger.effects import Reply as BooksReply
from ledger.lifecycle import Step
from ledger.visits import Visit
from mesh.effects import Answer
from mesh.persistence import Persist
from node.core.effects import Reply
from node.core.errands import SERVICE_LEDGER
from node.core.reserving import asking
from node.core.reserving.carrying import Carrying
from simulations.invented.host import Host
from simulations.invented.shell import Shell
from tests.planted.bug import Bug, Course, Plant, set_to

QUIET: Final = Course()
SENT_AGAIN: Final = Course("repeated-id=8,other-body=8", operations=16)
LAPSING: Final = Course(seconds=60)

_seal, _take, _step = Desk.seal, Shell.take, Visit._step


# When it speaks ----------------------------------------------------------------------------------


def speaks_before_its_block(patch: pytest.MonkeyPatch) -> None:
    def seal(self: Desk) -> list[Any]:
        effects = _seal(self)
        first = [effect for effect in effects if isinstance(effect, BooksReply)]
        return first + [effect for effect in effects if not isinstance(effect, BooksReply)]

    patch.setattr(Desk, "seal", seal)


def answers_overtake_a_write(patch: pytest.MonkeyPatch) -> None:
    """What is answered from memory does not wait for the transaction that is under way."""

    def take(self: Shell, host: Host, effects: Any) -> None:
        said = [effect for effect in effects if _is_said_by_a_ledger(host, effect)]
        if host.committing and not any(isinstance(effect, Persist) for effect in effects):
            self._do_all(host, said)
            effects = [effect for effect in effects if effect not in said]
        _take(self, host, effects)

    patch.setattr(Shell, "take", take)


def _is_said_by_a_ledger(host: Host, effect: Any) -> bool:
    if isinstance(effect, Answer) and effect.token in host.serving:
        return bool(host.serving[effect.token].service == SERVICE_LEDGER)
    return isinstance(effect, Reply)


# Whom it believes --------------------------------------------------------------------------------


def digests_of_nothing(patch: pytest.MonkeyPatch) -> None:
    dice = Random("digests")
    patch.setattr(visits, "request_digest", lambda *_: dice.randbytes(32))


def yes_to_what_ended(command: type, outcome: Outcome) -> Plant:
    """A command about a hold that has ended is answered as if it had not."""

    def step(self: Visit, said: Any, hold: Any) -> list[Any]:
        if isinstance(said, command) and isinstance(hold, EndedHold):
            nonce = getattr(said, "nonce", b"")
            return [*self.desk.counter.say(Draft(self.asker, outcome, hold.id, nonce=nonce))]
        return _step(self, said, hold)

    return set_to(Visit, "_step", step)


# How it counts -----------------------------------------------------------------------------------


def everything_fits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(granting, "_no_room", lambda *_: None)
    patch.setattr(books, "affordable", lambda *_: True)


def for_every_step(bent: Any) -> Plant:
    def patch_both(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(books, "step_postings", bent)
        patch.setattr(changes, "step_postings", bent)

    return patch_both


def moved(step: Step, times: int) -> Plant:
    """What one step moves is moved so many times."""

    def bent(asked: Step, *rest: Any) -> tuple[Posting, ...]:
        return step_postings(asked, *rest) * (times if asked is step else 1)

    return for_every_step(bent)


def first_leg_only(patch: pytest.MonkeyPatch) -> None:
    def bent(asked: Step, legs: Any, tenant: str) -> tuple[Posting, ...]:
        ends = asked in (Step.VOID, Step.EXPIRE, Step.RELEASE)
        return step_postings(asked, legs[:1] if ends else legs, tenant)

    for_every_step(bent)(patch)


# How it ends what it granted ---------------------------------------------------------------------


def never_lapses(patch: pytest.MonkeyPatch) -> None:
    def forget(self: Desk, now: int) -> list[Any]:
        self.deadlines.due(now)
        return []

    patch.setattr(Desk, "_lapse", forget)


def gives_back_what_runs(patch: pytest.MonkeyPatch) -> None:
    carry = Carrying.wake

    def wake(self: Carrying, session: bytes, quarantined: bool, now: int) -> Any:
        self._over.update(self._due)
        return carry(self, session, quarantined, now)

    patch.setattr(Carrying, "wake", wake)


BUGS: Final = (
    Bug(
        "reply-before-fsync", "an owner says yes before the block that says so is on its disk",
        ("B1",), QUIET, speaks_before_its_block,
    ),
    Bug(
        "duplicate-before-durable", "a repetition is answered while its first answer waits for "
        "the disk", ("B1",), Course("slow-disk=20,repeated-id=20,storm=4", operations=16),
        answers_overtake_a_write,
    ),
    Bug(
        "no-idempotency", "the same request is not recognised when it comes again", ("I6",),
        SENT_AGAIN, digests_of_nothing,
    ),
    Bug(
        "any-body-will-do", "another request under a used id passes for the first one", ("I6",),
        SENT_AGAIN, set_to(visits, "request_digest", lambda *_: bytes(32)),
    ),
    Bug(
        "forgotten-rejection", "a refusal is forgotten, and the same request granted later",
        ("I6",), Course("repeated-id=20", operations=24, seconds=40),
        set_to(Refusals, "get", lambda *_: None),
    ),
    Bug(
        "post-after-expiry", "what has lapsed is confirmed all the same", ("B1",),
        Course("repeated-id=20", seconds=60), yes_to_what_ended(Post, Outcome.POSTED),
    ),
    Bug(
        "renew-after-expiry", "what has ended is renewed all the same", ("B2", "B10"),
        Course("repeated-id=20", seconds=60), yes_to_what_ended(Renew, Outcome.RENEWED),
    ),
    Bug(
        "ignore-pending", "what is held and not yet confirmed takes no room",
        ("I1", "I2", "I3", "I4", "G1"), QUIET, moved(Step.HOLD, 0),
    ),
    Bug(
        "everything-fits", "an owner looks neither at its machine nor at its books",
        ("I1", "I3", "G1", "G2"), Course(operations=24, seconds=40), everything_fits,
    ),
    Bug(
        "double-void", "what is let go comes back twice", ("I1", "I2", "I3", "I4"), QUIET,
        moved(Step.VOID, 2),
    ),
    Bug(
        "leaked-leg", "of a hold on several pools only the first comes back",
        ("I1", "I2", "I3", "I4"), QUIET, first_leg_only,
    ),
    Bug(
        "expires-early", "an owner keeps a promise for nine tenths of its time", ("B3",), LAPSING,
        set_to(desk, "owner_span", lambda term: term * 9 // 10),
    ),
    Bug(
        "ignores-own-expiry", "an asker goes on with a hold that it believes in no more", ("B6",),
        Course("isolation=20,one-way-cut=15,suspend=15", seconds=120, operations=24),
        set_to(asking, "HOLD_SENDS_MAX", 30),
    ),
    Bug("never-lapses", "nothing ever runs out", ("V3",), LAPSING, never_lapses),
    Bug(
        "release-before-kill", "a lease is given back while its process runs", ("B4",), LAPSING,
        gives_back_what_runs,
    ),
)  # fmt: skip
