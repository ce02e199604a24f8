"""Long random lives of one owner, with all that can be asked of it, against a naive model."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import settings

from ledger import books, desk, machine, visits
from ledger.books import Books, changes, entitlements, rights
from ledger.books.rights import held_of
from ledger.calendar import Calendar
from ledger.desk import Desk, escrow
from ledger.lifecycle import HoldState, Step
from ledger.proving.tally import AuditError
from ledger.recovery import Claim, Gathered, lost_bookings, reopening
from ledger.recovery.reopening import over_and_done
from ledger.visits import admission
from ledger.waiting.line import Line
from mesh.instant import HOUR, MINUTE, SECOND
from tests.ledger.any_doubts import AnyDoubts
from tests.ledger.owner import PROVEN, Disk, Owner

TestAnyBooks = AnyDoubts.TestCase
TestAnyBooks.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)


# Lives drawn from numbers, many more than hypothesis has time for --------------------------------

STEPS = 60
WAITS = tuple(seconds * SECOND for seconds in (1, 1, 5, 9, 28, 31, 120, 660, 2460))


def live_through(seed: int, steps: int = STEPS) -> AnyDoubts:
    """One life, and its end. Every other one is a troubled one."""
    dice, life = Random(seed), AnyDoubts()
    for _ in range(steps):
        _one_step(life, dice, troubled=seed % 2 == 1)
        life.the_books_say_what_plain_addition_says()
    life.teardown()
    return life


def _one_step(life: AnyDoubts, dice: Random, *, troubled: bool) -> None:
    number, whose = dice.randrange(100), dice.choice(("red", "blue", "green", "green"))
    amount, yes = dice.randint(1, dice.choice((20, 60))), dice.random() < 0.6
    changes: list[Callable[[], None]] = [
        lambda: life.hold(amount, whose, dice.random() < 0.4, dice.random() < 0.2, yes),
        lambda: life.hold(amount, whose, dice.random() < 0.4, dice.random() < 0.2, yes),
        lambda: life.plan(amount, whose, dice.choice((MINUTE, 10 * MINUTE)), yes),
        lambda: life.one_of_a_gang(amount, dice.randrange(4)),
        lambda: life.post(number),
        lambda: life.go_on_with_a_gang(number, yes),
        lambda: life.extend(number, dice.randint(5, 40)),
        lambda: life.shrink(number, amount),
        lambda: life.transfer(number, amount, yes),
        lambda: life.give_back(number),
    ]
    steps: list[Callable[[], None]] = [
        *changes,
        lambda: life.wait_for_it(amount, whose, dice.choice((MINUTE, 20 * MINUTE))),
        lambda: life.renew(number),
        lambda: life.time_passes(dice.choice(WAITS)),
        lambda: life.look(dice.choice((60, 100, 100, 120))),
        life.prune,
        lambda: life.restart(yes),
    ]
    if troubled:
        rights: list[Callable[[], None]] = [
            lambda: life.spend(amount, dice.random() < 0.3, yes),
            lambda: dice.choice((life.issue, life.withdraw, life.are_given))(amount),
            lambda: life.give(amount, dice.random() < 0.3),
        ]
        last = dice.choice([*changes, *rights])
        steps += [
            *rights,
            life.back_up,
            lambda: life.doubt(dice.random() < 0.7, yes, number),
            lambda: life.forgets(last, yes, number),
            # Of all that may be forgotten this is relied on for longest.
            lambda: life.forgets(partial(life.extend, number, 40), yes, number),
        ]
    if life.model.waiting:
        steps += [life.ask_again, life.ask_again, lambda: life.leave_the_line(number)]
    dice.choice(steps)()


@pytest.mark.parametrize("seeds", [range(at, at + 20) for at in range(0, 80, 20)], ids=str)
def test_whatever_is_asked_of_it_a_book_says_what_plain_addition_says(seeds: range) -> None:
    for seed in seeds:
        live_through(seed)


def test_the_lives_meet_everything_that_can_be_asked() -> None:
    seen: Counter[str] = Counter()
    for seed in range(30):
        seen += live_through(seed).seen
    for word in ("Extended", "Shrunk", "Transferred", "Planned", "Started", "Enlisted", "Settled",
                 "Owed", "Checkpointed", "Expired", "Reclaimed", "pruned", "RightsGiven",
                 "RightsTaken", "RightsWithdrawn", "set back", "came forward",
                 "Adopted"):  # fmt: skip
        assert seen[word], word


# Whoever breaks a rule is found out --------------------------------------------------------------

_step_postings = books.step_postings
_begin = Owner.__init__


def _twice(step: Step) -> Callable[..., object]:
    def bent(asked: Step, *rest: object) -> object:
        return _step_postings(asked, *rest) * (2 if asked is step else 1)  # type: ignore[arg-type]  # passed on

    return bent


def _too_early(self: Calendar, wall: int) -> int:
    return wall - (self._offset or 0) - 50 * SECOND


def _forget(self: Desk, now: int) -> list[object]:
    self.deadlines.due(now)
    return []


def _sure(self: Owner, disk: Disk | None = None, *_: Any, **more: Any) -> None:
    _begin(self, disk, PROVEN, **more)


def _pending_alone(known: Books, *of: Any) -> list[bytes]:
    over = over_and_done(known, *of)
    return [hold for hold in over if known.live[hold].state is HoldState.PENDING]


def _without_plans(accounts: Any, pools: Any, _plans: Any, *of: Any) -> int:
    return held_of(accounts, pools, {}, *of)


def _bookings_alone(known: Books, _claims: Any, chains: Any) -> list[Claim]:
    return lost_bookings(chains, known)


PLANTS: dict[str, tuple[object, str, object]] = {
    "a quota is not looked at": (admission, "over_quota", lambda *_: ("", ())),
    "anybody may force": (admission, "_may_not_force", lambda *_: None),
    "a plan is not counted": (admission, "in_the_way", lambda *_: None),
    "who waits is passed by": (admission, "others_wait", lambda *_: None),
    "it lasts into what is planned": (visits, "may_last", lambda *_: None),
    "a plan starts when it likes": (Calendar, "at", _too_early),
    "nothing ever lapses": (Desk, "_lapse", _forget),
    "a lease lasts for nine tenths": (desk, "owner_span", lambda term: term * 9 // 10),
    "a probation lasts for ever": (desk, "GANG_MAX", HOUR),
    "a place is forgotten": (Line, "restored", classmethod(lambda cls, _: cls())),
    "a release comes back twice": (changes, "step_postings", _twice(Step.RELEASE)),
    "a post takes twice": (books, "step_postings", _twice(Step.POST)),
    "a void comes back twice": (changes, "step_postings", _twice(Step.VOID)),
    "a shrink comes back twice": (changes, "step_postings", _twice(Step.SHRINK)),
    "rights that are given stay": (rights, "_SIGN", {**rights._SIGN, rights.Side.GIVEN: 0}),
    "a plan spends no rights": (entitlements, "held_of", _without_plans),
    "what was taken of us is forgotten": (escrow, "_raise", lambda *_, **__: []),
    "whoever starts is sure of itself": (Owner, "__init__", _sure),
    "copies are not looked at": (Gathered, "add", lambda *_: []),
    "who comes forward is not taken back": (reopening, "lost_claims", _bookings_alone),
    "leases that nobody holds any more stay": (reopening, "over_and_done", _pending_alone),
    "an old time is believed after an extension": (machine, "lengthen_old", lambda *_: []),
}  # fmt: skip


RARE: dict[str, int] = {"it lasts into what is planned": 100, "who waits is passed by": 50}
"""What few lives show: the search begins near one that does."""


@pytest.mark.parametrize("name", PLANTS)
def test_a_rule_that_is_broken_is_found_by_plain_addition(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*PLANTS[name])  # type: ignore[arg-type]  # a place, a name and a thing

    def many_lives() -> None:
        first = RARE.get(name, 0)
        for seed in range(first, first + 150):
            live_through(seed)

    with pytest.raises((AssertionError, AuditError)):
        many_lives()
