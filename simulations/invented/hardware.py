"""Invented machines: an inventory and a live sample, as honest probes would report them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ledger.observations import PoolReading
from node.core.picture.reports import InventoryRead, Sampled
from node.core.picture.topics import GpuFact, Inventory, Live, Metric, PoolFact, PoolLive, ToolFact

GIB = 1 << 30
TOOLS = ("git", "python3", "ollama", "docker", "go", "ffmpeg")
SOURCE = "simulation"
NO_SLOTS: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(slots=True)
class Card:
    """One discrete card. `vram` and `foreign` (taken by nobody's hold) in bytes."""

    uuid: str
    vram: int
    foreign: int = 0
    present: bool = True
    """Whether its driver shows it just now."""

    @property
    def pool(self) -> str:
        return f"gpu:{self.uuid}"


@dataclass(frozen=True, slots=True)
class Work:
    """One process on an invented machine. `started` guards a pid that is used again."""

    pid: int
    started: int
    ram: int
    """Bytes that it really uses."""


def inventory(
    name: str, ram: int, cores: int, tools: tuple[str, ...] = TOOLS[:2],
    cards: Sequence[Card] = (), boot: str = "", mark: str = "",
    slots: Mapping[str, int] = NO_SLOTS,
) -> InventoryRead:  # fmt: skip
    """A machine of `ram` bytes, `cores` cores and the cards that its driver shows. `boot`: which
    run of which kernel, if not the only one of that name; `mark`: which machine, likewise."""
    shown = [card for card in cards if card.present]
    return InventoryRead(
        Inventory(
            hostname=name,
            os="linux",
            os_version="invented",
            kernel="6.0",
            arch="x86_64",
            cpu_model=Metric("invented", "", SOURCE),
            cores_logical=Metric(cores, "cores", SOURCE),
            cores_physical=Metric(cores, "cores", SOURCE),
            memory_total=Metric(ram, "bytes", SOURCE),
            pools=(
                PoolFact("cpu", "cpu", "millicores", cores * 1000, 0, "cores", SOURCE),
                PoolFact("ram", "ram", "bytes", ram, 0, "main memory", SOURCE),
                *(
                    PoolFact(card.pool, "vram", "bytes", card.vram, 0, "invented card", SOURCE)
                    for card in shown
                ),
                *(
                    PoolFact(f"slots:{name}", "slots", "slots", count, 0, name, SOURCE)
                    for name, count in sorted(slots.items())
                ),
            ),
            gpus=tuple(
                GpuFact(card.uuid, "nvidia", "invented card", card.pool, card.vram, None, None)
                for card in shown
            ),
            volumes=(),
            tools=tuple(ToolFact(tool, f"/usr/bin/{tool}", None) for tool in tools),
            addresses=(),
            labels={},
            share=None,
            fingerprint=mark or f"fingerprint of {name}",
            boot=boot or f"boot of {name}",
            version=SOURCE,
        )
    )


def sample(
    ram: int, cores: int, ram_foreign: int = 0, used: Mapping[bytes, int] | None = None,
    cards: Sequence[Card] = (), blind: Sequence[str] = (),
    slots: Mapping[str, int] = NO_SLOTS,
) -> Sampled:  # fmt: skip
    """What the probes see: `ram_foreign` bytes taken by nobody's hold, `used` by holds.

    `blind`: pools whose figures can't be read just now. A card that has vanished is not in it.
    """
    used = dict(used or {})
    free = max(0, ram - ram_foreign - sum(used.values()))
    readings = [
        PoolReading("cpu", cores * 1000, 0, cores * 1000, {}),
        PoolReading("ram", ram, 0, free, used),
        *(
            PoolReading(card.pool, card.vram, 0, max(0, card.vram - card.foreign), {})
            for card in cards
            if card.present
        ),
        *(
            PoolReading(f"slots:{name}", count, 0, count, {})
            for name, count in sorted(slots.items())
        ),
    ]
    foreign: dict[str, int | None] = {"cpu": None, "ram": ram_foreign}
    foreign.update((f"slots:{name}", 0) for name in slots)
    foreign.update({card.pool: card.foreign for card in cards})
    seen = [
        PoolReading(one.pool, one.total, one.system, None, {}) if one.pool in blind else one
        for one in readings
    ]
    pools = {
        one.pool: PoolLive(
            one.free,
            {hold.hex(): amount for hold, amount in one.used.items()},
            None if one.pool in blind else foreign[one.pool],
            SOURCE,
        )
        for one in seen
    }
    return Sampled(Live(pools, {"load1": Metric(0.1, "", SOURCE)}), tuple(seen))
