"""AMD's cards, from sysfs and KFD as real machines show them.

Figures from: ROCm issue 6004 and nix-amd-ai issue 42 (Strix Halo, 128 GiB: GTT of exactly 96 GiB),
gpustack issue 4848 (a carve-out of 512 MiB shown as the whole), and the kernel's own names.
"""

from pathlib import Path
from typing import Any

import pytest

from node.probes.amd import parse_errors, parse_node, read_card, target_name
from node.probes.card import CardReading, gpu_fact
from node.probes.gpus import Cards
from node.probes.pci import numa_of
from node.probes.sources import Roots
from tests.node.probes.world import machine, no_waiting

GIB = 1024**3
SLOT = "0000:c5:00.0"
LOCATION = 0xC5 << 8


def _files(
    vram: int | None, gtt: int | None, target: int | None = None, **more: Any
) -> dict[str, str]:
    base = f"sys/bus/pci/devices/{SLOT}"
    files = {f"{base}/vendor": "0x1002\n", f"{base}/class": "0x038000\n"}
    files |= {f"{base}/device": "0x1586\n", f"{base}/power/runtime_status": "active\n"}
    if vram is not None:
        files |= {f"{base}/mem_info_vram_total": f"{vram}\n", f"{base}/mem_info_vram_used": "0\n"}
    if gtt is not None:
        files |= {f"{base}/mem_info_gtt_total": f"{gtt}\n", f"{base}/mem_info_gtt_used": "0\n"}
    if target is not None:
        node = "sys/class/kfd/kfd/topology/nodes"
        files[f"{node}/0/gpu_id"] = "0\n"
        files[f"{node}/0/properties"] = "cpu_cores_count 32\nsimd_count 0\ngfx_target_version 0\n"
        files[f"{node}/1/gpu_id"] = "19563\n"
        files[f"{node}/1/properties"] = (
            f"cpu_cores_count 0\nsimd_count 80\ngfx_target_version {target}\n"
            f"location_id {LOCATION}\ndomain 0\n"
        )
    return files | {f"{base}/{name}": str(value) for name, value in more.items()}


def _read(folder: Path, files: dict[str, str]) -> CardReading:
    roots = machine(folder, files)
    (card,) = read_card(roots, SLOT)
    (same,) = Cards(roots, no_waiting).look()
    assert same == card
    return card


def test_strix_halo_is_one_pool_and_never_the_sum_of_its_two_memories(tmp_path: Path) -> None:
    card = _read(tmp_path, _files(512 * 1024**2, 96 * GIB, 110501))
    assert (card.capability, card.unified, card.pool) == ("gfx1151", True, "ram")
    assert card.memory_total == 96 * GIB
    assert card.figures["carve_out"].value == 512 * 1024**2


def test_an_apu_with_a_large_carve_out_has_that_for_its_pool(tmp_path: Path) -> None:
    card = _read(tmp_path, _files(96 * GIB, 15 * GIB, 110501))
    assert (card.unified, card.memory_total, card.memory_free) == (False, 96 * GIB, 96 * GIB)
    assert card.pool == f"gpu:amd-{SLOT}"


def test_a_card_of_its_own_is_not_taken_for_an_apu_because_main_memory_is_large(
    tmp_path: Path,
) -> None:
    card = _read(tmp_path, _files(8 * GIB, 64 * GIB, 100300, unique_id="3a6e1f2b00c0ffee\n"))
    assert (card.uuid, card.unified, card.memory_total) == (
        "amd-3a6e1f2b00c0ffee",
        False,
        8 * GIB,
    )


def test_without_kfd_only_a_small_memory_without_an_id_is_an_apu(tmp_path: Path) -> None:
    # Polaris says GTT = VRAM, and has no id.
    assert not _read(tmp_path / "polaris", _files(4 * GIB, 4 * GIB)).unified
    assert _read(tmp_path / "picasso", _files(GIB, 12 * GIB)).unified
    assert not _read(tmp_path / "old", _files(GIB, 12 * GIB, unique_id="77\n")).unified


def test_a_card_without_its_driver_is_unknown_and_not_empty(tmp_path: Path) -> None:
    card = _read(tmp_path, _files(None, None))
    assert (card.memory_total, card.memory_free, card.utilisation) == (None, None, None)
    assert "no amdgpu driver" in card.note


def test_heat_load_power_and_memory_errors_are_told_with_their_units(tmp_path: Path) -> None:
    more = {
        "gpu_busy_percent": "37\n",
        "hwmon/hwmon4/temp1_input": "61000\n",
        "hwmon/hwmon4/power1_average": "211000000\n",
        "hwmon/hwmon4/power1_cap": "327000000\n",
        "ras/umc_err_count": "ue: 1\nce: 12\n",
        "product_name": "AMD Instinct MI210\n",
    }
    files = _files(64 * GIB, 128 * GIB, 90010)
    files |= {f"sys/bus/pci/devices/{SLOT}/{name}": text for name, text in more.items()}
    card = _read(tmp_path, files)
    assert (card.model, card.capability) == ("AMD Instinct MI210", "gfx90a")
    assert (card.utilisation, card.temperature) == (37, 61)
    figures = {name: (metric.value, metric.unit) for name, metric in card.figures.items()}
    assert figures == {
        "power": (211, "watts"),
        "power_limit": (327, "watts"),
        "memory_errors": (1, "errors"),
    }


def test_a_card_tells_where_it_sits(tmp_path: Path) -> None:
    roots = machine(tmp_path, _files(8 * GIB, GIB, numa_node="1\n"))
    assert numa_of(roots, SLOT) == 1
    (card,) = read_card(roots, SLOT)
    fact = gpu_fact(card, numa_of(roots, SLOT))
    assert (fact.slot, fact.numa, fact.vendor) == (SLOT, 1, "amd")
    machine(tmp_path, _files(8 * GIB, GIB, numa_node="-1\n"))
    assert numa_of(roots, SLOT) is None


def test_who_computes_is_known_by_process(tmp_path: Path) -> None:
    files = _files(24 * GIB, 32 * GIB, 110000)
    files["sys/class/kfd/kfd/proc/4711/vram_19563"] = f"{6 * GIB}\n"
    files["sys/class/kfd/kfd/proc/4712/vram_19563"] = "0\n"
    files["sys/class/kfd/kfd/proc/4713/vram_999"] = f"{GIB}\n"
    assert _read(tmp_path, files).used_by_pid == {4711: 6 * GIB}


AMDGPU = """drm-driver:	amdgpu
drm-client-id:	51
drm-pdev:	0000:c5:00.0
drm-memory-vram:	%d KiB
drm-memory-gtt: 	%d KiB
drm-memory-cpu: 	0 KiB
"""


def _vulkan(folder: Path, own: int, shared: int) -> None:
    """Process 4711 has the card open, and KFD knows nothing of it."""
    for kind in ("fd", "fdinfo"):
        (folder / f"proc/4711/{kind}").mkdir(parents=True)
    (folder / "proc/4711/fd/9").symlink_to("/dev/dri/renderD128")
    (folder / "proc/4711/fdinfo/9").write_text(AMDGPU % (own // 1024, shared // 1024))


def test_what_computes_by_vulkan_is_seen_in_the_processes_of_holds(tmp_path: Path) -> None:
    own = machine(tmp_path / "own", _files(24 * GIB, 32 * GIB, 110000))
    _vulkan(tmp_path / "own", 6 * GIB, GIB)
    apu = machine(tmp_path / "apu", _files(GIB, 96 * GIB, 110501))
    _vulkan(tmp_path / "apu", GIB, 40 * GIB)
    assert Cards(own, no_waiting).look(pids=(4711,))[0].used_by_pid == {4711: 6 * GIB}
    assert Cards(apu, no_waiting).look(pids=(4711,))[0].used_by_pid == {4711: 40 * GIB}
    assert Cards(own, no_waiting).look()[0].used_by_pid == {}


def test_a_sleeping_card_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = _files(8 * GIB, 32 * GIB)
    cards = Cards(machine(tmp_path, files), no_waiting)
    assert cards.look()[0].memory_free == 8 * GIB
    files[f"sys/bus/pci/devices/{SLOT}/power/runtime_status"] = "suspended\n"
    machine(tmp_path, files)
    monkeypatch.setattr("node.probes.amd.read_card", _woken)
    (card,) = cards.look(search=True)
    assert (card.memory_total, card.memory_free) == (8 * GIB, None)
    assert "asleep" in card.note


def _woken(roots: Roots, slot: str, pids: tuple[int, ...]) -> tuple[CardReading, ...]:
    raise AssertionError(f"{slot} was woken")


@pytest.mark.parametrize("text", ["", "simd_count", "simd_count x\n", "simd_count 9" * 50, "\x00"])
def test_a_node_that_makes_no_sense_is_no_card(text: str) -> None:
    assert parse_node(text, 1) is None


def test_targets_and_errors_as_the_kernel_writes_them() -> None:
    assert [target_name(number) for number in (90010, 90402, 100300, 110501, 120001)] == [
        "gfx90a",
        "gfx942",
        "gfx1030",
        "gfx1151",
        "gfx1201",
    ]
    assert parse_errors("ue: 0\nce: 3\n") == 0
    assert parse_errors("nothing") is None
