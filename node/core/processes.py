"""A process, named so that no later one is taken for it."""

from typing import Final, NamedTuple

PID_MAX: Final = 1 << 22
"""The kernel's own limit on 64-bit machines."""
STARTED_MAX: Final = (1 << 63) - 1


class Process(NamedTuple):
    """One process of this machine, and no later one of the same number."""

    pid: int
    started: int
    """Clock ticks after boot, as /proc/PID/stat has it."""
