"""The only clock of the agent.

CLOCK_BOOTTIME, because a laptop that slept for an hour has let an hour of every lease go by, and
Python's own monotonic clock would say that no time passed at all. Where that clock is missing
(macOS) the raw monotonic clock stands in: there it runs during sleep too.
"""

import time
from typing import Final

from mesh.instant import Instant

CLOCK_NAME: Final = "boottime" if hasattr(time, "CLOCK_BOOTTIME") else "monotonic-raw"
"""Which clock `now` reads, for `doctor`."""

_CLOCK: Final[int] = time.CLOCK_BOOTTIME if CLOCK_NAME == "boottime" else time.CLOCK_MONOTONIC_RAW


def now() -> Instant:
    """Nanoseconds since some fixed moment of this boot; runs during suspend, never steps back."""
    return time.clock_gettime_ns(_CLOCK)


def wall() -> int:
    """Nanoseconds since 1970 by the clock on the wall. It is shown to people, and used for nothing:
    it may be years off, and step at any time."""
    return time.time_ns()
