"""The continuity marker: where the proof lies that nothing was forgotten.

What is noted, and what it proves, is `node/core/continuity.py`. Here it is kept: on a filesystem
that lives in memory only, replaced without a sync, for what it lies on has no disk to sync to. That
the filesystem really is volatile is *checked*; a marker that survived a power cut would vouch for a
lost tail.
"""

import contextlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from mesh.identity import NodeId, id_text
from mesh.logs import Era, Position
from node.core.continuity import Marker

VOLATILE_TYPES: Final = ("tmpfs", "ramfs")
MARKER_BYTES_MAX: Final = 4096
BOOT_ID_PATH: Final = Path("/proc/sys/kernel/random/boot_id")
MOUNTS_PATH: Final = Path("/proc/self/mountinfo")


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    """The marker as it lies in its file."""

    boot_id: str
    epoch_counter: int
    era_counter: int | None
    era_nonce: bytes
    height: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class MarkerFile:
    """The marker of one node in a checked volatile folder."""

    path: Path

    def read(self) -> Marker | None:
        """The marker; None when there is none, or none that we wrote whole."""
        try:
            data = _read_own(self.path)
            written = msgspec.json.decode(data, type=_Written)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if written.era_counter is None:
            return Marker(written.boot_id, written.epoch_counter, None)
        era = Era(written.era_counter, written.era_nonce)
        head = Position(era, written.height, written.hash)
        return Marker(written.boot_id, written.epoch_counter, head)

    def write(self, marker: Marker) -> bool:
        """Replace the marker. False when it can't be: then the next start can't prove anything.

        Call it only after what it vouches for is durable.
        """
        temporary = self.path.with_suffix(".new")
        try:
            temporary.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
                file.write(_encode(marker))
            temporary.replace(self.path)
        except OSError:
            self.forget()
            return False
        return True

    def forget(self) -> None:
        """Remove the marker, so that the next start proves nothing. Quiet if there is none."""
        with contextlib.suppress(OSError):  # its mount may be gone: so is the marker, then
            self.path.unlink(missing_ok=True)


def find_marker(
    environment: Mapping[str, str], uid: int, node: NodeId
) -> tuple[MarkerFile | None, str]:
    """Where this node's marker belongs, and a sentence on why there (or why nowhere)."""
    refused: list[str] = []
    for folder in _candidates(environment, uid):
        reason = _unfit(folder)
        if reason is None:
            return MarkerFile(folder / f"marker-{id_text(node)}"), f"the marker lies in {folder}"
        refused.append(f"{folder}: {reason}")
    return None, "no volatile folder for the continuity marker (" + "; ".join(refused) + ")"


def read_boot_id() -> str | None:
    """The kernel's name for this boot; None where it has none (then nothing can be proven)."""
    try:
        return BOOT_ID_PATH.read_text().strip() or None
    except OSError:
        return None


def filesystem_type(folder: Path) -> str | None:
    """The type of the filesystem that `folder` lies on, by the kernel's word; None if unknown."""
    try:
        device = folder.stat().st_dev
        table = MOUNTS_PATH.read_text()
    except OSError:
        return None
    return type_of_device(table, f"{os.major(device)}:{os.minor(device)}")


def type_of_device(table: str, device: str) -> str | None:
    """Look a device up in mountinfo text: `… major:minor … - type source options`."""
    for line in table.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split()
        if dash and len(fields) > 2 and fields[2] == device and after.split():
            return after.split()[0]
    return None


def _candidates(environment: Mapping[str, str], uid: int) -> Sequence[Path]:
    chosen = environment.get("HOLDFAST_RUNTIME_DIR")
    if chosen:
        return (Path(chosen),)  # asked for by name: never a quiet second choice
    places = [Path("/run/holdfast"), Path(f"/dev/shm/holdfast-{uid}")]  # noqa: S108 (checked below)
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime:
        places.insert(0, Path(runtime) / "holdfast")
    return places


def _unfit(folder: Path) -> str | None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        return error.strerror or "can't be made"
    if not stat.S_ISDIR(found.st_mode):
        return "not a folder"
    # /dev/shm is open to all: somebody may have made our folder before us.
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "somebody else may write to it"
    kind = filesystem_type(folder)
    if kind not in VOLATILE_TYPES:
        return f"lies on {kind or 'an unknown filesystem'}, which may survive a power cut"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "can't be written"
    return None


def _read_own(path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if os.fstat(file.fileno()).st_uid != os.geteuid():
            return b""
        return file.read(MARKER_BYTES_MAX)


def _encode(marker: Marker) -> bytes:
    head = marker.head
    written = _Written(
        boot_id=marker.boot_id,
        epoch_counter=marker.epoch_counter,
        era_counter=None if head is None else head.era.counter,
        era_nonce=b"" if head is None else head.era.nonce,
        height=0 if head is None else head.height,
        hash=b"" if head is None else head.hash,
    )
    return msgspec.json.encode(written)
