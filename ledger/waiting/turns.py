"""Whose turn is it? The order of a waiting line, and who may pass whom.

Order: those on whose behalf nothing runs here go before those on whose behalf something does; then
by priority, which grows with waiting; then by coming. A newcomer who asks without waiting stands at
the very end of its kind, so nobody who waits is overtaken by chance.

Passing (backfill): each one in the line is given, in order, the first time from which it could run
for its whole term beside all that is before it. Whoever could start *now* in that plan may: by
construction nobody ahead starts later for it. What nobody knows the end of (carried leases)
promises nothing: one who waits for that has no time, and all that it needs is out of reach for
those behind it, from now on and for good. But who could not be served even if everything promised
here ended (a capacity that shrank, use that nobody reserved) holds up nobody.

Gangs wait for other owners too, and only their asker knows for how long. So the place of a gang
takes its room not from its turn on but from where its asker *claims* it: when the last of its
owners could start. Until then whatever ends in time may pass, and what would delay it may not.
Where gangs stand is settled as for anybody; *which* gang stands there, by the order that all owners
share: so of two gangs one goes before the other everywhere, and never does each wait for what is
kept for the other. A gang that waited for GANG_AGED is overtaken by nobody who came later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ledger.books import Books
from ledger.books.holds import LiveHold
from ledger.commands import TTL_MAX, GrantKind, Hold, Leg
from ledger.leases import owner_span
from ledger.lifecycle import HoldState
from ledger.limits import (
    ENDS_FORESEEN_MAX,
    FORESEEN_MAX,
    GANG_AGED,
    GANG_MAX,
    PRIORITY_MAX,
    Limits,
)
from ledger.waiting.forecast import Forecast
from ledger.waiting.line import Line, Ticket, principal_of
from mesh.instant import Duration, Instant


@dataclass(frozen=True, slots=True)
class Turns:
    """A line, worked out: everybody's place and time, and what is left behind each kind."""

    order: tuple[bytes, ...]
    starts: Mapping[bytes, Instant | None]
    """When each could start; None: nobody knows."""
    behind_idle: Forecast
    """What is left for one on whose behalf nothing runs and who comes last of those."""
    behind_all: Forecast
    busy: frozenset[str] = field(default_factory=frozenset)
    """On whose behalf something runs, or is about to."""

    def place(self, hold: bytes) -> tuple[int, int]:
        """(its place from 1, how many wait)."""
        return self.order.index(hold) + 1, len(self.order)

    def admits(self, hold: Hold, holder: bytes, span: Duration | None) -> bool:
        """Whether a newcomer could start now and delay nobody."""
        busy = principal_of(hold.principal, holder) in self.busy
        left = self.behind_all if busy else self.behind_idle
        return left.fits([Leg(*leg) for leg in hold.legs], left.now, span)


def span_of(hold: Hold, limits: Limits) -> Duration | None:
    """How long a hold may take its room, from its grant; None: as long as it is renewed."""
    if (
        hold.gang is not None and hold.gang.term
    ):  # a lease, then a booking on probation, then one of its whole term
        return owner_span(limits.pending_ttl + TTL_MAX + GANG_MAX + hold.gang.term)
    if hold.kind is GrantKind.CARRIED:
        return None
    return owner_span(limits.pending_ttl) + owner_span(hold.term)


def known_ends(
    books: Books, ends_at: Callable[[LiveHold], Instant | None]
) -> list[tuple[Instant, LiveHold]]:
    """The nearest ends of live holds, as far as they are known."""
    ends = [(at, hold) for hold in books.live.values() if (at := ends_at(hold)) is not None]
    return sorted(ends, key=lambda end: (end[0], end[1].id))[:ENDS_FORESEEN_MAX]


def turns(line: Line, books: Books, forecast: Forecast, limits: Limits, now: Instant) -> Turns:
    """Everybody's turn, over a `forecast` of what is promised already."""
    busy = frozenset(principal_of(hold.principal, hold.holder) for hold in books.live.values())
    slots = [(_rank(one, line, busy, limits, now), one) for one in line.tickets()]
    slots.sort(key=lambda slot: slot[0])
    tickets = _gangs_in_order([ticket for _, ticket in slots])
    starts: dict[bytes, Instant | None] = {}
    left = forecast.copy()
    behind_idle: Forecast | None = None
    for number, ticket in enumerate(tickets):
        if behind_idle is None and slots[number][0][0]:
            behind_idle = left.copy()
        at = None
        span = span_of(ticket.hold, limits)
        if number < FORESEEN_MAX or left.has_now(ticket.legs):
            at = left.earliest(ticket.legs, span)
        starts[ticket.hold.id] = at
        if ticket.is_gang:
            _claim(ticket, line, books, left, span, at)
        elif at is not None:
            left.take(ticket.legs, at, None if span is None else at + span)
        elif _could_be_served(ticket, books, forecast):
            left.take(ticket.legs, now, None)
    order = tuple(ticket.hold.id for ticket in tickets)
    return Turns(order, starts, behind_idle or left, left, busy)


def _claim(
    ticket: Ticket, line: Line, books: Books, left: Forecast, span: Duration | None,
    at: Instant | None,
) -> None:  # fmt: skip
    """Keep the room of one of a gang's from where it is claimed, or from its turn if that is later;
    for good where nobody knows when that comes. What was granted to it takes its room itself."""
    claim = line.claim(ticket.hold.id)
    if claim is None or line.serves(ticket.hold.id) in books.live:
        return
    begin = at if at is None or claim <= at else left.earliest(ticket.legs, span, claim)
    if begin is not None:
        left.take(ticket.legs, begin, None if span is None else begin + span)
    elif at is None and _could_be_served(ticket, books, left):
        left.take(ticket.legs, left.now, None)


def _gangs_in_order(tickets: list[Ticket]) -> list[Ticket]:
    """The gangs among `tickets` change places with each other, and with nobody else."""
    gangs = iter(sorted((one for one in tickets if one.is_gang), key=_gang_rank))
    return [next(gangs) if one.is_gang else one for one in tickets]


def _gang_rank(ticket: Ticket) -> tuple[int, bytes]:
    assert ticket.hold.gang is not None, "only gangs are put in order"
    return ticket.rank, ticket.hold.gang.gang


def _rank(
    ticket: Ticket, line: Line, busy: frozenset[str], limits: Limits, now: Instant
) -> tuple[bool, int, int]:  # fmt: skip
    if ticket.is_gang and line.waited(ticket.hold.id, now) >= GANG_AGED:
        return False, -PRIORITY_MAX, ticket.number
    importance = line.importance(ticket, limits.age_step, now)
    return _is_busy(ticket, busy), -importance, ticket.number


def _is_busy(ticket: Ticket, busy: frozenset[str]) -> bool:
    return principal_of(ticket.hold.principal, ticket.holder) in busy


def _could_be_served(ticket: Ticket, books: Books, forecast: Forecast) -> bool:
    """Whether it would fit if all that is promised here ended."""
    return all(
        forecast.free_now(leg.pool) + sum(books.holds_on(leg.pool).values()) >= leg.amount
        for leg in ticket.legs
    )


def ends_by_count(
    hold: LiveHold, deadline: Instant | None, ending: bool
) -> Instant | None:  # fmt: skip
    """When a live hold is over at the latest; None for what may go on, or is going already and
    nobody can say when it is gone."""
    if ending or deadline is None:
        return None
    if hold.kind is GrantKind.CARRIED:
        if hold.gang is None or hold.gang.is_leased:
            return None
        return deadline + owner_span(TTL_MAX + GANG_MAX + hold.gang.term)
    unconfirmed = hold.state is HoldState.PENDING or hold.on_probation
    return deadline + owner_span(hold.term) if unconfirmed else deadline
