"""The docket: how many members each of us accuses, and when that is too many.

One machine with a bad cable, or one that lies, can't reach anybody and says so of everybody. A
sound one accuses at most one member per period, and as many as it is chosen to confirm. So within
a while each accuser is heard about a quarter of the members and no more; and who finds that it
would itself have to accuse more than that says of *itself* that something is wrong, and stops.
"""

from typing import Final

from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant

WINDOW: Final[Duration] = 20 * SECOND
SHARE: Final = 4
"""One in so many members."""
LEAST: Final = 4
"""In a small mesh a quarter is nobody; so many may always be accused."""
ACCUSERS_MAX: Final = 1024


class Docket:
    """Who has accused whom lately, ourselves included."""

    def __init__(self) -> None:
        self._entries: dict[NodeId, dict[NodeId, Instant]] = {}

    def enter(self, accuser: NodeId, target: NodeId, members: int, now: Instant) -> bool:
        """`accuser` accuses `target`: whether that is still to be heard."""
        entries = self._entries.get(accuser)
        if entries is None:
            if len(self._entries) >= ACCUSERS_MAX:
                del self._entries[next(iter(self._entries))]
            entries = self._entries[accuser] = {}
        _prune(entries, now)
        entries.pop(target, None)  # again the same one: no more than before
        if len(entries) >= max(LEAST, members // SHARE):
            return False
        entries[target] = now
        return True

    def is_full(self, accuser: NodeId, members: int, now: Instant) -> bool:
        """Whether `accuser` has accused as many as it may."""
        entries = self._entries.get(accuser, {})
        _prune(entries, now)
        return len(entries) >= max(LEAST, members // SHARE)


def _prune(entries: dict[NodeId, Instant], now: Instant) -> None:
    for target, at in list(entries.items()):
        if now - at < WINDOW:
            return  # they stand in the order in which they came
        del entries[target]
