"""Inquiries: whom we mean to ask what it keeps, and whether it is worth it just now.

To ask is a stream: a handshake of certificates, a digest, a parcel, thirty times the work of a
ping. And most of what makes two roots differ is a rumour under way: when the turn of a peer to be
asked has come, it has long become equal to us. So an old root is not believed: the peer is **looked
up** first, by a ping, and asked only if the root in its answer still differs. A lookup takes one of
the few places that asking has, so a thousand differences do not become a thousand pings either.

The larger the mesh, the longer the rest between two, since what one of them costs grows with the
members. And while news comes in nobody is asked: what a peer has and we have not is likely to be
under way to us.
"""

from collections.abc import Container
from typing import Final, NamedTuple

from mesh.exchange.roots import Roots
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND, Duration, Instant, earliest
from mesh.tempo import Tempo
from mesh.timers import Timers

BUSY_RETRY: Final[Duration] = 20 * MILLISECOND
TOGETHER: Final[Duration] = 25 * MILLISECOND
"""Roots that were heard within this time are looked at together: as a mesh forms, hundreds are
heard in a second, and most are equal or out of date when their time comes."""
REST_PER_MEMBER: Final[Duration] = MILLISECOND // 4
"""Between two syncs, for each member: a quarter of a second among a thousand."""
KEPT_PATIENCE: Final[Duration] = SECOND
KEPT_MOMENTS: Final = 3
"""How long somebody we met has to say what it keeps of our log, before we ask; and so many moments
where everybody is slow."""
LOOKUP_PATIENCE: Final[Duration] = 500 * MILLISECOND
"""For the answer to a lookup. Who gives none is not worth a stream; its next ping will say."""


class Inquiry(NamedTuple):
    """`peer` is to be asked now; or, `lookup`, only for its root."""

    peer: NodeId
    lookup: bool


class Inquiries:
    """One per peer at most, in the order of their time."""

    def __init__(self, settled_after: Duration, places: int) -> None:
        """`places`: how many peers are asked or looked up at one time."""
        self.tempo = Tempo(settled_after)
        self.roots = Roots(self.tempo)
        self.unasked: dict[NodeId, None] = {}
        """Who must be asked whatever its root is: what it keeps of our own log we do not know."""
        self._places = places
        self._due: Timers[NodeId] = Timers()
        self._lookups: Timers[NodeId] = Timers()
        """Pinged for their root: until when an answer is waited for."""
        self._rested: Instant | None = None
        """Not before then the next."""

    def next_wake(self, calls: int) -> Instant | None:
        """When `due` next has something to say, while so many calls are under way."""
        first = self._due.next
        if calls + len(self._lookups) >= self._places:
            first = None
        elif first is not None and self._rested is not None:
            first = max(first, self._rested)
        return earliest(first, self._lookups.next)

    # What we hear ------------------------------------------------------------------------------

    def urge(self, peer: NodeId, at: Instant) -> None:
        """Ask `peer` at `at`, or sooner if that was planned."""
        planned = self._due.at(peer)
        self._due.set(peer, at if planned is None else min(at, planned))

    def heard_root(self, peer: NodeId, root: int, ours: int, now: Instant) -> None:
        """`peer` says what its state adds up to, and ours does to `ours`."""
        looked_up = self._lookups.cancel(peer)
        if self.roots.heard(peer, root, ours, now):
            at = now + self.tempo.moment
            self.urge(peer, now if looked_up else -(-at // TOGETHER) * TOGETHER)
            if looked_up:
                self._rested = now
        elif root == ours and peer not in self.unasked:
            self._due.cancel(peer)
            if looked_up:
                self._spare_others()

    def _spare_others(self) -> None:
        """Whom we took for another has become like us, and we like it. What is known of the others
        is no newer than what we knew of this one; their next pings will say."""
        for peer in self._due.keys_set():
            if peer not in self.unasked and self.roots.is_known(peer):
                self._due.cancel(peer)

    def met(self, peer: NodeId, now: Instant) -> None:
        """A session has been opened: unless it tells us all of itself soon, ask it."""
        self.unasked[peer] = None
        self.urge(peer, now + max(KEPT_PATIENCE, KEPT_MOMENTS * self.tempo.moment))

    def gap(self, peer: NodeId, at: Instant) -> None:
        """`peer` has what we lack, whatever its root was when we last heard it: ask it at `at`."""
        self.roots.unknown(peer)
        self.urge(peer, at)

    def gone(self, peer: NodeId) -> None:
        """Nobody to ask any more."""
        self._due.cancel(peer)
        self._lookups.cancel(peer)
        self.unasked.pop(peer, None)
        self.roots.gone(peer)

    def returned(self, now: Instant) -> None:
        """A call is over. Whoever is due has waited for its place since long; it is not we who are
        late."""
        self._rested = now if self._rested is None else max(now, self._rested)

    # What follows ------------------------------------------------------------------------------

    def next(
        self, calling: Container[NodeId], calls: int, ours: int, members: int, now: Instant
    ) -> Inquiry | None:
        """The next inquiry that is due, if there is a place for it. `calling`: who is being asked,
        in `calls` calls."""
        self._lookups.due(now)  # silence
        self.roots.look(ours, now)
        while not self._is_resting(calls, now) and (peer := self._due.pop(now)) is not None:
            if peer in calling:
                self._due.set(peer, now + BUSY_RETRY)
            elif peer in self.unasked:
                return self._begun(peer, members, now)
            elif not self.roots.may_differ(peer, now):
                pass  # rumours have made us equal meanwhile, or its next ping will say
            elif (settled := self.roots.settled_at(peer, now)) > now:
                self._due.set(peer, now)
                self._rested = settled
            elif self.roots.is_old(peer, now):
                self._lookups.set(peer, now + LOOKUP_PATIENCE)
                self._rested = now + members * REST_PER_MEMBER
                return Inquiry(peer, lookup=True)
            else:
                return self._begun(peer, members, now)
        return None

    def _begun(self, peer: NodeId, members: int, now: Instant) -> Inquiry:
        self.roots.asked(now)
        self._rested = now + members * REST_PER_MEMBER
        return Inquiry(peer, lookup=False)

    def _is_resting(self, calls: int, now: Instant) -> bool:
        full = calls + len(self._lookups) >= self._places
        return full or (self._rested is not None and now < self._rested)
