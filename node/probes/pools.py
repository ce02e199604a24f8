"""Which pools there are, and how large: one home, so that the published inventory and the live
readings cannot disagree.

A share has what it offers and nothing else: so much RAM, so many cores, the cards it names. Disks
belong to whole machines alone, because nothing keeps two shares apart on them. The reserve of the
system is taken off a whole machine; shares are cut from what is left after it (`read_capacity`).

Slots are what a person says that there is: no probe can count licences. They belong to the agent
that declares them, whole machine or share, and on one machine to no other (`offers.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from node.core.picture.topics import PoolFact
from node.probes import apple
from node.probes.card import CardReading
from node.probes.cpu import read_usable
from node.probes.disks import Volume, read_volumes
from node.probes.instruments import Instruments
from node.probes.memory import MemoryReading, default_reserve, read_memory
from node.probes.offers import Capacity, Offer

RAM: Final = "ram"
CPU: Final = "cpu"
SLOTS: Final = "slots"

Slots: TypeAlias = Sequence[tuple[str, int]]
"""(name, how many), as the configuration has them."""
DECLARED: Final = "the configuration"


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that has a pool, as it was just seen."""

    memory: MemoryReading
    millicores: int | None
    millicores_source: str
    cards: tuple[CardReading, ...]
    volumes: tuple[Volume, ...]


def look(
    tools: Instruments, offer: Offer | None, *, search: bool = False, pids: Sequence[int] = ()
) -> Look:
    """See the machine, or the part of it that `offer` names. `search`: new cards too.
    `pids`: whose use of cards is wanted."""
    millicores, source = read_usable(tools.roots)
    cards: tuple[CardReading, ...] = ()
    if offer is None or offer.gpus:
        cards = tools.cards.look(search=search, pids=pids)
    if offer is not None:
        cards = tuple(card for card in cards if card.uuid in offer.gpus)
    volumes: tuple[Volume, ...] = ()
    if offer is None or search:  # a share cannot promise disks, so it need not watch them
        volumes = read_volumes(tools.roots, tools.patience)
    return Look(_memory(tools), millicores, source, cards, volumes)


def _memory(tools: Instruments) -> MemoryReading:
    if apple.is_macos():
        return apple.read_memory(tools.run_limited)
    return read_memory(tools.roots)


def pool_facts(
    seen: Look, offer: Offer | None, system_reserve: int | None, slots: Slots = ()
) -> tuple[PoolFact, ...]:
    """The pools, ordered by name. `system_reserve` None: the default of a machine or a share."""
    pools = [_ram(seen, offer, system_reserve), _cpu(seen, offer)]
    pools += [_card(card) for card in seen.cards if not card.unified]
    if offer is None:
        pools += [_disk(volume) for volume in seen.volumes]
    pools += [_slots(name, count) for name, count in slots]
    return tuple(sorted(pools, key=lambda fact: fact.pool))


def _ram(seen: Look, offer: Offer | None, system_reserve: int | None) -> PoolFact:
    total = seen.memory.total
    reserve = system_reserve
    if offer is not None:
        total = None if total is None else min(total, offer.ram)
        reserve = reserve or 0
    elif reserve is None:
        reserve = default_reserve(total)
    unified = any(card.unified for card in seen.cards)
    kind, label = ("unified", "unified memory") if unified else ("ram", "memory")
    source = seen.memory.source if offer is None else "offer"
    return PoolFact(RAM, kind, "bytes", total, reserve, label, source)


def _cpu(seen: Look, offer: Offer | None) -> PoolFact:
    total, source = seen.millicores, seen.millicores_source
    if offer is not None and total is not None:
        total, source = min(total, offer.millicores), "offer"
    return PoolFact(CPU, "cpu", "millicores", total, 0, "cores", source)


def _card(card: CardReading) -> PoolFact:
    reserve = card.memory_reserved
    return PoolFact(card.pool, "vram", "bytes", card.memory_total, reserve, card.model, card.source)


def _slots(name: str, count: int) -> PoolFact:
    return PoolFact(f"{SLOTS}:{name}", SLOTS, "slots", count, 0, name, DECLARED)


def disk_pool(volume: Volume) -> str:
    """The name of a volume's pool."""
    return f"disk:{volume.place.mount}"


def _disk(volume: Volume) -> PoolFact:
    total = None if volume.space is None else volume.space.total
    label = f"{volume.kind} disk at {volume.place.mount}"
    return PoolFact(disk_pool(volume), "disk", "bytes", total, 0, label, "statvfs")


def read_capacity(tools: Instruments, system_reserve: int | None = None) -> Capacity:
    """What all shares of this machine may offer together."""
    seen = look(tools, None, search=True)
    total = seen.memory.total
    reserve = default_reserve(total) if system_reserve is None else system_reserve
    return Capacity(
        ram=None if total is None else max(0, total - reserve),
        millicores=seen.millicores,
        gpus=tuple(card.uuid for card in seen.cards),
    )
