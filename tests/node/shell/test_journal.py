"""The journal, on real files: what was acknowledged survives, and damage never passes for truth."""

import os
import random
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.persistence import Write
from node.shell.disk.journal import (
    CHECKPOINT_PAGES,
    Journal,
    JournalBusy,
    JournalFailed,
    JournalFull,
    Spaces,
    read_only,
)
from tests.node.shell.journals import filled

KILLS = 24

COMMITTER = """
import sys
from pathlib import Path
from mesh.persistence import Write
from node.shell.disk.journal import Journal
journal = Journal.open(Path(sys.argv[1]))
number = max((int.from_bytes(k, "big") for k in journal.load().get("n", {})), default=0)
while True:
    number += 1
    key = number.to_bytes(4, "big")
    journal.commit([Write("n", key, b"x" * 900), Write("twin", key, b"y" * 900)])
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def test_what_is_committed_is_there_after_reopening(path: Path) -> None:
    journal = Journal.open(path)
    assert journal.fresh
    journal.commit([Write("meta", b"epoch", b"1"), Write("peer", b"a", b"")])
    journal.commit([Write("meta", b"epoch", b"2"), Write("peer", b"a", None)])
    journal.close()
    again = Journal.open(path)
    assert not again.fresh
    assert again.load() == {"meta": {b"epoch": b"2"}}
    assert again.quick_check() == []
    again.close()


WRITES = st.lists(
    st.builds(
        Write,
        st.sampled_from(["a", "b"]),
        st.binary(max_size=2),
        st.none() | st.binary(max_size=9),
    ),
    max_size=12,
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches=st.lists(WRITES, max_size=5), cut=st.integers(0, 5))
def test_a_journal_is_a_dictionary_that_survives(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Write]], cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    model: Spaces = {}
    journal = Journal.open(path)
    for number, batch in enumerate(batches):
        if number == cut:
            journal.close()
            journal = Journal.open(path)
        journal.commit(batch)
        for write in batch:
            space = model.setdefault(write.space, {})
            if write.value is None:
                space.pop(write.key, None)
            else:
                space[write.key] = write.value
    assert journal.load() == {name: space for name, space in model.items() if space}
    journal.close()


def test_the_file_is_for_its_owner_alone_and_no_shared_memory_appears(path: Path) -> None:
    journal = Journal.open(path)
    journal.commit([Write("meta", b"k", b"v")])
    names = sorted(entry.name for entry in path.parent.iterdir())
    assert names == ["journal.sqlite3", "journal.sqlite3-wal"]
    assert all(entry.stat().st_mode & 0o077 == 0 for entry in path.parent.iterdir())
    journal.close()


def test_sync_is_full_and_the_log_is_written_ahead(path: Path) -> None:
    journal = Journal.open(path)
    connection = journal._connection
    assert connection.execute("PRAGMA synchronous").get == 2
    assert connection.execute("PRAGMA journal_mode").get == "wal"
    assert connection.execute("PRAGMA locking_mode").get == "exclusive"
    journal.close()


def test_kill_nine_in_the_middle_of_commits_loses_nothing_acknowledged(path: Path) -> None:
    acknowledged = 0
    dice = random.Random(1)
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", COMMITTER, str(path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for _ in range(dice.randrange(1, 40)):
                acknowledged = int(child.stdout.readline())
            child.kill()
            said = child.stdout.read().split("\n")[:-1]  # an unfinished line was never said
        acknowledged = max([acknowledged, *(int(line) for line in said)])
        spaces = read_only(path)
        assert len(spaces["n"]) >= acknowledged
        assert sorted(spaces["n"]) == sorted(spaces["twin"])  # a batch is whole or absent
        assert len(spaces["n"]) == max(int.from_bytes(key) for key in spaces["n"])


def test_a_long_run_of_commits_is_folded_into_the_file(path: Path) -> None:
    journal = Journal.open(path)
    for number in range(8):
        journal.commit(
            [Write("a", bytes([number, i % 256, i // 256]), b"z" * 3000) for i in range(300)]
        )
    wal = path.with_name("journal.sqlite3-wal")
    assert wal.stat().st_size < 2 * CHECKPOINT_PAGES * 4120
    assert path.stat().st_size > CHECKPOINT_PAGES * 4096
    shutil.copy(path, path.with_name("copy"))
    shutil.copy(wal, path.with_name("copy-wal"))
    journal.close()
    assert len(read_only(path.with_name("copy"))["a"]) == 2400


def test_a_journal_that_another_program_has_open_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.shell.disk.journal.BUSY_MILLISECONDS_MAX", 1)
    first = Journal.open(path)
    with pytest.raises(JournalBusy):
        Journal.open(path)
    first.commit([Write("meta", b"k", b"v")])  # the first is not disturbed
    first.close()


def test_reading_disturbs_nothing_and_sees_the_write_ahead_log(path: Path) -> None:
    journal = Journal.open(path)
    journal.commit([Write("meta", b"k", b"v")])
    before = {entry: entry.read_bytes() for entry in path.parent.iterdir()}
    assert read_only(path) == {"meta": {b"k": b"v"}}
    assert {entry: entry.read_bytes() for entry in path.parent.iterdir()} == before
    journal.commit([Write("meta", b"k", b"w")])  # and the agent did not notice
    journal.close()


def test_no_journal_reads_as_an_empty_one(path: Path) -> None:
    assert read_only(path) == {}
    assert not path.exists()


def test_a_file_size_limit_is_named_and_what_was_acknowledged_stays(path: Path) -> None:
    journal = Journal.open(path)
    journal.commit([Write("meta", b"k", b"v")])
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, old[1]))
    try:
        with pytest.raises(JournalFull):
            journal.commit([Write("a", bytes([n]), b"x" * 4000) for n in range(100)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert journal.load() == {"meta": {b"k": b"v"}}
    journal.commit([Write("meta", b"l", b"w")])  # with room again, it goes on
    journal.close()
    assert read_only(path) == {"meta": {b"k": b"v", b"l": b"w"}}


def test_after_one_failed_sync_the_journal_says_no_for_ever(path: Path) -> None:
    journal = Journal.open(path)
    journal.commit([Write("meta", b"before", b"v")])
    broken = _BrokenConnection(journal._connection)
    journal._connection = broken  # type: ignore[assignment]  # a disk that fails on demand
    with pytest.raises(JournalFailed, match="a retry lies"):
        journal.commit([Write("meta", b"k", b"v")])
    journal._connection = broken.whole
    with pytest.raises(JournalFailed):
        journal.commit([Write("meta", b"k", b"v")])
    journal.close()
    journal.close()
    assert path.with_name("journal.sqlite3-wal").exists()  # and nothing more was written


class _BrokenConnection:
    """SQLite on a disk whose sync fails: the commit at the end of the block raises."""

    system_errno = 5

    def __init__(self, whole: apsw.Connection) -> None:
        self.whole = whole

    def execute(self, *_arguments: object) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        raise apsw.IOError("disk I/O error")


def test_two_commits_at_once_are_a_bug_of_ours(path: Path) -> None:
    journal = Journal.open(path)
    with journal._one_at_a_time, pytest.raises(AssertionError):
        journal.commit([])
    journal.close()


@pytest.mark.parametrize("read", [Journal.load, Journal.quick_check])
def test_who_reads_while_another_thread_commits_waits_its_turn(
    path: Path, read: Callable[[Journal], object]
) -> None:
    journal = Journal.open(path)
    reader = threading.Thread(target=read, args=(journal,))
    with journal._reading:  # as a commit has it
        reader.start()
        reader.join(0.05)
        assert reader.is_alive()
    reader.join(10)
    assert not reader.is_alive()
    journal.close()


def test_commits_may_come_from_any_thread(path: Path) -> None:
    journal = Journal.open(path)
    writes = [Write("meta", b"k", b"v")]
    worker = threading.Thread(target=journal.commit, args=(writes,))
    worker.start()
    worker.join()
    assert journal.load() == {"meta": {b"k": b"v"}}
    journal.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_a_read_only_disk_is_named_and_can_still_be_read(path: Path) -> None:
    spaces = filled(path, rows=3)
    mount = [sys.executable, "-c", READ_ONLY_MOUNT, str(path.parent)]
    done = subprocess.run(
        ["unshare", "--mount", *mount], capture_output=True, text=True, check=False
    )
    if "cannot mount" in done.stdout or "unshare failed" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert done.stdout == f"JournalReadOnly {len(spaces)}\n", done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_a_full_disk_is_named_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", FULL_MOUNT, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "cannot mount" in done.stdout or "unshare failed" in done.stderr:
        pytest.skip("mounting is not allowed here")
    kind, acknowledged, found, refused_start = done.stdout.split()
    assert (kind, refused_start) == ("JournalFull", "JournalFull"), done.stderr
    assert int(acknowledged) == int(found) > 3


FULL_MOUNT = """
import subprocess, sys
from pathlib import Path
from mesh.persistence import Write
from node.shell.disk.journal import Journal, JournalError, read_only
folder = sys.argv[1]
mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder]
if subprocess.run(mount, check=False).returncode:
    sys.exit(print("cannot mount"))
journal = Journal.open(Path(folder) / "journal.sqlite3")
number = 0
try:
    while True:
        journal.commit([Write("n", bytes([number]), b"x" * 4000)])
        number += 1
except JournalError as error:
    print(type(error).__name__, number, len(read_only(Path(folder) / "journal.sqlite3")["n"]))
try:
    with open(Path(folder) / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 512)
except OSError:
    pass
try:
    Journal.open(Path(folder) / "other.sqlite3")
except JournalError as error:
    print(type(error).__name__)
"""

READ_ONLY_MOUNT = """
import subprocess, sys
from pathlib import Path
from node.shell.disk.journal import Journal, JournalReadOnly, read_only
folder = sys.argv[1]
bind = subprocess.run(["mount", "--bind", folder, folder], check=False)
again = subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=False)
if bind.returncode or again.returncode:
    sys.exit(print("cannot mount"))
path = Path(folder) / "journal.sqlite3"
try:
    Journal.open(path)
except JournalReadOnly as error:
    print(type(error).__name__, len(read_only(path)))
"""
