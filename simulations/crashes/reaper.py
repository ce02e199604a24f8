"""Boundaries: every place at which the process may be gone before the next thing is done."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw

from node.shell.disk.files import ON_DISK

REAL: Final = apsw.vfs_names()[0]
"""SQLite's own way to the disk, by name: the invented disks make themselves the default later."""
HANDS: Final = (
    "send", "broadcast", "call", "commit", "mark", "doubt", "keep_keys", "event", "stuck", "look",
    "watch",
)  # fmt: skip
"""What the desk asks of the machine: `node.shell.driver.Hands`."""


def kill_ourselves() -> None:
    """SIGKILL: no `finally`, no goodbye, no last write."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class Reaper:
    """Counts boundaries, and lets one of them be the last."""

    at: int | None = None
    """The boundary at which the process ends; None: it lives."""
    end: Callable[[], None] = kill_ourselves
    passed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    look: Callable[[str, str], None] = lambda _host, _what: None
    """Told of each boundary: what lies on the disk now is what a SIGKILL would leave."""

    def step(self, host: str, what: str) -> None:
        """Before `what` is done at `host`."""
        if self.passed == self.at:
            self.end()
        self.look(host, what)
        self.passed += 1
        self.kinds[what] += 1


class SteppedHands:
    """An app's hands, with a boundary before each thing that they do."""

    def __init__(self, app: Any, host: str, reaper: Reaper) -> None:
        self._app, self._host, self._reaper = app, host, reaper

    def __getattr__(self, name: str) -> Any:
        deed = getattr(self._app, name)
        assert name in HANDS, f"the desk has learned to {name}: is it a boundary?"

        def stepped(*arguments: Any) -> Any:
            self._reaper.step(self._host, name)
            return deed(*arguments)

        return stepped


class SteppedFiles:
    """The real files of one folder, with a boundary before each change."""

    def __init__(self, vfs: str, host: str, reaper: Reaper) -> None:
        self.vfs, self._host, self._reaper = vfs, host, reaper

    def exists(self, path: Path) -> bool:
        return ON_DISK.exists(path)

    def head(self, path: Path, count: int) -> bytes:
        return ON_DISK.head(path, count)

    def free(self, path: Path) -> int:
        return ON_DISK.free(path)

    def create(self, path: Path) -> None:
        self._reaper.step(self._host, "create")
        ON_DISK.create(path)

    def replace(self, old: Path, new: Path) -> None:
        self._reaper.step(self._host, "replace")
        ON_DISK.replace(old, new)

    def remove(self, path: Path) -> None:
        self._reaper.step(self._host, "remove")
        ON_DISK.remove(path)

    def renew(self, path: Path) -> None:
        self._reaper.step(self._host, "renew")
        ON_DISK.renew(path)

    def fill(self, path: Path, count: int) -> None:
        self._reaper.step(self._host, "fill")
        ON_DISK.fill(path, count)

    def sync_folder(self, path: Path) -> None:
        self._reaper.step(self._host, "sync folder")
        ON_DISK.sync_folder(path)


class SteppedVfs(apsw.VFS):
    """SQLite's own way to the disk, with a boundary before each write, sync and removal."""

    def __init__(self, name: str, host: str, reaper: Reaper) -> None:
        self._host, self._reaper = host, reaper
        super().__init__(name, REAL)

    def xOpen(self, name: Any, flags: list[int]) -> "SteppedFile":  # noqa: N802 - SQLite's name
        return SteppedFile(name, flags, self._host, self._reaper)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - as above
        self._reaper.step(self._host, "sqlite delete")
        super().xDelete(filename, syncdir)


class SteppedFile(apsw.VFSFile):
    """One file of SQLite's."""

    def __init__(self, name: Any, flags: list[int], host: str, reaper: Reaper) -> None:
        self._host, self._reaper = host, reaper
        super().__init__(REAL, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._reaper.step(self._host, "sqlite write")
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - as above
        self._reaper.step(self._host, "sqlite truncate")
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - as above
        self._reaper.step(self._host, "sqlite sync")
        super().xSync(flags)
