"""Processes, networks and mounts of our own, which end with whoever made them.

A run that is killed must leave nothing behind, and a namespace with a name would stay. So nothing
has one: the run lives in fresh namespaces for processes, networks and mounts, its first process
dies with the process outside (the kernel signals it), and with the first process of a namespace the
kernel ends all others; empty networks and mounts go by themselves. What is left is one folder on
the disk. It is locked while its run lives, and the next run removes those that nobody locks.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Final

PREFIX: Final = "holdfast-truth-"
LOCK: Final = "in-use"
VOLATILE: Final = "volatile"
TRIAL_SECONDS_MAX: Final = 10.0
TERMINATED: Final = 128 + signal.SIGTERM


@cache
def why_not() -> str | None:
    """Why this machine lets us make no sandbox, in one sentence; None when it does."""
    for tool in ("unshare", "setpriv", "nsenter", "ip", "mount"):
        if shutil.which(tool) is None:
            return f"there is no `{tool}` here"
    trial = "ip link add name trial0 type veth peer name trial1 && mount -t tmpfs none /mnt"
    try:
        done = subprocess.run(
            [*_entrance(), "sh", "-c", trial],
            check=False, capture_output=True, text=True, timeout=TRIAL_SECONDS_MAX,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "making namespaces hangs"
    if done.returncode != 0:
        told = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return f"namespaces are not permitted: {told[-1]}"
    return None


def run_inside(arguments: Sequence[str]) -> int:
    """Run this Python with `arguments` and `--folder FOLDER` in a sandbox; its exit status.

    Whatever ends this process ends the sandbox and all that runs in it. Call it on the main thread:
    the kernel takes the end of the thread that starts a child for the end of its parent.
    """
    with _folder() as folder:
        argv = [*_entrance(), sys.executable, *arguments, "--folder", str(folder)]
        before = signal.signal(signal.SIGTERM, _leave)
        inside = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            return inside.wait()
        finally:
            inside.kill()
            inside.wait()
            signal.signal(signal.SIGTERM, before)


def make_volatile(folder: Path) -> Path:
    """From inside: a folder in memory, gone with the sandbox. Raises CalledProcessError."""
    volatile = folder / VOLATILE
    volatile.mkdir(mode=0o700)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "mode=0700", "none", str(volatile)], check=True
    )  # fmt: skip
    return volatile


def _entrance() -> list[str]:
    # Entering a user namespace forgets the signal, so that comes first.
    user = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
    return [
        *user, "setpriv", "--pdeathsig", "KILL",
        "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
    ]  # fmt: skip


@contextmanager
def _folder() -> Iterator[Path]:
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove what runs that were killed have left."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        try:
            with lock.open("r") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            pass  # Its run lives, or it is another person's.


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)
