"""The bad disk is as bad as it says, and the product's journal keeps its word on it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import apsw
import pytest

from mesh.persistence import Write
from node.shell.disk import journal as journal_module
from node.shell.disk.journal import Journal, _close_untouched
from node.shell.disk.journal_errors import JournalError, JournalFailed, JournalFull
from simulations.fidelity.disk import SECTOR_BYTES, Disk
from simulations.fidelity.promises import integrity
from simulations.fidelity.vfs import DiskFiles, Platter, platter

CRASHES = 150


@pytest.fixture
def disk() -> Disk:
    return Disk(Random(1))


@pytest.fixture
def disks(disk: Disk) -> Iterator[Platter]:
    with platter({"ann": disk}, Random(2)) as registered:
        yield registered


def opened(disks: Platter, disk: Disk) -> Journal:
    return Journal.open(Path(f"/ann/{disk.life}/journal.sqlite3"), DiskFiles(disks, disk))


def row(number: int) -> list[Write]:
    return [
        Write("meta", b"count", b"%d" % number),
        Write("meta", b"%d" % (number % 50), bytes(99)),
    ]


def bury(journal: Journal) -> None:
    """What is left of a dead process must not be found by the collector at some later time."""
    with contextlib.suppress(JournalError, apsw.Error):
        _close_untouched(journal._connection)


def count(journal: Journal) -> int:
    return int(journal.load().get("meta", {}).get(b"count", b"0"))


# The disk alone ----------------------------------------------------------------------------------


def test_what_was_synced_survives_a_power_cut_and_what_was_not_is_kept_by_the_sector() -> None:
    kept: set[tuple[bool, ...]] = set()
    for seed in range(40):
        disk = Disk(Random(seed))
        file = disk.create("a")
        disk.write("a", file, 0, b"safe")
        disk.sync("a", file)
        disk.sync_folder()
        disk.write("a", file, SECTOR_BYTES, b"x" * 3 * SECTOR_BYTES)
        disk.power_cut()
        survived = disk.folder["a"].seen
        assert survived[:4] == b"safe"
        sectors = [survived[n * SECTOR_BYTES : (n + 1) * SECTOR_BYTES] for n in (1, 2, 3)]
        kept.add(tuple(sector == b"x" * SECTOR_BYTES for sector in sectors))
    assert {(False, False, False), (True, True, True)} < kept
    assert any(pattern not in ((False,) * 3, (True,) * 3) for pattern in kept), "never torn"


def test_a_killed_process_loses_nothing_and_gets_nothing_done_any_more(disk: Disk) -> None:
    life = disk.life
    file = disk.create("a")
    disk.write("a", file, 0, b"unsynced")
    disk.kill()
    assert disk.folder["a"].seen == b"unsynced"
    with pytest.raises(OSError, match="dead"):
        disk.call(life)


def test_a_name_is_lost_until_its_folder_is_synced() -> None:
    found = set()
    for seed in range(20):
        disk = Disk(Random(seed))
        disk.create("a")
        disk.power_cut()
        found.add("a" in disk.folder)
    assert found == {True, False}


def test_after_a_failed_sync_the_bytes_are_read_and_are_on_no_platter(disk: Disk) -> None:
    file = disk.create("a")
    disk.sync_folder()
    disk.write("a", file, 0, b"gone")
    disk.failing_syncs = 1
    with pytest.raises(OSError, match="sync failed"):
        disk.sync("a", file)
    disk.sync("a", file)  # says yes, as the kernel does
    assert file.seen == b"gone"
    disk.power_cut()
    assert disk.folder["a"].seen == b""


# The journal on it -------------------------------------------------------------------------------


def crash_and_recover(disks: Platter, disk: Disk, crashes: int) -> int:
    """Commit, die anywhere between two disk calls, lose the power, read. Acknowledged rows lost."""
    dice = Random(7)
    journal, promised, lost = opened(disks, disk), 0, 0
    for _ in range(crashes):
        disk.dies_in = dice.randrange(40)
        attempt = promised
        try:
            while True:
                attempt += 1
                journal.commit(row(attempt))
                promised = attempt
        except JournalError:
            pass
        disk.power_cut()
        bury(journal)
        assert integrity(disks, disk.after_a_power_cut()) is None
        journal = opened(disks, disk)
        found = count(journal)
        lost += max(0, promised - found)
        promised = found
    journal.close()
    return lost


def test_nothing_acknowledged_is_lost_wherever_the_power_fails(disks: Platter, disk: Disk) -> None:
    assert crash_and_recover(disks, disk, CRASHES) == 0


@pytest.mark.parametrize("setting", ["NORMAL", "OFF"])
def test_a_journal_that_syncs_less_is_caught(
    disks: Platter, disk: Disk, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = journal_module._settle

    def careless(connection: apsw.Connection) -> None:
        settle(connection)
        connection.execute(f"PRAGMA synchronous = {setting}")

    monkeypatch.setattr(journal_module, "_settle", careless)
    try:
        lost = crash_and_recover(disks, disk, CRASHES)
    except (AssertionError, JournalError):
        return  # it would not even open any more
    assert lost > 0


def test_the_salts_and_so_the_bytes_on_disk_are_the_seeds() -> None:
    images = []
    for _ in range(2):
        disk = Disk(Random(1))
        with platter({"ann": disk}, Random(2)) as disks:
            journal = opened(disks, disk)
            journal.commit(row(1))
            images.append({name: bytes(file.seen) for name, file in disk.folder.items()})
            journal.close()
    assert images[0] == images[1]
    assert "journal.sqlite3-wal" in images[0]


def test_a_full_disk_refuses_a_batch_whole_and_goes_on_when_there_is_room(
    disks: Platter, disk: Disk
) -> None:
    journal = opened(disks, disk)
    journal.commit(row(1))
    disk.full = True
    with pytest.raises(JournalFull):
        journal.commit(row(2))
    disk.full = False
    assert count(journal) == 1
    journal.commit(row(3))
    disk.power_cut()
    bury(journal)
    with contextlib.closing(opened(disks, disk)) as journal:
        assert count(journal) == 3


def failed_then_restarted(disks: Platter, disk: Disk) -> int:
    """A sync fails, another process starts and commits, the power fails: what is left."""
    journal = opened(disks, disk)
    journal.commit(row(1))
    disk.failing_syncs = 1
    with pytest.raises(JournalFailed):
        journal.commit(row(2))
    with pytest.raises(JournalFailed):
        journal.commit(row(2))  # asking again would be answered with a lie
    disk.kill()
    bury(journal)
    journal = opened(disks, disk)
    journal.commit(row(3))
    disk.power_cut()
    bury(journal)
    with contextlib.closing(opened(disks, disk)) as journal:
        return count(journal)


def test_after_a_failed_sync_a_restart_builds_on_nothing_that_is_on_no_disk(
    disks: Platter, disk: Disk
) -> None:
    assert failed_then_restarted(disks, disk) == 3


def test_a_restart_that_believes_what_it_is_shown_is_caught(
    disks: Platter, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiskFiles, "renew", lambda _self, _path: None)
    assert failed_then_restarted(disks, disk) < 3, "acknowledged, and gone"


def test_a_journal_that_cannot_be_closed_says_so_by_its_name(disks: Platter, disk: Disk) -> None:
    journal = opened(disks, disk)
    journal.commit(row(1))
    disk.dies_in = 2
    with pytest.raises(JournalFailed):
        journal.close()


def test_a_journal_that_cannot_be_read_is_closed(disks: Platter, disk: Disk) -> None:
    with contextlib.closing(opened(disks, disk)) as journal:
        for number in range(50):
            journal.commit(row(number))
    journal = opened(disks, disk)
    disk.kill()
    with pytest.raises(JournalFailed):
        journal.load()
    with pytest.raises(apsw.ConnectionClosedError):
        journal.quick_check()


@pytest.mark.parametrize(
    "harm", [lambda disk: disk.rot(), lambda disk: disk.set_back({})], ids=["rot", "gone"]
)
def test_a_disk_that_was_harmed_opens_or_is_named(
    disks: Platter, harm: Callable[[Disk], object]
) -> None:
    for seed in range(30):
        harmed = Disk(Random(seed))
        with disks.lending("bob", harmed):
            path = Path(f"/bob/{harmed.life}/journal.sqlite3")
            journal = Journal.open(path, DiskFiles(disks, harmed))
            for number in range(20):
                journal.commit(row(number))
            harmed.kill()
            bury(journal)
            harm(harmed)
            path = Path(f"/bob/{harmed.life}/journal.sqlite3")
            try:
                again = Journal.open(path, DiskFiles(disks, harmed))
                found = again.load().get("meta", {})
            except JournalError:
                continue
            assert all(value == bytes(99) for key, value in found.items() if key != b"count")
            again.close()
