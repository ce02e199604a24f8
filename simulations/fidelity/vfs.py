"""SQLite on the bad disks: an apsw VFS, and the folder seam that goes with it.

Every machine's disk is reached by one VFS. A path names the machine and the life of the process
that uses it (`/ann/3/journal.sqlite3`): what a dead one still tries, SQLite's tidying up among it,
reaches nothing. The VFS claims what SQLite's own on Linux claims: a write does not damage what
lies beside it, and nothing more. While it is registered it is the default too: SQLite seeds its
dice from the default VFS, and the salts of a write-ahead log are drawn from them.
"""

# ruff: noqa: N802 - the names are SQLite's

import errno
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

import apsw

from simulations.fidelity.disk import Disk, DiskDead, File

_NUMBERS: Final = itertools.count(1)
JULIAN_MILLISECONDS: Final = 210_866_760_000_000
"""The Unix epoch as SQLite counts. Nothing of ours asks SQLite for the time."""


class Platter(apsw.VFS):
    """All disks of one run. Use `platter`."""

    def __init__(self, name: str, disks: dict[str, Disk], dice: Random) -> None:
        self.name = name
        self._disks = disks
        self._dice = dice
        self._errno = 0
        super().__init__(name, None, makedefault=True)

    def place(self, path: str) -> tuple[Disk, int, str]:
        """Whose disk, in which life, and which file on it."""
        _, host, life, name = path.split("/")
        return self._disks[host], int(life), name

    @contextmanager
    def lending(self, name: str, disk: Disk) -> Iterator[None]:
        """Within the block, `disk` is reached under `name`."""
        assert name not in self._disks, f"{name} is somebody's"
        self._disks[name] = disk
        try:
            yield
        finally:
            del self._disks[name]

    def xOpen(  # type: ignore[override] # any object with these methods will do
        self, name: object, flags: list[int]
    ) -> "OpenFile":
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        assert isinstance(path, str), "a temporary file: nothing of ours needs one"
        disk, life, file_name = self.place(path)
        with self.told():
            disk.call(life)
            file = disk.folder.get(file_name)
            made = file is None
            if file is None:
                if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                    raise FileNotFoundError(errno.ENOENT, "no such file")
                file = disk.create(file_name)
        flags[1] = flags[0]
        return OpenFile(self, disk, life, file_name, file, names_itself=made)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        disk, life, name = self.place(filename)
        with self.told():
            disk.call(life)
            if name not in disk.folder:
                raise FileNotFoundError(errno.ENOENT, "no such file")
            disk.remove(name)
            if syncdir:
                disk.sync_folder()

    def xAccess(self, pathname: str, flags: int) -> bool:
        del flags
        disk, life, name = self.place(pathname)
        with self.told():
            disk.call(life)
        return name in disk.folder

    def xFullPathname(self, name: str) -> str:
        return name

    def xRandomness(self, count: int) -> bytes:
        return self._dice.randbytes(count)

    def xSleep(self, microseconds: int) -> int:
        return microseconds

    def xCurrentTime(self) -> float:
        return JULIAN_MILLISECONDS / 86_400_000

    def xCurrentTimeInt64(self) -> int:
        return JULIAN_MILLISECONDS

    def excepthook(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Where SQLite takes an error of ours as a number only, apsw prints it: ours are meant."""
        return was_meant(error)

    def xGetLastError(self) -> tuple[int, str]:
        return self._errno, ""

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say an OSError as SQLite understands it, and keep its number for whoever asks."""
        try:
            yield
        except DiskDead as error:
            self._errno = error.errno or 0
            raise apsw.IOError(str(error)) from error
        except OSError as error:
            self._errno = error.errno or 0
            if error.errno == errno.ENOSPC:
                raise apsw.FullError(str(error)) from error
            if error.errno == errno.ENOENT:
                raise apsw.CantOpenError(str(error)) from error
            raise apsw.IOError(str(error)) from error


def was_meant(error: BaseException | None) -> bool:
    """A fault that was asked for needs no printing; anything else is a mistake in here."""
    return isinstance(error, apsw.Error)


class OpenFile:
    """One handle. It dies with the process that opened it."""

    def __init__(
        self, platter: Platter, disk: Disk, life: int, name: str, file: File, *, names_itself: bool
    ) -> None:
        self._platter = platter
        self._disk = disk
        self._life = life
        self._name = name
        self._file = file
        self._names_itself = names_itself

    def xRead(self, amount: int, offset: int) -> bytes:
        with self._platter.told():
            self._disk.call(self._life)
        return bytes(self._file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        with self._platter.told():
            self._disk.call(self._life)
            self._disk.write(self._name, self._file, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:
        with self._platter.told():
            self._disk.call(self._life)
            self._disk.truncate(self._name, self._file, newsize)

    def xSync(self, flags: int) -> None:
        del flags
        with self._platter.told():
            self._disk.call(self._life)
            self._disk.sync(self._name, self._file)
            if self._names_itself:
                self._disk.sync_name(self._name)
                self._names_itself = False

    def xFileSize(self) -> int:
        with self._platter.told():
            self._disk.call(self._life)
        return len(self._file.seen)

    def excepthook(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """As the platter's."""
        return was_meant(error)

    def xClose(self) -> None:
        """Even the dead let go."""

    def xLock(self, level: int) -> None:
        """The folder's own lock keeps others out; here every file has one reader and writer."""

    def xUnlock(self, level: int) -> None:
        """As above."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        del op, ptr
        return False

    def xSectorSize(self) -> int:
        return 512

    def xDeviceCharacteristics(self) -> int:
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE


class DiskFiles:
    """`node.shell.disk.files.Files` on one of the disks, as one process has them."""

    def __init__(self, platter: Platter, disk: Disk) -> None:
        self._platter = platter
        self._disk = disk
        self._life = disk.life

    @property
    def vfs(self) -> str:
        return self._platter.name

    def exists(self, path: Path) -> bool:
        return path.name in self._mine().folder

    def head(self, path: Path, count: int) -> bytes:
        file = self._mine().folder.get(path.name)
        if file is None:
            raise FileNotFoundError(errno.ENOENT, "no such file")
        return bytes(file.seen[:count])

    def create(self, path: Path) -> None:
        disk = self._mine()
        if path.name in disk.folder:
            raise FileExistsError(errno.EEXIST, "there is one")
        disk.create(path.name)

    def replace(self, old: Path, new: Path) -> None:
        self._mine().replace(old.name, new.name)

    def remove(self, path: Path) -> None:
        disk = self._mine()
        if path.name in disk.folder:
            disk.remove(path.name)

    def renew(self, path: Path) -> None:
        disk = self._mine()
        file = disk.folder.get(path.name)
        if file is not None:
            disk.write(path.name, file, 0, bytes(file.seen))
            disk.sync(path.name, file)

    def free(self, path: Path) -> int:
        del path
        return self._mine().room

    def fill(self, path: Path, count: int) -> None:
        disk = self._mine()
        if disk.room < count:
            raise OSError(errno.ENOSPC, "no space left")
        disk.create(path.name).reserved = count

    def sync_folder(self, path: Path) -> None:
        del path
        self._mine().sync_folder()

    def _mine(self) -> Disk:
        self._disk.call(self._life)
        return self._disk


@contextmanager
def platter(disks: dict[str, Disk], dice: Random) -> Iterator[Platter]:
    """Register the VFS for the length of the block. `disks` may gain entries in it."""
    registered = Platter(f"fidelity-{next(_NUMBERS)}", disks, dice)
    try:
        apsw.randomness(0)  # SQLite's own dice are thrown afresh, from ours
        yield registered
    finally:
        registered.unregister()
        apsw.randomness(0)  # and from the system's again
