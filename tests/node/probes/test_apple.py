"""Apple silicon, from what its commands print: captured figures from the reports cited there."""

from collections.abc import Callable
from typing import Any

import pytest

from node.probes import apple
from node.probes.apple import (
    GUESS,
    parse_displays,
    parse_sysctl,
    parse_vm_stat,
    wired_limit,
)

GIB = 1024**3

SYSCTL = """hw.memsize: 137438953472
iogpu.wired_limit_mb: 114688
machdep.cpu.brand_string: Apple M4 Max
"""
VM_STAT = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                              311504.
Pages active:                           2121604.
Pages inactive:                         2059830.
Pages speculative:                        60122.
Pages throttled:                              0.
Pages wired down:                        256414.
Pages purgeable:                          17103.
"Translation faults":                 933013045.
Pages occupied by compressor:           1028412.
"""
DISPLAYS = """{"SPDisplaysDataType": [{"_name": "Apple M4 Max", "spdisplays_mtlgpufamilysupport":
"spdisplays_metal3", "sppci_bus": "spdisplays_builtin", "sppci_cores": "40",
"sppci_device_type": "spdisplays_gpu", "sppci_model": "Apple M4 Max"}]}"""


def test_the_graphics_share_main_memory_up_to_the_limit_that_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = {"sysctl": SYSCTL, "vm_stat": VM_STAT, "system_profiler": DISPLAYS}
    monkeypatch.setattr(apple, "what_it_says", lambda command, *_: said[command[0]])
    (card,) = apple.read_card(_unused)
    assert (card.model, card.unified, card.pool) == ("Apple M4 Max", True, "ram")
    assert card.memory_total == 112 * GIB
    assert card.figures["cores"].value == 40
    memory = apple.read_memory(_unused)
    assert (memory.total, memory.free) == (128 * GIB, (311504 + 2059830) * 16384)


def _unused(function: Callable[[], Any], seconds: float) -> Any:
    raise AssertionError("no command is run here")


def test_the_default_limit_is_a_guess_below_all_reported_and_says_so() -> None:
    limit, note = wired_limit(16 * GIB, 0)
    assert note == GUESS
    assert limit is not None
    assert limit < 11.84 * 1000**3
    assert wired_limit(128 * GIB, 0)[0] < 107.52 * GIB  # type: ignore[operator]  # known here
    assert wired_limit(16 * GIB, 10**9) == (16 * GIB, "")
    assert wired_limit(None, 0)[0] is None
    assert wired_limit(16 * GIB, None)[0] is None


def test_commands_that_say_nothing_leave_everything_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apple, "what_it_says", lambda *_: "")
    assert apple.read_card(_unused) == ()
    memory = apple.read_memory(_unused)
    assert (memory.total, memory.free) == (None, None)
    assert memory.note


@pytest.mark.parametrize("text", ["", "{}", "[]", "{" * 5000, '{"SPDisplaysDataType": 3}', "\x00"])
def test_a_profile_that_makes_no_sense_names_nothing(text: str) -> None:
    assert parse_displays(text) == (None, None)
    assert parse_vm_stat(text) is None
    parse_sysctl(text)
