"""How many hellos we answer: so many a second from one source, so many that name a node we have
met, and so many that name one we have not.

The two last are apart, for the secret's holders can make up nodes without end, and whoever comes
back after a restart should not have to wait behind those.

A token bucket in whole nanoseconds, so that two runs of one seed agree to the last hello. It is
asked only about hellos that carry a good tag: rubbish must not use up what members need.
"""

from collections import OrderedDict
from typing import Final, TypeVar

from mesh.effects import Address
from mesh.instant import SECOND, Instant

SOURCE_HELLOS_PER_SECOND: Final = 5
SOURCE_HELLOS_BURST: Final = 20
HOST_HELLOS_PER_SECOND: Final = 100
HOST_HELLOS_BURST: Final = 512
"""From all ports of one address: a machine may have many agents on it, and one that means harm has
sixty thousand ports to send from."""
ALL_HELLOS_PER_SECOND: Final = 200
ALL_HELLOS_BURST: Final = 1024
"""A whole mesh may greet a node that has just come back, and has four seconds until it is dead to
those that got no answer. Answering costs a quarter of a millisecond each; recordings of hellos,
which strangers may send, keep us busy at 10 % at most."""
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
        self._hosts: OrderedDict[str, Bucket] = OrderedDict()
        self._common: dict[bool, Bucket] = {}

    def take(self, source: Address, now: Instant, *, met: bool) -> bool:
        """Whether one more hello from `source` may be answered now. `met`: the node that it names
        has proven itself to us before."""
        # From the narrow to the wide: one noisy neighbour must not drain what is everybody's.
        rate, burst = SOURCE_HELLOS_PER_SECOND, SOURCE_HELLOS_BURST
        if not _bucket_of(self._sources, source, rate, burst, now).take(now):
            return False
        rate, burst = HOST_HELLOS_PER_SECOND, HOST_HELLOS_BURST
        if not _bucket_of(self._hosts, source.host, rate, burst, now).take(now):
            return False
        return self._of_all(met, now).take(now)

    def _of_all(self, met: bool, now: Instant) -> Bucket:
        bucket = self._common.get(met)
        if bucket is None:
            bucket = self._common[met] = Bucket(ALL_HELLOS_PER_SECOND, ALL_HELLOS_BURST, now)
        return bucket


_Key = TypeVar("_Key", Address, str)


def _bucket_of(
    table: OrderedDict[_Key, Bucket], key: _Key, per_second: int, burst: int, now: Instant
) -> Bucket:
    bucket = table.pop(key, None)
    if bucket is None:
        bucket = Bucket(per_second, burst, now)
    table[key] = bucket
    if len(table) > SOURCES_MAX:
        table.popitem(last=False)
    return bucket
