"""Cores: how many there are, how many we may use, and how busy they are.

A control group's quota and our affinity both make the machine smaller; the smaller counts. Cores
are shared in time, so a pool of them is promised by the books alone: see `sampler.py`.
"""

import os
from dataclasses import dataclass
from typing import Final

from node.core.picture.topics import STATUS_UNKNOWN, Metric
from node.probes.cgroups import UNIFIED, own_folders
from node.probes.sources import Roots, names_in, read_integer, read_text, read_word, whole

FEATURES: Final = (
    "aes", "amx_bf16", "amx_int8", "amx_tile", "asimd", "asimddp", "avx", "avx2", "avx512_bf16",
    "avx512_fp16", "avx512_vnni", "avx512f", "avx_vnni", "bf16", "bmi2", "f16c", "fma", "fphp",
    "hypervisor", "i8mm", "sha2", "sha_ni", "sse4_2", "sve", "sve2", "svm", "vmx",
)  # fmt: skip
"""Of some two hundred: what inference and compilers ask for, and what virtual machines need."""


@dataclass(frozen=True, slots=True)
class CpuReading:
    """What the processor is. `usable_millicores`: after affinity and quota; `source` names it."""

    model: str | None
    cores_logical: int | None
    cores_physical: int | None
    usable_millicores: int | None
    source: str
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CpuTicks:
    """Clock ticks since the start of the machine, over all cores."""

    busy: int
    total: int


def parse_cpuinfo(text: str) -> tuple[str | None, int | None, int | None]:
    """/proc/cpuinfo: model, logical cores, physical cores (None where it does not say)."""
    model: str | None = None
    logical = 0
    physical: set[tuple[str, str]] = set()
    package = ""
    for line in text.splitlines():
        name, _, figure = (part.strip() for part in line.partition(":"))
        if name == "processor" and figure.isdigit():
            logical += 1
        elif name in ("model name", "Model") and model is None and figure:
            model = figure
        elif name == "physical id":
            package = figure
        elif name == "core id":
            physical.add((package, figure))
    return model, logical or None, len(physical) or None


def parse_features(text: str) -> tuple[str, ...]:
    """/proc/cpuinfo: those of FEATURES that its first core has, in order."""
    for line in text.splitlines():
        name, separator, flags = line.partition(":")
        if separator and name.strip() in ("flags", "Features"):
            has = set(flags.split())
            return tuple(feature for feature in FEATURES if feature in has)
    return ()


def parse_ticks(text: str) -> CpuTicks | None:
    """The first line of /proc/stat. Guest time is already inside user time: only eight columns."""
    words = text.partition("\n")[0].split()
    ticks = [whole(word) for word in words[1:9]]
    known = [tick for tick in ticks if tick is not None and tick >= 0]
    if words[:1] != ["cpu"] or len(known) != len(ticks) or len(known) < 5:
        return None
    total = sum(known)
    return CpuTicks(total - known[3] - known[4], total)  # idle and iowait are not busy


def parse_load(text: str, place: int = 0) -> float | None:
    """/proc/loadavg: over one minute, or at place 1 and 2 over five and fifteen."""
    words = text.split()
    digits = words[place].replace(".", "", 1) if len(words) > place else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
        return None
    return float(words[place])


def parse_quota(text: str) -> int | None:
    """cpu.max ("200000 100000" or "max 100000") as millicores; None: no quota."""
    words = text.split()
    if len(words) != 2:
        return None
    return quota_millicores(whole(words[0]), whole(words[1]))


def quota_millicores(quota: int | None, period: int | None) -> int | None:
    """So many microseconds in each period, as millicores. Version 1 writes "none" as -1."""
    if quota is None or period is None or quota <= 0 or period <= 0:
        return None
    return quota * 1000 // period


def percent_busy(before: CpuTicks | None, after: CpuTicks | None) -> float | None:
    """How busy the cores were between two readings; None when there are not two to compare."""
    if before is None or after is None or after.total <= before.total:
        return None
    busy = max(0, after.busy - before.busy)
    return round(min(100.0, 100 * busy / (after.total - before.total)), 1)


def read_cpu(roots: Roots) -> CpuReading:
    """This machine's processor."""
    text = read_text(f"{roots.proc}/cpuinfo") or ""
    model, logical, physical = parse_cpuinfo(text)
    if physical is None:
        physical = _physical_by_siblings(roots)
    usable, source = read_usable(roots)
    features = parse_features(text)
    return CpuReading(model or _board(roots), logical, physical, usable, source, features)


def _board(roots: Roots) -> str | None:
    # Most ARM kernels name the board and not the core.
    name = read_word(f"{roots.proc}/device-tree/model")
    return name.rstrip("\x00") if name else None


def _physical_by_siblings(roots: Roots) -> int | None:
    folder = f"{roots.sys}/devices/system/cpu"
    cores = [name for name in names_in(folder) if name[:3] == "cpu" and name[3:].isdigit()]
    lists = [read_word(f"{folder}/{core}/topology/thread_siblings_list") for core in cores]
    return len({siblings for siblings in lists if siblings}) or None


def read_usable(roots: Roots) -> tuple[int | None, str]:
    """How many millicores we may use, and what says so: our affinity, or a quota below it."""
    try:
        usable, source = len(os.sched_getaffinity(0)) * 1000, "affinity"
    except (OSError, AttributeError):  # not every system has affinities
        cores = os.cpu_count()
        if cores is None:
            return None, "unknown"
        usable, source = cores * 1000, "online cores"
    for limit, folder in _quotas(roots):
        if limit < usable:
            usable, source = limit, folder
    return usable, source


def _quotas(roots: Roots) -> list[tuple[int, str]]:
    quotas: list[tuple[int, str]] = []
    for folder in own_folders(roots, UNIFIED):
        limit = parse_quota(read_text(f"{folder}/cpu.max") or "")
        if limit is not None:
            quotas.append((limit, f"{folder}/cpu.max"))
    for folder in own_folders(roots, "cpu"):
        quota = read_integer(f"{folder}/cpu.cfs_quota_us")
        limit = quota_millicores(quota, read_integer(f"{folder}/cpu.cfs_period_us"))
        if limit is not None:
            quotas.append((limit, f"{folder}/cpu.cfs_quota_us"))
    return quotas


def read_ticks(roots: Roots) -> CpuTicks | None:
    """One reading for `percent_busy`."""
    return parse_ticks(read_text(f"{roots.proc}/stat") or "")


def read_load(roots: Roots) -> dict[str, Metric]:
    """The load over the last minute, five and fifteen."""
    text = read_text(f"{roots.proc}/loadavg") or ""
    return {
        f"load{minutes}": _load_metric(parse_load(text, place))
        for place, minutes in enumerate((1, 5, 15))
    }


def _load_metric(load: float | None) -> Metric:
    if load is None:
        return Metric(None, "processes", "/proc/loadavg", STATUS_UNKNOWN, "could not be read")
    return Metric(load, "processes", "/proc/loadavg")


def busy_metric(percent: float | None) -> Metric:
    """`cpu_percent`; until there are two readings to compare it says so."""
    if percent is None:
        return Metric(None, "percent", "/proc/stat", STATUS_UNKNOWN, "needs two readings")
    return Metric(percent, "percent", "/proc/stat")
