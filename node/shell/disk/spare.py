"""Room that is kept back on the disk, for the day on which there is no other.

A full disk must not make us forget, and need not make us mute: what was promised is to be
confirmed, renewed, given back and shown, and all of that writes a little. So a file of eight
megabytes lies beside the journal and means nothing. When a write finds no room, the file goes and
the write is tried once more; from then on, and whenever less than SHORT_BYTES are left in any case,
nothing more is promised (`ledger/owner/standings.py`). With room again the file is made anew, and
we go on.

That the first try wrote nothing is what makes the second one honest: `JournalFull` says so, and so
does a file that is replaced and not rewritten. After a *failed sync* nobody knows, and nothing is
tried again.

A look at the free space alone would not do: quotas, and files that shrink as they are filled, show
in a refused write and nowhere else. The file alone would not do either: another program that fills
the disk would take the last of it before we had said a word.
"""

import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from node.shell.disk.files import Files
from node.shell.disk.journal_errors import JournalFull
from node.shell.disk.state import StateError
from placement.amounts import format_bytes

SPARE_NAME: Final = "spare-room"
SPARE_BYTES: Final = 8 << 20
"""Two write-ahead logs of SQLite's at their usual longest, and the rows behind them."""
SHORT_BYTES: Final = 16 << 20
"""Less than this left, and nothing more is promised."""
ENOUGH_BYTES: Final = 32 << 20
"""So much left, and promising goes on: apart from SHORT_BYTES, or it would change by the second."""
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Spare:
    """The spare room of one state folder. Its calls may come from any thread."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._path = folder / SPARE_NAME
        self._files = files
        self._one_at_a_time = threading.Lock()
        self._short = False
        self._told = ""

    def spend_on(self, work: Callable[[], None]) -> None:
        """Do `work`; if it finds no room, give up the spare one and do it once more. `work` must
        have done nothing when it says that there was no room."""
        try:
            work()
        except StateError as error:
            if not found_no_room(error) or not self._give_up():
                raise
            work()

    def begin(self) -> None:
        """Before a start writes anything: on a full disk it gets the spare room at once."""
        try:
            if self._files.free(self._path.parent) < SPARE_BYTES:
                self._give_up()
        except OSError:
            return  # nobody can tell; what the start cannot write, it says

    def look(self) -> str:
        """Why nothing more should be promised, and what to do about it; "" while there is room."""
        with self._one_at_a_time:
            try:
                free = self._files.free(self._path.parent)
                self._short = not self._is_enough(free)
            except OSError:
                # Nobody can tell: what was known stays so, and the next write finds out.
                return self._told
            self._told = self._sentence(free) if self._short else ""
            return self._told

    def _is_enough(self, free: int) -> bool:
        if self._files.exists(self._path):
            return free >= (ENOUGH_BYTES if self._short else SHORT_BYTES)
        return free >= ENOUGH_BYTES + SPARE_BYTES and self._was_made()

    def _was_made(self) -> bool:
        try:
            self._files.fill(self._path, SPARE_BYTES)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            return False  # a quota: what is free is not for us
        return True

    def _give_up(self) -> bool:
        with self._one_at_a_time:
            if not self._files.exists(self._path):
                return False
            self._files.remove(self._path)
            self._short = True
            return True

    def _sentence(self, free: int) -> str:
        kept = self._files.exists(self._path)
        enough = format_bytes(ENOUGH_BYTES if kept else ENOUGH_BYTES + SPARE_BYTES)
        return (
            f"the disk under {self._path.parent} has {format_bytes(free)} left: what was promised "
            f"stands, and nothing more is promised until {enough} are free there"
        )


def found_no_room(error: StateError) -> bool:
    """Whether it says that there was no room to write, and that nothing was written."""
    cause = error.__cause__
    return isinstance(error, JournalFull) or (isinstance(cause, OSError) and cause.errno in NO_ROOM)
