"""Plans: bookings that start later, as a log tells of them.

A plan takes no room until it starts; that it can start is its owner's business, who checks every
new promise against it (calendar.py). So plans lie on a shelf of their own, beside the holds that
take room: *pencilled in* until it is confirmed, then *planned*, then a booking like any other.

`start` is wall time by the owner's clock, the only wall time in any log. The fold doesn't read it:
what has started is an entry, like everything else.
"""

import msgspec
from msgspec.structs import replace

from ledger.commands import GrantKind, Leg
from ledger.entries import Planned, Replanned
from ledger.holds import EndedHold, LiveHold, Token
from ledger.lifecycle import HoldState, Step, after


class Plan(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A promise for later. `start`: by its owner's wall clock, ns since 1970."""

    id: bytes
    state: HoldState
    digest: bytes
    holder: bytes
    legs: tuple[Leg, ...]
    term: int
    principal: str
    label: str
    start: int
    held_at: Token
    posted_at: Token | None
    origin: Token

    @property
    def end(self) -> int:
        """By the same clock. No margin is added: the window is the owner's own."""
        return self.start + self.term

    @property
    def proofs(self) -> tuple[Token, ...]:
        """The entries that prove it."""
        if self.posted_at is None or self.posted_at == self.held_at:
            return (self.held_at,)
        return (self.held_at, self.posted_at)


def begun(entry: Planned | Replanned, known: HoldState, at: Token) -> Plan | None:
    """The plan that `entry` makes; None when its id stands for something already."""
    again = isinstance(entry, Replanned)
    state = after(known, Step.ADOPT_PLANNED if again else Step.PENCIL)
    if state is None:
        return None
    origin = at
    if isinstance(entry, Replanned):
        origin = Token(entry.origin.era.counter, entry.origin.height, 0)
    return Plan(
        entry.id, state, entry.digest, entry.holder, entry.legs, entry.term, entry.principal,
        entry.label, entry.start, at, at if again else None, origin,
    )  # fmt: skip


def moved(plan: Plan, step: Step, at: Token) -> Plan | EndedHold | None:
    """What a step makes of a plan that has not started; None when it may not happen."""
    state = after(plan.state, step)
    if state is None:
        return None
    if state.ahead:
        return replace(plan, state=state, posted_at=at)
    return EndedHold(
        plan.id, state, plan.digest, plan.holder, plan.held_at, plan.posted_at, at,
        plan.origin != plan.held_at,
    )  # fmt: skip


def started(plan: Plan) -> LiveHold | None:
    """The booking that it becomes; None when it may not start."""
    state = after(plan.state, Step.START)
    if state is None:
        return None
    return LiveHold(
        plan.id, state, plan.digest, plan.holder, plan.legs, GrantKind.BOOKING, plan.term,
        plan.principal, plan.label, plan.held_at, plan.posted_at, plan.origin,
    )  # fmt: skip
