"""Why a hold is refused: a column of guards, in the order of `Outcome`.

Pure: books, readings and limits in; the first refusal that applies, or None, out. Two limits must
both be kept, the books (what has been promised) and the machine (what is really free), and exactly
full is allowed.
"""

from collections.abc import Mapping

import msgspec

from ledger.accounts import PoolState
from ledger.books import Books
from ledger.commands import (
    TTL_MAX,
    GrantKind,
    Hold,
    Outcome,
    Shortfall,
)
from ledger.granting.capacity import room_now
from ledger.granting.spans import spoken
from ledger.limits import (
    Limits,
)
from ledger.observations import PoolReading


class Refused(msgspec.Struct, frozen=True):
    """A no, with its reason and, where it helps, by how much."""

    outcome: Outcome
    detail: str
    shortfalls: tuple[Shortfall, ...] = ()


def refuse_kind(
    hold: Hold, books: Books, readings: Mapping[str, PoolReading] | None, limits: Limits
) -> Refused | None:
    """The first reason that room has nothing to do with not to grant a hold that is new and
    well-formed; None when there is none. `readings` None: nobody has looked at the machine yet."""
    return (
        _term_too_long(hold, limits)
        or _pool_unknown(hold, books, readings)
        or _pool_not_open(hold, books)
        or _too_many(books, limits)
    )


def refuse_room(
    hold: Hold, books: Books, readings: Mapping[str, PoolReading] | None
) -> Refused | None:
    """That there is no room for it now. What starts later is looked at by the planner."""
    return None if hold.start is not None else _no_room(hold, books, readings or {})


def _term_too_long(hold: Hold, limits: Limits) -> Refused | None:
    longest = TTL_MAX if hold.kind is GrantKind.CARRIED else limits.booking_term_max
    if hold.term <= longest and (hold.gang is None or hold.gang.term <= limits.booking_term_max):
        return None
    return Refused(
        Outcome.TERM_TOO_LONG, f"{spoken(longest)} is the longest {hold.kind.value} term"
    )


def _pool_unknown(
    hold: Hold, books: Books, readings: Mapping[str, PoolReading] | None
) -> Refused | None:
    missing = [leg.pool for leg in hold.legs if leg.pool not in books.pools]
    if not missing:
        return None
    if readings is None:
        # Not yet known is not the same as not there: asking again later can end differently.
        return Refused(Outcome.ROOM_UNKNOWN, "this machine has not been looked at yet")
    return Refused(Outcome.POOL_UNKNOWN, f"no {', '.join(sorted(missing))} here")


def _pool_not_open(hold: Hold, books: Books) -> Refused | None:
    shut = [
        f"{leg.pool} is {books.pools[leg.pool].value}"
        for leg in hold.legs
        if books.pools[leg.pool] is not PoolState.OPEN
    ]
    return Refused(Outcome.POOL_NOT_OPEN, "; ".join(sorted(shut))) if shut else None


def _too_many(books: Books, limits: Limits) -> Refused | None:
    if len(books.live) + len(books.plans) < limits.entries_max:
        return None
    return Refused(Outcome.TOO_MANY_ENTRIES, f"{limits.entries_max} holds are the limit here")


def _no_room(hold: Hold, books: Books, readings: Mapping[str, PoolReading]) -> Refused | None:
    unknown: list[Shortfall] = []
    short: list[Shortfall] = []
    for leg in sorted(hold.legs):
        have = room_now(books, readings.get(leg.pool))
        if have is None:
            unknown.append(Shortfall(leg.pool, leg.amount, None))
        elif (have := min(have, books.free(leg.pool))) < leg.amount:
            short.append(Shortfall(leg.pool, leg.amount, have))
    if unknown:
        names = ", ".join(one.pool for one in unknown)
        return Refused(Outcome.ROOM_UNKNOWN, f"room of {names} is not known", tuple(unknown))
    if short:
        names = ", ".join(one.pool for one in short)
        return Refused(Outcome.NO_ROOM, f"not enough {names}", tuple(short))
    return None
