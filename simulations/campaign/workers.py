"""One seed, one process: forked for it, gone with it.

Rivals: a pool whose workers live on is some milliseconds a seed faster, but lets one seed's memory
colour the next, and when the kernel kills a worker nobody knows whose fault it was. Here every seed
begins from the same memory, and one that dies is known by its number. A fork also takes along
whatever was planted in this process, which is how the checks themselves are checked.

Fork only from a process with one thread; whoever draws a live picture does it elsewhere.
"""

import gc
import os
import signal
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import Final, Generic, TypeVar

Job = TypeVar("Job")
Found = TypeVar("Found")

SEED_SECONDS_MAX: Final = 900
"""Wall time for one job. Time in a world is bounded by its events; this is for what is not a world:
a loop that never yields, a machine that swaps."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A job whose process ended without a word: neither a pass nor a broken promise."""

    status: int
    """Exit status; negative: the signal that killed it."""
    overdue: bool = False

    @property
    def sentence(self) -> str:
        """What became of it, for people."""
        if self.overdue:
            return f"its process was ended after {SEED_SECONDS_MAX} s of work"
        if self.status == -signal.SIGKILL:
            return (
                "its process was killed (SIGKILL): the machine ran out of memory, or a person did"
            )
        if self.status < 0:
            return f"its process was killed ({signal.Signals(-self.status).name})"
        return f"its process failed (exit status {self.status}): its last words stand above"


@dataclass(frozen=True, slots=True)
class _Running(Generic[Job]):
    job: Job
    process: ForkProcess
    since: float


def spread(
    jobs: Iterable[Job], live: Callable[[Job], Found], workers: int
) -> Generator[tuple[Job, Found | Lost], None, None]:
    """`live(job)` for each of `jobs`, `workers` at a time, in the order in which they end.

    The next job is asked for when a worker is free, so `jobs` may end when time is up. Closing the
    generator ends whatever is under way, at once.
    """
    coming = iter(jobs)
    running: dict[Connection, _Running[Job]] = {}
    gc.freeze()  # what is shared with the children stays shared: their collector leaves it alone
    try:
        while True:
            for job in islice(coming, workers - len(running)):
                _begin(running, job, live)
            if not running:
                return
            for ready in connection.wait(list(running), timeout=_patience(running)):
                assert isinstance(ready, Connection)
                one = running.pop(ready)
                yield one.job, _outcome(one, ready)
            for late in [one for one in running if _left(running[one]) <= 0]:
                one = running.pop(late)
                _end(one, late)
                yield one.job, Lost(-signal.SIGKILL, overdue=True)
    finally:
        for pipe, one in running.items():
            _end(one, pipe)
        gc.unfreeze()


def _begin(
    running: dict[Connection, _Running[Job]], job: Job, live: Callable[[Job], Found]
) -> None:
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(live, job, theirs))
    process.start()
    theirs.close()  # ours would keep the pipe open when the child dies
    running[ours] = _Running(job, process, time.perf_counter())


def _child(live: Callable[[Job], Found], job: Job, pipe: Connection) -> None:
    # A group of our own: Ctrl-C is for the one who started us to answer, and whoever ends us ends
    # what we start as well.
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pipe.send(live(job))


def _outcome(one: _Running[Job], pipe: Connection) -> Found | Lost:
    try:
        found: Found = pipe.recv()
    except EOFError:
        one.process.join()
        status = one.process.exitcode
        assert status is not None
        return Lost(status)
    else:
        one.process.join()
        return found
    finally:
        pipe.close()
        one.process.close()


def _end(one: _Running[Job], pipe: Connection) -> None:
    assert one.process.pid is not None
    with suppress(ProcessLookupError):  # it has had no time to make its group, and no children
        os.killpg(one.process.pid, signal.SIGKILL)
    one.process.kill()
    one.process.join()
    one.process.close()
    pipe.close()


def _left(one: _Running[Job]) -> float:
    return one.since + SEED_SECONDS_MAX - time.perf_counter()


def _patience(running: dict[Connection, _Running[Job]]) -> float:
    return max(0.0, min(_left(one) for one in running.values()))
