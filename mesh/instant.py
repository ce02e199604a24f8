"""Instants and durations: integer nanoseconds, and no clock to read them from.

An `Instant` is a reading of *one machine's* clock that keeps running during suspend
(CLOCK_BOOTTIME on Linux). Two machines' instants are never compared: clocks disagree, so what
crosses the wire is a duration, counted by whoever acts on it. Integers, because a float instant
loses nanoseconds after a few months of uptime and makes two runs of one seed differ.
"""

from typing import Final, TypeAlias

Instant: TypeAlias = int
"""Nanoseconds on the local suspend-proof clock. Only ever compared with its own kind."""

Duration: TypeAlias = int
"""Nanoseconds between two instants of one clock."""

MILLISECOND: Final[Duration] = 1_000_000
SECOND: Final[Duration] = 1_000_000_000
MINUTE: Final[Duration] = 60 * SECOND
HOUR: Final[Duration] = 60 * MINUTE


def seconds(amount: float) -> Duration:
    """`amount` seconds as a Duration, rounded to the nearest nanosecond."""
    return round(amount * SECOND)


def in_seconds(duration: Duration) -> float:
    """A Duration as seconds, for people to read; never for arithmetic inside the core."""
    return duration / SECOND


def earliest(*instants: Instant | None) -> Instant | None:
    """The first of several optional deadlines; None when there is none at all."""
    first: Instant | None = None
    for instant in instants:  # asked after every input, of every desk: no list, no second pass
        if instant is not None and (first is None or instant < first):
            first = instant
    return first
