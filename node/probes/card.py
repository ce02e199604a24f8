"""One accelerator as it was just seen, whoever made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from node.core.picture.topics import STATUS_UNKNOWN, GpuFact, Metric

CARDS_MAX: Final = 64
PROCESSES_PER_CARD_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class CardReading:
    """One card or MIG instance as it was just seen. None: unknown, and `note` says why.

    `used_by_pid` was read before and after `memory_free`; the smaller figure is kept.
    """

    uuid: str
    model: str = "unknown"
    driver: str | None = None
    capability: str | None = None
    """CUDA's compute capability ("8.9"), or the target that code is compiled for ("gfx1151")."""
    memory_total: int | None = None
    """Of a unified card: the most that it may take of main memory, where there is such a limit."""
    memory_reserved: int = 0
    memory_free: int | None = None
    used_by_pid: Mapping[int, int] = field(default_factory=dict)
    utilisation: int | None = None
    temperature: int | None = None
    unified: bool = False
    """Its memory is main memory, and is charged there."""
    note: str = ""
    vendor: str = "nvidia"
    source: str = "nvml"
    slot: str = ""
    """Where it sits: a PCI address, or empty."""
    figures: Mapping[str, Metric] = field(default_factory=dict)
    """What else it tells of itself: power, throttle, memory errors …"""

    @property
    def pool(self) -> str:
        """The pool that its memory is charged to."""
        return "ram" if self.unified else f"gpu:{self.uuid}"


def gpu_fact(card: CardReading, numa: int | None = None) -> GpuFact:
    """The card as it is published."""
    return GpuFact(
        uuid=card.uuid,
        vendor=card.vendor,
        model=card.model,
        pool=card.pool,
        memory_total=card.memory_total,
        driver=card.driver,
        capability=card.capability,
        unified=card.unified,
        slot=card.slot,
        numa=numa,
    )


def figure(value: float | str | None, unit: str, source: str, why: str = "") -> Metric:
    """One of `figures`; without a value it says why."""
    if value is None:
        return Metric(None, unit, source, STATUS_UNKNOWN, why or "the card does not say")
    return Metric(value, unit, source)
