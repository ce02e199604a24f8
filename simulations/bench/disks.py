"""A folder on a real disk, and the least that a durable append can cost there.

A folder in memory syncs in no time at all, so where the temporary folder is one, the working
folder is used instead: a benchmark of promises must wait for a disk.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from node.shell.disk.marker import VOLATILE_TYPES


@contextmanager
def disk_folder() -> Iterator[Path]:
    """A temporary folder that lies on a disk; removed at the end, however that comes."""
    usual = Path(tempfile.gettempdir())
    parent = Path.cwd() if filesystem_of(usual) in VOLATILE_TYPES else usual
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-", dir=parent) as folder:
        yield Path(folder)


def filesystem_of(path: Path) -> str:
    """The type of the filesystem that `path` lies on; "" when nobody says."""
    mounts = psutil.disk_partitions(all=True)
    above = [mount for mount in mounts if path.resolve().is_relative_to(mount.mountpoint)]
    nearest = max(above, key=lambda mount: len(mount.mountpoint), default=None)
    return nearest.fstype if nearest else ""


class BareLog:
    """A file that bytes are appended to, each append synced: what no journal can undercut."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append(self, data: bytes) -> None:
        """On return `data` is on the disk."""
        os.write(self._file, data)
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)


class PlainTable:
    """The standard library's SQLite with one table: what anyone would reach for first."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE log (key BLOB PRIMARY KEY, value BLOB)")
        self._connection.commit()

    def append(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """All of `rows` in one transaction."""
        with self._connection:
            self._connection.executemany("INSERT INTO log VALUES (?, ?)", rows)

    def close(self) -> None:
        self._connection.close()


class EntryTable:
    """A log as a database would keep it: a row for each entry, and an index to find it by."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, key BLOB, entry BLOB)")
        self._connection.execute("CREATE INDEX by_key ON log (key)")
        self._connection.commit()

    def append(self, entries: Iterable[bytes]) -> None:
        """All of `entries` in one transaction."""
        rows = [(entry[:24], entry) for entry in entries]
        with self._connection:
            self._connection.executemany("INSERT INTO log (key, entry) VALUES (?, ?)", rows)

    def close(self) -> None:
        self._connection.close()
