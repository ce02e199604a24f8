"""AMD's cards, from the kernel's own files: no library, no root, and no context on the card.

Each card's folder on the PCI bus has its memory in two sums: VRAM, and GTT, the main memory that it
may map. A card of its own has its VRAM, and nothing else is promised. A processor with graphics
(APU) has a *carve-out* of main memory as VRAM, from 0.5 to 96 GiB as set in its BIOS, and takes the
rest from GTT. Adding the two, as some tools do, shows more than the machine has. So an APU is one
device with one pool, the larger of the two: its carve-out if that was made large, else main
memory with the GTT limit as the most it may take.

An APU is told by its compute target, where the kernel's compute driver (KFD) names it.

Sources: kernel documentation gpu/amdgpu/driver-misc (mem_info_*, gpu_busy_percent, hwmon),
`include/uapi/linux/kfd_sysfs.h`, KFD's `kfd_process.c` (proc/PID/vram_GPUID), and the table of
processors in LLVM's "User Guide for AMDGPU Backend", which says which are APUs.
"""

from typing import Final, NamedTuple

from node.core.picture.topics import Metric
from node.probes.card import PROCESSES_PER_CARD_MAX, CardReading, figure
from node.probes.drm import read_clients, use_of
from node.probes.pci import display_slots
from node.probes.sources import (
    Roots,
    names_in,
    read_integer,
    read_text,
    read_word,
    sees_the_kernels_pids,
    whole,
)

AMD: Final = "0x1002"
CLASSES: Final = ("0x0300", "0x0302", "0x0380", "0x1200")
"""VGA, 3D and other display controllers, and processing accelerators (Instinct)."""
APU_TARGETS: Final = frozenset(
    {
        "gfx801", "gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036",
        "gfx1037", "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153",
    }
)  # fmt: skip
CARVE_OUT_BYTES_MAX: Final = 2 * 1024**3
"""Without KFD: a card with no more VRAM than this, no id of its own and twice as much GTT is taken
for an APU. No card of its own that computes has so little."""


class KfdNode(NamedTuple):
    """One processor as KFD tells it."""

    gpu_id: int
    location: int
    """Bus and function on it: bus << 8 | device << 3 | function."""
    domain: int
    target: str
    with_cores: bool
    """Cores and compute units in one node: an APU, as KFD once showed them."""


def slots(roots: Roots) -> tuple[str, ...]:
    """PCI addresses of AMD's cards."""
    return display_slots(roots, AMD, CLASSES)


def target_name(version: int) -> str:
    """`gfx_target_version` (110501) as compilers write it (gfx1151): the last two in hex."""
    major, minor, stepping = version // 10000, version // 100 % 100, version % 100
    return f"gfx{major}{minor:x}{stepping:x}"


def parse_node(text: str, gpu_id: int) -> KfdNode | None:
    """A node's `properties`: lines of `name number`. None: a node without compute units."""
    fields: dict[str, int] = {}
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        amount = whole(number.strip())
        if amount is not None:
            fields[name] = amount
    version = fields.get("gfx_target_version", 0)
    if fields.get("simd_count", 0) <= 0 or version <= 0:
        return None
    return KfdNode(
        gpu_id,
        fields.get("location_id", 0),
        fields.get("domain", 0),
        target_name(version),
        fields.get("cpu_cores_count", 0) > 0,
    )


def location_of(slot: str) -> tuple[int, int] | None:
    """A PCI address (0000:c5:00.0) as KFD counts: (domain, location)."""
    words = slot.replace(".", ":").split(":")
    try:
        domain, bus, device, function = (int(word, 16) for word in words)
    except ValueError:
        return None
    return domain, bus << 8 | device << 3 | function


def read_card(roots: Roots, slot: str, pids: tuple[int, ...] = ()) -> tuple[CardReading, ...]:
    """The card in `slot`, with the use of `pids` (what only draws, or computes by Vulkan, is seen
    of them alone). May block for as long as its driver does."""
    folder = f"{roots.sys}/bus/pci/devices/{slot}"
    node = _kfd_node(roots, slot)
    total = read_integer(f"{folder}/mem_info_vram_total")
    shared = read_integer(f"{folder}/mem_info_gtt_total")
    unique = read_word(f"{folder}/unique_id")
    clients = tuple(read_clients(roots, pids))
    before = _used_by_pid(roots, node)
    used = read_integer(f"{folder}/mem_info_vram_used")
    shared_used = read_integer(f"{folder}/mem_info_gtt_used")
    after = _used_by_pid(roots, node)
    apu = is_apu(node, total, shared, unique)
    unified = apu and (shared or 0) > (total or 0)
    room, taken = (shared, shared_used) if unified else (total, used)
    figures = _figures(folder, carve_out=total if apu else None, apu=apu)
    card = CardReading(
        uuid=f"amd-{unique}" if unique else f"amd-{slot}",
        model=_model(folder, node),
        driver="amdgpu" if total is not None else None,
        capability=None if node is None else node.target,
        memory_total=room,
        memory_free=None if room is None or taken is None else max(0, room - taken),
        used_by_pid=use_of(clients, slot, shared=True)
        if unified
        else larger(
            {pid: min(use, after[pid]) for pid, use in before.items() if pid in after},
            use_of(clients, slot),
        ),
        utilisation=_percent(read_integer(f"{folder}/gpu_busy_percent")),
        temperature=_temperature(folder),
        unified=unified,
        note="" if total is not None else "no amdgpu driver is bound to it",
        vendor="amd",
        source="sysfs",
        slot=slot,
        figures=figures,
    )
    return (card,)


def larger(first: dict[int, int], second: dict[int, int]) -> dict[int, int]:
    """Per pid the larger of two figures: what KFD and fdinfo see overlaps."""
    pids = sorted({**first, **second})
    return {pid: max(first.get(pid, 0), second.get(pid, 0)) for pid in pids}


def is_apu(node: KfdNode | None, total: int | None, shared: int | None, unique: str | None) -> bool:
    """Whether its memory is a part of main memory."""
    if node is not None:
        return node.with_cores or node.target in APU_TARGETS
    if total is None or shared is None or unique is not None:
        return False
    return total <= CARVE_OUT_BYTES_MAX and shared >= 2 * total


def _kfd_node(roots: Roots, slot: str) -> KfdNode | None:
    folder = f"{roots.sys}/class/kfd/kfd/topology/nodes"
    wanted = location_of(slot)
    for name in names_in(folder):
        gpu_id = read_integer(f"{folder}/{name}/gpu_id")
        if not gpu_id:
            continue  # a processor
        node = parse_node(read_text(f"{folder}/{name}/properties") or "", gpu_id)
        if node is not None and (node.domain, node.location) == wanted:
            return node
    return None


def _used_by_pid(roots: Roots, node: KfdNode | None) -> dict[int, int]:
    """What each process has on the card, as far as it computes: KFD does not see who only draws."""
    if node is None or not sees_the_kernels_pids(roots):
        return {}
    folder = f"{roots.sys}/class/kfd/kfd/proc"
    used: dict[int, int] = {}
    for name in names_in(folder)[:PROCESSES_PER_CARD_MAX]:
        amount = read_integer(f"{folder}/{name}/vram_{node.gpu_id}")
        pid = whole(name)
        if pid is not None and amount is not None and amount > 0:
            used[pid] = amount
    return used


def _model(folder: str, node: KfdNode | None) -> str:
    name = read_word(f"{folder}/product_name")
    if name:
        return name
    device = read_word(f"{folder}/device") or "unknown"
    return f"AMD {device}" if node is None else f"AMD {node.target} ({device})"


def _percent(value: int | None) -> int | None:
    return value if value is not None and 0 <= value <= 100 else None


def _hwmon(folder: str) -> str | None:
    found = names_in(f"{folder}/hwmon")
    return f"{folder}/hwmon/{found[0]}" if found else None


def _temperature(folder: str) -> int | None:
    place = _hwmon(folder)
    heat = None if place is None else read_integer(f"{place}/temp1_input")
    return heat // 1000 if heat is not None and -40_000 <= heat <= 150_000 else None


def _figures(folder: str, carve_out: int | None, *, apu: bool) -> dict[str, Metric]:
    figures: dict[str, Metric] = {}
    place = _hwmon(folder)
    if place is not None:
        power = read_integer(f"{place}/power1_average")
        power = read_integer(f"{place}/power1_input") if power is None else power
        if power is not None:
            figures["power"] = figure(power // 1_000_000, "watts", "hwmon")
        limit = read_integer(f"{place}/power1_cap")
        if limit:
            figures["power_limit"] = figure(limit // 1_000_000, "watts", "hwmon")
    errors = parse_errors(read_text(f"{folder}/ras/umc_err_count") or "")
    if errors is not None:
        figures["memory_errors"] = figure(errors, "errors", "ras")
    if apu and carve_out is not None:
        figures["carve_out"] = figure(carve_out, "bytes", "sysfs")
    return figures


def parse_errors(text: str) -> int | None:
    """A `ras/*_err_count`: lines of `ue: N` and `ce: N`; the uncorrected ones count."""
    for line in text.splitlines():
        name, _, count = line.partition(":")
        if name.strip() == "ue":
            return whole(count.strip())
    return None
