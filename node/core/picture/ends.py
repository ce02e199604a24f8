"""Ends: when this node heard that a hold was over.

A log says at which height a hold ended, and no log says what time it was (`docs/decisions/0003`).
So whoever wants to know how long ago that is has the moment at which we heard of it: nearly the
same, unless one of the two was away. What ended before this start is known, and not since when.
"""

from collections import OrderedDict
from typing import Final

from mesh.instant import Duration, Instant

ENDS_REMEMBERED_MAX: Final = 1024
"""Of all nodes together; the oldest gives way, and its age is not known any more."""


class Ends:
    """Hold → when we heard of its end, the newest last."""

    def __init__(self) -> None:
        self._heard: OrderedDict[bytes, Instant] = OrderedDict()

    def heard(self, hold: bytes, now: Instant) -> None:
        """Its end was read just now. Told again, it is as old as it was."""
        self._heard.setdefault(hold, now)
        if len(self._heard) > ENDS_REMEMBERED_MAX:
            self._heard.popitem(last=False)

    def ago(self, hold: bytes, now: Instant) -> Duration | None:
        """How long ago that was; None: before this start, or too long ago."""
        at = self._heard.get(hold)
        return None if at is None else max(0, now - at)
