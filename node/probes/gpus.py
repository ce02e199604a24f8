"""Cards, as NVML knows them, asked so that a bad one costs only itself.

NVML is loaded only where its library is. A driver that hangs does so inside a system call, where
nothing can end it; so each card is asked on its own through `RunLimited`, and one that has not
answered is not asked again before it has. A card that the kernel has put to sleep is not asked at
all: the question would wake it. Every figure NVML refuses is None with its reason; none is zero.

A card split into MIG instances is not one memory but several: its instances are the devices. Where
NVML has no memory figure at all (unified parts), the card's memory *is* the RAM, and charging it to
a pool of its own would promise the same bytes twice.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from node.core.topics import GpuFact
from node.probes.sources import Roots, RunLimited, names_in, read_word

CARD_SECONDS_MAX: Final = 2.0
INIT_SECONDS_MAX: Final = 10.0
"""Without persistence mode the first question starts the driver, which takes seconds."""
CARDS_MAX: Final = 64
PROCESSES_PER_CARD_MAX: Final = 4096

NVIDIA: Final = "0x10de"
DISPLAY_CLASSES: Final = ("0x0300", "0x0302")
"""VGA and 3D controllers; the same vendor's audio and USB functions are other classes."""
TEMPERATURE_OF_CORE: Final = 0


@dataclass(frozen=True, slots=True)
class CardReading:
    """One card or MIG instance as it was just seen. None: unknown, and `note` says why.

    `used_by_pid` was read before and after `memory_free`; the smaller figure is kept.
    """

    uuid: str
    model: str = "unknown"
    driver: str | None = None
    capability: str | None = None
    memory_total: int | None = None
    memory_reserved: int = 0
    memory_free: int | None = None
    used_by_pid: Mapping[int, int] = field(default_factory=dict)
    utilisation: int | None = None
    temperature: int | None = None
    unified: bool = False
    note: str = ""

    @property
    def pool(self) -> str:
        """The pool that its memory is charged to."""
        return "ram" if self.unified else f"gpu:{self.uuid}"


def gpu_fact(card: CardReading) -> GpuFact:
    """The card as it is published."""
    return GpuFact(
        uuid=card.uuid,
        vendor="nvidia",
        model=card.model,
        pool=card.pool,
        memory_total=card.memory_total,
        driver=card.driver,
        capability=card.capability,
        unified=card.unified,
    )


class _Interview:
    """Questions to one card: a refusal is noted and answered with None."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._refusals = (nvml.NVMLError, nvml.NVMLLibraryMismatchError, AttributeError)
        self.notes: list[str] = []
        self.unsupported: set[str] = set()

    def ask(self, question: str, *arguments: Any) -> Any:
        try:
            return getattr(self._nvml, question)(*arguments)
        except self._refusals as refusal:
            self.notes.append(f"{question.removeprefix('nvmlDevice')}: {refusal}")
            if getattr(refusal, "value", None) == self._nvml.NVML_ERROR_NOT_SUPPORTED:
                self.unsupported.add(question)
            return None

    def text(self, question: str, *arguments: Any) -> str | None:
        answer = self.ask(question, *arguments)
        return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


def read_slot(nvml: Any, slot: str) -> tuple[CardReading, ...]:
    """The card in one slot, or the MIG instances it is split into. May block; may not raise."""
    interview = _Interview(nvml)
    if slot.startswith("index:"):
        handle = interview.ask("nvmlDeviceGetHandleByIndex", int(slot.removeprefix("index:")))
    else:
        handle = interview.ask("nvmlDeviceGetHandleByPciBusId", slot.encode())
    if handle is None:
        return (CardReading(slot, note="; ".join(interview.notes)),)
    mode = interview.ask("nvmlDeviceGetMigMode", handle)
    capability = _capability(interview, handle)
    if mode is not None and mode[0] == 1:
        return tuple(
            _read_card(nvml, instance, slot, capability) for instance in _instances(nvml, handle)
        )
    return (_read_card(nvml, handle, slot, capability),)


def _instances(nvml: Any, handle: Any) -> list[Any]:
    interview = _Interview(nvml)
    count = interview.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0
    handles = [
        interview.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, index)
        for index in range(min(count, CARDS_MAX))
    ]
    return [instance for instance in handles if instance is not None]


def _read_card(nvml: Any, handle: Any, slot: str, capability: str | None) -> CardReading:
    interview = _Interview(nvml)
    before = _used_by_pid(interview, handle)
    total, reserved, free = _memory(interview, nvml, handle)
    after = _used_by_pid(interview, handle)
    utilisation = interview.ask("nvmlDeviceGetUtilizationRates", handle)
    unified = total is None and "nvmlDeviceGetMemoryInfo" in interview.unsupported
    return CardReading(
        uuid=interview.text("nvmlDeviceGetUUID", handle) or slot,
        model=interview.text("nvmlDeviceGetName", handle) or "unknown",
        driver=interview.text("nvmlSystemGetDriverVersion"),
        capability=capability,
        memory_total=total,
        memory_reserved=reserved,
        memory_free=free,
        used_by_pid={pid: min(used, after[pid]) for pid, used in before.items() if pid in after},
        utilisation=None if utilisation is None else int(utilisation.gpu),
        temperature=interview.ask("nvmlDeviceGetTemperature", handle, TEMPERATURE_OF_CORE),
        unified=unified,
        note="; ".join(interview.notes),
    )


def _memory(interview: _Interview, nvml: Any, handle: Any) -> tuple[int | None, int, int | None]:
    """Total, what the driver keeps for itself, and free. Only the second version of the question
    tells the driver's part apart; old drivers know only the first."""
    answer = interview.ask("nvmlDeviceGetMemoryInfo", handle, nvml.nvmlMemory_v2)
    if answer is not None:
        return int(answer.total), int(answer.reserved), int(answer.free)
    answer = interview.ask("nvmlDeviceGetMemoryInfo", handle)
    if answer is not None:
        return int(answer.total), 0, int(answer.free)
    return None, 0, None


def _used_by_pid(interview: _Interview, handle: Any) -> dict[int, int]:
    used: dict[int, int] = {}
    for kind in ("Compute", "Graphics"):
        rows = interview.ask(f"nvmlDeviceGet{kind}RunningProcesses", handle) or []
        for row in rows[:PROCESSES_PER_CARD_MAX]:
            if row.usedGpuMemory is not None:  # a process that does both is listed twice
                used[int(row.pid)] = max(int(row.usedGpuMemory), used.get(int(row.pid), 0))
    return used


def _capability(interview: _Interview, handle: Any) -> str | None:
    version = interview.ask("nvmlDeviceGetCudaComputeCapability", handle)
    return None if version is None else f"{version[0]}.{version[1]}"


class Cards:
    """Every card of this machine, and what is remembered of those that sleep or hang."""

    def __init__(self, roots: Roots, run_limited: RunLimited, nvml: Any = None) -> None:
        """`nvml`: the pynvml module already initialised; None: find it at the first look."""
        self._roots = roots
        self._run_limited = run_limited
        self._nvml = nvml
        self._nvml_note = ""
        self._slots: tuple[str, ...] | None = None
        self._last: dict[str, tuple[CardReading, ...]] = {}
        self._unanswered: set[str] = set()

    def look(self, *, search: bool = False) -> tuple[CardReading, ...]:
        """All cards now, ordered by UUID. `search`: also look for cards that came or went."""
        if self._slots is None or search:
            self._slots = self._find_slots()
        cards = [card for slot in self._slots for card in self._look_at(slot)]
        return tuple(sorted(cards, key=lambda card: card.uuid))

    def _find_slots(self) -> tuple[str, ...]:
        slots = nvidia_slots(self._roots)
        if self._nvml is None:
            self._start()
        if slots or self._nvml is None:
            return slots
        # Cards without a PCI device of their own (WSL): NVML can count them.
        interview = _Interview(self._nvml)
        count = self._within("count", lambda: interview.ask("nvmlDeviceGetCount"), CARD_SECONDS_MAX)
        return tuple(f"index:{index}" for index in range(min(count or 0, CARDS_MAX)))

    def _start(self) -> None:
        self._nvml = self._within("start", load_nvml, INIT_SECONDS_MAX)
        self._nvml_note = "" if self._nvml else "NVML is not installed, or does not start"

    def _look_at(self, slot: str) -> tuple[CardReading, ...]:
        if self._nvml is None:
            return self._remembered(slot, self._nvml_note)
        if read_word(f"{self._roots.sys}/bus/pci/devices/{slot}/power/runtime_status") == (
            "suspended"
        ):
            return self._remembered(slot, "asleep, and not woken to be asked")
        nvml = self._nvml
        cards: tuple[CardReading, ...] | None = self._within(
            slot, lambda: read_slot(nvml, slot), CARD_SECONDS_MAX
        )
        if cards is None:
            return self._remembered(slot, "the driver does not answer")
        self._last[slot] = cards
        return cards

    def _within(self, key: str, function: Any, seconds: float) -> Any:
        """`function()`, or None when it takes too long or still does from the last time."""
        if key in self._unanswered:
            return None

        def question() -> Any:
            try:
                return function()
            finally:
                self._unanswered.discard(key)  # also long after we stopped waiting

        self._unanswered.add(key)
        try:
            answer = self._run_limited(question, seconds)
        except TimeoutError:
            return None
        self._unanswered.discard(key)
        return answer

    def _remembered(self, slot: str, note: str) -> tuple[CardReading, ...]:
        """What never changes of a card, and nothing that does."""
        cards = self._last.get(slot) or (CardReading(slot),)
        return tuple(
            replace(
                card,
                memory_free=None,
                used_by_pid={},
                utilisation=None,
                temperature=None,
                note=note,
            )
            for card in cards
        )


def nvidia_slots(roots: Roots) -> tuple[str, ...]:
    """PCI addresses of NVIDIA display controllers; the kernel tells without touching the card."""
    folder = f"{roots.sys}/bus/pci/devices"
    return tuple(
        slot
        for slot in names_in(folder)
        if read_word(f"{folder}/{slot}/vendor") == NVIDIA
        and (read_word(f"{folder}/{slot}/class") or "").startswith(DISPLAY_CLASSES)
    )[:CARDS_MAX]


def load_nvml() -> Any:
    """The pynvml module, initialised; None where there is no NVML or no driver behind it.

    The library is tried before pynvml is imported: the import costs 78 ms, the try 0.02.
    """
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
