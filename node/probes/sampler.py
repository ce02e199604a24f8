"""A live look: what is free, what each hold's own work uses, and how the machine is doing.

What a hold uses is read before *and* after what is free, and the smaller figure counts. Else memory
that was taken between the two readings would be seen as used and still as free, and promised twice.

Cores are shared in time and not in space: a busy moment is not a promise broken, so a pool of cores
is free as far as the books go, and its load is a metric beside it. So are slots, which nobody sees.

In a share, `free` is the least of what the machine has free beyond the other shares' outstanding
promises, and of what the share has not used up itself. `foreign` is what no hold explains: of a
machine's RAM the system's own part too, of a share's only what others have taken out of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ledger.observations import PoolReading
from mesh.instant import Instant
from node.core.picture.topics import STATUS_UNKNOWN, ForeignFact, Live, Metric, PoolFact, PoolLive
from node.core.processes import Process
from node.probes.battery_heat import read_battery, read_heat
from node.probes.card import CardReading
from node.probes.cpu import CpuTicks, busy_metric, percent_busy, read_load, read_ticks
from node.probes.instruments import Instruments
from node.probes.memory import MIB
from node.probes.pools import CPU, DECLARED, RAM, SLOTS, Look, Slots, disk_pool, look, pool_facts
from node.probes.pressure import read_pressure
from node.probes.processes import Attributor, Tie, foreign_use
from node.probes.shares import Onlooker

FOREIGN_EVERY_LOOKS: Final = 20
"""A minute. Reading every process costs 40 µs each, five times what the rest of a look does."""
FOREIGN_LEAST: Final = 64 * MIB
"""What one user, or the whole, must take to be named; and by how much it moves to look again."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One live look: as it is published, and as the ledger takes it."""

    live: Live
    readings: tuple[PoolReading, ...]
    tied: Mapping[bytes, tuple[int, ...]]
    """Hold → the processes found to belong to it. A hold that is missing is an unused promise."""
    tops: Mapping[bytes, tuple[Process, ...]] = field(default_factory=dict)
    """Hold → those of them whose parents do not."""


class Sampler:
    """Looks at this machine, or at our share of it, as often as it is told to."""

    def __init__(
        self,
        tools: Instruments,
        claim: Onlooker,
        clock: Callable[[], Instant],
        system_reserve: int | None = None,
        slots: Slots = (),
    ) -> None:
        """`claim`: our share (or an `Onlooker`). `clock`: CLOCK_BOOTTIME in nanoseconds."""
        self._tools = tools
        self._claim = claim
        self._clock = clock
        self._system_reserve = system_reserve
        self._slots = slots
        self._attributor = Attributor(tools.roots)
        self._foreign: tuple[ForeignFact, ...] = ()
        self._foreign_size = 0
        self._looks_since_foreign = FOREIGN_EVERY_LOOKS
        self._ticks: CpuTicks | None = None
        self._busy: float | None = None

    def sample(self, ties: Sequence[Tie]) -> Sample:
        """Look now. `ties`: every live hold of ours, with the pids tied to it. Blocks for
        milliseconds: call from a worker thread, one call at a time."""
        matched = self._attributor.match(ties)
        outstanding = self._claim.outstanding_of_others(self._clock())
        used_before, _ = self._attributor.memory(matched)
        seen = look(self._tools, self._claim.offer, pids=tuple(matched))
        used_after, unread = self._attributor.memory(matched)
        outstanding = max(outstanding, self._claim.outstanding_of_others(self._clock()))
        ram_used = with_unified(smaller(used_before, used_after), seen.cards, matched)
        self._claim.publish_use(sum(ram_used.values()), self._clock())
        readings = tuple(
            self._reading(fact, seen, ram_used, outstanding, matched)
            for fact in pool_facts(seen, self._claim.offer, self._system_reserve, self._slots)
        )
        pools = {reading.pool: live_pool(reading, seen, unread) for reading in readings}
        foreign = self._foreign_rows(pools, seen, matched)
        live = Live(pools, self._metrics(seen), foreign)
        return Sample(live, readings, by_hold(matched), self._attributor.tops)

    def _foreign_rows(
        self, pools: Mapping[str, PoolLive], seen: Look, matched: Mapping[int, bytes]
    ) -> tuple[ForeignFact, ...]:
        """The largest users of what no hold explains, looked for when it moved, or once a minute.
        What others have of a share is nobody's affair while it leaves the share alone."""
        size = sum(one.foreign or 0 for one in pools.values())
        moved = abs(size - self._foreign_size) >= FOREIGN_LEAST
        self._looks_since_foreign += 1
        if size < FOREIGN_LEAST:
            self._foreign = ()
        elif moved or self._looks_since_foreign > FOREIGN_EVERY_LOOKS:
            self._looks_since_foreign, self._foreign_size = 0, size
            vram: dict[int, int] = {}
            for card in seen.cards:
                for pid, used in card.used_by_pid.items():
                    vram[pid] = vram.get(pid, 0) + used
            rows = foreign_use(self._tools.roots, matched, vram)
            self._foreign = tuple(
                ForeignFact(row.user, row.pid, row.command, row.ram, row.vram)
                for row in rows
                if row.ram + row.vram >= FOREIGN_LEAST
            )
        return self._foreign

    def _reading(
        self,
        fact: PoolFact,
        seen: Look,
        ram_used: Mapping[bytes, int],
        outstanding: int,
        matched: Mapping[int, bytes],
    ) -> PoolReading:
        free: int | None = None
        used: Mapping[bytes, int] = {}
        if fact.pool == RAM:
            free, used = self._ram_free(fact, seen, ram_used, outstanding), ram_used
        elif fact.pool == CPU or fact.kind == SLOTS:
            free = fact.total
        elif fact.kind == "vram":
            card = next(card for card in seen.cards if card.pool == fact.pool)
            free, used = card.memory_free, card_use(card, matched)
        else:
            volume = next(volume for volume in seen.volumes if disk_pool(volume) == fact.pool)
            free = None if volume.space is None else volume.space.free
        return PoolReading(fact.pool, fact.total, fact.system_reserve, free, used)

    def _ram_free(
        self, fact: PoolFact, seen: Look, used: Mapping[bytes, int], outstanding: int
    ) -> int | None:
        if seen.memory.free is None or fact.total is None:
            return None
        free = max(0, seen.memory.free - outstanding)
        if self._claim.offer is None:
            return free
        return min(free, max(0, fact.total - sum(used.values())))

    def _busy_since_last(self) -> float | None:
        ticks = read_ticks(self._tools.roots)
        percent = percent_busy(self._ticks, ticks)
        if percent is not None or self._ticks is None:
            self._ticks, self._busy = ticks, percent
        return self._busy  # two looks within one tick tell nothing: the last answer stands

    def _metrics(self, seen: Look) -> dict[str, Metric]:
        roots = self._tools.roots
        metrics = {
            "cpu_percent": busy_metric(self._busy_since_last()),
            "temperature_max": read_heat(roots),
            **read_load(roots),
            **read_pressure(roots),
            **read_battery(roots),
        }
        for volume in seen.volumes:
            if volume.space is not None and volume.space.inodes:
                left = 100 * volume.space.inodes_free // volume.space.inodes
                name = f"{disk_pool(volume)}.inodes_free"
                metrics[name] = Metric(left, "percent", "statvfs")
        for card in seen.cards:
            name = f"gpu.{card.uuid}"
            metrics[f"{name}.utilisation"] = card_metric(card, card.utilisation, "percent")
            metrics[f"{name}.temperature"] = card_metric(card, card.temperature, "celsius")
            for figure, metric in card.figures.items():
                metrics[f"{name}.{figure}"] = metric
        return dict(sorted(metrics.items()))


def smaller(before: Mapping[bytes, int], after: Mapping[bytes, int]) -> dict[bytes, int]:
    """Per hold the smaller of two readings; a hold that is in one only was not using it."""
    return {hold: min(used, after[hold]) for hold, used in before.items() if hold in after}


def with_unified(
    used: Mapping[bytes, int], cards: Sequence[CardReading], matched: Mapping[int, bytes]
) -> dict[bytes, int]:
    """What each hold uses of main memory, where a card takes its memory from there too.

    Such memory is in no figure of the process. But some of it may be (a file mapped for both), so
    the larger of the two figures stands for their sum: never more than the truth.
    """
    whole = dict(used)
    for card in cards:
        if card.unified:
            for hold, amount in card_use(card, matched).items():
                whole[hold] = max(whole.get(hold, 0), amount)
    return whole


def card_use(card: CardReading, matched: Mapping[int, bytes]) -> dict[bytes, int]:
    """Hold → what its processes use of this card."""
    use: dict[bytes, int] = {}
    for pid, used in sorted(card.used_by_pid.items()):
        if pid in matched:
            use[matched[pid]] = use.get(matched[pid], 0) + used
    return use


def by_hold(matched: Mapping[int, bytes]) -> dict[bytes, tuple[int, ...]]:
    """Hold → its pids, both in order."""
    holds: dict[bytes, list[int]] = {}
    for pid, hold in sorted(matched.items()):
        holds.setdefault(hold, []).append(pid)
    return {hold: tuple(holds[hold]) for hold in sorted(holds)}


def live_pool(reading: PoolReading, seen: Look, unread: tuple[int, ...]) -> PoolLive:
    """A reading as it is published. Use of cores and of disks is not attributed to anyone."""
    used = {hold.hex(): amount for hold, amount in sorted(reading.used.items())}
    foreign: int | None = None
    if reading.total is not None and reading.free is not None and _attributed(reading.pool):
        system = reading.system if reading.pool != RAM else 0  # a card's is the driver's for good
        foreign = max(0, reading.total - system - reading.free - sum(used.values()))
    elif reading.pool.startswith(f"{SLOTS}:"):
        foreign = 0  # nobody takes of them but by the books
    return PoolLive(reading.free, used, foreign, _source(reading.pool, seen, unread))


def _attributed(pool: str) -> bool:
    return pool == RAM or pool.startswith("gpu:")


def _source(pool: str, seen: Look, unread: tuple[int, ...]) -> str:
    if pool == CPU:
        return "the books"
    if pool.startswith(f"{SLOTS}:"):
        return DECLARED
    if pool.startswith("disk:"):
        notes = [found.note for found in seen.volumes if disk_pool(found) == pool and found.note]
        return "; ".join(["statvfs", *notes])
    if pool != RAM:
        ours = [card for card in seen.cards if card.pool == pool]
        return "; ".join([card.source for card in ours] + [c.note for c in ours if c.note])
    notes = [seen.memory.note] if seen.memory.note else []
    if unread:
        notes.append(f"{len(unread)} tied processes could not be read")
    return "; ".join([seen.memory.source, *notes])


def card_metric(card: CardReading, value: int | None, unit: str) -> Metric:
    """A figure of a card, or why there is none."""
    if value is None:
        why = card.note or "the card does not say"
        return Metric(None, unit, card.source, STATUS_UNKNOWN, why)
    return Metric(value, unit, card.source)
