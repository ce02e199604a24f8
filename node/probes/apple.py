"""Apple silicon: one memory for processor and graphics, told by macOS's own commands.

How much of it the graphics may wire down is a setting (`iogpu.wired_limit_mb`); 0 stands for a
default that macOS does not tell and that differs between machines: 0.74 of 16 GB, 0.84 of 128 GiB
were seen. So the default is taken as 0.65, which is below all that were reported, and said to be
our own guess.

Sources: `sysctl hw.memsize`, `vm_stat`, `system_profiler SPDisplaysDataType -json` as documented in
their manual pages; 107.52 of 128 GiB and 112.00 GiB under a limit of 114688 MB in antirez/ds4
pull request 893; 11.84 of 16 GB in AlexsJones/llmfit pull request 754.
"""

import os
import re
from typing import Final

import msgspec

from node.core.picture.topics import Metric
from node.probes.card import CardReading, figure
from node.probes.memory import MemoryReading
from node.probes.sources import RunLimited, whole
from node.probes.tools import what_it_says

MIB: Final = 1024**2
WIRED_SHARE_DEFAULT: Final = 0.65
COMMAND_SECONDS_MAX: Final = 1.0
DISPLAYS_SECONDS_MAX: Final = 10.0
"""system_profiler takes one second on an idle machine."""
SYSCTLS: Final = ("hw.memsize", "iogpu.wired_limit_mb", "machdep.cpu.brand_string")
GUESS: Final = "macOS does not tell its default limit; 65 % of the memory is our guess"
DISPLAYS_BYTES_MAX: Final = 256 * 1024

_PAGE: Final = re.compile(r"page size of (\d{1,8}) bytes")


class _Display(msgspec.Struct):
    sppci_model: str = ""
    sppci_cores: str = ""
    spdisplays_mtlgpufamilysupport: str = ""


class _Displays(msgspec.Struct):
    SPDisplaysDataType: list[_Display]


def is_macos() -> bool:
    """Whether this is one."""
    return os.uname().sysname == "Darwin"


def parse_sysctl(text: str) -> dict[str, str]:
    """`sysctl NAME…`: lines of `name: value`."""
    rows = (line.partition(": ") for line in text.splitlines())
    return {name.strip(): value.strip() for name, separator, value in rows if separator}


def parse_vm_stat(text: str) -> int | None:
    """`vm_stat`: bytes that are free or inactive. Inactive pages can be taken at once, or after a
    write; compressed and wired ones can't."""
    page = _PAGE.search(text)
    counts: dict[str, int] = {}
    for line in text.splitlines():
        name, separator, count = line.partition(":")
        pages = whole(count.strip().rstrip("."))
        if separator and pages is not None:
            counts[name.strip()] = pages
    names = ("Pages free", "Pages inactive")
    if page is None or any(counts.get(name, -1) < 0 for name in names):
        return None
    return sum(counts[name] for name in names) * int(page[1])


def wired_limit(memory: int | None, limit_mb: int | None) -> tuple[int | None, str]:
    """The most that graphics may wire, and a note where that is our guess."""
    if memory is None or limit_mb is None or limit_mb < 0:
        return None, "the limit of wired memory could not be read"
    if limit_mb:
        return min(memory, limit_mb * MIB), ""
    return int(memory * WIRED_SHARE_DEFAULT), GUESS


def parse_displays(text: str) -> tuple[str | None, int | None]:
    """`system_profiler SPDisplaysDataType -json`: the graphics' name and its cores."""
    try:
        found = msgspec.json.decode(text[:DISPLAYS_BYTES_MAX].encode(), type=_Displays)
    except (msgspec.MsgspecError, RecursionError):
        return None, None
    for display in found.SPDisplaysDataType:
        if display.sppci_model:
            return display.sppci_model, whole(display.sppci_cores)
    return None, None


def read_memory(run_limited: RunLimited) -> MemoryReading:
    """Main memory, all of it: there is no other."""
    told = parse_sysctl(_says(run_limited, "sysctl", "hw.memsize"))
    total = whole(told.get("hw.memsize"))
    free = parse_vm_stat(_says(run_limited, "vm_stat"))
    note = "" if total is not None and free is not None else "sysctl or vm_stat did not tell"
    return MemoryReading(total, free, "vm_stat", note)


def read_card(run_limited: RunLimited) -> tuple[CardReading, ...]:
    """The graphics of this machine; none where it is not Apple's own."""
    told = parse_sysctl(_says(run_limited, "sysctl", *SYSCTLS))
    chip = told.get("machdep.cpu.brand_string", "")
    if not chip.startswith("Apple"):
        return ()  # an Intel Mac: its cards are not for computing
    profile = _says(
        run_limited, "system_profiler", "SPDisplaysDataType", "-json", seconds=DISPLAYS_SECONDS_MAX
    )
    name, cores = parse_displays(profile)
    memory = whole(told.get("hw.memsize"))
    limit, note = wired_limit(memory, whole(told.get("iogpu.wired_limit_mb")))
    figures: dict[str, Metric] = {"cores": figure(cores, "cores", "system_profiler")}
    card = CardReading(
        uuid=f"apple-{(name or chip).lower().replace(' ', '-')}",
        model=name or chip,
        driver="metal",
        memory_total=limit,
        unified=True,
        note=note,
        vendor="apple",
        source="sysctl",
        figures=figures,
    )
    return (card,)


def _says(run_limited: RunLimited, *command: str, seconds: float = COMMAND_SECONDS_MAX) -> str:
    return what_it_says(list(command), run_limited, seconds)
