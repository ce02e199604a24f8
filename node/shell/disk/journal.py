"""The journal: what this node promised, on disk.

One table of (space, key) → value, in SQLite. One connection, one writer, one transaction per batch
of writes: `commit` returns when the batch is on the disk and not before.

**When a sync fails** the kernel may already have thrown the unwritten pages away and marked them
clean, so trying again succeeds and means nothing. A journal that failed once refuses everything
after: the process must stop. A restart alone is not enough either: as long as the machine runs, the
kernel shows the new process the very pages that are on no disk, a whole batch in the write-ahead
log among them, and whatever is committed behind it goes with it when the power fails. So an
opening first writes that log back over itself and syncs it (`Files.renew`): then what is read is
what lies there.

**Damage** shows in three ways. SQLite notices a broken structure (`quick_check`, on every load).
It has no checksums on pages, so each value carries a seal over its space, key and bytes: a flipped
bit is found when the row is read. And a tail that was cut off cleanly looks like an older, healthy
journal: nothing here can see that; the continuity marker (`marker`) and the hash-linked log do.

The file is born under another name and renamed when complete, so an empty `journal.sqlite3` is
never a first start: it is a file that lost its contents.

No shared memory: with `locking_mode=EXCLUSIVE` the index of the write-ahead log stays in our own
heap. The command, when no agent runs, reads a private *copy*: it needs what lies in the write-ahead
log, and opening the original would leave files behind, or move pages, in somebody's state folder.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import apsw

from mesh.persistence import SPACE_ARCHIVE, Write
from node.shell.disk.files import ON_DISK, Files
from node.shell.disk.journal_errors import (
    JournalBusy,
    JournalCorrupt,
    JournalError,
    JournalFailed,
    JournalForeign,
    JournalFull,
    JournalNewer,
    JournalReadOnly,
    corrupt,
    named,
    not_writable,
)

__all__ = [
    "Journal",
    "JournalBusy",
    "JournalCorrupt",
    "JournalError",
    "JournalFailed",
    "JournalForeign",
    "JournalFull",
    "JournalNewer",
    "JournalReadOnly",
    "Spaces",
    "read_only",
    "set_aside",
]

APPLICATION_ID: Final = 0x48466A31
"""`HFj1`, in SQLite's header: says whose file this is."""
JOURNAL_VERSION: Final = 1
SEAL_BYTES: Final = 8
BUSY_MILLISECONDS_MAX: Final = 2_000
CHECKPOINT_PAGES: Final = 1_000
"""Write-ahead pages before they are moved into the main file: 4 MiB, SQLite's own default."""
WAL_KEEP_BYTES_MAX: Final = 16 * 1024 * 1024
COPY_TRIES_MAX: Final = 5
_HEADER_BYTES: Final = 100

Spaces = dict[str, dict[bytes, bytes]]

_SET: Final = (
    "INSERT INTO journal (space, key, value) VALUES (?, ?, ?) "
    "ON CONFLICT (space, key) DO UPDATE SET value = excluded.value"
)
_EVERYTHING: Final = "SELECT space, key, value FROM journal WHERE space != ?"
"""But the archive, which is as large as history, and asked for row by row."""
_ROW_AT: Final = """
    SELECT key, value FROM journal WHERE space = :space AND key <= :high AND key >= (
        SELECT coalesce(max(key), :at) FROM journal
        WHERE space = :space AND key >= :low AND key <= :at)
    ORDER BY key LIMIT 2
"""
"""The row that a height lies in is the last that begins at or below it; if that ends below it, or
there is none, the next one counts."""
_REMOVE: Final = "DELETE FROM journal WHERE space = ? AND key = ?"


class Journal:
    """The open journal. One at a time per file; `commit` from one thread at a time."""

    def __init__(self, connection: apsw.Connection, path: Path, *, fresh: bool) -> None:
        """Use `Journal.open`."""
        self._connection = connection
        self._path = path
        self._one_at_a_time = threading.Lock()
        self._reading = threading.Lock()
        """Held while the connection is in use: what is read meanwhile waits its turn."""
        self._failed: JournalFailed | None = None
        self._wal_pages = 0
        self.fresh = fresh
        """Whether there was no journal before this opening."""
        connection.set_wal_hook(self._wal_grew)

    @classmethod
    def open(cls, path: Path, files: Files = ON_DISK) -> "Journal":
        """Open the journal, or make it when there is none. Raises a JournalError."""
        with named(path):
            fresh = not files.exists(path)
            if fresh:
                _make(path, files)
        connection = _connect(path, files)
        return cls(connection, path, fresh=fresh)

    def load(self) -> Spaces:
        """Everything but the archive, after a check that nothing is damaged.

        On a JournalError it is closed.
        """
        try:
            with self._reading:
                return _load(self._connection, self._path)
        except JournalError:
            _close_untouched(self._connection)
            raise

    def commit(self, writes: Sequence[Write]) -> None:
        """Make all of `writes` durable, together and in order. On return they are.

        JournalFull: none of them is. JournalFailed: nobody can tell; stop.
        """
        if self._failed is not None:
            raise self._failed
        alone = self._one_at_a_time.acquire(blocking=False)
        assert alone, "two commits at once: the driver has one writer"
        try:
            with self._reading, named(self._path, self._connection), self._connection:
                for write in writes:
                    self._put(write)
            if self._wal_pages >= CHECKPOINT_PAGES:
                with self._reading:
                    self._checkpoint()
        except JournalFailed as failure:
            self._failed = failure
            raise
        finally:
            self._one_at_a_time.release()

    def archived(self, author: bytes, height: int) -> list[bytes]:
        """The row of the archive that `height` lies in, and else the next: in a list, or none.

        Waits for a commit, and a commit for it. Raises a JournalError.
        """
        low, at, high = (author + n.to_bytes(8, "big") for n in (0, height, 2**64 - 1))
        where = {"space": SPACE_ARCHIVE, "low": low, "at": at, "high": high}
        with self._reading, named(self._path, self._connection):
            rows: list[Any] = [*self._connection.execute(_ROW_AT, where)]
        values = []
        for key, sealed in rows:
            value, seal = sealed[:-SEAL_BYTES], sealed[-SEAL_BYTES:]
            if seal != _seal(SPACE_ARCHIVE, key, value):
                raise corrupt(self._path, f"a value in {SPACE_ARCHIVE!r} does not match its seal")
            values.append(value)
        return values

    def quick_check(self) -> list[str]:
        """What SQLite finds wrong with the file; empty when nothing is."""
        with self._reading:
            return _quick_check(self._connection)

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it. Twice is fine."""
        if self._failed is not None:
            with contextlib.suppress(apsw.ConnectionClosedError):
                _close_untouched(self._connection)  # a disk that failed is not written to again
            return
        with named(self._path, self._connection):
            self._connection.close()

    def _put(self, write: Write) -> None:
        if write.value is None:
            self._connection.execute(_REMOVE, (write.space, write.key))
            return
        sealed = write.value + _seal(write.space, write.key, write.value)
        self._connection.execute(_SET, (write.space, write.key, sealed))

    def _wal_grew(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        # Ours rather than SQLite's automatic one, which swallows a failed sync of the main file.
        try:
            with named(self._path, self._connection):
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except JournalFull:
            pass  # The batch is durable in the write-ahead log; that log just stays long.


def read_only(path: Path) -> Spaces:
    """What the journal says, write-ahead log included, without touching it.

    For when no agent runs. No journal is an empty one. Raises a JournalError.
    """
    with named(path):
        if not path.exists():
            return {}
    with tempfile.TemporaryDirectory(prefix="holdfast-read-", dir=_memory_folder()) as folder:
        copy = Path(folder) / path.name
        with named(path):
            _copy_still(path, copy)
        connection = _connect(copy, ON_DISK)
        try:
            return _load(connection, path)
        finally:
            connection.close()


def set_aside(path: Path, files: Files = ON_DISK) -> Path:
    """Rename a damaged journal, with what belongs to it, for a person to look at. The new name."""
    number = 1
    while files.exists(_beside(path, f".corrupt-{number}")):
        number += 1
    aside = _beside(path, f".corrupt-{number}")
    with named(path):
        # The main file last: a crash half-way leaves it in place, and it is set aside again.
        for suffix in ("-wal", "-shm", ""):
            part = _beside(path, suffix)
            if files.exists(part):
                files.replace(part, _beside(aside, suffix))
        files.sync_folder(path.parent)
    return aside


def _make(path: Path, files: Files) -> None:
    if files.exists(_beside(path, "-wal")):
        raise corrupt(path, "it is gone, and its write-ahead log is still there")
    unborn = _beside(path, ".new")
    for suffix in ("", "-wal", "-journal"):
        files.remove(_beside(unborn, suffix))
    # SQLite would create it by the umask; nobody else is to read who promised what to whom.
    files.create(unborn)
    connection = apsw.Connection(str(unborn), vfs=files.vfs)
    try:
        # No shared memory file: on a full disk its failure has no errno to tell it by.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {JOURNAL_VERSION}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE journal (space TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, "
            "PRIMARY KEY (space, key)) STRICT, WITHOUT ROWID"
        )
    finally:
        connection.close()
    files.replace(unborn, path)
    files.sync_folder(path.parent)


def _connect(path: Path, files: Files) -> apsw.Connection:
    with named(path):
        _check_header(path, files.head(path, _HEADER_BYTES))
        files.renew(_beside(path, "-wal"))
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=files.vfs)
    try:
        with named(path, connection):
            if connection.readonly("main"):
                raise not_writable(
                    path
                )  # SQLite fell back to reading, to fail at the first promise
            _settle(connection)
    except JournalError:
        _close_untouched(connection)
        raise
    return connection


def _check_header(path: Path, header: bytes) -> None:
    """Whose file it is, read without SQLite: even a refused opening may remove its log."""
    if not header:
        raise corrupt(path, "it is empty")
    if len(header) < _HEADER_BYTES or not header.startswith(b"SQLite format 3\0"):
        raise corrupt(path, "it is not a database")
    version, application = int.from_bytes(header[60:64]), int.from_bytes(header[68:72])
    if application != APPLICATION_ID:
        raise JournalForeign(
            f"{path} is not a journal of Holdfast", "move it away, or name another --state"
        )
    if version > JOURNAL_VERSION:
        raise JournalNewer(
            f"{path} was written by a later version (its format is {version}, "
            f"ours is {JOURNAL_VERSION})",
            "install that version again; going back is not possible",
        )
    if version != JOURNAL_VERSION:
        raise corrupt(path, f"its format is {version}, which never was")


def _settle(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(BUSY_MILLISECONDS_MAX)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    mode = connection.execute("PRAGMA journal_mode = WAL").get
    assert mode == "wal", f"the journal is in mode {mode!r}"
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = 1")  # only macOS has a reason to need it
    connection.execute(f"PRAGMA journal_size_limit = {WAL_KEEP_BYTES_MAX}")
    connection.execute("PRAGMA cell_size_check = 1")
    connection.wal_autocheckpoint(0)
    # Takes the lock now: two agents learn of each other at once, not at the first promise.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


def _load(connection: apsw.Connection, path: Path) -> Spaces:
    spaces: Spaces = {}
    with named(path, connection):
        found = _quick_check(connection)
        if found:
            raise corrupt(path, found[0])
        for space, key, sealed in connection.execute(_EVERYTHING, (SPACE_ARCHIVE,)):
            value, seal = sealed[:-SEAL_BYTES], sealed[-SEAL_BYTES:]
            if seal != _seal(space, key, value):
                raise corrupt(path, f"a value in {space!r} does not match its seal")
            spaces.setdefault(space, {})[key] = value
    return spaces


def _quick_check(connection: apsw.Connection) -> list[str]:
    lines = [str(row[0]) for row in connection.execute("PRAGMA quick_check")]
    return [] if lines == ["ok"] else lines


def _seal(space: str, key: bytes, value: bytes) -> bytes:
    name = space.encode()
    head = len(name).to_bytes(2) + name + len(key).to_bytes(4) + key
    return hashlib.blake2b(head + value, digest_size=SEAL_BYTES).digest()


def _close_untouched(connection: apsw.Connection) -> None:
    # Closing folds the write-ahead log away; of a damaged file that may be the better half.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()


def _copy_still(path: Path, copy: Path) -> None:
    for _ in range(COPY_TRIES_MAX):
        before = _looks(path)
        shutil.copyfile(path, copy)
        wal = _beside(path, "-wal")
        if wal.exists():
            shutil.copyfile(wal, _beside(copy, "-wal"))
        else:
            _beside(copy, "-wal").unlink(missing_ok=True)
        if _looks(path) == before:
            return
    raise JournalBusy(f"{path} keeps changing", "an agent is at work on it: ask that one")


def _looks(path: Path) -> list[tuple[int, int, int] | None]:
    looks: list[tuple[int, int, int] | None] = []
    for part in (path, _beside(path, "-wal")):
        found = part.stat() if part.exists() else None
        looks.append(found and (found.st_ino, found.st_size, found.st_mtime_ns))
    return looks


def _memory_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 (mkdtemp makes it private)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
