"""How a process ended that was none of our children.

The kernel keeps the exit status of a process for its parent. Since 6.15 it also answers it through
a pidfd, once the parent has been told (PIDFD_GET_INFO with PIDFD_INFO_EXIT in linux/pidfd.h). Until
then, and on older kernels for as long as it is a zombie, /proc/PID/stat has it as its last field,
for whoever may trace the process. Otherwise nobody knows, and nothing is made up.

A process that the kernel killed for want of memory died of SIGKILL, as one does that a person
killed. What tells them apart is the count of such kills in /proc/vmstat: it rose in the seconds
before.
"""

import fcntl
import signal
import struct
from typing import Final

from node.core.picture.topics import How
from node.probes.sources import Roots, read_text, whole

INFO_BYTES: Final = 64
"""sizeof struct pidfd_info as of its first version."""
GET_INFO: Final = 3 << 30 | INFO_BYTES << 16 | 0xFF << 8 | 11
"""_IOWR(PIDFS_IOCTL_MAGIC, 11, struct pidfd_info)"""
INFO_EXIT: Final = 1 << 3
EXIT_FIELD: Final = struct.Struct("=Q52xi")
"""The mask of what is asked and answered; and behind the ids the wait status."""
STATUS_FIELD: Final = 52
"""exit_code in /proc/PID/stat (proc(5))."""
BY_WORD: Final = (0, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)
"""Signals by which people and programs end what they no longer want."""
SHELL_SAYS: Final = 128
"""A shell tells a child's signal as 128 and its number."""


def wait_status(roots: Roots, handle: int, pid: int) -> int | None:
    """The wait status of a process that is gone; None where the system does not say. `handle`: a
    pidfd that was opened while it ran."""
    for _ in range(2):  # between the two questions its parent may have let it go
        status = _from_handle(handle)
        if status is None:
            status = _from_stat(read_text(f"{roots.proc}/{pid}/stat") or "", pid)
        if status is not None:
            return status
    return None


def _from_handle(handle: int) -> int | None:
    asked = bytearray(INFO_BYTES)
    EXIT_FIELD.pack_into(asked, 0, INFO_EXIT, 0)
    try:
        fcntl.ioctl(handle, GET_INFO, asked)
    except OSError:
        return None  # an older kernel, or a handle that is none of its own kind
    mask, status = EXIT_FIELD.unpack_from(asked)
    return int(status) if mask & INFO_EXIT else None


def _from_stat(text: str, pid: int) -> int | None:
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    zombie = len(fields) > STATUS_FIELD - 3 and fields[0] == "Z" and head.startswith(f"{pid} ")
    return whole(fields[STATUS_FIELD - 3]) if zombie else None


def how_it_ended(status: int | None, *, memory_ran_out: bool) -> How:
    """What a wait status means for whoever wonders whether such work runs here."""
    if status is None:
        return How.UNKNOWN
    killed_by, code = status & 0x7F, status >> 8 & 0xFF
    if killed_by == signal.SIGKILL:
        return How.OUT_OF_MEMORY if memory_ran_out else How.UNKNOWN
    if killed_by:
        return How.UNKNOWN if killed_by in BY_WORD else How.CRASHED
    if code == 0:
        return How.WELL
    return How.UNKNOWN if code - SHELL_SAYS in BY_WORD[1:] else How.FAILED


def oom_kills(roots: Roots) -> int:
    """How many processes the kernel has killed since boot for want of memory; 0 if not told."""
    for line in (read_text(f"{roots.proc}/vmstat") or "").splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return whole(count) or 0
    return 0


class Coroner:
    """Remembers the count of kills from look to look, so that a new one shows."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._before = self._last = oom_kills(roots)

    def look(self) -> None:
        """At each sample."""
        self._before, self._last = self._last, oom_kills(self._roots)

    def verdict(self, handle: int, pid: int) -> How:
        """On a process that was watched through `handle` and is gone."""
        status = wait_status(self._roots, handle, pid)
        return how_it_ended(status, memory_ran_out=oom_kills(self._roots) > self._before)
