"""A bad disk in memory: files as a process sees them, and what of it would survive a power cut.

A write is seen at once and is safe only after a sync. Until then it is *pending*, cut into sectors
of 512 bytes, and a power cut keeps any of them and loses the others. A new name or a rename is
pending too, until its folder is synced; a journalling filesystem keeps those in order, so some
first part of them survives. When the process alone dies (SIGKILL) nothing is lost: the pages are
the kernel's.

A sync that fails leaves the pages readable and marks them clean: they are never written again,
which is why asking once more would be answered with a lie (`node/shell/disk/journal.py`).
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from mesh.instant import MILLISECOND, Duration

SECTOR_BYTES: Final = 512
ROOM_BYTES: Final = 1 << 40

Effect = Callable[[str, str, int, bytes], None]
"""(what, which file, where, bytes): told of everything that reaches the disk."""


class DiskDead(OSError):
    """The process that opened this is gone; what is left of it gets nothing done any more."""


@dataclass(slots=True)
class File:
    """One file: `seen` by every reader, `safe` on the platter, and what lies between."""

    seen: bytearray = field(default_factory=bytearray)
    safe: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(where, bytes) in order; None instead of bytes cuts the file off there."""
    reserved: int = 0
    """Bytes that it takes on the disk and that nobody reads."""

    def copy(self) -> "File":
        return File(bytearray(self.seen), bytearray(self.safe), list(self.pending), self.reserved)


Folder = dict[str, File]


@dataclass(slots=True)
class Disk:
    """One machine's disk. Faults are set from outside; everything is drawn from `dice`."""

    dice: Random
    effect: Effect = lambda _what, _file, _where, _bytes: None
    sync_time: Duration = 2 * MILLISECOND
    """How long one commit takes, at most twice this."""
    full: bool = False
    spare_max: int = 1 << 30
    """How much of what a removed file took is left for others, once it is full."""
    failing_syncs: int = 0
    """So many of the next syncs fail."""
    lies: float = 0.0
    """Share of the syncs that only say so."""
    lied: int = 0
    life: int = 0
    """Counts the processes that opened it: the dead ones' handles are of an earlier life."""
    dies_in: int | None = None
    """After so many more calls the process is dead, in the middle of whatever it was doing."""
    died: Callable[[], None] = lambda: None
    """Told when that happens."""
    folder: Folder = field(default_factory=dict)
    _safe_folder: Folder = field(default_factory=dict)
    _spare: int = 0
    _renames: list[tuple[str, File | None]] = field(default_factory=list)
    """What became of names since the folder was last synced; None: removed."""

    @property
    def room(self) -> int:
        """What it says is free."""
        return 0 if self.full else ROOM_BYTES

    # What a process may do ----------------------------------------------------------------------

    def call(self, life: int) -> None:
        """Every access of a process of `life` begins here. Raises DiskDead."""
        if life == self.life and self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in < 0:
                self.kill()
                self.died()
        if life != self.life:
            raise DiskDead(errno.EIO, "the process is dead")

    def create(self, name: str) -> File:
        """A new, empty file; OSError when there is no room for one."""
        if self.full:
            raise OSError(errno.ENOSPC, "no space left")
        file = File()
        self._rename(name, file)
        return file

    def replace(self, old: str, new: str) -> None:
        """Rename over whatever was there."""
        file = self.folder[old]
        self._rename(new, file)
        self._rename(old, None)

    def remove(self, name: str) -> None:
        if self.full:
            self._spare += min(self.folder[name].reserved, self.spare_max)
        self._rename(name, None)

    def sync_folder(self) -> None:
        self.effect("sync folder", "", 0, b"")
        self._safe_folder = dict(self.folder)
        self._renames.clear()

    def write(self, name: str, file: File, where: int, data: bytes) -> None:
        """Raises OSError(ENOSPC) when the file would have to grow and cannot."""
        grows = max(0, where + len(data) - len(file.seen))
        if self.full and grows > self._spare:
            raise OSError(errno.ENOSPC, "no space left")
        self._spare -= grows if self.full else self._spare
        self.effect("write", name, where, data)
        _put(file.seen, where, data)
        file.pending.append((where, data))

    def truncate(self, name: str, file: File, length: int) -> None:
        self.effect("truncate", name, length, b"")
        _apply(file.seen, length, None)
        file.pending.append((length, None))

    def sync(self, name: str, file: File) -> None:
        """Make the file's bytes safe, or say so. Raises OSError(EIO)."""
        if self.failing_syncs:
            self.failing_syncs -= 1
            self.effect("sync failed", name, 0, b"")
            file.pending.clear()  # clean, says the kernel from now on; and on no platter
            raise OSError(errno.EIO, "sync failed")
        if self.lies and self.dice.random() < self.lies:
            self.lied += 1
            self.effect("sync", name, 0, b"")
            return
        self.effect("sync", name, 0, b"")
        for where, data in file.pending:
            _apply(file.safe, where, data)
        file.pending.clear()

    def sync_name(self, name: str) -> None:
        """Make one file's name safe, as SQLite does for a log that it has made."""
        if name in self.folder:
            self._safe_folder[name] = self.folder[name]
            self._renames = [step for step in self._renames if step[0] != name]

    # What may happen to it ----------------------------------------------------------------------

    def kill(self) -> None:
        """The process is gone; the kernel still has everything it wrote."""
        self.life += 1
        self.dies_in = None

    def power_cut(self) -> None:
        """Everything that was not synced is kept or lost, by the sector."""
        self.kill()
        if self._renames:
            kept = self.dice.randrange(len(self._renames) + 1)
            for name, file in self._renames[:kept]:
                _name(self._safe_folder, name, file)
        self.folder = dict(self._safe_folder)
        self._renames.clear()
        share = self.dice.choice((0.0, 0.5, 0.9, 1.0))
        for name in sorted(self.folder):
            self._tear(self.folder[name], share)

    def rot(self) -> bool:
        """One bit of one file turns over, in memory and on the platter alike."""
        names = [name for name in sorted(self.folder) if self.folder[name].seen]
        if not names:
            return False
        file = self.folder[self.dice.choice(names)]
        place, bit = self.dice.randrange(len(file.seen)), 1 << self.dice.randrange(8)
        for image in (file.seen, file.safe):
            if place < len(image):
                image[place] ^= bit
        return True

    def snapshot(self) -> Folder:
        """A careful person's copy of the whole folder, of a moment when no process is at work."""
        return {name: file.copy() for name, file in self.folder.items()}

    def set_back(self, then: Folder) -> None:
        """A careless one puts it back."""
        self.kill()
        self.folder = {name: File(bytearray(f.seen), bytearray(f.seen)) for name, f in then.items()}
        self._safe_folder = dict(self.folder)
        self._renames.clear()

    def after_a_power_cut(self) -> "Disk":
        """What this disk would be if the power failed now and nothing pending had made it: the
        least that an answer given now may rest on."""
        least = Disk(Random(0))
        least.folder = {
            name: File(bytearray(file.safe), bytearray(file.safe))
            for name, file in self._safe_folder.items()
        }
        least._safe_folder = dict(least.folder)
        return least

    def _tear(self, file: File, share: float) -> None:
        for where, data in file.pending:
            if data is None:
                if self.dice.random() < share:
                    _apply(file.safe, where, None)
                continue
            for start, sector in _sectors(where, data):
                if self.dice.random() < share:
                    _put(file.safe, start, sector)
        file.pending.clear()
        file.seen = bytearray(file.safe)

    def _rename(self, name: str, file: File | None) -> None:
        self.effect("name" if file is not None else "remove", name, 0, b"")
        _name(self.folder, name, file)
        self._renames.append((name, file))


def _name(folder: Folder, name: str, file: File | None) -> None:
    if file is None:
        folder.pop(name, None)
    else:
        folder[name] = file


def _apply(image: bytearray, where: int, data: bytes | None) -> None:
    if data is not None:
        _put(image, where, data)
    elif where < len(image):
        del image[where:]
    else:
        image.extend(bytes(where - len(image)))


def _put(image: bytearray, where: int, data: bytes) -> None:
    if where > len(image):
        image.extend(bytes(where - len(image)))
    image[where : where + len(data)] = data


def _sectors(where: int, data: bytes) -> list[tuple[int, bytes]]:
    """`data` cut where the platter's sectors begin."""
    cuts = [
        where,
        *range((where // SECTOR_BYTES + 1) * SECTOR_BYTES, where + len(data), SECTOR_BYTES),
    ]
    ends = [*cuts[1:], where + len(data)]
    return [
        (start, data[start - where : end - where]) for start, end in zip(cuts, ends, strict=True)
    ]
