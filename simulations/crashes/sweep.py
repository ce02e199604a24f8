"""The sweep: live the story, look at every boundary, and die at some of them for good."""

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import trio

from simulations.crashes.deeds import Deeds
from simulations.crashes.houses import NAMES, SEED, Hamlet, hamlet
from simulations.crashes.judge import check_after, check_disks
from simulations.crashes.reader import MEMORY
from simulations.crashes.reaper import Reaper
from simulations.crashes.told import Ear
from simulations.fidelity.scheduling import live

PREFIX: Final = "holdfast-crashes-"
DONE: Final = 0
FAILED: Final = 1
FAULT_BYTES_MAX: Final = 8_000


@dataclass(slots=True)
class Report:
    """What a sweep came to."""

    boundaries: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    looked: int = 0
    killed: int = 0
    outlived: int = 0
    """Tries whose story was over before its boundary came."""
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Places:
    """Where one try lives."""

    disk: Path
    memory: Path

    @property
    def ear(self) -> Ear:
        return Ear(self.memory / "told")


def sweep(folder: Path, *, tries: int | None, every: int, seed: int) -> Report:
    """Look at every `every`th boundary, and die at `tries` of them (None: at all)."""
    began, report = time.perf_counter(), Report()
    with places(folder) as here:
        report.faults += _in_a_child(lambda: _look(here, every, report))[1]
        counted = (here.memory / "counted").read_text() if not report.faults else "0 0"
        report.boundaries, report.looked = map(int, counted.split()[:2])
        for line in counted.splitlines()[1:]:
            count, kind = line.split(maxsplit=1)
            report.kinds[kind] = int(count)
    points = range(report.boundaries)
    if tries is not None and tries < report.boundaries:
        points = sorted(Random(seed).sample(points, tries))  # type: ignore[assignment] # in order
    for at in points:
        with places(folder) as here:
            _die_and_start(here, at, report)
    report.seconds = time.perf_counter() - began
    return report


@contextmanager
def places(folder: Path) -> Iterator[Places]:
    """A folder on the disk and one in memory, gone at the end."""
    memory = MEMORY if MEMORY.is_dir() else folder
    disk = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    volatile = Path(tempfile.mkdtemp(prefix=PREFIX, dir=memory))
    try:
        yield Places(disk, volatile)
    finally:
        shutil.rmtree(disk)
        shutil.rmtree(volatile)


def _look(here: Places, every: int, report: Report) -> None:
    reaper = Reaper()

    async def story() -> None:
        async with hamlet(here.disk, here.memory, reaper) as people:

            def look(_host: str, what: str) -> None:
                if reaper.passed % every == 0:
                    _check(people, here, f"boundary {reaper.passed}, before a {what}")
                    report.looked += 1

            reaper.look = look
            await Deeds(people, here.ear).all()
            reaper.look = lambda _host, _what: None

    live(SEED, story)
    lines = [f"{reaper.passed} {report.looked}"]
    lines += [f"{count} {kind}" for kind, count in reaper.kinds.most_common()]
    (here.memory / "counted").write_text("\n".join(lines))


def _check(people: Hamlet, here: Places, where: str) -> None:
    machines = {name: people.residents[name].identity.id for name in NAMES}
    try:
        check_disks(people.houses, machines, here.ear)
    except AssertionError as broken:
        broken.add_note(where)
        raise


def _die_and_start(here: Places, at: int, report: Report) -> None:
    ended, faults = _in_a_child(lambda: _live(here, at))
    report.killed += ended == -signal.SIGKILL
    report.outlived += ended == DONE
    if not faults:
        ended, faults = _in_a_child(lambda: _start_again(here))
        if ended == -signal.SIGKILL:
            faults = ["somebody killed the start after it"]
    report.faults += [f"killed at boundary {at}: {fault}" for fault in faults]


def _live(here: Places, at: int) -> None:
    async def story() -> None:
        async with hamlet(here.disk, here.memory, Reaper(at)) as people:
            await Deeds(people, here.ear).all()

    live(SEED, story)


def _start_again(here: Places) -> None:
    async def story() -> None:
        async with hamlet(here.disk, here.memory, Reaper(), days=1) as people:
            _check(people, here, "before the next start")
            marked = {name: (here.memory / name / "marker").exists() for name in NAMES}
            await check_after(people, here.ear, Deeds(people, here.ear), proven=marked)
            _check(people, here, "after everything was given back")

    live(SEED, story)


def _in_a_child(work: Callable[[], None]) -> tuple[int, list[str]]:
    """Do `work` in a process of its own: how that ended (as `subprocess` counts), and what was
    wrong with it. A SIGKILL is what is tried here, and no fault."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        status = FAILED
        try:
            work()
            status = DONE
        finally:  # whatever it was, it is told, and the child ends here
            error = sys.exc_info()[1]
            told_of = [] if error is None else dict.fromkeys(_leaves(error))
            os.write(writing, "\n".join(told_of).encode()[:FAULT_BYTES_MAX])
            sys.stdout.flush()
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        said = told.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    faults = [] if ended in (DONE, -signal.SIGKILL) else [said or f"it ended with {ended}"]
    return ended, faults


def _leaves(error: BaseException) -> Iterator[str]:
    """What went wrong, without the cancellations that followed from it."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    elif isinstance(error, AssertionError):
        notes = getattr(error, "__notes__", [])
        yield f"{error} ({', '.join(notes)})" if notes else str(error)
    elif not isinstance(error, trio.Cancelled):
        yield "".join(traceback.format_exception(error, limit=-6))
