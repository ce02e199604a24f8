"""Grants: what owners gave us lately, in their own words, which outrun our copies of their logs."""

from typing import NamedTuple

from ledger.lifecycle import HoldState
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, Duration, Instant
from node.core.requests import Reserve
from node.core.requests.gangs import ReserveGang


class Grant(NamedTuple):
    """What an owner granted us, and how long it then said that this lasts."""

    owner: NodeId
    state: HoldState
    left: Duration | None
    told_at: Instant
    believed_until: Instant | None = None
    """Of what we renew: until when we may rely on it, counted from the send that was answered."""
    receipts: tuple[bytes, ...] = ()
    """What proves it to an owner in quarantine."""
    ends_at: int | None = None
    """Of what was planned: when it ends by its owner's wall clock, ns since 1970. What lasts from a
    start in the future doesn't run down meanwhile."""

    def remaining(self, now: Instant, wall: int | None) -> Duration | None:
        """How long it still has; None: nobody knows. Of what ends at a time of day, by our own wall
        clock: `wall`."""
        if self.ends_at is not None:
            return None if wall is None else max(0, self.ends_at - wall)
        return None if self.left is None else max(0, self.left - (now - self.told_at))


def ends_at(reserve: Reserve | ReserveGang) -> int | None:
    """When what is planned will end, by the wall; None: it starts when it is granted."""
    if reserve.start_at_ms is None:
        return None
    return (reserve.start_at_ms + reserve.term_ms) * MILLISECOND
