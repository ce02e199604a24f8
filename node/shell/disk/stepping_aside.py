"""Stepping aside: a state folder gives up the identity it has, and begins as somebody new.

Its key and its promises belong to the machine it was copied from, or are over. Three files have to
go and one to come, and a machine may die between any two of them. What must never be found then is
the old key beside an empty journal: it would speak with another's voice, and know nothing of what
that one promised. So what is under way is written down first, together with the one thing that is
taken along, a good-bye that may have reached nobody yet; and every start that finds this note does
the rest before it looks at anything else.
"""

from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from mesh.persistence import SPACE_META, SPACE_PEER, Write
from node.core.selves import META_LAST_WORD
from node.shell.disk.journal import Journal, JournalError, read_only, set_aside
from node.shell.disk.state import (
    SMALL_FILE_BYTES_MAX,
    StateFolder,
    explained,
    sync_folder,
    write_atomically,
)

NOTE_BYTES_MAX: Final = 64 * 1024
"""A record as a peer keeps it has some hundred bytes."""


class _Note(msgspec.Struct, array_like=True, frozen=True):
    """What is under way."""

    key: bytes
    """The hash of the key that goes; whatever else lies in its place is the new one already."""
    words: tuple[tuple[bytes, bytes], ...]
    """Rows of peers for the new journal."""


def step_aside(folder: StateFolder, *, asked: bool) -> bool:
    """Put key and journal aside and make a new key, if that was `asked` or a start began it and did
    not end it. Whether that was done. Raises StateError."""
    path = folder.path / "stepping-aside"
    with explained(f"putting the identity in {folder.path} aside"):
        if not path.exists():
            if not asked:
                return False
            begun = _Note(_key_of(folder), _words(folder))
            write_atomically(path, msgspec.msgpack.encode(begun))
        note = _read(path) or _Note(_key_of(folder), ())
        if _key_of(folder) in (b"", note.key):
            _go(folder, note)
        path.unlink()
        sync_folder(folder.path)
    return True


def _go(folder: StateFolder, note: _Note) -> None:
    """The key comes last: with it, all is done."""
    if folder.journal_path.exists():
        set_aside(folder.journal_path)
    if folder.key_path.exists():
        folder.key_path.replace(_free(folder.key_path.with_suffix(".copied")))
        sync_folder(folder.path)
    if note.words:  # behind the key: the old identity must not find itself among its peers
        with closing(Journal.open(folder.journal_path)) as journal:
            journal.commit([Write(SPACE_PEER, key, row) for key, row in note.words])
    folder.identity()


def _free(path: Path) -> Path:
    """A name that nothing has: no key is ever lost under another one."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _key_of(folder: StateFolder) -> bytes:
    """What tells one key from another, damaged ones too; empty: there is none."""
    if not folder.key_path.exists():
        return b""
    with folder.key_path.open("rb") as file:
        return sha256(file.read(SMALL_FILE_BYTES_MAX)).digest()


def _words(folder: StateFolder) -> tuple[tuple[bytes, bytes], ...]:
    """The good-bye of the identity that goes, as the next one remembers a peer; or nothing."""
    try:
        row = read_only(folder.journal_path).get(SPACE_META, {}).get(META_LAST_WORD)
    except JournalError:
        return ()  # damaged; it is put aside as it is
    return () if row is None else ((folder.identity()[0].id, row),)


def _read(path: Path) -> _Note | None:
    """None, where it is none: then it is begun anew, and only a good-bye may be lost."""
    with path.open("rb") as file:
        raw = file.read(NOTE_BYTES_MAX)
    try:
        return msgspec.msgpack.decode(raw, type=_Note)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
