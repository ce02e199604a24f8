"""The agent's program on a disk that fails: a sync of the journal ends in an error of the disk's as
long as there is a file `sick` in the state folder. It is SQLite's own way to the disk otherwise.
"""

import sys
from pathlib import Path
from typing import Any, Final

import apsw

from node.cli.main import main

REAL: Final = apsw.vfs_names()[0]


class SickVfs(apsw.VFS):
    """Chosen by default, so that the journal knows nothing of it."""

    def __init__(self) -> None:
        super().__init__("sick", REAL, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> "SickFile":  # noqa: N802 - SQLite's name
        return SickFile(name, flags)


class SickFile(apsw.VFSFile):
    """One file on it."""

    def __init__(self, name: Any, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._sign = Path(str(path)).with_name("sick")
        super().__init__(REAL, name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        if self._sign.exists():
            raise apsw.IOError("fsync: input/output error")
        super().xSync(flags)

    def excepthook(self, _kind: object, _error: object, _trace: object) -> bool:
        """It is meant, and need not be printed."""
        return True


if __name__ == "__main__":
    SICK = SickVfs()
    sys.exit(main())
