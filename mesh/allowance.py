"""How many hellos we answer: so many a second from one source, and so many from all together.

A token bucket in whole nanoseconds, so that two runs of one seed agree to the last hello. It is
asked only about hellos that carry a good tag: rubbish must not use up what members need.
"""

from collections import OrderedDict
from typing import Final

from mesh.effects import Address
from mesh.instant import SECOND, Instant

SOURCE_HELLOS_PER_SECOND: Final = 5
SOURCE_HELLOS_BURST: Final = 20
ALL_HELLOS_PER_SECOND: Final = 200
ALL_HELLOS_BURST: Final = 1024
"""A whole mesh may greet a node that has just come back, and has four seconds until it is dead to
those that got no answer. Answering costs a quarter of a millisecond each; recordings of hellos,
which strangers may send, keep us busy at 5 % at most."""
SOURCES_MAX: Final = 1024
"""Sources remembered; past that the one longest unheard is forgotten, and its bucket refills.
The common bucket holds regardless."""


class Bucket:
    """Holds up to `burst` tokens and gains `per_second` of them."""

    __slots__ = ("_burst", "_level", "_per_second", "_seen")

    def __init__(self, per_second: int, burst: int, now: Instant) -> None:
        self._per_second = per_second
        self._burst = burst * SECOND
        self._level = self._burst  # in tokens times SECOND: whole numbers only
        self._seen = now

    def take(self, now: Instant) -> bool:
        """Take one token if there is one."""
        self._fill(now)
        if self._level < SECOND:
            return False
        self._level -= SECOND
        return True

    def ready_at(self, now: Instant) -> Instant:
        """When the next token is there."""
        self._fill(now)
        missing = max(0, SECOND - self._level)
        return now - -missing // self._per_second

    def _fill(self, now: Instant) -> None:
        gained = max(0, now - self._seen) * self._per_second
        self._level = min(self._burst, self._level + gained)
        self._seen = max(self._seen, now)


class HelloAllowance:
    """What is left for each source, and for all."""

    def __init__(self) -> None:
        self._sources: OrderedDict[Address, Bucket] = OrderedDict()
        self._all: Bucket | None = None

    def take(self, source: Address, now: Instant) -> bool:
        """Whether one more hello from `source` may be answered now."""
        # The source first: one noisy neighbour must not drain what is everybody's.
        return self._bucket_of(source, now).take(now) and self._common(now).take(now)

    def _bucket_of(self, source: Address, now: Instant) -> Bucket:
        bucket = self._sources.pop(source, None)
        if bucket is None:
            bucket = Bucket(SOURCE_HELLOS_PER_SECOND, SOURCE_HELLOS_BURST, now)
        self._sources[source] = bucket
        if len(self._sources) > SOURCES_MAX:
            self._sources.popitem(last=False)
        return bucket

    def _common(self, now: Instant) -> Bucket:
        if self._all is None:
            self._all = Bucket(ALL_HELLOS_PER_SECOND, ALL_HELLOS_BURST, now)
        return self._all
