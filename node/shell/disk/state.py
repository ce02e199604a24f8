"""The state folder: what a node must still be after a restart.

    node.key         the Ed25519 private key, 0600; losing it is losing the identity
    secret           the mesh secret as text, 0600
    name             what people call this node
    journal.sqlite3  everything promised (see `journal`)
    lock             held by the running agent, with its pid inside
    agent.sock       where the command speaks to the agent

One agent per folder: two would promise the same byte twice, each with a clean journal. The lock is
an flock, because the kernel lets go of it when a process dies by any means; a pid file would not.

Every failure leaves as one `StateError`: a sentence, and what to do about it. Files are replaced,
never rewritten, so a reader or a crash sees the old text or the new one and nothing between.
"""

import base64
import binascii
import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mesh.effects import Address
from mesh.identity import Identity

KEY_PREFIX: Final = "hfnode1-"
KEY_BYTES: Final = 32
KEY_CHECK_BYTES: Final = 4
SMALL_FILE_BYTES_MAX: Final = 4096
"""Key, secret and name are a line each; anything longer is not ours."""

ROOT_UID: Final = 0
_OTHERS_MAY_READ: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class StateError(Exception):
    """The state folder can't be used as it is. `sentence` says why, `hint` what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(f"{sentence}; {hint}")
        self.sentence = sentence
        self.hint = hint


class IsTheCopy(StateError):
    """This folder was copied from a machine that is up, and which is not this. `seeds`: peers."""

    def __init__(self, sentence: str, seeds: tuple[Address, ...]) -> None:
        super().__init__(sentence, "start this machine with --new-identity")
        self.seeds = seeds


class StateFolder:
    """An opened state folder. Open it with `StateFolder.open`, then take the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key_path = path / "node.key"
        self.secret_path = path / "secret"
        self.name_path = path / "name"
        self.journal_path = path / "journal.sqlite3"
        self.lock_path = path / "lock"
        self.socket_path = path / "agent.sock"
        self._old_journal = _file_number(self.journal_path)

    @classmethod
    def open(cls, path: Path) -> "StateFolder":
        """Make the folder (0700) if it is missing, and check that it is ours alone to write."""
        with explained(f"making the state folder {path}"):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = path.stat()
        if not stat.S_ISDIR(found.st_mode):
            raise StateError(f"{path} is not a folder", "name another with --state")
        _check_owner(path, found)
        if found.st_mode & _OTHERS_MAY_WRITE:
            # Whoever may write here may replace the key. We refuse instead of tightening it: the
            # folder may be somebody's /tmp.
            raise StateError(
                f"others may write to the state folder {path}",
                f"use a folder of its own, or run: chmod 700 {path}",
            )
        return cls(path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one agent, until the block ends or the process does."""
        with explained(f"taking the lock {self.lock_path}"):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            handle = os.open(self.lock_path, flags, 0o600)
        try:
            _lock(handle, self.path)
            with explained(f"writing {self.lock_path}"):
                pid = f"{os.getpid()}\n".encode()
                # In this order: a file that shrinks to nothing finds no room on a full disk.
                os.pwrite(handle, pid, 0)
                os.ftruncate(handle, len(pid))
            yield
        finally:
            os.close(handle)

    def identity(self) -> tuple[Identity, bool]:
        """This node's key, and whether it was made just now (a first start)."""
        text = self._private_text(self.key_path)
        if text is not None:
            return Identity(parse_key(text)), False
        journal = _file_number(self.journal_path)
        if journal is not None and journal == self._old_journal:
            # A new key beside an old journal would be a stranger holding someone's promises. One
            # that was made since we opened the folder is nobody's yet.
            raise StateError(
                f"{self.key_path} is gone but the journal is still there",
                "put the key back from a backup, or move the journal away to start as a new node",
            )
        raw = secrets.token_bytes(KEY_BYTES)
        write_atomically(self.key_path, f"{key_text(raw)}\n".encode())
        return Identity(raw), True

    def read_secret(self) -> str | None:
        """The secret's text, unchecked; None when this node has none yet."""
        return self._private_text(self.secret_path)

    def write_secret(self, text: str) -> None:
        """Keep the secret's text, readable by us alone."""
        write_atomically(self.secret_path, f"{text}\n".encode())

    def read_name(self) -> str | None:
        """The human name chosen for this node, if one was."""
        return _small_text(self.name_path, private=False)

    def write_name(self, name: str) -> None:
        """Remember the human name. One that is remembered already costs no room."""
        if self.read_name() == name:
            return
        write_atomically(self.name_path, f"{name}\n".encode())

    def _private_text(self, path: Path) -> str | None:
        return _small_text(path, private=True)


def key_text(raw: bytes) -> str:
    """A private key as one checksummed line."""
    whole = raw + _key_check(raw)
    return KEY_PREFIX + base64.b32encode(whole).decode().rstrip("=").lower()


def parse_key(text: str) -> bytes:
    """The 32 bytes behind `key_text`. A damaged text is a StateError, never another key."""
    body = text.strip().removeprefix(KEY_PREFIX).upper()
    try:
        whole = base64.b32decode(body + "=" * (-len(body) % 8))
    except (binascii.Error, ValueError):
        whole = b""
    raw = whole[:KEY_BYTES]
    if len(whole) != KEY_BYTES + KEY_CHECK_BYTES or whole[KEY_BYTES:] != _key_check(raw):
        raise StateError("the node key is damaged", "put node.key back from a backup")
    if key_text(raw) != text.strip():
        raise StateError("the node key is damaged", "put node.key back from a backup")
    return raw


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, 0600 and durable: on return it survives a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    with explained(f"writing {path}"):
        try:
            _write_new(temporary, data)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames inside a folder durable. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn an OSError inside the block into a StateError that says what to do."""
    try:
        yield
    except OSError as error:
        reason, hint = _REASONS.get(
            error.errno or 0,
            (error.strerror or "the system refused", "see `holdfast doctor`"),
        )
        raise StateError(f"{doing} failed: {reason}", hint) from error


def _file_number(path: Path) -> int | None:
    with explained(f"looking at {path}"):
        try:
            return path.lstat().st_ino
        except FileNotFoundError:
            return None


def _write_new(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _small_text(path: Path, *, private: bool) -> str | None:
    with explained(f"reading {path}"):
        try:
            # O_NONBLOCK: a pipe lying in place of the file must not hang us.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(file.fileno())
            _check_small_file(path, found, private=private)
            data = file.read(SMALL_FILE_BYTES_MAX)
    try:
        return data.decode().strip()
    except UnicodeDecodeError as error:
        raise StateError(f"{path} is not text", "put it back from a backup") from error


def _check_small_file(path: Path, found: os.stat_result, *, private: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise StateError(f"{path} is not a plain file", "move it away")
    if found.st_size > SMALL_FILE_BYTES_MAX:
        raise StateError(
            f"{path} has {found.st_size} bytes where one line belongs", "put it back from a backup"
        )
    if private:
        _check_owner(path, found)
        if found.st_mode & _OTHERS_MAY_READ:
            raise StateError(
                f"others may read {path}",
                f"run: chmod 600 {path}, and change the secret if it may have been read",
            )


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise StateError(
            f"{path} belongs to uid {found.st_uid}, and we run as uid {os.geteuid()}",
            "run as its owner, or name another folder with --state",
        )


def _lock(handle: int, folder: Path) -> None:
    with explained(f"locking {folder}"):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            text = os.pread(handle, 32, 0).decode(errors="replace").strip()
    pid = f"pid {text}" if text.isdigit() else "pid unknown"
    raise StateError(
        f"another agent ({pid}) already runs on this state folder, {folder}",
        "stop it, or give this one a folder of its own with --state",
    )


def _key_check(raw: bytes) -> bytes:
    return hashlib.sha256(b"holdfast node key" + raw).digest()[:KEY_CHECK_BYTES]


_REASONS: Final[dict[int, tuple[str, str]]] = {
    errno.EROFS: ("the filesystem is read-only", "name a writable folder with --state"),
    errno.ENOSPC: ("the disk is full", "free some space and start again; nothing was lost"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and start again"),
    errno.EFBIG: ("the file size limit is reached", "raise `ulimit -f` and start again"),
    errno.EACCES: ("permission denied", "check who owns it, or name another with --state"),
    errno.EPERM: ("not permitted", "check who owns it, or name another with --state"),
    errno.ENOTDIR: ("a part of the path is not a folder", "name another folder with --state"),
    errno.EEXIST: ("there is a file where a folder belongs", "name another with --state"),
    errno.ELOOP: ("there is a symbolic link in the place of the file", "move the link away"),
    errno.ENAMETOOLONG: ("the path is too long", "name a shorter folder with --state"),
    errno.ENOLCK: ("this filesystem has no locks", "keep the state on a local disk (--state)"),
    errno.EIO: ("the disk reports an I/O error", "check the disk before starting again"),
    errno.EISDIR: ("there is a folder where a file belongs", "move it away"),
    errno.EMFILE: ("too many open files", "raise `ulimit -n`"),
}
