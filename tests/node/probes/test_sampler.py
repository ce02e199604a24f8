import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.granting.room import room
from mesh.instant import SECOND
from node.core.picture.topics import decode_live, encode
from node.probes import sampler as sampler_module
from node.probes.card import CardReading
from node.probes.instruments import instruments
from node.probes.inventory import read_inventory
from node.probes.memory import MIB
from node.probes.offers import Capacity, Offer
from node.probes.processes import Tie, started_of
from node.probes.sampler import FOREIGN_EVERY_LOOKS, Sample, Sampler, smaller, with_unified
from node.probes.shares import Onlooker, claim_share
from node.probes.sources import Roots
from tests.node.probes.test_inventory import CARD, box
from tests.node.probes.test_processes import work

GIB = 1024 * MIB
A, B = b"A" * 16, b"B" * 16
NOW = 1000 * SECOND


def _alone(folder: Path, *cards: CardReading) -> Sampler:
    return Sampler(box(folder, *cards), Onlooker(folder / "m"), lambda: NOW)


def _process(folder: Path, pid: int, hold: bytes | None, used_kib: int) -> None:
    base = folder / "proc" / str(pid)
    base.mkdir(exist_ok=True)
    (base / "stat").write_text(f"{pid} (w) S 1" + " 0" * 17 + f" {pid}0" + " 0" * 27 + " 99 0\n")
    (base / "environ").write_text(f"HOLDFAST_HOLD={hold.hex()}\x00" if hold else "")
    (base / "status").write_text(f"RssAnon: {used_kib} kB\nRssShmem: 0 kB\n")
    (base / "smaps_rollup").write_text(f"Pss_Anon: {used_kib} kB\nPss_Shmem: 0 kB\n")


def _pool(sample: Sample, name: str) -> tuple[int | None, int, int | None, Mapping[bytes, int]]:
    reading = next(reading for reading in sample.readings if reading.pool == name)
    return reading.total, reading.system, reading.free, reading.used


def test_a_sample_says_what_is_free_and_what_each_hold_uses_of_it(tmp_path: Path) -> None:
    sampler = _alone(tmp_path)
    _process(tmp_path, 11, A, 1024 * 1024)
    sample = sampler.sample([Tie(A), Tie(B)])
    assert _pool(sample, "ram") == (16 * GIB, 16 * GIB // 20, 9 * GIB, {A: GIB})
    assert sample.live.pools["ram"].used == {A.hex(): GIB}
    assert sample.live.pools["ram"].foreign == 6 * GIB
    assert sample.tied == {A: (11,)}


def test_use_that_grew_between_two_readings_counts_as_it_was_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = _alone(tmp_path)
    _process(tmp_path, 11, A, 1024)
    _process(tmp_path, 12, B, 4096)
    real = sampler_module.look

    def look_while_everything_moves(*arguments: object, **options: object) -> object:
        _process(tmp_path, 11, A, 2048)
        _process(tmp_path, 12, B, 512)
        return real(*arguments, **options)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(sampler_module, "look", look_while_everything_moves)
    sample = sampler.sample([Tie(A), Tie(B)])
    assert _pool(sample, "ram")[3] == {A: MIB, B: 512 * 1024}


@given(
    st.dictionaries(st.sampled_from([A, B]), st.integers(0, 100)),
    st.dictionaries(st.sampled_from([A, B]), st.integers(0, 100)),
)
def test_no_hold_is_ever_seen_to_use_more_than_either_reading_says(
    before: dict[bytes, int], after: dict[bytes, int]
) -> None:
    for hold, used in smaller(before, after).items():
        assert used <= min(before[hold], after[hold])


def test_cores_are_free_as_far_as_the_books_go(tmp_path: Path) -> None:
    total, system, free, used = _pool(_alone(tmp_path).sample([]), "cpu")
    assert (system, used) == (0, {})
    assert free == total is not None


def test_slots_are_as_many_as_somebody_declared_and_free_as_far_as_the_books_go(
    tmp_path: Path,
) -> None:
    declared = (("whisper", 2),)
    sampler = Sampler(box(tmp_path), Onlooker(tmp_path / "m"), lambda: NOW, slots=declared)
    sample = sampler.sample([Tie(A)])
    assert _pool(sample, "slots:whisper") == (2, 0, 2, {})
    assert sample.live.pools["slots:whisper"].foreign == 0, "nobody takes of them unasked"
    told = read_inventory(None, {}, tools=box(tmp_path), ask_versions=False, slots=declared)
    (fact,) = (fact for fact in told.pools if fact.kind == "slots")
    assert (fact.pool, fact.unit, fact.total) == ("slots:whisper", "slots", 2)


def test_the_memory_of_a_card_is_charged_to_the_hold_of_the_process(tmp_path: Path) -> None:
    busy = CardReading(
        "GPU-a", memory_total=24 * GIB, memory_reserved=GIB, memory_free=20 * GIB,
        used_by_pid={11: GIB, 99: GIB}, utilisation=5,
    )  # fmt: skip
    sampler = _alone(tmp_path, busy)
    _process(tmp_path, 11, A, 4)
    sample = sampler.sample([Tie(A)])
    assert _pool(sample, "gpu:GPU-a") == (24 * GIB, GIB, 20 * GIB, {A: GIB})
    assert sample.live.pools["gpu:GPU-a"].foreign == 2 * GIB
    assert sample.live.metrics["gpu.GPU-a.utilisation"].value == 5
    assert sample.live.metrics["gpu.GPU-a.temperature"].status == "unknown"


def test_what_a_unified_card_takes_for_a_hold_is_the_holds_own_use_of_main_memory(
    tmp_path: Path,
) -> None:
    # Else 6 GiB promised and used would be missing from what is free and set aside once more.
    card = CardReading("amd-x", unified=True, memory_total=12 * GIB, used_by_pid={11: 6 * GIB})
    sampler = _alone(tmp_path, card)
    _process(tmp_path, 11, A, 4)
    sample = sampler.sample([Tie(A)])
    total, _, free, used = _pool(sample, "ram")
    assert used == {A: 6 * GIB}
    assert free is not None
    assert room(total, 0, free, [(6 * GIB, used[A])]) == min(total - 6 * GIB, free)
    assert with_unified({A: 7 * GIB}, (card,), {11: A}) == {A: 7 * GIB}


def test_a_card_that_says_nothing_has_no_free_memory_that_anyone_knows_of(tmp_path: Path) -> None:
    silent = CardReading("GPU-a", memory_total=24 * GIB, note="asleep, and not woken to be asked")
    sample = _alone(tmp_path, silent).sample([])
    assert _pool(sample, "gpu:GPU-a") == (24 * GIB, 0, None, {})
    assert sample.live.pools["gpu:GPU-a"].foreign is None
    assert "asleep" in sample.live.pools["gpu:GPU-a"].source


def test_a_machine_that_hides_its_memory_is_unknown_and_not_empty(tmp_path: Path) -> None:
    sampler = _alone(tmp_path, CARD)
    (tmp_path / "proc/meminfo").unlink()
    sample = sampler.sample([])
    assert _pool(sample, "ram")[0] is None
    assert _pool(sample, "ram")[2] is None


def test_how_busy_the_cores_are_is_known_from_the_second_look_on(tmp_path: Path) -> None:
    sampler = _alone(tmp_path)
    assert sampler.sample([]).live.metrics["cpu_percent"].value is None
    (tmp_path / "proc/stat").write_text("cpu  26 0 1 175 0 0 0 0\n")
    assert sampler.sample([]).live.metrics["cpu_percent"].value == 25.0
    assert sampler.sample([]).live.metrics["cpu_percent"].value == 25.0


MACHINE = Capacity(ram=16 * GIB, millicores=16_000, gpus=())


def test_two_shares_never_count_the_same_free_byte(tmp_path: Path) -> None:
    one = claim_share(Offer(6 * GIB, 100), MACHINE, tmp_path / "a", tmp_path / "m")
    two = claim_share(Offer(6 * GIB, 100), MACHINE, tmp_path / "b", tmp_path / "m")
    tools = box(tmp_path)  # 9 GiB are free, 12 GiB are offered
    rooms = []
    for claim in (one, two):
        total, system, free, _ = _pool(Sampler(tools, claim, lambda: NOW).sample([]), "ram")
        rooms.append(room(total, system, free, []))
    assert rooms == [3 * GIB, 3 * GIB]
    one.release()
    two.release()


def test_a_share_gets_room_back_as_the_other_one_uses_its_own(tmp_path: Path) -> None:
    one = claim_share(Offer(6 * GIB, 100), MACHINE, tmp_path / "a", tmp_path / "m")
    two = claim_share(Offer(6 * GIB, 100), MACHINE, tmp_path / "b", tmp_path / "m")
    tools = box(tmp_path)
    _process(tmp_path, 11, A, 4 * 1024 * 1024)  # its 4 GiB are no longer among the 9 free ones
    Sampler(tools, one, lambda: NOW).sample([Tie(A)])
    sample = Sampler(tools, two, lambda: NOW).sample([])
    assert _pool(sample, "ram")[2] == 6 * GIB
    assert sample.live.pools["ram"].foreign == 0
    one.release()
    two.release()


def test_a_share_that_uses_more_than_it_offers_has_nothing_left(tmp_path: Path) -> None:
    claim = claim_share(Offer(GIB, 100), MACHINE, tmp_path / "a", tmp_path / "m")
    tools = box(tmp_path)
    _process(tmp_path, 11, A, 2 * 1024 * 1024)
    assert _pool(Sampler(tools, claim, lambda: NOW).sample([Tie(A)]), "ram")[2] == 0
    claim.release()


def test_a_live_sample_of_this_machine_measures_real_work_and_travels(tmp_path: Path) -> None:
    tools = instruments()
    sampler = Sampler(tools, Onlooker(tmp_path / "m"), lambda: NOW)
    with work(tmp_path, HOLDFAST_HOLD=B.hex()) as (parent, leaf):
        tie = Tie(A, leaf, started_of(Roots(), leaf))
        sample = sampler.sample([tie, Tie(B)])
        assert sample.tied == {A: (leaf,), B: (parent,)}
        used = _pool(sample, "ram")[3]
        assert 24 * MIB <= used[A] < 48 * MIB <= used[B] < 72 * MIB
    assert decode_live(encode(sample.live)) == sample.live
    assert {"load1", "cpu_percent", "psi_memory_some_avg10", "on_battery"} <= set(
        sample.live.metrics
    )
    assert os.getpid() not in [pid for pids in sample.tied.values() for pid in pids]


def test_who_uses_what_nobody_reserved_is_named_when_it_moved(tmp_path: Path) -> None:
    tools = box(tmp_path)
    _process(tmp_path, 11, A, 1024 * 1024)
    _process(tmp_path, 12, None, 2 * 1024 * 1024)
    sampler = Sampler(tools, Onlooker(tmp_path / "m"), lambda: NOW)
    (row,) = sampler.sample([Tie(A)]).live.foreign
    assert (row.pid, row.ram, row.vram) == (12, 2 * GIB, 0)
    _process(tmp_path, 13, None, 3 * 1024 * 1024)
    assert [one.pid for one in sampler.sample([Tie(A)]).live.foreign] == [12]
    for _ in range(FOREIGN_EVERY_LOOKS):
        sampler.sample([Tie(A)])
    assert [one.pid for one in sampler.sample([Tie(A)]).live.foreign] == [13, 12]
    assert [one.pid for one in sampler.sample([]).live.foreign] == [13, 12, 11]
