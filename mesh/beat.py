"""The beat: one count of time for the whole mesh, by which it is settled who probes whom, and when.

If everybody probes somebody at random, a dead node is first probed after 1.6 periods on average,
and now and then only after five. If in each period everyone probes another one, it is half a period
and never more than one. For that the nodes must agree on two things, and nobody can be asked: which
period it is, and a permutation for it. The permutation is a **turn** of the ring of all ids, by a
number that a hash of mesh and period gives. The period is read from the **beat**: milliseconds
since nothing in particular, which every ping and ack carries, and whoever hears a later one than
its own goes on from there. No wall clock, no vote; the fastest clock of the mesh leads, and the
rest follow it to within a datagram's way.

A node is probed at its own moment of each period, by its place on the ring: so a mesh does not
probe in step, and between two probes of one node lies exactly one period. Whoever sees a slightly
different roll, or a beat that is off, probes somebody else or at another moment; with all of them
off it is random probing again, and no worse.

The count wraps after 49 days. What is more than half of that ahead is behind; a member that lies
about it makes the others turn the ring oddly, and no more.
"""

from bisect import bisect_left
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from mesh.identity import NodeId
from mesh.instant import MILLISECOND, Duration, Instant

BEAT_MAX: Final = 2**32 - 1
_TURNS: Final = BEAT_MAX + 1


class Beat:
    """Our count of the mesh's time."""

    def __init__(self) -> None:
        self._zero: Instant | None = None

    def at(self, now: Instant) -> int:
        """Milliseconds, as a ping says them."""
        if self._zero is None:
            self._zero = now
        return (now - self._zero) // MILLISECOND % _TURNS

    def heard(self, beat: int, now: Instant) -> Duration:
        """Somebody counts `beat`. How far we were behind, and are no longer."""
        ahead = (beat - self.at(now)) % _TURNS
        if self._zero is None or not 0 < ahead <= _TURNS // 2:
            return 0
        self._zero -= ahead * MILLISECOND
        return ahead * MILLISECOND


class Turn(NamedTuple):
    """Whom to probe next, and how long until then."""

    target: NodeId
    wait: Duration
    period: int


class Ring:
    """The turns of one node."""

    def __init__(self, own: NodeId, mesh_id: bytes, period: Duration) -> None:
        self._own = own
        self._mesh_id = mesh_id
        self._period_ms = max(1, period // MILLISECOND)

    def period_of(self, beat: int) -> int:
        """Which period it is."""
        return beat // self._period_ms

    def next_turn(self, others: Sequence[NodeId], beat: int, after: int) -> Turn:
        """Our first turn behind `beat` in a period later than `after`. `others`: sorted, not empty.

        A period whose moment has passed already is not made up for: the next one is as good.
        """
        period = max(self.period_of(beat), after + 1)
        while True:
            target, moment = self._in_period(others, period)
            wait_ms = period * self._period_ms + moment - beat
            if wait_ms >= 0:
                return Turn(target, wait_ms * MILLISECOND, period)
            period += 1

    def _in_period(self, others: Sequence[NodeId], period: int) -> tuple[NodeId, int]:
        size = len(others) + 1
        mine = bisect_left(others, self._own)
        place = (mine + self._shift(period, size)) % size
        target = others[place if place < mine else place - 1]
        return target, self._period_ms * place // size

    def _shift(self, period: int, size: int) -> int:
        digest = blake2b(period.to_bytes(8, "big"), key=self._mesh_id, digest_size=8).digest()
        return 1 + int.from_bytes(digest, "big") % (size - 1)
