"""Why a hold is refused: a column of guards, in the order of `Outcome`.

Pure: books, readings and limits in; the first refusal that applies, or None, out. Two limits must
both be kept, the books (what has been promised) and the machine (what is really free), and exactly
full is allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.accounts import PoolState
from ledger.books import Books
from ledger.capacity import room_now
from ledger.commands import (
    AMOUNT_MAX,
    HOLD_ID_BYTES,
    LABEL_CHARS_MAX,
    LEGS_MAX,
    TTL_MAX,
    Command,
    GrantKind,
    Hold,
    Outcome,
    Renew,
    Resume,
    Shortfall,
)
from ledger.limits import (
    NONCE_BYTES_MAX,
    PRINCIPAL_CHARS_MAX,
    RECEIPTS_MAX,
    Limits,
)
from ledger.observations import PoolReading
from ledger.pools import unit_of


@dataclass(frozen=True, slots=True)
class Refused:
    """A no, with its reason and, where it helps, by how much."""

    outcome: Outcome
    detail: str
    shortfalls: tuple[Shortfall, ...] = ()


def malformed(command: Command) -> str | None:
    """What is wrong with the shape of a command, in a sentence; None when it is whole."""
    if len(command.id) != HOLD_ID_BYTES:
        return f"a hold id has {HOLD_ID_BYTES} bytes"
    if isinstance(command, Hold):
        return _malformed_hold(command)
    if isinstance(command, Renew) and len(command.nonce) > NONCE_BYTES_MAX:
        return f"a nonce has at most {NONCE_BYTES_MAX} bytes"
    if isinstance(command, Resume) and not 1 <= len(command.receipts) <= RECEIPTS_MAX:
        return f"a resume carries 1 to {RECEIPTS_MAX} receipts"
    return None


def _malformed_hold(hold: Hold) -> str | None:
    if not 1 <= len(hold.legs) <= LEGS_MAX:
        return f"a hold has 1 to {LEGS_MAX} legs"
    if len({leg.pool for leg in hold.legs}) < len(hold.legs):
        return "a hold names each pool once"
    for leg in hold.legs:
        if unit_of(leg.pool) is None:
            return f"{leg.pool[:40]!r} is not a pool"
        if not 0 < leg.amount <= AMOUNT_MAX:
            return f"{leg.amount} of {leg.pool} is not an amount"
    if not 0 < hold.term <= AMOUNT_MAX:
        return "a term is more than nothing"
    if len(hold.label) > LABEL_CHARS_MAX or len(hold.principal) > PRINCIPAL_CHARS_MAX:
        return "label or principal too long"
    return None


def refuse_hold(
    hold: Hold, books: Books, readings: Mapping[str, PoolReading] | None, limits: Limits
) -> Refused | None:
    """The first reason not to grant a hold that is new and well-formed; None to grant it.

    `readings` None: nobody has looked at the machine yet.
    """
    return (
        _term_too_long(hold, limits)
        or _pool_unknown(hold, books, readings)
        or _pool_not_open(hold, books)
        or _too_many(books, limits)
        or _no_room(hold, books, readings or {})
    )


def _term_too_long(hold: Hold, limits: Limits) -> Refused | None:
    longest = TTL_MAX if hold.kind is GrantKind.CARRIED else limits.booking_term_max
    if hold.term <= longest:
        return None
    return Refused(Outcome.TERM_TOO_LONG, f"{longest} ns is the longest {hold.kind.value} term")


def _pool_unknown(
    hold: Hold, books: Books, readings: Mapping[str, PoolReading] | None
) -> Refused | None:
    missing = sorted(leg.pool for leg in hold.legs if leg.pool not in books.pools)
    if not missing:
        return None
    if readings is None:
        # Not yet known is not the same as not there: asking again later can end differently.
        return Refused(Outcome.ROOM_UNKNOWN, "this machine has not been looked at yet")
    return Refused(Outcome.POOL_UNKNOWN, f"no {', '.join(missing)} here")


def _pool_not_open(hold: Hold, books: Books) -> Refused | None:
    shut = [
        f"{leg.pool} is {books.pools[leg.pool].value}"
        for leg in hold.legs
        if books.pools[leg.pool] is not PoolState.OPEN
    ]
    return Refused(Outcome.POOL_NOT_OPEN, "; ".join(sorted(shut))) if shut else None


def _too_many(books: Books, limits: Limits) -> Refused | None:
    if len(books.live) < limits.entries_max:
        return None
    return Refused(Outcome.TOO_MANY_ENTRIES, f"{limits.entries_max} holds are the limit here")


def _no_room(hold: Hold, books: Books, readings: Mapping[str, PoolReading]) -> Refused | None:
    unknown: list[Shortfall] = []
    short: list[Shortfall] = []
    for leg in sorted(hold.legs):
        really = room_now(books, readings.get(leg.pool))
        if really is None:
            unknown.append(Shortfall(leg.pool, leg.amount, None))
            continue
        have = min(really, books.free(leg.pool))
        if have < leg.amount:
            short.append(Shortfall(leg.pool, leg.amount, have))
    if unknown:
        names = ", ".join(one.pool for one in unknown)
        return Refused(Outcome.ROOM_UNKNOWN, f"room of {names} is not known", tuple(unknown))
    if short:
        names = ", ".join(one.pool for one in short)
        return Refused(Outcome.NO_ROOM, f"not enough {names}", tuple(short))
    return None
