"""RAM: what there is, and what could be taken now.

`free` is the kernel's MemAvailable, never MemFree: page cache is nobody's. Where a control group
limits us, its limit is the machine: its free part is the limit less what its processes hold that
cannot be dropped (its charge less file pages and reclaimable slabs), so both views leave out the
same things. The smallest figure of all groups and the machine counts.
"""

from dataclasses import dataclass
from typing import Final

from node.probes.cgroups import UNIFIED, own_folders
from node.probes.sources import Roots, read_integer, read_text, read_word, whole

KIB: Final = 1024
MIB: Final = 1024 * KIB
RESERVE_BYTES_MIN: Final = 512 * MIB
RESERVE_FRACTION: Final = 20
"""The system keeps a twentieth of a whole machine (5 %), or RESERVE_BYTES_MIN if that is more."""


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """RAM in bytes. None is unknown, and `note` says why."""

    total: int | None
    free: int | None
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class GroupMemory:
    """One control group with a limit. `held`: bytes charged to it that can't be dropped."""

    limit: int
    held: int | None
    source: str


def parse_meminfo(text: str) -> MemoryReading:
    """/proc/meminfo. A kernel before 3.14 has no MemAvailable: then free is unknown."""
    fields = parse_fields(text)
    total, free = fields.get("MemTotal"), fields.get("MemAvailable")
    missing = [name for name in ("MemTotal", "MemAvailable") if name not in fields]
    note = f"the kernel does not say {' or '.join(missing)}" if missing else ""
    return MemoryReading(total, free, "/proc/meminfo", note)


def parse_fields(text: str) -> dict[str, int]:
    """Lines of `Name:  123 kB` as bytes. Lines of any other shape are not ours and left out."""
    fields: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        amount = whole(words[0]) if len(words) == 2 and words[1] == "kB" else None
        if amount is not None and amount >= 0:
            fields[name] = amount * KIB
    return fields


def parse_stat(text: str) -> dict[str, int]:
    """A group's memory.stat: lines of `name 123`, in bytes."""
    stat: dict[str, int] = {}
    for line in text.splitlines():
        name, _, figure = line.partition(" ")
        amount = whole(figure)
        if amount is not None and amount >= 0:
            stat[name] = amount
    return stat


def narrowed(machine: MemoryReading, groups: tuple[GroupMemory, ...]) -> MemoryReading:
    """The machine as its control groups leave it."""
    reading = machine
    for group in groups:
        if reading.total is not None and group.limit >= reading.total and group.held is None:
            continue  # a limit above the machine, on a group that tells nothing: no limit
        total = group.limit if reading.total is None else min(reading.total, group.limit)
        left = None if group.held is None else max(0, group.limit - group.held)
        free = None if left is None or reading.free is None else min(left, reading.free)
        if (total, free) != (reading.total, reading.free):
            note = reading.note if left is not None else f"{group.source} hides its use"
            reading = MemoryReading(total, free, group.source, note)
    return reading


def read_memory(roots: Roots) -> MemoryReading:
    """This machine's RAM, as far as our control groups let us use it."""
    text = read_text(f"{roots.proc}/meminfo")
    if text is None:
        return MemoryReading(None, None, "/proc/meminfo", "could not be read")
    machine = parse_meminfo(text)
    return narrowed(machine, _version_2(roots) + _version_1(roots, machine.total))


def _version_2(roots: Roots) -> tuple[GroupMemory, ...]:
    groups: list[GroupMemory] = []
    for folder in own_folders(roots, UNIFIED):
        limit = whole(read_word(f"{folder}/memory.max"))  # "max": none
        if limit is not None:
            held = _held(folder, "memory.current", "active_file", "inactive_file")
            groups.append(GroupMemory(limit, held, f"{folder}/memory.max"))
    return tuple(groups)


def _version_1(roots: Roots, total: int | None) -> tuple[GroupMemory, ...]:
    groups: list[GroupMemory] = []
    for folder in own_folders(roots, "memory"):
        limit = read_integer(f"{folder}/memory.limit_in_bytes")
        # No limit is written as the largest page count there is, so compare with the machine.
        if limit is not None and total is not None and limit < total:
            names = ("total_active_file", "total_inactive_file")
            held = _held(folder, "memory.usage_in_bytes", *names)
            groups.append(GroupMemory(limit, held, f"{folder}/memory.limit_in_bytes"))
    return tuple(groups)


def _held(folder: str, charge_name: str, *droppable: str) -> int | None:
    charge = read_integer(f"{folder}/{charge_name}")
    text = read_text(f"{folder}/memory.stat")
    if charge is None or text is None:
        return None
    stat = parse_stat(text)
    names = (*droppable, "slab_reclaimable")
    return max(0, charge - sum(stat.get(name, 0) for name in names))


def default_reserve(total: int | None) -> int:
    """What a whole machine keeps for its system when nobody says otherwise."""
    return max(RESERVE_BYTES_MIN, (total or 0) // RESERVE_FRACTION)
