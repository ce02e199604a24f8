"""A damaged journal never passes for a true one, nor for a first start."""

from pathlib import Path

import apsw
import pytest

from mesh.persistence import Write
from node.shell.disk.journal import (
    Journal,
    JournalCorrupt,
    JournalForeign,
    JournalNewer,
    read_only,
    set_aside,
)
from tests.node.shell.journals import filled


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def test_a_flipped_byte_is_found_or_changes_nothing(path: Path) -> None:
    truth = filled(path, rows=60)
    whole = path.read_bytes()
    found = harmless = 0
    for place in [*range(200), *range(200, len(whole), 97)]:
        for bit in (0x01, 0x80):
            damaged = bytearray(whole)
            damaged[place] ^= bit
            path.write_bytes(damaged)
            try:
                assert read_only(path) == truth, f"byte {place} changed the truth unseen"
                harmless += 1
            except (JournalCorrupt, JournalForeign, JournalNewer):
                found += 1
    assert found > 200


def test_a_truncated_file_is_found_at_every_length(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    for length in [*range(0, 200, 23), *range(200, len(whole), 4096 // 3)]:
        path.write_bytes(whole[:length])
        with pytest.raises((JournalCorrupt, JournalForeign)):
            Journal.open(path).load()


def test_a_write_ahead_log_cut_anywhere_gives_whole_batches_only(path: Path) -> None:
    journal = Journal.open(path)
    for number in range(10):
        journal.commit([Write("a", bytes([number]), b"1"), Write("b", bytes([number]), b"1")])
    wal = path.with_name("journal.sqlite3-wal").read_bytes()
    base = path.read_bytes()
    journal.close()
    copy = path.with_name("cut.sqlite3")
    seen = set()
    for length in [*range(0, len(wal), 1000), len(wal)]:
        copy.write_bytes(base)
        copy.with_name("cut.sqlite3-wal").write_bytes(wal[:length])
        spaces = read_only(copy)
        assert spaces.get("a", {}).keys() == spaces.get("b", {}).keys()
        seen.add(len(spaces.get("a", {})))
    assert seen == set(range(11))


def test_an_emptied_file_is_not_a_first_start(path: Path) -> None:
    filled(path)
    path.write_bytes(b"")
    with pytest.raises(JournalCorrupt, match="empty"):
        Journal.open(path)
    with pytest.raises(JournalCorrupt, match="empty"):
        read_only(path)


def test_a_log_without_its_file_is_not_a_first_start(path: Path) -> None:
    path.with_name("journal.sqlite3-wal").write_bytes(b"left over")
    with pytest.raises(JournalCorrupt, match="it is gone"):
        Journal.open(path)


def test_a_damaged_journal_is_set_aside_whole_and_a_new_one_begins(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 50)
    path.with_name("journal.sqlite3-wal").write_bytes(b"its log")
    with pytest.raises(JournalCorrupt):
        Journal.open(path)
    assert set_aside(path).name == "journal.sqlite3.corrupt-1"
    assert path.with_name("journal.sqlite3.corrupt-1-wal").read_bytes() == b"its log"
    Journal.open(path).close()
    assert set_aside(path).name == "journal.sqlite3.corrupt-2"


def test_a_later_version_and_a_strangers_database_are_told_apart(path: Path) -> None:
    filled(path, rows=1)
    with apsw.Connection(str(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(JournalNewer, match="later version"):
        Journal.open(path)
    with apsw.Connection(str(path)) as connection:
        connection.execute("PRAGMA application_id = 7")
    connection.close()
    with pytest.raises(JournalForeign):
        Journal.open(path)
