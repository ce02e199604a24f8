"""The folder a journal lies in: the few things that are asked of it besides SQLite's own reading
and writing.

A rename is durable only once its folder is synced, so even these few can lose what they did in a
power cut. Hence they are a seam: the real folder is `ON_DISK`, and a simulated one forgets.
"""

import os
from pathlib import Path
from typing import Final, Protocol

from node.shell.disk.state import sync_folder

RENEWED_BYTES: Final = 1024 * 1024
"""At a time."""


class Files(Protocol):
    """A folder of files. What fails raises OSError with its errno, whoever keeps them."""

    @property
    def vfs(self) -> str | None:
        """The name by which SQLite reaches the same files; None: its own way to the disk."""

    def exists(self, path: Path) -> bool:
        """Whether there is a file of this name."""

    def head(self, path: Path, count: int) -> bytes:
        """The first bytes, at most `count`."""

    def create(self, path: Path) -> None:
        """A new, empty file that only its owner may read. One that exists is an error."""

    def replace(self, old: Path, new: Path) -> None:
        """Rename, over whatever was there. Durable after `sync_folder`."""

    def remove(self, path: Path) -> None:
        """Unlink; quiet when there is none."""

    def renew(self, path: Path) -> None:
        """Write a file's bytes back over themselves and sync, so that what is read is what lies
        there. Quiet when there is none."""

    def free(self, path: Path) -> int:
        """How many bytes may still be written in the folder `path`, as far as it tells."""

    def fill(self, path: Path, count: int) -> None:
        """A file of `count` bytes that takes their room. When there is not so much, there is no
        file either."""

    def sync_folder(self, path: Path) -> None:
        """Make creations, renames and removals inside `path` durable."""


class _OnDisk:
    """The real ones."""

    vfs: Final = None

    def exists(self, path: Path) -> bool:
        return path.exists()

    def head(self, path: Path, count: int) -> bytes:
        with path.open("rb") as file:
            return file.read(count)

    def create(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def replace(self, old: Path, new: Path) -> None:
        old.replace(new)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def renew(self, path: Path) -> None:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            where = 0
            while piece := os.pread(handle, RENEWED_BYTES, where):
                where += os.pwrite(handle, piece, where)
            os.fsync(handle)
        finally:
            os.close(handle)

    def free(self, path: Path) -> int:
        disk = os.statvfs(path)
        return disk.f_bavail * disk.f_frsize

    def fill(self, path: Path, count: int) -> None:
        self.create(path)
        try:
            _take_room(path, count)
        except OSError:
            self.remove(path)
            raise

    def sync_folder(self, path: Path) -> None:
        sync_folder(path)


def _take_room(path: Path, count: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, count)
            return
        for _ in range(0, count, RENEWED_BYTES):  # macOS: written, and not of zeros alone
            os.write(handle, os.urandom(RENEWED_BYTES))
    finally:
        os.close(handle)


ON_DISK: Final[Files] = _OnDisk()
"""The files of this machine."""
