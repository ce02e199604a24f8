"""Strangers: where the datagrams come from that we refuse, and why.

The counters of `rejections` say how much was refused; a person who joins with the wrong secret, or
runs an old version, needs to know *where*. A source address can be forged, so this is a hint for
people and nothing is decided by it; it is small, and the source heard longest ago gives way.
"""

from dataclasses import dataclass
from typing import Final

from mesh.instant import Instant
from mesh.rejections import Rejection

STRANGERS_MAX: Final = 64
"""Sources and causes remembered. A flood of forged addresses pushes out the others: it can."""
TOLD: Final = (
    Rejection.UNKNOWN_KEY, Rejection.UNKNOWN_VERSION, Rejection.UNKNOWN_KIND, Rejection.BAD_TAG,
    Rejection.BAD_MAGIC, Rejection.RATE_LIMITED,
)  # fmt: skip
"""Causes of which the source is worth knowing; the others come from members, who have names."""


@dataclass(slots=True)
class Stranger:
    """How often one source was refused for one cause, and when last."""

    count: int
    last: Instant


class Strangers:
    """By (source, cause), the newest last."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Rejection], Stranger] = {}

    def refused(self, host: str, cause: Rejection, now: Instant) -> None:
        """A datagram from `host` was refused."""
        if cause not in TOLD:
            return
        key = (host, cause)
        stranger = self._seen.pop(key, None) or Stranger(0, now)
        stranger.count, stranger.last = stranger.count + 1, now
        self._seen[key] = stranger
        if len(self._seen) > STRANGERS_MAX:
            del self._seen[next(iter(self._seen))]

    def seen(self) -> list[tuple[str, Rejection, Stranger]]:
        """Everyone remembered, the newest first."""
        return [(*key, stranger) for key, stranger in reversed(self._seen.items())]
