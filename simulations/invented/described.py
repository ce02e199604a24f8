"""A machine that somebody described: what its probes would say while nothing goes wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from ledger.observations import PoolReading
from node.core.picture.reports import InventoryRead, Sampled
from node.core.picture.topics import Inventory, Live, Models, PoolFact, PoolLive
from simulations.invented.hardware import SOURCE, Card

MAIN_MEMORY = ("ram", "unified")


class Timed(NamedTuple):
    """A link of this machine, in bytes a second each way; None: nobody has timed it."""

    peer: str
    received: int | None
    sent: int | None


@dataclass(frozen=True, slots=True)
class Described:
    """`free`: pool → what nobody uses, in the pool's unit; None where that is not known."""

    name: str
    inventory: Inventory
    free: Mapping[str, int | None]
    region: str = ""
    models: Models | None = None
    throughput: tuple[Timed, ...] = ()

    @property
    def pools(self) -> tuple[PoolFact, ...]:
        return self.inventory.pools

    @property
    def cards(self) -> tuple[Card, ...]:
        """The cards whose memory is a pool of its own: a driver may lose them."""
        sizes = {fact.pool: fact.total for fact in self.pools}
        return tuple(
            Card(gpu.uuid, sizes[gpu.pool] or 0)
            for gpu in self.inventory.gpus
            if gpu.pool == f"gpu:{gpu.uuid}" and gpu.pool in sizes
        )

    @property
    def cores(self) -> int:
        """Whole cores that may be promised; 0 when nobody could count them."""
        cpu = next((fact.total for fact in self.pools if fact.pool == "cpu"), None)
        return (cpu or 0) // 1000

    @property
    def main_memory(self) -> PoolFact | None:
        return next((fact for fact in self.pools if fact.pool in MAIN_MEMORY), None)

    def but(self, ram: int, cards: Sequence[Card]) -> "Described":
        """As it is now: with `ram` bytes of main memory, and without the cards that vanished."""
        gone = {card.pool for card in cards if not card.present}
        memory = self.main_memory
        pools, free = [], dict(self.free)
        for fact in self.pools:
            if fact is memory and fact.total is not None:
                pools.append(msgspec.structs.replace(fact, total=ram))
                had = free.get(fact.pool)
                free[fact.pool] = None if had is None else max(0, had - (fact.total - ram))
            elif fact.pool not in gone:
                pools.append(fact)
        for card in cards:
            had = free.get(card.pool)
            free[card.pool] = None if had is None else max(0, had - card.foreign)
        gpus = tuple(gpu for gpu in self.inventory.gpus if gpu.pool not in gone)
        changed = msgspec.structs.replace(self.inventory, pools=tuple(pools), gpus=gpus)
        return replace(self, inventory=changed, free=free)

    def read(self) -> InventoryRead:
        """A full probe."""
        return InventoryRead(self.inventory)

    def sampled(
        self, foreign: int = 0, used: Mapping[bytes, int] | None = None,
        blind: frozenset[str] = frozenset(),
    ) -> Sampled:  # fmt: skip
        """A live look. `foreign`: bytes of main memory that nobody asked for, on top; `used`: those
        that the work of holds uses; `blind`: pools whose figures can't be read just now."""
        used = dict(used or {})
        memory = self.main_memory
        readings, pools = [], {}
        for fact in self.pools:
            free, by = self.free.get(fact.pool), dict[bytes, int]()
            if memory is not None and fact.pool == memory.pool:
                by = used
                free = None if free is None else max(0, free - foreign - sum(used.values()))
            free = None if fact.pool in blind else free
            readings.append(PoolReading(fact.pool, fact.total, fact.system_reserve, free, by))
            by_text = {hold.hex(): amount for hold, amount in by.items()}
            pools[fact.pool] = PoolLive(free, by_text, None, SOURCE)
        return Sampled(Live(pools, {}), tuple(readings))
