"""Intel's cards: what is told is believed, and what is not stays unknown.

fdinfo texts as in the kernel's documentation (gpu/drm-usage-stats, and its xe and i915 chapters).
"""

import os
from pathlib import Path

import pytest

from node.probes import intel
from node.probes.drm import amount_of, parse_fdinfo, use_of
from node.probes.gpus import Cards
from node.probes.intel import parse_range
from tests.node.probes.world import machine, no_waiting

GIB = 1024**3
ARC, BUILT_IN = "0000:03:00.0", "0000:00:02.0"

XE = """pos:	0
flags:	02100002
drm-driver:	xe
drm-client-id:	17
drm-pdev:	0000:03:00.0
drm-total-system:	0
drm-total-gtt:	192 KiB
drm-resident-gtt:	192 KiB
drm-total-vram0:	23992 KiB
drm-resident-vram0:	16384 KiB
drm-cycles-rcs:	28257900
"""
I915 = """drm-driver:	i915
drm-client-id:	7
drm-pdev:	0000:03:00.0
drm-total-system0:	8 MiB
drm-total-local0:	3 GiB
drm-engine-render:	9288864723 ns
"""


def _card(slot: str, driver: str = "xe", **files: str) -> dict[str, str]:
    base = f"sys/bus/pci/devices/{slot}"
    own = {"vendor": "0x8086\n", "class": "0x030000\n", "device": "0x56a0\n"}
    return {f"{base}/{name}": text for name, text in {**own, **files}.items()}


def _bind(folder: Path, slot: str, driver: str) -> None:
    link = folder / f"sys/bus/pci/devices/{slot}/driver"
    link.symlink_to(f"../../../bus/pci/drivers/{driver}")


def _process(folder: Path, pid: int, descriptors: dict[int, str]) -> None:
    for number, text in descriptors.items():
        for kind in ("fd", "fdinfo"):
            (folder / f"proc/{pid}/{kind}").mkdir(parents=True, exist_ok=True)
        (folder / f"proc/{pid}/fd/{number}").symlink_to("/dev/dri/renderD128")
        (folder / f"proc/{pid}/fdinfo/{number}").write_text(text)


def test_fdinfo_of_both_drivers_tells_the_cards_own_memory_alone() -> None:
    assert parse_fdinfo(XE) == (ARC, 17, 16384 * 1024, 192 * 1024)
    assert parse_fdinfo(I915) == (ARC, 7, 3 * GIB, 8 * 1024**2)
    assert parse_fdinfo("pos:	0\nflags:	02\n") is None


@pytest.mark.parametrize("text", ["", "x", "-5 KiB", "9 GB", "9" * 30, "KiB", "1.5 KiB"])
def test_an_amount_that_makes_no_sense_is_unknown(text: str) -> None:
    assert amount_of(text) is None


def test_one_opening_held_by_several_counts_once() -> None:
    client = parse_fdinfo(XE)
    assert client is not None
    assert use_of([(1, client), (1, client), (2, client)], ARC) == {1: 16384 * 1024}
    assert use_of([(1, client)], BUILT_IN) == {}


def test_free_memory_is_worked_out_where_everyone_is_seen_and_else_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tile = f"sys/bus/pci/devices/{ARC}/tile0/physical_vram_size_bytes"
    roots = machine(tmp_path, {**_card(ARC), tile: f"{16 * GIB}\n"})
    _bind(tmp_path, ARC, "xe")
    _process(tmp_path, 100, {4: XE, 5: XE})
    _process(tmp_path, 200, {4: I915})
    cards = Cards(roots, no_waiting)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (root,) = cards.look()
    assert root.memory_total == 16 * GIB
    assert root.memory_free == 13 * GIB - 16384 * 1024
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (user,) = cards.look(pids=(200,))
    assert (user.memory_total, user.memory_free) == (16 * GIB, None)
    assert user.used_by_pid == {200: 3 * GIB}
    assert "root alone" in user.note


def test_graphics_inside_a_processor_are_charged_to_main_memory(tmp_path: Path) -> None:
    roots = machine(tmp_path, _card(BUILT_IN))
    _bind(tmp_path, BUILT_IN, "i915")
    (card,) = Cards(roots, no_waiting).look()
    assert (card.unified, card.pool, card.memory_total) == (True, "ram", None)


def test_a_card_whose_driver_tells_nothing_has_no_invented_memory(tmp_path: Path) -> None:
    roots = machine(tmp_path, _card(ARC))
    _bind(tmp_path, ARC, "i915")
    (card,) = Cards(roots, no_waiting).look()
    assert (card.memory_total, card.memory_free, card.unified) == (None, None, False)
    assert "does not tell its memory" in card.note


def test_a_servers_plain_video_chip_is_no_card(tmp_path: Path) -> None:
    assert intel.slots(machine(tmp_path, _card(BUILT_IN))) == ()


def test_the_range_of_a_tile() -> None:
    assert parse_range("0x400000000\n") == 16 * GIB
    assert parse_range("0x100-0x300") == 0x200
    for text in ("", "x", "0x300-0x100", "0"):
        assert parse_range(text) is None
