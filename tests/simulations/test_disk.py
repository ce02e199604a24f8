"""The invented disk: what each of its faults takes, and what it never takes."""

from random import Random

import pytest

from mesh.persistence import Write
from simulations.invented.disk import Disk, Spaces, Synced


def row(number: int) -> list[Write]:
    return [Write("meta", b"k%d" % number, b"v"), Write("meta", b"newest", b"%d" % number)]


def disk(seed: int = 1) -> Disk:
    return Disk(Random(seed))


def rows(kept: Spaces) -> dict[bytes, bytes]:
    return kept.get("meta", {})


def test_a_batch_is_durable_when_it_is_finished_and_not_before() -> None:
    one = disk()
    one.begin(row(1))
    assert rows(one.durable) == {}
    assert one.finish() is Synced.DURABLE
    assert rows(one.durable) == {b"k1": b"v", b"newest": b"1"}
    one.write([Write("meta", b"k1", None)])
    assert b"k1" not in rows(one.durable)


def test_one_transaction_at_a_time() -> None:
    one = disk()
    one.begin(row(1))
    with pytest.raises(AssertionError, match="one transaction at a time"):
        one.begin(row(2))


def test_a_crash_keeps_the_batch_under_way_whole_or_not_at_all() -> None:
    became = set()
    for seed in range(20):
        one = disk(seed)
        one.write(row(1))
        one.begin(row(2))
        word = one.crash(power=bool(seed % 2))
        became.add(word)
        assert (b"k2" in rows(one.durable), rows(one.durable)[b"newest"]) in (
            [(True, b"2")] if word == "whole" else [(False, b"1")]
        )
    assert became == {"whole", "gone"}
    assert disk().crash() == "none"


def test_after_a_failed_sync_nobody_can_tell() -> None:
    there = set()
    for seed in range(20):
        one = disk(seed)
        one.fail_sync(1)
        assert one.write(row(1)) is Synced.FAILED
        there.add(b"k1" in rows(one.durable))
        assert one.write(row(2)) is Synced.DURABLE
    assert there == {True, False}


def test_on_a_full_disk_the_batch_is_surely_not_there() -> None:
    for seed in range(10):
        one = disk(seed)
        one.fill(True)
        assert one.write(row(1)) is Synced.FULL
        one.begin(row(2))
        one.crash()
        assert rows(one.durable) == {}
        one.fill(False)
        assert one.write(row(3)) is Synced.DURABLE


def test_a_torn_batch_is_found_gone_whole() -> None:
    for seed in range(10):
        one = disk(seed)
        one.write(row(1))
        one.tear()
        one.begin(row(2))
        assert one.crash() == "torn"
        assert rows(one.durable) == {b"k1": b"v", b"newest": b"1"}
    assert one.torn == 1


def test_damage_is_seen_at_the_next_start_and_the_journal_set_aside() -> None:
    one = disk()
    one.write(row(1))
    one.damage()
    assert one.open() == {}
    one.write(row(2))
    assert b"k2" in rows(one.open())


def test_a_lying_disk_loses_the_last_of_what_it_had_promised_when_power_fails() -> None:
    lost = set()
    for seed in range(20):
        one = disk(seed)
        one.write(row(1))
        one.lie(3)
        for number in range(2, 8):
            one.write(row(number))
        one.crash(power=False)
        assert rows(one.durable)[b"newest"] == b"7"
        one.crash(power=True)
        newest = int(rows(one.durable)[b"newest"])
        assert sorted(rows(one.durable)) == [*(b"k%d" % n for n in range(1, newest + 1)), b"newest"]
        lost.add(7 - newest)
    assert lost == {1, 2, 3}
    assert not one.honest


def test_a_backup_is_apart_from_the_disk_and_can_be_put_back_twice() -> None:
    one = disk()
    one.write(row(1))
    backup = one.snapshot()
    one.write(row(2))
    assert rows(backup) == {b"k1": b"v", b"newest": b"1"}
    for _ in range(2):
        one.set_back(backup)
        assert rows(one.open())[b"newest"] == b"1"
        one.write(row(3))
    one.lose()
    assert one.open() == {}


def test_a_slow_disk_takes_so_many_times_as_long() -> None:
    plain, slow = disk(), disk()
    slow.slow(10)
    assert slow.begin(row(1)) == 10 * plain.begin(row(1))
