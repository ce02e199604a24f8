"""What is promised, free and stranded over time, per machine and pool.

Amounts are integrated over virtual time as whole numbers: unit × nanosecond. A state that lasts no
time counts for nothing, so a peak is a peak that somebody could have seen.

*Stranded*: the room of a pool that no demanded kind of job could take any of just then: none fits
on that machine, or those that do would take other pools, or more of one such pool than is left in
this one. What no kind asks for at all (a disk, mostly) is not stranded, only free.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mesh.instant import Duration, Instant
from node.core.picture.topics import PoolFact
from placement.judging.columns import Prepared
from placement.judging.legs import choose
from placement.judging.screening import Screening, screen
from placement.request import Request
from placement.view import NodeView, PoolView
from simulations.invented.described import Described


class Gauge(Protocol):
    """Where the figures are read."""

    def promised(self, machine: str) -> Mapping[str, int] | None:
        """Pool → what holds take of it; None while nobody can say."""

    def rooms(self, machine: str) -> Mapping[str, int | None]:
        """Pool → what can still be promised of it."""

    def prepared(self) -> Prepared:
        """The picture of now."""


@dataclass(slots=True)
class PoolUse:
    """One pool of one machine. Sums are amount × nanoseconds."""

    machine: str
    fact: PoolFact
    asked_for: bool = False
    """Whether any demanded kind would take of it."""
    promised: int = 0
    room: int | None = 0
    peak: int = 0
    room_least: int | None = None
    promised_sum: int = 0
    room_sum: int = 0
    stranded_sum: int = 0
    usable: bool = False
    """Whether some kind could take of it as things stand."""
    room_known: Duration = 0
    """For how long its room was known."""

    def last(self, duration: Duration) -> None:
        """It has been as it is for `duration`."""
        self.peak = max(self.peak, self.promised)
        self.promised_sum += self.promised * duration
        if self.room is None:
            return
        self.room_known += duration
        self.room_sum += self.room * duration
        self.room_least = self.room if self.room_least is None else min(self.room_least, self.room)
        if self.asked_for and not self.usable:
            self.stranded_sum += self.room * duration


@dataclass(slots=True)
class _Machine:
    pools: dict[str, PoolUse]
    since: Instant = 0


@dataclass
class Usage:
    """All machines. `touch` what may have changed; `advance` before time goes on."""

    gauge: Gauge
    requests: Sequence[Request]
    """Of each kind that could ever fit."""
    now: Instant = 0
    _machines: dict[str, _Machine] = field(default_factory=dict)
    _touched: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(
        cls, gauge: Gauge, machines: Sequence[Described], requests: Sequence[Request],
        asked_for: Mapping[str, frozenset[str]],
    ) -> "Usage":  # fmt: skip
        """`asked_for`: machine → pools of which some kind would take."""
        usage = cls(gauge, requests)
        for one in machines:
            pools = {
                fact.pool: PoolUse(one.name, fact, fact.pool in asked_for.get(one.name, ()))
                for fact in one.pools
            }
            usage._machines[one.name] = _Machine(pools)
            usage.touch(one.name)
        return usage

    @property
    def pools(self) -> list[PoolUse]:
        """By machine as written, then by pool as its owner names them."""
        return [use for machine in self._machines.values() for use in machine.pools.values()]

    def touch(self, machine: str) -> None:
        """Its figures may be others from now on."""
        self._touched[machine] = None

    def advance(self, now: Instant) -> None:
        """Time goes on to `now`: what was touched takes its new figures from here."""
        if now == self.now:
            return
        if self._touched:
            self._take(list(self._touched))
            self._touched.clear()
        self.now = now

    def finish(self, now: Instant) -> None:
        """The study ends at `now`."""
        self.advance(now)
        for machine in self._machines.values():
            self._close(machine, now)

    def _take(self, names: list[str]) -> None:
        prepared = self.gauge.prepared()
        screened = [(request, screen(request, prepared)) for request in self.requests]
        places = {node.name: at for at, node in enumerate(prepared.view.nodes)}
        for name in names:
            machine = self._machines[name]
            self._close(machine, self.now)
            promised = self.gauge.promised(name)
            rooms = self.gauge.rooms(name)
            at = places.get(name)
            shapes = [] if at is None else _shapes(prepared.view.nodes[at], at, screened)
            for pool, use in machine.pools.items():
                use.room = rooms.get(pool)
                use.usable = use.room is not None and any(
                    sort == sort_of(use.fact) and amount <= use.room for sort, amount in shapes
                )
                if promised is not None:
                    use.promised = promised.get(pool, 0)

    def _close(self, machine: _Machine, at: Instant) -> None:
        if at > machine.since:
            for use in machine.pools.values():
                use.last(at - machine.since)
        machine.since = at


def sort_of(pool: PoolFact | PoolView) -> str:
    """Pools of one sort can stand in for each other: two disks can, two licences cannot."""
    return pool.pool if pool.kind == "slots" else pool.kind


def _shapes(
    node: NodeView, at: int, screened: Sequence[tuple[Request, Screening]]
) -> list[tuple[str, int]]:
    """What the kinds that fit on `node` now would take: (sort of pool, amount)."""
    shapes = []
    for request, screening in screened:
        placing = choose(request, node, screening.needs) if screening.fitting >> at & 1 else None
        if placing is not None:
            pools = {one.pool.pool: one.pool for one in placing.taken}
            shapes += [(sort_of(p), (p.room or 0) - placing.left[p.pool]) for p in pools.values()]
    return shapes
