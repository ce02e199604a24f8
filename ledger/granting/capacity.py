"""From what a probe saw to what the books may promise.

The accounts follow the machine by entries, never silently: more capacity is provisioned, less is
retired as far as it is free, and where more is promised than is left the pool is impaired until
enough has ended. A pool that vanished goes offline, so that its return is a return. Balances never
go negative to represent a deficit; a promise stays a promise.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from ledger.accounts import PoolState
from ledger.books import Books
from ledger.commands import AMOUNT_MAX, Leg
from ledger.entries import CameOnline, Entry, PoolStateSet, Provisioned, Retired, WentOffline
from ledger.granting.room import room
from ledger.observations import CapacitySeen, PoolReading
from ledger.pools import unit_of

_SET_BY_PEOPLE = (PoolState.DRAINING, PoolState.CLOSED)


def readings_of(seen: CapacitySeen) -> dict[str, PoolReading]:
    """The readings by pool, sorted; what is no pool id is left out: nobody can ask for it."""
    known = [reading for reading in seen.pools if unit_of(reading.pool)]
    return {reading.pool: reading for reading in sorted(known, key=lambda one: one.pool)}


def capacity_entries(
    books: Books, readings: Mapping[str, PoolReading], barred: AbstractSet[str]
) -> list[Entry]:
    """What to write so that the accounts agree with the machine. `barred`: pools on which nothing
    may be granted whatever they have: work there would not end, or another says they are its own.
    """
    entries: list[Entry] = []
    for pool in sorted({*books.pools, *readings}):
        entries.extend(_pool_entries(books, pool, readings.get(pool), pool in barred))
    return entries


def room_now(books: Books, reading: PoolReading | None) -> int | None:
    """True room of one pool by the one formula (room.py); None when it cannot be known."""
    if reading is None:
        return None
    return room(reading.total, reading.system, reading.free, _uses(books, reading))


def _uses(books: Books, reading: PoolReading) -> Iterable[tuple[int, int]]:
    """(amount, used) per hold; those that were not seen to use anything are added up first, so
    that a thousand idle holds cost no more than one."""
    idle = books.promised(reading.pool)
    uses: list[tuple[int, int]] = []
    if reading.used:
        holds = books.holds_on(reading.pool)
        for hold in sorted(reading.used):
            amount = holds.get(hold)
            if amount is not None:
                idle -= amount
                uses.append((amount, max(0, reading.used[hold])))
    uses.append((idle, 0))
    return uses


def _pool_entries(
    books: Books, pool: str, reading: PoolReading | None, barred: bool
) -> list[Entry]:
    if reading is None:
        return _vanished(books, pool)
    if reading.total is None:
        return _state(books, pool, PoolState.UNKNOWN)
    target = min(max(0, reading.total - reading.system), AMOUNT_MAX)
    entries, capacity = _towards(books, pool, target)
    impaired = barred or capacity > target
    return [*entries, *_state(books, pool, PoolState.IMPAIRED if impaired else PoolState.OPEN)]


def _vanished(books: Books, pool: str) -> list[Entry]:
    free = books.free(pool)
    gone: list[Entry] = [WentOffline((Leg(pool, free),))] if free else []
    return gone + _state(books, pool, PoolState.IMPAIRED)


def _towards(books: Books, pool: str, target: int) -> tuple[list[Entry], int]:
    """Entries that bring the capacity in service to `target`, as far as promises let them."""
    capacity, withdrawn = books.capacity(pool), books.withdrawn(pool)
    entries: list[Entry] = []
    back = min(withdrawn, max(0, target - capacity))
    if back:
        entries.append(CameOnline((Leg(pool, back),)))
    capacity += back
    if target > capacity:
        entries.append(Provisioned((Leg(pool, target - capacity),)))
        return entries, target
    surplus = min(capacity - target, books.free(pool) + back)
    if surplus:
        entries.append(Retired((Leg(pool, surplus),)))
    return entries, capacity - surplus


def _state(books: Books, pool: str, state: PoolState) -> list[Entry]:
    present = books.pools.get(pool)
    if present is state or present in _SET_BY_PEOPLE:
        return []
    return [PoolStateSet(pool, state)]


def rooms_now(books: Books, readings: Mapping[str, PoolReading]) -> dict[str, int | None]:
    """Pool → what can still be promised of it; None when that is not known."""
    pools = sorted({*books.pools, *readings})
    return {pool: room_now(books, readings.get(pool)) for pool in pools}
