"""What a running process costs: CPU time, wake-ups and memory, read from outside."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

_SCHED_CLOCK: Final = 2
_KIB_PER_MIB: Final = 1024


class Spent(NamedTuple):
    """What a process has used up since it began."""

    cpu_ns: int
    wake_ups: int
    """How often one of its threads went to sleep of its own accord, and so woke again."""


class Memory(NamedTuple):
    """MiB: resident, and resident with shared pages divided among those who share them."""

    rss: float
    pss: float


def spent(pid: int) -> Spent:
    """CPU time of all threads in nanoseconds, and wake-ups."""
    # /proc/PID/stat counts the same in ticks of 10 ms, as much as an idle node uses in seconds.
    # The number of a process's clock is what clock_getcpuclockid(3) would make of its pid.
    cpu_ns = time.clock_gettime_ns(~pid << 3 | _SCHED_CLOCK)
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return Spent(cpu_ns, sum(_figure(task / "status", "voluntary_ctxt_switches") for task in tasks))


def memory(pid: int) -> Memory:
    """Resident memory as it is now."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    return Memory(_figure(rollup, "Rss") / _KIB_PER_MIB, _figure(rollup, "Pss") / _KIB_PER_MIB)


def spent_over(pids: Sequence[int], seconds: float) -> list[tuple[float, float]]:
    """Wait, and say for each process: CPU milliseconds per second, wake-ups per second."""
    before = [spent(pid) for pid in pids]
    began = time.perf_counter()
    time.sleep(seconds)
    after = [spent(pid) for pid in pids]
    took = time.perf_counter() - began
    return [
        ((late.cpu_ns - early.cpu_ns) / 1e6 / took, (late.wake_ups - early.wake_ups) / took)
        for early, late in zip(before, after, strict=True)
    ]


def _figure(path: Path, name: str) -> int:
    """The number behind `name:` in one of the kernel's pages."""
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise KeyError(f"{path} does not say {name}")
