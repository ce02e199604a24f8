"""NVIDIA's cards, through NVML.

A card split into MIG instances is not one memory but several: its instances are the devices. Where
NVML has no memory figure at all (unified parts), the card's memory *is* the RAM, and charging it to
a pool of its own would promise the same bytes twice. That is believed only of parts that are built
so: a discrete card whose driver is in trouble says NOT_SUPPORTED too.

NVML is loaded only where its library is. It never makes a CUDA context, as asking CUDA itself for
free memory would: that alone costs up to half a GiB of the card.
"""

import ctypes
import re
from typing import Any, Final

from node.core.picture.topics import Metric
from node.probes.card import CARDS_MAX, PROCESSES_PER_CARD_MAX, CardReading, figure
from node.probes.pci import display_slots
from node.probes.sources import Roots

NVIDIA: Final = "0x10de"
DISPLAY_CLASSES: Final = ("0x0300", "0x0302")
"""VGA and 3D controllers; the same vendor's audio and USB functions are other classes."""
TEMPERATURE_OF_CORE: Final = 0
LIBRARIES: Final = ("libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1")
"""Where NVML is; under WSL it lies where the loader may not look."""

UNIFIED_NAMES: Final = re.compile(r"\b(GB10|N1X|Orin|Xavier|Thor|Tegra)\b|nvgpu", re.IGNORECASE)
"""Parts whose only memory is main memory: DGX Spark and its kin, and Jetson."""
ADDRESSING_ATS: Final = 2
"""NVML_DEVICE_ADDRESSING_MODE_ATS: the card walks the processor's own page tables."""

THROTTLES: Final = {
    0x8: "hardware slowdown",
    0x20: "heat (driver)",
    0x40: "heat (hardware)",
    0x80: "power brake",
}
"""Reasons that mean trouble. Idling, an application's own clocks and the power cap do not."""


class Interview:
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
    interview = Interview(nvml)
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
    interview = Interview(nvml)
    count = interview.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0
    handles = [
        interview.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, index)
        for index in range(min(count, CARDS_MAX))
    ]
    return [instance for instance in handles if instance is not None]


def _read_card(nvml: Any, handle: Any, slot: str, capability: str | None) -> CardReading:
    interview = Interview(nvml)
    before = _used_by_pid(interview, handle)
    total, reserved, free = _memory(interview, nvml, handle)
    after = _used_by_pid(interview, handle)
    utilisation = interview.ask("nvmlDeviceGetUtilizationRates", handle)
    model = interview.text("nvmlDeviceGetName", handle) or "unknown"
    unsupported = total is None and "nvmlDeviceGetMemoryInfo" in interview.unsupported
    unified = unsupported and _is_unified(interview, handle, model)
    figures = _figures(Interview(nvml), handle)
    return CardReading(
        uuid=interview.text("nvmlDeviceGetUUID", handle) or slot,
        model=model,
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
        slot="" if slot.startswith("index:") else slot,
        figures=figures,
    )


def _is_unified(interview: Interview, handle: Any, model: str) -> bool:
    if UNIFIED_NAMES.search(model):
        return True
    mode = interview.ask("nvmlDeviceGetAddressingMode", handle)
    return bool(getattr(mode, "value", mode) == ADDRESSING_ATS)


def _figures(interview: Interview, handle: Any) -> dict[str, Metric]:
    """Health and power. What a card does not know is left out: most cards know only a part."""
    figures: dict[str, Metric] = {}
    power = interview.ask("nvmlDeviceGetPowerUsage", handle)
    if power is not None:
        figures["power"] = figure(int(power) // 1000, "watts", "nvml")
    limit = interview.ask("nvmlDeviceGetEnforcedPowerLimit", handle)
    if limit is not None:
        figures["power_limit"] = figure(int(limit) // 1000, "watts", "nvml")
    reasons = interview.ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
    if reasons is None:  # its name before driver 535
        reasons = interview.ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
    if reasons is not None:
        figures["throttle"] = figure(throttled(int(reasons)), "name", "nvml")
    errors = interview.ask("nvmlDeviceGetTotalEccErrors", handle, 1, 0)  # uncorrected, since boot
    if errors is not None:
        figures["memory_errors"] = figure(int(errors), "errors", "nvml")
    rows = interview.ask("nvmlDeviceGetRemappedRows", handle)
    if rows is not None:
        figures["memory_repair"] = figure(_repair(rows), "name", "nvml")
    return figures


def throttled(reasons: int) -> str:
    """Why the card is held back, as far as that should worry anybody; "no" where it should not."""
    words = [word for bit, word in THROTTLES.items() if reasons & bit]
    return ", ".join(words) or "no"


def _repair(rows: Any) -> str:
    """Rows of memory replaced by spare ones: (corrected, uncorrected, pending, failure)."""
    _, _, pending, failed = rows
    if failed:
        return "failed: replace the card"
    return "pending: restart the machine" if pending else "none needed"


def _memory(interview: Interview, nvml: Any, handle: Any) -> tuple[int | None, int, int | None]:
    """Total, what the driver keeps for itself, and free. Only the second version of the question
    tells the driver's part apart; old drivers know only the first."""
    answer = interview.ask("nvmlDeviceGetMemoryInfo", handle, nvml.nvmlMemory_v2)
    if answer is not None:
        return int(answer.total), int(answer.reserved), int(answer.free)
    answer = interview.ask("nvmlDeviceGetMemoryInfo", handle)
    if answer is not None:
        return int(answer.total), 0, int(answer.free)
    return None, 0, None


def _used_by_pid(interview: Interview, handle: Any) -> dict[int, int]:
    used: dict[int, int] = {}
    for kind in ("Compute", "Graphics"):
        rows = interview.ask(f"nvmlDeviceGet{kind}RunningProcesses", handle) or []
        for row in rows[:PROCESSES_PER_CARD_MAX]:
            if row.usedGpuMemory is not None:  # a process that does both is listed twice
                used[int(row.pid)] = max(int(row.usedGpuMemory), used.get(int(row.pid), 0))
    return used


def _capability(interview: Interview, handle: Any) -> str | None:
    version = interview.ask("nvmlDeviceGetCudaComputeCapability", handle)
    return None if version is None else f"{version[0]}.{version[1]}"


def nvidia_slots(roots: Roots) -> tuple[str, ...]:
    """PCI addresses of NVIDIA display controllers; the kernel tells without touching the card."""
    return display_slots(roots, NVIDIA, DISPLAY_CLASSES)


def load_nvml() -> Any:
    """The pynvml module, initialised; None where there is no NVML or no driver behind it.

    The library is tried before pynvml is imported: the import costs 78 ms, the try 0.02.
    """
    if not any(_loads(library) for library in LIBRARIES):
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)  # found by its name from then on
    except OSError:
        return False
    return True
