"""`holdfast leave`: say goodbye and stop."""

import fcntl
import os
import time
from argparse import Namespace
from pathlib import Path
from typing import Final

from mesh.instant import SECOND
from node.cli.asking import answer, show, warn
from node.cli.exits import YES
from node.cli.settings import state_of
from node.shell import clock

GONE_SECONDS_MAX: Final = 5
"""How long the agent gets to close its journal. One that takes longer is still going."""
LOOK_SECONDS: Final = 0.05


def run(flags: Namespace) -> int:
    """The state folder stays: `holdfast up` comes back as the same node."""
    body = answer(flags, {"type": "leave"})
    if not _gone(state_of(flags) / "lock"):
        warn([f"it has not stopped in {GONE_SECONDS_MAX} s: wait before `holdfast up`"])
    show(flags, body, lambda _ink: ["left the mesh; the agent stops. `holdfast up` comes back"])
    return YES


def _gone(lock: Path) -> bool:
    """Whether the agent has let go of its folder. A script that starts it again in the next line
    must not be told that it runs already."""
    until = clock.now() + GONE_SECONDS_MAX * SECOND
    while _held(lock):
        if clock.now() >= until:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _held(lock: Path) -> bool:
    """Looked at with a shared lock, let go of at once."""
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
