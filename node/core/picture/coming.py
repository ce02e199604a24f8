"""What is coming of a pool: for how long at the most its bookings last, and what is planned.

From our replica of its owner's books, which have no clock: so a booking is known by the most that
it can last from any moment at which it stands (`placement/windows.py` says what follows from that).
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final, NamedTuple

from ledger.books import Books
from ledger.books.holds import LiveHold
from ledger.commands import TTL_MAX, GrantKind
from ledger.leases import owner_span
from ledger.limits import GANG_MAX, PENDING_TTL
from mesh.instant import Duration
from placement.view import PlannedView


class Coming(NamedTuple):
    """By pool. `lasting`: (the most it lasts from now, amount) of bookings; what is a lease, and
    may last for ever, is not in it."""

    lasting: Mapping[str, tuple[tuple[Duration, int], ...]]
    planned: Mapping[str, tuple[PlannedView, ...]]


NOTHING_COMING: Final = Coming({}, {})


def coming(books: Books) -> Coming:
    """Of one owner."""
    lasting: dict[str, dict[Duration, int]] = defaultdict(lambda: defaultdict(int))
    for hold in books.live.values():
        most = most_left(hold if hold.parent is None else books.live[hold.parent])
        if most is not None:
            for leg in hold.legs:
                lasting[leg.pool][most] += leg.amount
    planned: dict[str, list[PlannedView]] = defaultdict(list)
    for plan in books.plans.values():
        for leg in plan.legs:
            planned[leg.pool].append(PlannedView(plan.start, plan.end, leg.amount))
    return Coming(
        {pool: tuple(sorted(lasting[pool].items())) for pool in sorted(lasting)},
        {pool: tuple(sorted(planned[pool])) for pool in sorted(planned)},
    )


def most_left(hold: LiveHold) -> Duration | None:
    """How long a hold that stands can stand still; None: as long as somebody renews it."""
    if hold.gang is not None and not hold.gang.is_leased:
        unsettled = 0 if hold.gang.settled_at else PENDING_TTL + TTL_MAX + GANG_MAX
        return owner_span(unsettled + hold.gang.term)
    if hold.kind is GrantKind.CARRIED:
        return None
    unconfirmed = 0 if hold.is_booking else PENDING_TTL
    return owner_span(unconfirmed + hold.term)
