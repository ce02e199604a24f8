"""How long a promise lasts, counted by whom.

Clocks disagree, so we count durations, never times of day. Their *rates* agree within ρ. The holder
counts `term·(1−ρ)` from its first send, the owner `term·(1+ρ)` from its append; so in real time the
holder's belief ends no later than `term` after sending and the owner's no sooner than `term` after
receiving, and there is never a moment at which the owner has given away what a holder still
believes in. Freeing late wastes a slot; freeing early sells it twice. The same rule serves
bookings: 2 % of their term is the price.

A booking's remaining time is journalled every minute and counted on from there after a restart;
the time a machine was off does not count. What is not in the journal starts from the full term,
because a booking may be longer than promised and never shorter.
"""

import heapq
from typing import Final

from ledger.limits import RATE_MARGIN_PERCENT
from mesh.instant import MINUTE, Duration, Instant

REMAINING_BYTES = 8
WARNED_MAX: Final[Duration] = 10 * MINUTE


def owner_span(term: Duration) -> Duration:
    """How long the owner keeps a promise of `term`: rounded up."""
    return -(-term * (100 + RATE_MARGIN_PERCENT) // 100)


def holder_span(term: Duration) -> Duration:
    """How long a holder may believe in a promise of `term`, counted from its first send."""
    return term * (100 - RATE_MARGIN_PERCENT) // 100


def warned_before(term: Duration) -> Duration:
    """How long before its end the holder of a booking is warned: a tenth of its term, and ten
    minutes at the most. An extension takes a moment to decide, and no more."""
    return min(WARNED_MAX, term // 10)


def encode_remaining(remaining: Duration) -> bytes:
    """As the journal keeps it."""
    return max(0, remaining).to_bytes(REMAINING_BYTES, "big")


def decode_remaining(raw: bytes) -> Duration:
    """Raises ValueError on anything but eight bytes."""
    if len(raw) != REMAINING_BYTES:
        raise ValueError(f"{len(raw)} bytes are not a remaining time")
    return int.from_bytes(raw, "big")


def rearmed(journalled: Duration | None, term: Duration) -> Duration:
    """What a booking still has after a restart. A figure beyond the term is not believed."""
    full = owner_span(term)
    return full if journalled is None else min(journalled, full)


class Deadlines:
    """Who is due when. Setting a deadline again moves it; ties end at the key."""

    def __init__(self) -> None:
        self._at: dict[bytes, Instant] = {}
        self._heap: list[tuple[Instant, bytes]] = []

    def __contains__(self, key: bytes) -> bool:
        return key in self._at

    def get(self, key: bytes) -> Instant | None:
        return self._at.get(key)

    def set(self, key: bytes, at: Instant) -> None:
        self._at[key] = at
        heapq.heappush(self._heap, (at, key))
        # Moved deadlines leave their old place in the heap; half of it may be such husks.
        if len(self._heap) > 2 * len(self._at) + 64:
            self._heap = [(instant, name) for name, instant in self._at.items()]
            heapq.heapify(self._heap)

    def drop(self, key: bytes) -> None:
        self._at.pop(key, None)

    @property
    def next(self) -> Instant | None:
        """The earliest deadline."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: Instant) -> list[bytes]:
        """Take out every key whose deadline has come, earliest first."""
        keys: list[bytes] = []
        while (at := self.next) is not None and at <= now:
            _, key = heapq.heappop(self._heap)
            self.drop(key)
            keys.append(key)
        return keys
