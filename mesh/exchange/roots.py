"""Roots: what everybody's state adds up to, as last heard, and whether asking about it is worth it.

Every ping and ack carries the sender's root. One that differs from ours is no reason to ask yet:
the rumour that makes us equal may be under way, what we heard may be long out of date, or we have
asked before and neither of us has moved since.
"""

from typing import Final, NamedTuple

from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant
from mesh.tempo import Tempo

HURRY_AFTER: Final[Duration] = SECOND
HURRY_MOMENTS: Final = 5
"""News may come in for ever; after so long, and so many moments, we ask even so."""
FRESH_MOMENTS: Final = 5
"""As a mesh forms, everybody's root moves all the time: half a second where answers are quick.
Every ping brings a fresh one."""


class _Heard(NamedTuple):
    root: int
    at: Instant


class _Futile(NamedTuple):
    ours: int
    theirs: int
    until: Instant


class Roots:
    """Our own root over time, and the newest of each peer."""

    def __init__(self, tempo: Tempo) -> None:
        """`tempo`: how long our root has to stand still."""
        self._tempo = tempo
        self._heard: dict[NodeId, _Heard] = {}
        self._futile: dict[NodeId, _Futile] = {}
        self._ours = _Heard(0, 0)
        self._asked_at: Instant = 0
        self._unsettled: Instant | None = None
        """Since when somebody has waited for our root to stand still."""

    def look(self, ours: int, now: Instant) -> None:
        """Our own root is `ours`."""
        if self._ours.root != ours:
            self._ours = _Heard(ours, now)

    def heard(self, peer: NodeId, root: int, ours: int, now: Instant) -> bool:
        """`peer` says what its state adds up to. Whether there is something to ask it."""
        self.look(ours, now)
        self._heard[peer] = _Heard(root, now)
        if root == ours:
            self._futile.pop(peer, None)
            return False
        futile = self._futile.get(peer)
        same = futile is not None and (futile.ours, futile.theirs) == (ours, root)
        return not (futile is not None and same and now < futile.until)

    def unknown(self, peer: NodeId) -> None:
        """Whatever `peer` said, it has something that we lack."""
        self._heard.pop(peer, None)

    def is_known(self, peer: NodeId) -> bool:
        """Whether it has said what its state adds up to, and nothing has proven that wrong."""
        return peer in self._heard

    def gone(self, peer: NodeId) -> None:
        """Nobody to ask any more."""
        self._heard.pop(peer, None)
        self._futile.pop(peer, None)

    def may_differ(self, peer: NodeId, now: Instant) -> bool:
        """Whether its root is another than ours, as far as we know and if that is not long ago."""
        heard = self._heard.get(peer)
        if heard is None:
            return True
        fresh = now - heard.at <= FRESH_MOMENTS * self._tempo.moment
        return fresh and heard.root != self._ours.root

    def is_old(self, peer: NodeId, now: Instant) -> bool:
        """Whether the root that it told is not of just now."""
        heard = self._heard.get(peer)
        return heard is not None and now - heard.at >= self._tempo.moment

    def settled_at(self, peer: NodeId, now: Instant) -> Instant:
        """From when on `peer` is worth asking: no news will have come in for a moment. While it
        does, what a peer has and we have not is probably under way to us, and much of what we ask
        for would come twice."""
        if self._unsettled is None:
            self._unsettled = now
        moment = self._tempo.moment
        hurry = max(HURRY_AFTER, HURRY_MOMENTS * moment)
        settled = min(self._ours.at + moment, self._unsettled + hurry)
        heard = self._heard.get(peer)
        if heard is None or heard.at >= self._ours.at or self._asked_at < self._ours.at:
            return settled
        # We have moved since it spoke, and what moved us may be what it had: one answer out of a
        # forming mesh makes us equal to many, and to ask them all would be most of the work.
        return max(settled, self._asked_at + moment)

    def asked(self, now: Instant) -> None:
        """Somebody is asked now: whoever waits next waits from the beginning."""
        self._unsettled = None
        self._asked_at = now

    def futile(self, peer: NodeId, ours: int, until: Instant) -> None:
        """Asking `peer` changed nothing: not again before a root has moved, or before `until`."""
        heard = self._heard.get(peer)
        self._futile[peer] = _Futile(ours, ours if heard is None else heard.root, until)

    def begin_again(self) -> None:
        """A new run of ours."""
        self._futile.clear()
