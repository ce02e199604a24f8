"""Alarms by key: one deadline each, the earliest at hand without a search.

A heap with lazy removal: an alarm that was moved or cancelled leaves its old heap entry behind, and
that entry is recognised as stale when it surfaces. Ties go off in the order they were set, so two
runs of one seed agree.
"""

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

from mesh.instant import Instant

Key = TypeVar("Key", bound=Hashable)


class Timers(Generic[Key]):
    """At most one alarm per key."""

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, int, Key]] = []
        self._set: dict[Key, tuple[Instant, int]] = {}
        self._count = 0

    def set(self, key: Key, at: Instant) -> None:
        """(Re)set the alarm of `key`."""
        self._count += 1
        self._set[key] = (at, self._count)
        heapq.heappush(self._heap, (at, self._count, key))

    def cancel(self, key: Key) -> bool:
        """Whether an alarm of `key` was set; it is no more."""
        return self._set.pop(key, None) is not None

    def keys_set(self) -> tuple[Key, ...]:
        """Whoever has an alarm, in the order in which they were first set."""
        return tuple(self._set)

    def at(self, key: Key) -> Instant | None:
        """When the alarm of `key` goes off, if one is set."""
        entry = self._set.get(key)
        return None if entry is None else entry[0]

    @property
    def next(self) -> Instant | None:
        """The earliest alarm."""
        heap, current = self._heap, self._set
        if not current:
            if heap:
                heap.clear()
            return None
        while True:  # something is set, so its entry is in the heap
            at, count, key = heap[0]
            known = current.get(key)
            if known is not None and known[1] == count:
                return at
            heapq.heappop(heap)

    def due(self, now: Instant) -> list[Key]:
        """The keys whose alarm has gone off; their alarms are over."""
        keys: list[Key] = []
        while (key := self.pop(now)) is not None:
            keys.append(key)
        return keys

    def pop(self, now: Instant) -> Key | None:
        """The first key whose alarm has gone off, if any has; its alarm is over."""
        at = self.next
        if at is None or at > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._set[key]
        return key

    def __len__(self) -> int:
        return len(self._set)
