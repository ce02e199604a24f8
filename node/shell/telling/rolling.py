"""The log of a detached agent: bounded, though the agent may run for years.

Its standard output and error are `agent.log` in its state folder, so that even the last words of an
interpreter that dies are there. A handler of the library's `logging` would roll its own file and
leave those two where they were; so the file is rolled under them: when it is long enough it becomes
`agent.log.1` (and that `.2`, and so on, the last one goes), and both are pointed at a new one.
"""

import contextlib
import itertools
import os
import sys
from pathlib import Path
from typing import Final, TextIO

LOG_NAME: Final = "agent.log"
LOG_BYTES_MAX: Final = 8 << 20
"""Of one file, but for the line that makes it too long."""
LOGS_KEPT: Final = 3
"""Older ones. With the newest, 32 MiB in all."""
LOG_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


def open_log(path: Path) -> int:
    """The log, to append to, for its owner alone. Raises OSError; a link is one."""
    return os.open(path, LOG_FLAGS, 0o600)


def make_room(path: Path) -> None:
    """Every log becomes one older; the oldest is gone. Raises OSError."""
    names = [path, *(path.with_name(f"{path.name}.{age}") for age in range(1, LOGS_KEPT + 1))]
    for younger, older in reversed([*itertools.pairwise(names)]):
        with contextlib.suppress(FileNotFoundError):
            younger.replace(older)


class RollingOutput:
    """Standard output that is `path`: it is rolled when it is long enough."""

    def __init__(self, path: Path, stream: TextIO, *, also: tuple[int, ...] = (1, 2)) -> None:
        """`also`: whatever else is to be pointed at the new file."""
        self._path = path
        self._stream = stream
        self._also = also

    def write(self, text: str) -> int:
        """One whole line or several: a line is never cut in two. Raises OSError."""
        return self._stream.write(text)

    def flush(self) -> None:
        """Raises OSError. A log that cannot be rolled goes on being written."""
        self._stream.flush()
        if os.fstat(self._stream.fileno()).st_size >= LOG_BYTES_MAX:
            with contextlib.suppress(OSError):
                self._roll()

    def isatty(self) -> bool:
        return False

    def _roll(self) -> None:
        make_room(self._path)
        fresh = open_log(self._path)
        try:
            for handle in dict.fromkeys((self._stream.fileno(), *self._also)):
                os.dup2(fresh, handle, inheritable=handle in (1, 2))
        finally:
            os.close(fresh)


def output_of(state: Path) -> TextIO | RollingOutput:
    """Our standard output; rolled, if it is the log in the folder `state`."""
    log = state / LOG_NAME
    try:
        ours = os.path.samestat(os.fstat(sys.stdout.fileno()), log.lstat())
    except (OSError, ValueError):  # there is no such file; there is no such handle
        ours = False
    return RollingOutput(log, sys.stdout) if ours else sys.stdout
