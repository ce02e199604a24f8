"""Postings: an amount leaves one account and enters another. Balanced, or cannot be built.

Both sides of a posting carry the same amount, pool and phase because there is only one field for
each; so per pool the sums of debits and credits agree after any list of postings whatever.
"""

from collections.abc import Iterable, Mapping
from enum import Enum, StrEnum
from typing import Final

import msgspec

from ledger.accounts import (
    EMPTY,
    AccountId,
    Counters,
    Role,
    lease,
    offline,
    pool_account,
    supply,
)
from ledger.commands import AMOUNT_MAX, Leg
from ledger.lifecycle import Step


class Phase(StrEnum):
    """How an amount moves."""

    DIRECT = "direct"
    RESERVE = "reserve"
    CONFIRM = "confirm"
    CANCEL = "cancel"


class Motion(Enum):
    """What moves capacity itself, rather than a promise of it."""

    PROVISION = "provision"
    RETIRE = "retire"
    OFFLINE = "offline"
    ONLINE = "online"


class Posting(msgspec.Struct, frozen=True, gc=False):
    """`amount` from `debit` to `credit`. Raises ValueError when it would not balance."""

    debit: AccountId
    credit: AccountId
    amount: int
    phase: Phase

    def __post_init__(self) -> None:
        if self.debit.pool != self.credit.pool:
            raise ValueError(f"{self.debit.pool} cannot become {self.credit.pool}")
        if self.debit == self.credit:
            raise ValueError("an amount cannot move from an account to itself")
        if not 0 < self.amount <= AMOUNT_MAX:
            raise ValueError(f"{self.amount} is not an amount")


_SIGNS: Final[Mapping[Phase, tuple[int, int]]] = {
    Phase.DIRECT: (0, 1),
    Phase.RESERVE: (1, 0),
    Phase.CONFIRM: (-1, 1),
    Phase.CANCEL: (-1, 0),
}
"""What a phase does with the amount: (pending, posted)."""
_PHASES: Mapping[Step, Phase] = {
    Step.HOLD: Phase.RESERVE,
    Step.ADOPT_PENDING: Phase.RESERVE,
    Step.ADOPT_POSTED: Phase.DIRECT,
    Step.POST: Phase.CONFIRM,
    Step.START: Phase.DIRECT,
    Step.VOID: Phase.CANCEL,
    Step.EXPIRE: Phase.CANCEL,
    Step.SHRINK: Phase.DIRECT,
    Step.RELEASE: Phase.DIRECT,
    Step.RECLAIM: Phase.DIRECT,
    Step.DISBAND: Phase.DIRECT,
}
_RETURNS = (Step.SHRINK, Step.RELEASE, Step.RECLAIM, Step.DISBAND)


def step_postings(step: Step, legs: Iterable[Leg], tenant: str) -> tuple[Posting, ...]:
    """What a step of a hold moves: all its legs. A step that moves nothing gives none."""
    phase = _PHASES.get(step)
    if phase is None:
        return ()
    postings = []
    for leg in legs:
        giver, taker = pool_account(leg.pool), lease(leg.pool, tenant)
        if step in _RETURNS:
            giver, taker = taker, giver
        postings.append(Posting(giver, taker, leg.amount, phase))
    return tuple(postings)


def handed_on(legs: Iterable[Leg], giver: str, taker: str) -> tuple[Posting, ...]:
    """What moves when one tenant hands `legs` to another. Within one tenant nothing does."""
    if giver == taker:
        return ()
    return tuple(
        Posting(lease(leg.pool, giver), lease(leg.pool, taker), leg.amount, Phase.DIRECT)
        for leg in legs
    )


def capacity_posting(motion: Motion, leg: Leg) -> Posting:
    """What a motion of capacity moves."""
    pool = pool_account(leg.pool)
    sides = {
        Motion.PROVISION: (supply(leg.pool), pool),
        Motion.RETIRE: (pool, supply(leg.pool)),
        Motion.OFFLINE: (pool, offline(leg.pool)),
        Motion.ONLINE: (offline(leg.pool), pool),
    }
    debit, credit = sides[motion]
    return Posting(debit, credit, leg.amount, Phase.DIRECT)


def debited(counters: Counters, amount: int, phase: Phase) -> Counters:
    """`counters` after this side of a posting has been debited."""
    pending, posted = _SIGNS[phase]
    return Counters(
        counters.debits_pending + pending * amount, counters.debits_posted + posted * amount,
        counters.credits_pending, counters.credits_posted,
    )  # fmt: skip


def credited(counters: Counters, amount: int, phase: Phase) -> Counters:
    """`counters` after this side of a posting has been credited."""
    pending, posted = _SIGNS[phase]
    return Counters(
        counters.debits_pending, counters.debits_posted,
        counters.credits_pending + pending * amount, counters.credits_posted + posted * amount,
    )  # fmt: skip


def affordable(posting: Posting, accounts: Mapping[AccountId, Counters]) -> bool:
    """Whether the debited side has the amount. The world outside always has it; a pending amount
    was checked when it was reserved."""
    if accounts.get(posting.debit, EMPTY).free >= posting.amount:
        return True
    return posting.phase in (Phase.CONFIRM, Phase.CANCEL) or posting.debit.role is Role.SUPPLY
