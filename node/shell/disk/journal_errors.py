"""What can be wrong with the journal, each with its name, and who gives it: `named`.

The names differ in what the agent may still do, which is all that matters about an error here.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from node.shell.disk.state import StateError


class JournalError(StateError):
    """The journal can't be used. Its kind says what the agent may still do."""


class JournalCorrupt(JournalError):
    """Damaged. Set it aside and start as one who has forgotten; never guess."""


class JournalFull(JournalError):
    """No space. This batch is not durable; nothing before it was lost."""


class JournalReadOnly(JournalError):
    """The file or folder can't be written."""


class JournalFailed(JournalError):
    """The disk failed us. The process must stop; a restart is safe, a retry lies."""


class JournalNewer(JournalError):
    """Written by a later version of Holdfast."""


class JournalForeign(JournalError):
    """A database, but not one of ours."""


class JournalBusy(JournalError):
    """Another program has the file open."""


def corrupt(path: Path, why: str) -> JournalCorrupt:
    return JournalCorrupt(
        f"the journal {path} is damaged: {why}",
        "it is set aside and this node goes through a quarantine; its peers keep copies of its log",
    )


def not_writable(path: Path) -> JournalReadOnly:
    return JournalReadOnly(
        f"the journal {path} can't be written", "make it writable, or name another --state"
    )


def full(path: Path) -> JournalFull:
    return JournalFull(
        f"there is no space to write {path}", "free some space and start again; nothing was lost"
    )


def failed(path: Path, error: Exception) -> JournalFailed:
    return JournalFailed(
        f"the disk failed under {path}: {error}",
        "the agent stops; check the disk, then start again: a restart is safe, a retry lies",
    )


@contextmanager
def named(path: Path, connection: apsw.Connection | None = None) -> Iterator[None]:
    """Give what SQLite or the system raises inside the block one of our names."""
    try:
        yield
    except apsw.FullError as error:
        raise full(path) from error
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError) as error:
        # Our SQL is fixed: an error in it means that the file is not made as we made it.
        raise corrupt(path, str(error)) from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
        raise not_writable(path) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise JournalBusy(
            f"another program has {path} open", "close it (sqlite3, a backup?) and start again"
        ) from error
    except UnicodeDecodeError as error:  # a flipped byte in a space's name
        raise corrupt(path, str(error)) from error
    except apsw.Error as error:
        raise _by_number(path, _system_number(connection), error) from error
    except OSError as error:
        raise _by_number(path, error.errno or 0, error) from error


def _system_number(connection: apsw.Connection | None) -> int:
    try:
        return connection.system_errno if connection is not None else 0
    except apsw.ConnectionClosedError:
        return 0  # what failed was the closing itself, and it is closed all the same


def _by_number(path: Path, number: int, error: Exception) -> JournalError:
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return full(path)
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return not_writable(path)
    return failed(path, error)
