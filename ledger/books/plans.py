"""Plans: bookings that start later, as a log tells of them.

A plan takes no room until it starts; that it can start is its owner's business, who checks every
new promise against it (calendar.py). So plans lie on a shelf of their own, beside the holds that
take room: *pencilled in* until it is confirmed, then *planned*, then a booking like any other.

`start` is wall time by the owner's clock, the only wall time in any log. The fold doesn't read it:
what has started is an entry, like everything else.
"""

import msgspec
from msgspec.structs import replace

from ledger.books.holds import EndedHold, Enlistment, LiveHold, Token
from ledger.commands import GrantKind, Leg
from ledger.entries import Planned, Replanned
from ledger.entries.gangs import Enlisted, Parked, Settled
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
    gang: Enlistment | None = None

    @property
    def on_probation(self) -> bool:
        """A gang's member that is planned, and not yet shown that all are: it may not start."""
        unsettled = self.gang is not None and self.gang.settled_at is None
        return unsettled and self.state is HoldState.PLANNED

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


def member_of_later(plan: Plan, entry: Enlisted | Parked | Settled, at: Token) -> Plan | None:
    """What `entry` makes of a plan as one of a gang's; None when it may not happen. It is never
    parked: planned is what it is to be."""
    match entry:
        case Enlisted(_, name, term):
            if plan.gang is not None or after(plan.state, Step.ENLIST) is None:
                return None
            return replace(plan, gang=Enlistment(name, term, at, at))
        case Settled():
            if plan.gang is None or not plan.on_probation:
                return None
            return replace(plan, gang=plan.gang._replace(settled_at=at))
        case Parked():
            return None


def started(plan: Plan) -> LiveHold | None:
    """The booking that it becomes; None when it may not start."""
    state = after(plan.state, Step.START)
    if state is None or plan.on_probation:
        return None
    return LiveHold(
        plan.id, state, plan.digest, plan.holder, plan.legs, GrantKind.BOOKING, plan.term,
        plan.principal, plan.label, plan.held_at, plan.posted_at, plan.origin,
        plan.gang,
    )  # fmt: skip
