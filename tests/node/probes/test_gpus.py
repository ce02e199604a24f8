"""Cards, asked through a made-up NVML that can refuse, hang and count who woke whom."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.probes import gpus
from node.probes.card import gpu_fact
from node.probes.gpus import Cards
from node.probes.nvidia import load_nvml, nvidia_slots, read_slot, throttled
from node.probes.sources import Roots, run_in_thread
from tests.node.probes.world import machine, no_waiting

GIB = 1024**3


class Refusal(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(f"refused with {value}")
        self.value = value


class Mismatch(Exception):
    pass


class FakeNvml:
    """The questions of pynvml that we ask, answered from a table: slot → question → answer."""

    NVMLError = Refusal
    NVMLLibraryMismatchError = Mismatch
    NVML_ERROR_NOT_SUPPORTED = 3
    nvmlMemory_v2 = 2  # noqa: N815  pynvml's name

    def __init__(self, cards: dict[str, dict[str, Any]]) -> None:
        self.cards = cards
        self.asked: list[str] = []

    def nvmlDeviceGetHandleByPciBusId(self, slot: bytes) -> str:  # noqa: N802  pynvml's name
        self.asked.append(slot.decode())
        return slot.decode()

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802  pynvml's name
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802  pynvml's name
        return sorted(self.cards)[index]

    def nvmlSystemGetDriverVersion(self) -> bytes:  # noqa: N802  pynvml's name
        return b"560.35.03"

    def __getattr__(self, question: str) -> Callable[..., Any]:
        if not question.startswith("nvmlDeviceGet"):
            raise AttributeError(question)

        def answer(handle: str, *arguments: Any) -> Any:
            found = self.cards[handle].get(question, Refusal(3))
            if callable(found):
                found = found(*arguments)
            if isinstance(found, Exception):
                raise found
            return found

        return answer


def _card(uuid: str, **changes: Any) -> dict[str, Any]:
    memory = SimpleNamespace(total=24 * GIB, reserved=GIB // 2, free=20 * GIB)
    answers: dict[str, Any] = {
        "UUID": uuid,
        "Name": b"NVIDIA RTX 4090",
        "CudaComputeCapability": (8, 9),
        "MigMode": Refusal(3),
        "MemoryInfo": memory,
        "ComputeRunningProcesses": [SimpleNamespace(pid=11, usedGpuMemory=2 * GIB)],
        "GraphicsRunningProcesses": [SimpleNamespace(pid=12, usedGpuMemory=None)],
        "UtilizationRates": SimpleNamespace(gpu=37),
        "Temperature": 61,
    }
    return {f"nvmlDeviceGet{name}": value for name, value in {**answers, **changes}.items()}


SLOT, OTHER = "0000:01:00.0", "0000:02:00.0"


def _roots(folder: Path, *slots: str, asleep: str = "") -> Roots:
    files: dict[str, str] = {}
    for slot in slots:
        base = f"sys/bus/pci/devices/{slot}"
        files |= {f"{base}/vendor": "0x10de\n", f"{base}/class": "0x030000\n"}
        status = "suspended" if slot == asleep else "active"
        files[f"{base}/power/runtime_status"] = f"{status}\n"
    files["sys/bus/pci/devices/0000:01:00.1/vendor"] = "0x10de\n"
    files["sys/bus/pci/devices/0000:01:00.1/class"] = "0x040300\n"
    return machine(folder, files)


def test_a_card_tells_its_memory_its_processes_and_its_state() -> None:
    (card,) = read_slot(FakeNvml({SLOT: _card("GPU-a")}), SLOT)
    assert (card.uuid, card.model, card.capability) == ("GPU-a", "NVIDIA RTX 4090", "8.9")
    assert (card.memory_total, card.memory_reserved) == (24 * GIB, GIB // 2)
    assert card.memory_free == 20 * GIB
    assert card.used_by_pid == {11: 2 * GIB}
    assert (card.utilisation, card.temperature, card.driver) == (37, 61, "560.35.03")
    assert gpu_fact(card).pool == "gpu:GPU-a"


def test_every_refusal_is_unknown_with_its_reason_and_never_zero() -> None:
    refused = _card(
        "GPU-a",
        MemoryInfo=Refusal(15),
        UtilizationRates=Refusal(3),
        Temperature=Refusal(999),
        ComputeRunningProcesses=Mismatch("old library"),
    )
    (card,) = read_slot(FakeNvml({SLOT: refused}), SLOT)
    assert (card.memory_total, card.memory_free) == (None, None)
    assert (card.utilisation, card.temperature) == (None, None)
    assert card.used_by_pid == {}
    assert not card.unified
    for word in ("MemoryInfo: refused with 15", "Temperature: refused with 999", "old library"):
        assert word in card.note


def test_a_lost_card_is_listed_with_nothing_known_of_it() -> None:
    nvml = FakeNvml({})
    nvml.nvmlDeviceGetHandleByPciBusId = _lost  # type: ignore[method-assign]  # a card that fell off the bus
    (card,) = read_slot(nvml, SLOT)
    assert (card.uuid, card.memory_total) == (SLOT, None)
    assert "refused with 15" in card.note


def _lost(slot: bytes) -> str:
    raise Refusal(15)


def test_an_old_driver_without_the_second_memory_question_is_asked_the_first() -> None:
    def memory(version: int | None = None) -> Any:
        return Refusal(13) if version else SimpleNamespace(total=8 * GIB, free=GIB)

    (card,) = read_slot(FakeNvml({SLOT: _card("GPU-a", MemoryInfo=memory)}), SLOT)
    assert (card.memory_total, card.memory_reserved, card.memory_free) == (8 * GIB, 0, GIB)


@pytest.mark.parametrize(
    "answers",
    [
        {"Name": b"NVIDIA GB10"},
        {"Name": b"Orin (nvgpu)"},
        {"Name": b"NVIDIA Thor"},
        {"AddressingMode": SimpleNamespace(value=2)},  # ATS
    ],
)
def test_a_part_without_a_memory_of_its_own_is_charged_to_ram(answers: dict[str, Any]) -> None:
    # DGX Spark and Jetson: NOT_SUPPORTED for either version of the question.
    unified = _card("GPU-spark", MemoryInfo=Refusal(3), **answers)
    (card,) = read_slot(FakeNvml({SLOT: unified}), SLOT)
    assert card.unified
    assert card.pool == "ram"
    assert card.memory_total is None


def test_a_card_of_its_own_that_cannot_tell_its_memory_is_never_taken_for_ram() -> None:
    (card,) = read_slot(FakeNvml({SLOT: _card("GPU-a", MemoryInfo=Refusal(3))}), SLOT)
    assert not card.unified
    assert (card.pool, card.memory_total, card.memory_free) == ("gpu:GPU-a", None, None)


def test_a_virtual_card_has_the_memory_of_its_profile_and_no_other_figures() -> None:
    # vGPU: the profile's framebuffer; ECC, clocks and power are N/A.
    memory = SimpleNamespace(total=8 * GIB, reserved=0, free=7 * GIB)
    (card,) = read_slot(FakeNvml({SLOT: _card("GPU-v", MemoryInfo=memory)}), SLOT)
    assert (card.memory_total, card.memory_free) == (8 * GIB, 7 * GIB)
    assert dict(card.figures) == {}


def test_health_is_told_in_words_and_idling_is_no_trouble() -> None:
    answers = {
        "PowerUsage": 71_400,
        "EnforcedPowerLimit": 450_000,
        "CurrentClocksEventReasons": 0x1 | 0x4 | 0x40,
        "TotalEccErrors": 2,
        "RemappedRows": (0, 1, 1, 0),
    }
    (card,) = read_slot(FakeNvml({SLOT: _card("GPU-a", **answers)}), SLOT)
    assert {name: metric.value for name, metric in card.figures.items()} == {
        "power": 71,
        "power_limit": 450,
        "throttle": "heat (hardware)",
        "memory_errors": 2,
        "memory_repair": "pending: restart the machine",
    }
    assert throttled(0x1 | 0x2 | 0x4 | 0x10 | 0x100) == "no"


def test_windows_cards_are_counted_by_nvml_and_say_who_else_uses_them(tmp_path: Path) -> None:
    release = {"proc/sys/kernel/osrelease": "6.6.87.2-microsoft-standard-WSL2\n"}
    wsl = Cards(machine(tmp_path, release), no_waiting, FakeNvml({SLOT: _card("GPU-a")}))
    (card,) = wsl.look()
    assert card.memory_free == 20 * GIB
    assert "Windows shares this card" in card.note


def test_a_jetson_is_one_unified_device_with_or_without_nvml(tmp_path: Path) -> None:
    # Orin, JetPack 6: NVML names it and refuses memory and temperature; the board tells the load.
    board = {
        "proc/device-tree/compatible": "nvidia,p3737-0000+p3701-0005\x00nvidia,tegra234\x00",
        "proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\x00",
        "proc/device-tree/serial-number": "1424521012345\x00",
        "sys/devices/platform/gpu.0/load": "437\n",
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "61000\n",
        "sys/class/thermal/thermal_zone1/type": "gpu-thermal\n",
        "sys/class/thermal/thermal_zone1/temp": "48125\n",
    }
    roots = machine(tmp_path, board)
    orin = _card(
        "GPU-orin", Name=b"Orin (nvgpu)", MemoryInfo=Refusal(3), Temperature=Refusal(3),
        UtilizationRates=Refusal(3),
    )  # fmt: skip
    (with_nvml,) = Cards(roots, no_waiting, FakeNvml({SLOT: orin})).look()
    (without,) = Cards(roots, no_waiting, FakeNvml({})).look()
    for card in (with_nvml, without):
        assert card.unified
        assert card.pool == "ram"
        assert (card.memory_total, card.utilisation, card.temperature) == (None, 43, 48)
    assert with_nvml.model == "Orin (nvgpu)"
    assert without.model == "NVIDIA Jetson AGX Orin Developer Kit"


def test_the_instances_of_a_split_card_are_the_devices_and_the_card_is_none() -> None:
    cards = {
        SLOT: _card(
            "GPU-a",
            MigMode=[1, 1],
            MaxMigDeviceCount=3,
            MigDeviceHandleByIndex=lambda index: f"mig{index}" if index < 2 else Refusal(6),
        ),
        "mig0": _card("MIG-0", UtilizationRates=Refusal(3)),
        "mig1": _card("MIG-1"),
    }
    found = read_slot(FakeNvml(cards), SLOT)
    assert [card.uuid for card in found] == ["MIG-0", "MIG-1"]
    assert {card.capability for card in found} == {"8.9"}


def test_use_is_read_before_and_after_and_the_smaller_figure_counts() -> None:
    answers = [
        [SimpleNamespace(pid=11, usedGpuMemory=GIB), SimpleNamespace(pid=12, usedGpuMemory=GIB)],
        [SimpleNamespace(pid=11, usedGpuMemory=3 * GIB)],
    ]
    nvml = FakeNvml({SLOT: _card("GPU-a", ComputeRunningProcesses=lambda: answers.pop(0))})
    (card,) = read_slot(nvml, SLOT)
    assert card.used_by_pid == {11: GIB}


def test_a_process_that_computes_and_draws_is_counted_once() -> None:
    rows = [SimpleNamespace(pid=11, usedGpuMemory=2 * GIB)]
    (card,) = read_slot(FakeNvml({SLOT: _card("GPU-a", GraphicsRunningProcesses=rows)}), SLOT)
    assert card.used_by_pid == {11: 2 * GIB}


def test_a_sleeping_card_is_not_asked_and_keeps_its_name_and_size(tmp_path: Path) -> None:
    nvml = FakeNvml({SLOT: _card("GPU-a"), OTHER: _card("GPU-b")})
    cards = Cards(_roots(tmp_path, SLOT, OTHER), no_waiting, nvml)
    assert [card.uuid for card in cards.look()] == ["GPU-a", "GPU-b"]
    _roots(tmp_path, SLOT, OTHER, asleep=SLOT)
    nvml.asked.clear()
    first, second = cards.look()
    assert nvml.asked == [OTHER]
    assert (first.uuid, first.memory_total, first.memory_free) == ("GPU-a", 24 * GIB, None)
    assert "asleep" in first.note
    assert second.memory_free == 20 * GIB


def test_a_card_that_hangs_costs_only_itself_and_is_not_asked_again_before_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus, "CARDS_SECONDS_MAX", 0.05)
    awake = threading.Event()
    nvml = FakeNvml({SLOT: _card("GPU-a"), OTHER: _card("GPU-b")})
    cards = Cards(_roots(tmp_path, SLOT, OTHER), run_in_thread, nvml)
    monkeypatch.setattr(gpus, "CARDS_SECONDS_MAX", 30)
    cards.look()
    monkeypatch.setattr(gpus, "CARDS_SECONDS_MAX", 0.05)
    nvml.cards[SLOT]["nvmlDeviceGetTemperature"] = lambda sensor: awake.wait(30) or 61
    for _ in range(3):
        hung, fine = cards.look()
        assert (hung.uuid, hung.memory_free) == ("GPU-a", None)
        assert hung.note == "the driver does not answer"
        assert fine.memory_free == 20 * GIB
    assert nvml.asked.count(SLOT) == 2
    monkeypatch.setattr(gpus, "CARDS_SECONDS_MAX", 30)
    awake.set()
    nvml.cards[SLOT]["nvmlDeviceGetTemperature"] = 61
    for _ in range(1000):
        if cards.look()[0].memory_free is not None:
            return
        time.sleep(0.005)
    pytest.fail("the card answered and is still left alone")


def test_eight_cards_are_asked_side_by_side_and_a_dead_driver_costs_one_wait(
    tmp_path: Path,
) -> None:
    slots = [f"0000:0{number}:00.0" for number in range(1, 9)]
    together = threading.Barrier(8)

    def waiting(sensor: int) -> int:
        together.wait(30)  # one after the other, the first would wait for the second for ever
        return 61

    nvml = FakeNvml({slot: _card(f"GPU-{slot}", Temperature=waiting) for slot in slots})
    cards = Cards(_roots(tmp_path, *slots), run_in_thread, nvml).look()
    assert [card.temperature for card in cards] == [61] * 8


def test_a_driver_that_starts_slowly_is_found_by_a_later_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = threading.Event()
    nvml = FakeNvml({SLOT: _card("GPU-a")})
    monkeypatch.setattr(gpus, "INIT_SECONDS_MAX", 0.05)
    monkeypatch.setattr(gpus, "load_nvml", lambda: started.wait(30) and nvml)
    cards = Cards(_roots(tmp_path, SLOT), run_in_thread)
    (card,) = cards.look()
    assert (card.memory_total, card.note) == (None, "NVML is still starting")
    started.set()
    for _ in range(1000):
        if cards.look(search=True)[0].memory_total == 24 * GIB:
            return
        time.sleep(0.005)
    pytest.fail("the driver has started and is still not asked")


def test_a_card_without_its_driver_is_listed_as_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus, "load_nvml", lambda: None)
    (card,) = Cards(_roots(tmp_path, SLOT), no_waiting).look()
    assert (card.uuid, card.memory_total) == (SLOT, None)
    assert "NVML" in card.note


def test_only_display_controllers_of_the_vendor_are_cards(tmp_path: Path) -> None:
    assert nvidia_slots(_roots(tmp_path, SLOT, OTHER)) == (SLOT, OTHER)


def test_cards_without_a_pci_device_are_counted_by_the_driver(tmp_path: Path) -> None:
    cards = Cards(machine(tmp_path, {}), no_waiting, FakeNvml({SLOT: _card("GPU-a")}))
    assert [card.uuid for card in cards.look()] == ["GPU-a"]


def test_this_machine_answers_about_its_cards_or_has_none() -> None:
    cards = Cards(Roots(), run_in_thread).look()
    assert all(card.uuid for card in cards)
    assert load_nvml() is not None or all(card.memory_total is None for card in cards)


def test_in_a_container_with_pids_of_its_own_no_use_of_a_card_is_matched(tmp_path: Path) -> None:
    roots = _roots(tmp_path, SLOT)
    space = Path(roots.proc) / "self/ns"
    space.mkdir(parents=True)
    for mark, used in (("pid:[4026531836]", {11: 2 * GIB}), ("pid:[4026532999]", {})):
        (space / "pid").symlink_to(mark)
        (card,) = Cards(roots, run_in_thread, FakeNvml({SLOT: _card("GPU-a")})).look()
        assert (card.used_by_pid, "mean others here" in card.note) == (used, not used)
        (space / "pid").unlink()
