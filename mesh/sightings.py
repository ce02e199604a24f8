"""Sightings: when each member's beacon last reached us, and how long its last answer took.

Nothing is decided by them. A beacon can be replayed and an answer can be slow for many reasons;
they are for the person who wonders why two machines do not find each other.
"""

from dataclasses import dataclass, field
from typing import Final, TypeVar

from mesh.identity import NodeId
from mesh.instant import Duration, Instant

T = TypeVar("T")

SIGHTINGS_MAX: Final = 4096
"""Nodes that we remember sightings of. Only holders of the secret can use this up."""


@dataclass(slots=True)
class Sightings:
    """The newest of each kind, by node."""

    _beacons: dict[NodeId, Instant] = field(default_factory=dict)
    _pings: dict[NodeId, tuple[int, Instant]] = field(default_factory=dict)
    """The newest ping to each: its number, and when it left."""
    _round_trips: dict[NodeId, Duration] = field(default_factory=dict)

    def beacon(self, node: NodeId, now: Instant) -> None:
        """A beacon of `node` was heard."""
        _note(self._beacons, node, now)

    def pinged(self, node: NodeId, seq: int, now: Instant) -> None:
        """A ping left for `node`."""
        _note(self._pings, node, (seq, now))

    def answered(self, node: NodeId, seq: int, now: Instant) -> None:
        """`node` answered ping `seq`. What answers an older ping than the newest tells nothing."""
        last, sent = self._pings.get(node, (None, now))
        if last == seq:
            del self._pings[node]
            _note(self._round_trips, node, now - sent)

    def last_beacon(self, node: NodeId) -> Instant | None:
        """When a beacon of `node` was last heard; None: not since we started."""
        return self._beacons.get(node)

    def round_trip(self, node: NodeId) -> Duration | None:
        """How long the last answered ping took; None: none was answered yet."""
        return self._round_trips.get(node)


def _note(table: dict[NodeId, T], node: NodeId, seen: T) -> None:
    if node not in table and len(table) >= SIGHTINGS_MAX:
        del table[next(iter(table))]  # whoever was first seen longest ago
    table[node] = seen
