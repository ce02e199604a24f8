"""Sightings: what has passed between us and each node lately, one way and the other.

Nothing is decided by them. A beacon can be replayed and an answer can be slow for many reasons;
they are for the person who wonders why two machines do not find each other. For that the two ways
are kept apart: what we asked and have no answer to since (`waiting`), and what came from them.
"""

from dataclasses import dataclass, field
from typing import Final

from mesh.identity import NodeId
from mesh.instant import Duration, Instant

SIGHTINGS_MAX: Final = 4096
"""Nodes that we remember sightings of. Only holders of the secret can use this up."""
BEACON_SOURCES_MAX: Final = 8
"""Addresses per node at which its beacons came from: as a rule one for each interface of it."""

UNANSWERED_MIN: Final = 4
"""Questions without an answer before it is called silent. Where a fifth of all datagrams is lost,
one in three has none, and 4 in a row are one in sixty; 3 would be one in twenty."""


@dataclass(slots=True)
class Sight:
    """One node, as seen from here. None: not since we started."""

    beacons: dict[str, Instant] = field(default_factory=dict)
    """The newest beacon by the host it came from, newest last."""
    knocked: Instant | None = None
    """Its newest unproven word to us: a hello."""
    asked: Instant | None = None
    """Our newest ping or hello to it."""
    waiting: Instant | None = None
    """The oldest ping or hello of ours since its last answer: so long it has not answered."""
    unanswered: int = 0
    """How many there were since."""
    answered: Instant | None = None
    round_trip: Duration | None = None
    streamed: Instant | None = None
    """Its newest request over a stream."""
    helper: tuple[NodeId, Instant] | None = None
    """Who last reached it for us when we could not."""
    ping: tuple[int, Instant] | None = None
    """The newest ping to it: its number, and when it left."""
    agreed: Instant | None = None
    """When all that it keeps, its own log and facts among it, was last what we keep."""

    @property
    def silent_since(self) -> Instant | None:
        """Since when it owes an answer, once it owes several: one is lost now and then."""
        return self.waiting if self.unanswered >= UNANSWERED_MIN else None


class Sightings:
    """One sight per node, and the oldest gives way."""

    def __init__(self) -> None:
        self._sights: dict[NodeId, Sight] = {}

    def of(self, node: NodeId) -> Sight | None:
        """What was seen of `node`, to be read and not to be written."""
        return self._sights.get(node)

    def beacon(self, node: NodeId, host: str, now: Instant) -> None:
        """A beacon of `node` came from `host`."""
        beacons = self._sight(node).beacons
        beacons.pop(host, None)
        beacons[host] = now
        if len(beacons) > BEACON_SOURCES_MAX:
            del beacons[next(iter(beacons))]

    def knocked(self, node: NodeId, now: Instant) -> None:
        """Somebody who calls itself `node` said hello; nothing is proven by that."""
        self._sight(node).knocked = now

    def greeted(self, node: NodeId, now: Instant) -> None:
        """A hello left for `node`."""
        sight = self._sight(node)
        sight.asked = now
        sight.unanswered += 1
        if sight.waiting is None:
            sight.waiting = now

    def met(self, node: NodeId, now: Instant) -> None:
        """`node` answered our challenge, or proved itself in answering to ours."""
        sight = self._sight(node)
        sight.answered, sight.waiting, sight.unanswered = now, None, 0

    def pinged(self, node: NodeId, seq: int, now: Instant) -> None:
        """A ping left for `node`."""
        self.greeted(node, now)
        self._sight(node).ping = (seq, now)

    def answered(self, node: NodeId, seq: int, now: Instant) -> None:
        """`node` answered ping `seq`. Only an answer to the newest tells how long it took."""
        sight = self._sight(node)
        sight.answered, sight.waiting, sight.unanswered = now, None, 0
        if sight.ping is not None and sight.ping[0] == seq:
            sight.round_trip = now - sight.ping[1]
            sight.ping = None

    def streamed(self, node: NodeId, now: Instant) -> None:
        """`node` asked us something over a stream."""
        self._sight(node).streamed = now

    def vouched(self, node: NodeId, helper: NodeId, now: Instant) -> None:
        """`helper` reached `node` when we could not."""
        self._sight(node).helper = (helper, now)

    def agreed(self, node: NodeId, now: Instant) -> None:
        """`node` said what its state adds up to, and so does ours."""
        self._sight(node).agreed = now

    def agreed_at(self, node: NodeId) -> Instant | None:
        """Up to when we knew that our copies of what `node` says are what it says."""
        sight = self._sights.get(node)
        return None if sight is None else sight.agreed

    def last_beacon(self, node: NodeId) -> Instant | None:
        """When a beacon of `node` was last heard; None: not since we started."""
        sight = self._sights.get(node)
        return None if sight is None else max(sight.beacons.values(), default=None)

    def round_trip(self, node: NodeId) -> Duration | None:
        """How long the last answered ping took; None: none was answered yet."""
        sight = self._sights.get(node)
        return None if sight is None else sight.round_trip

    def _sight(self, node: NodeId) -> Sight:
        sight = self._sights.get(node)
        if sight is None:
            if len(self._sights) >= SIGHTINGS_MAX:
                del self._sights[next(iter(self._sights))]  # whoever was first seen longest ago
            sight = self._sights[node] = Sight()
        return sight
