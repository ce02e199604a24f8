"""Floods: much refused in a short time is worth one line, and not a line each.

What is refused is only counted (a line for every datagram of a flood would be the flood's work). A
look every ten seconds compares the counters with the last look, and names a cause that ran.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from mesh.instant import SECOND, Duration, Instant

LOOK_EVERY: Final[Duration] = 10 * SECOND
FLOOD_MIN: Final = 200
"""Refusals of one cause between two looks: 20 a second. A mesh that heals stays below."""
QUIET: Final[Duration] = 300 * SECOND
"""One line per cause in so long a time."""


class Flood(NamedTuple):
    """So much of one cause was refused, in so long a time."""

    cause: str
    refused: int
    seconds: int


class Floods:
    """The counters as they were at the last look, and when which cause was told."""

    def __init__(self) -> None:
        self._looked: Instant | None = None
        self._counts: dict[str, int] = {}
        self._told: dict[str, Instant] = {}

    def is_due(self, now: Instant) -> bool:
        """Whether it is time to look again."""
        return self._looked is None or now - self._looked >= LOOK_EVERY

    def look(self, counts: Mapping[str, int], now: Instant) -> list[Flood]:
        """What ran since the last look, and was not told lately."""
        since = now if self._looked is None else self._looked
        floods = []
        for cause in sorted(counts):
            more = counts[cause] - self._counts.get(cause, 0)
            quiet = cause in self._told and now - self._told[cause] < QUIET
            if self._looked is not None and more >= FLOOD_MIN and not quiet:
                floods.append(Flood(cause, more, (now - since) // SECOND))
                self._told[cause] = now
        self._looked, self._counts = now, dict(counts)
        return floods
