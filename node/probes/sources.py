"""Where the kernel tells things, and how a probe reads them without being hurt.

Everything is read below `Roots`, so that a test can offer a machine of its own. A file that is
missing, forbidden or broken is None: the caller says what that leaves unknown.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar, cast

from node.probes.patience import Patience

Result = TypeVar("Result")

TEXT_BYTES_MAX: Final = 4 * 1024 * 1024
"""A kernel file longer than this is not what we think it is (cpuinfo of 512 cores: 0.8 MiB)."""


KERNELS_PIDS: Final = "pid:[4026531836]"
"""The first namespace of pids: PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h."""


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders in which the operating system describes itself."""

    proc: str = "/proc"
    sys: str = "/sys"
    etc: str = "/etc"
    run: str = "/run"


class RunLimited(Protocol):
    """Runs `function` for at most `seconds`: its result, its exception, or TimeoutError.

    The caller of the probes chooses how (a thread left behind, a worker of its event loop); a call
    that was given up must not hold anything the next one needs.
    """

    def __call__(self, function: Callable[[], Result], seconds: float) -> Result: ...


def read_text(path: str) -> str | None:
    """The file's text, or None. Not `Path.read_text`: a live sample opens hundreds of files."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _read_all(descriptor).decode("utf-8", "replace")
    except OSError:
        return None  # a sensor that sleeps, a process that just ended
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    pieces: list[bytes] = []
    length = 0
    while length < TEXT_BYTES_MAX:
        piece = os.read(descriptor, 65536)
        if not piece:
            break
        pieces.append(piece)
        length += len(piece)
    return b"".join(pieces)


def sees_the_kernels_pids(roots: Roots) -> bool:
    """Whether a pid means the same to us and to a driver, which knows nothing of a container's own
    numbers: there, its pid 70 is not our pid 70. Where the system does not say, it is so."""
    try:
        return os.readlink(f"{roots.proc}/self/ns/pid") == KERNELS_PIDS  # noqa: PTH115
    except OSError:
        return True


def read_word(path: str) -> str | None:
    """The file's text without the white space around it; None when there is none."""
    text = read_text(path)
    return (text.strip() or None) if text is not None else None


def read_integer(path: str) -> int | None:
    """The one whole number a file holds, or None."""
    return whole(read_word(path))


def whole(word: str | None) -> int | None:
    """`word` as an integer of plain ASCII digits (a minus allowed), or None."""
    if word is None or len(word) > 24 or not word.isascii():
        return None
    return int(word) if word.removeprefix("-").isdigit() else None


def names_in(folder: str) -> tuple[str, ...]:
    """What a folder holds, in one order on every run; nothing when it cannot be listed."""
    try:
        return tuple(sorted(os.listdir(folder)))  # noqa: PTH208  a live sample lists /proc
    except OSError:
        return ()


def owner_of(path: str) -> int | None:
    """The numeric user that a file belongs to, or None."""
    try:
        return Path(path).stat().st_uid
    except OSError:
        return None


def exists(path: str) -> bool:
    """Whether something is there."""
    return Path(path).exists()


def run_in_thread(function: Callable[[], Result], seconds: float) -> Result:
    """The plain `RunLimited`: a thread of its own, left behind when it takes too long.

    A driver that hangs in the kernel cannot be killed, only abandoned; the thread is a daemon so
    that it does not keep the agent from stopping.
    """
    answer = Patience().ask({"probe": function}, seconds)["probe"]
    if answer.failure is not None:
        raise answer.failure
    if answer.late:
        raise TimeoutError(f"no answer within {seconds} s")
    return cast("Result", answer.result)
