"""Intel's cards, from the kernel's own files. Much stays unknown, and is said to be.

Graphics inside a processor sit at device 2 of bus 0 on every Intel board and have no memory of
their own. A card of its own tells its size in a file that depends on driver and kernel, and its
free memory to nobody but root: what libraries answer without root is that all is free. So free
memory is worked out only where every process can be seen (fdinfo of all of them, as root), and
else is unknown, and nothing is promised there.

Sources: kernel documentation gpu/drm-usage-stats (fdinfo: drm-pdev, drm-client-id, drm-total-*,
drm-resident-*); sysfs of i915 (`lmem_total_bytes`) and xe (`tile*/physical_vram_size_bytes`, then
`tile*/addr_range`); level-zero issue 133 on free memory without root.
"""

import os
from typing import Final

from node.probes.card import CardReading
from node.probes.drm import read_clients, use_of
from node.probes.pci import display_slots
from node.probes.sources import Roots, names_in, read_integer, read_text, read_word

INTEL: Final = "0x8086"
CLASSES: Final = ("0x0300", "0x0302", "0x0380")
DRIVERS: Final = ("i915", "xe")
INTEGRATED_AT: Final = "0000:00:02.0"


def slots(roots: Roots) -> tuple[str, ...]:
    """PCI addresses of Intel's cards that one of its graphics drivers has."""
    return tuple(
        slot
        for slot in display_slots(roots, INTEL, CLASSES)
        if _driver(roots, slot) in DRIVERS or slot != INTEGRATED_AT
    )


def parse_range(text: str) -> int | None:
    """xe's `addr_range`: the end of a tile's memory, `0x3f9c00000` or `A-B`; its length."""
    first, _, last = text.strip().partition("-")
    try:
        start, end = (int(first, 16), int(last, 16)) if last else (0, int(first, 16))
    except ValueError:
        return None
    return end - start if end > start else None


def read_total(roots: Roots, slot: str) -> int | None:
    """The card's own memory, where a file of its driver tells it."""
    folder = f"{roots.sys}/bus/pci/devices/{slot}"
    for name in names_in(f"{folder}/drm"):
        total = read_integer(f"{folder}/drm/{name}/lmem_total_bytes")
        if total is not None and total > 0:
            return total
    tiles = [name for name in names_in(folder) if name.startswith("tile")]
    sizes = [_tile(f"{folder}/{tile}") for tile in tiles]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(tiles) else None


def _tile(folder: str) -> int | None:
    size = read_integer(f"{folder}/physical_vram_size_bytes")
    return size or parse_range(read_text(f"{folder}/addr_range") or "")


def read_card(roots: Roots, slot: str, pids: tuple[int, ...]) -> tuple[CardReading, ...]:
    """The card in `slot`, with the use of `pids`. May block for as long as its driver does."""
    folder = f"{roots.sys}/bus/pci/devices/{slot}"
    integrated = slot == INTEGRATED_AT
    total = None if integrated else read_total(roots, slot)
    used = use_of(read_clients(roots, pids), slot, shared=True) if integrated else {}
    free: int | None = None
    note = "" if integrated or total is not None else "its driver does not tell its memory"
    if not integrated and total is not None:
        everyone = os.geteuid() == 0
        seen = _all_pids(roots) if everyone else pids
        used = use_of(read_clients(roots, seen), slot)
        free = max(0, total - sum(used.values())) if everyone else None
        note = "" if everyone else "its driver tells free memory to root alone"
    driver = _driver(roots, slot)
    device = read_word(f"{folder}/device") or "unknown"
    card = CardReading(
        uuid=f"intel-{slot}",
        model=f"Intel {'graphics' if integrated else 'card'} {device}",
        driver=driver,
        memory_total=total,
        memory_free=free,
        used_by_pid=used,
        temperature=_temperature(folder),
        unified=integrated,
        note=note,
        vendor="intel",
        source="sysfs" if free is None else "fdinfo",
        slot=slot,
    )
    return (card,)


def _all_pids(roots: Roots) -> tuple[int, ...]:
    return tuple(int(name) for name in names_in(roots.proc) if name.isdigit())


def _driver(roots: Roots, slot: str) -> str | None:
    try:
        link = os.readlink(f"{roots.sys}/bus/pci/devices/{slot}/driver")  # noqa: PTH115
    except OSError:
        return None
    return link.rsplit("/", 1)[-1]


def _temperature(folder: str) -> int | None:
    for name in names_in(f"{folder}/hwmon"):
        heat = read_integer(f"{folder}/hwmon/{name}/temp1_input")
        if heat is None:  # xe counts the package as the second
            heat = read_integer(f"{folder}/hwmon/{name}/temp2_input")
        if heat is not None and -40_000 <= heat <= 150_000:
            return heat // 1000
    return None
