"""Places where something is wrong, made by the test itself: namespaces, small disks, other users.

Everything happens in namespaces of our own, which end with the process that holds them; nothing of
this machine is changed.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--")
"""Somebody who is not us and owns nothing."""


def _can_make(*tools: str) -> bool:
    return os.geteuid() == 0 and all(shutil.which(tool) for tool in tools)


needs_mounts = pytest.mark.skipif(
    not _can_make("unshare", "nsenter", "mount"), reason="mounts of our own need root"
)
needs_network = pytest.mark.skipif(
    not _can_make("unshare", "nsenter", "ip"), reason="a network of our own needs root and `ip`"
)
needs_another_user = pytest.mark.skipif(
    not _can_make("setpriv"), reason="becoming another user needs root"
)


@contextmanager
def world(kind: str, setting_up: str, *words: str) -> Iterator[tuple[str, ...]]:
    """A namespace of this `kind` (`--mount`, `--net`) in which the shell line `setting_up` was run.

    The prefix of commands that are to run inside.
    """
    script = f"{setting_up} && echo ready && exec cat"
    with subprocess.Popen(
        ["unshare", kind, "--", "sh", "-ec", script, "sh", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "ready\n", f"could not: {setting_up}"
            yield ("nsenter", "-t", str(holder.pid), kind, "--")
        finally:
            holder.stdin.close()


@contextmanager
def small_disk(where: Path, size: str) -> Iterator[tuple[str, ...]]:
    """A disk of `size` at `where`, seen by those inside only."""
    where.mkdir(mode=0o700, exist_ok=True)
    line = 'mount -t tmpfs -o mode=700,size="$2" small "$1"'
    with world("--mount", line, str(where), size) as inside:
        yield inside


@contextmanager
def read_only_view(where: Path) -> Iterator[tuple[str, ...]]:
    """`where`, read-only for those inside."""
    line = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'
    with world("--mount", line, str(where)) as inside:
        yield inside


@contextmanager
def another_machine(mark: Path) -> Iterator[tuple[str, ...]]:
    """This machine with another's identity: its machine-id reads as what `mark` holds."""
    mark.write_text("0123456789abcdef0123456789abcdef\n")
    with world("--mount", 'mount --bind "$1" /etc/machine-id', str(mark)) as inside:
        yield inside


def run_inside(prefix: tuple[str, ...], *words: str) -> str:
    """One command in such a place, expected to work."""
    done = subprocess.run([*prefix, *words], check=True, capture_output=True, text=True)
    return done.stdout
