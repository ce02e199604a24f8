"""Shares: how several agents on one machine promise disjoint parts of it.

Each agent keeps one locked file in a folder that all agents of the machine see. The lock is the
sign of life: the kernel drops it with the process, however it ends, so nothing has to be cleaned up
and nothing waits for a time-out. Claims are made one at a time, under a lock on the folder itself.
An agent without `--offer` claims the whole machine and stands alone.

    line 1   the claim: offer, slots, pid, state folder; written once, before the file gets its name
    line 2   how many bytes of RAM the share's own holds use now, with a check sum

Two shares never count the same free byte: what another share has promised or may promise and has
not materialised, Σ (offer − used), is taken off the machine's free memory. A use that is torn, old
or absent counts as 0, which only ever leaves less for us.
"""

import fcntl
import hashlib
import os
import stat
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from mesh.instant import SECOND, Duration, Instant
from node.probes.offers import Capacity, Offer, ShareRecord, ShareRefused, check_claim

FOLDER_DEFAULT: Final = "/dev/shm/holdfast-machine"  # noqa: S108  checked before use
FOLDER_VARIABLE: Final = "HOLDFAST_MACHINE_DIR"

USE_AGE_MAX: Final[Duration] = 30 * SECOND
"""A use that was written longer ago says nothing about now: an agent that hangs, a stopped VM."""
LOCK_TRIES_MAX: Final = 50
LOCK_PAUSE_SECONDS: Final = 0.1
SHARES_MAX: Final = 256
CLAIM_BYTES_MAX: Final = 16_384
USE_LINE_BYTES: Final = 64


def registry_folder(environment: Mapping[str, str]) -> Path:
    """Where the agents of this machine meet."""
    return Path(environment.get(FOLDER_VARIABLE) or FOLDER_DEFAULT)


class Onlooker:
    """Someone who promises nothing (`where` without an agent), and so only looks at the shares."""

    def __init__(self, folder: Path, own_name: str = "") -> None:
        self._folder = folder
        self._own_name = own_name

    @property
    def offer(self) -> Offer | None:
        """None: the whole machine."""
        return None

    def publish_use(self, ram_used: int, now: Instant) -> None:
        """Nobody rests on what an onlooker uses."""

    def outstanding_of_others(self, now: Instant) -> int:
        """Σ (offer − used) over the other shares: free bytes that are not ours to promise. `now`
        is CLOCK_BOOTTIME, which all agents of one kernel share."""
        total = 0
        for record, used in live_shares(self._folder, now, leave_out=self._own_name):
            if record.offer is not None:
                total += max(0, record.offer.ram - used)
        return total


class Claim(Onlooker):
    """A share that is ours while this object (and our process) lives. See `claim_share`."""

    def __init__(self, folder: Path, name: str, record: ShareRecord, descriptor: int) -> None:
        super().__init__(folder, name)
        self.record = record
        self._descriptor = descriptor
        self._use_offset = len(msgspec.json.encode(record)) + 1

    @property
    def offer(self) -> Offer | None:
        """None: the whole machine."""
        return self.record.offer

    def publish_use(self, ram_used: int, now: Instant) -> None:
        """Tell the other agents what our holds' own work uses, as just measured."""
        os.pwrite(self._descriptor, use_line(ram_used, now), self._use_offset)

    def release(self) -> None:
        """Give the share back. Ending the process does the same."""
        (self._folder / self._own_name).unlink(missing_ok=True)
        os.close(self._descriptor)


def claim_share(
    offer: Offer | None, capacity: Capacity, state_folder: Path, folder: Path,
    slots: tuple[str, ...] = (),
) -> Claim:  # fmt: skip
    """Claim a part of this machine (None: all of it) and slots so called, or raise ShareRefused."""
    door = _open_folder(folder)
    try:
        _lock_folder(door, folder)
        resolved = may_claim(offer, capacity, state_folder, folder, slots)
        return _write_claim(folder, ShareRecord(os.getpid(), resolved, offer, slots))
    finally:
        os.close(door)


def may_claim(
    offer: Offer | None, capacity: Capacity, state_folder: Path, folder: Path,
    slots: tuple[str, ...] = (),
) -> str:  # fmt: skip
    """As above, of what others have claimed now, and claim nothing: the state folder's whole name,
    or ShareRefused."""
    resolved = str(state_folder.resolve())
    others = [record for record, _ in live_shares(folder, None)]
    if len(others) >= SHARES_MAX:
        raise ShareRefused(f"{SHARES_MAX} agents run on this machine already: stop one.")
    check_claim(offer, resolved, capacity, others, slots)
    return resolved


def _open_folder(folder: Path) -> int:
    # Any user may come first, and agents of several users may share a machine: like /tmp, all may
    # add and each may remove only its own. A link in its place could send us anywhere.
    try:
        try:
            folder.mkdir(mode=0o1777)
            folder.chmod(0o1777)  # past the umask
        except FileExistsError:
            pass
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as failure:
        raise ShareRefused(
            f"{folder}, where the agents of this machine meet, cannot be used "
            f"({failure.strerror}): set {FOLDER_VARIABLE} to a folder that all of them can write."
        ) from failure


def _lock_folder(door: int, folder: Path) -> None:
    for _ in range(LOCK_TRIES_MAX):
        try:
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return
    raise ShareRefused(f"Another process keeps {folder} locked: find it with `fuser {folder}`.")


def _write_claim(folder: Path, record: ShareRecord) -> Claim:
    name = hashlib.sha256(record.state_folder.encode()).hexdigest()[:24] + ".share"
    draft = folder / f"{name}.{record.pid}.draft"
    try:
        draft.unlink(missing_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(draft, flags, 0o644)
        try:
            os.fchmod(descriptor, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(descriptor, msgspec.json.encode(record) + b"\n" + use_line(0, 0))
            draft.rename(folder / name)  # only now can others see it, whole and locked
        except OSError:
            os.close(descriptor)
            raise
    except OSError as failure:
        raise ShareRefused(
            f"The share could not be written to {folder} ({failure.strerror}): "
            f"set {FOLDER_VARIABLE} to a folder that this user can write."
        ) from failure
    return Claim(folder, name, record, descriptor)


def use_line(ram_used: int, now: Instant) -> bytes:
    """Line 2: fixed in length, so that it is overwritten in one piece."""
    text = f"{ram_used} {now}".encode()
    line = b"%08x %s" % (zlib.crc32(text), text)
    assert len(line) < USE_LINE_BYTES
    return line.ljust(USE_LINE_BYTES - 1) + b"\n"


def parse_use(line: bytes, now: Instant | None) -> int:
    """What a share says it uses; 0 when that is torn, older than USE_AGE_MAX, or not asked for."""
    check, _, text = line.strip().partition(b" ")
    used, _, said = text.partition(b" ")
    if now is None or not (used.isdigit() and said.isdigit()) or len(text) > USE_LINE_BYTES:
        return 0
    if check != b"%08x" % zlib.crc32(text) or not 0 <= now - int(said) <= USE_AGE_MAX:
        return 0
    return int(used)


def live_shares(
    folder: Path, now: Instant | None, leave_out: str = ""
) -> tuple[tuple[ShareRecord, int], ...]:
    """Every share whose agent lives, with the RAM it uses, ordered by file name."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".share"))  # noqa: PTH208
    except OSError:
        return ()
    found: list[tuple[ShareRecord, int]] = []
    for name in names:
        share = _read_live(folder / name, now) if name != leave_out else None
        if share is not None:
            found.append(share)
    return tuple(found)


def _read_live(path: Path, now: Instant | None) -> tuple[ShareRecord, int] | None:
    try:
        # Not O_NONBLOCK alone: a fifo put here by a stranger must not stop us.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or not _locked(descriptor):
            return None
        first, _, second = os.pread(descriptor, CLAIM_BYTES_MAX, 0).partition(b"\n")
    except OSError:
        return None
    finally:
        os.close(descriptor)
    try:
        record = msgspec.json.decode(first, type=ShareRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # no agent wrote this: ours are whole before they have a name
    return record, parse_use(second, now)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False  # closing gives the lock back
