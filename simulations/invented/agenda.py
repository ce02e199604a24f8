"""Virtual time: one heap of events, ordered by time and then by the order in which they were set.

So a seed means one history. Time jumps to the next thing that happens.
"""

import heapq
from collections.abc import Callable
from typing import Any, Final

from mesh.instant import Duration, Instant

EVENTS_PER_INSTANT_MAX: Final = 100_000
"""A livelock at one virtual instant would never end by itself; this ends it, loudly."""


class Agenda:
    """What will happen, and when."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.now: Instant = 0
        self.happened = 0
        """Events so far."""
        self._heap: list[tuple[Instant, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0
        self._here = 0

    def at(self, delay: Duration, what: Callable[..., None], *args: Any) -> None:
        """Let `what(*args)` happen after `delay`."""
        self._sequence += 1
        heapq.heappush(self._heap, (self.now + delay, self._sequence, what, args))

    def run(self, duration: Duration) -> None:
        """Let `duration` pass."""
        end = self.now + duration
        while self._heap and self._heap[0][0] <= end:
            self._next()
        self.now = end

    def run_until(self, done: Callable[[], bool], limit: Duration) -> bool:
        """Let time pass until `done`, at most `limit`. Whether it was done in time."""
        end = self.now + limit
        while not done():
            if not self._heap or self._heap[0][0] > end:
                self.now = end
                return done()
            self._next()
        return True

    def _next(self) -> None:
        at, _, what, args = heapq.heappop(self._heap)
        if at == self.now:
            self._here += 1
            assert self._here < EVENTS_PER_INSTANT_MAX, (
                f"livelock at {self.now} ns (seed {self.seed})"
            )
        else:
            self._here = 0
            self.now = at
        self.happened += 1
        what(*args)
