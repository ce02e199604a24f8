"""A swarm: many seeds on all cores, until enough have passed or one fails.

Each seed draws its own options (`simulations.options`), is lived in a process of its own, and each
twentieth is lived twice (`twice.py`). The first seed that fails ends the swarm: another thousand
would say nothing that the first does not. What is done with it then is `report.py`.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from simulations.campaign.origin import source
from simulations.campaign.tally import Tally
from simulations.campaign.twice import Divergence, Moved, lived_twice
from simulations.campaign.workers import Lost, spread
from simulations.options import Options
from simulations.results import OK, Result
from simulations.run import Run

TWICE_EVERY: Final = 20

Live: TypeAlias = Callable[[Options], Result]
Parted: TypeAlias = Divergence | Moved
Again: TypeAlias = Callable[[Options, str], Parted | None]
"""(options, the code of this process) → where two lives of it part."""
Draw: TypeAlias = Callable[[int], Options]


@dataclass(frozen=True, slots=True)
class LostSeed:
    """A run whose process ended without a word."""

    options: Options
    lost: Lost

    @property
    def sentence(self) -> str:
        return f"seed {self.options.seed}: {self.lost.sentence}"


Failure: TypeAlias = Result | Parted | LostSeed


@dataclass(slots=True)
class Swarm:
    """A swarm under way, and what came of it."""

    tally: Tally = field(default_factory=Tally)
    failure: Failure | None = None
    interrupted: bool = False
    """A person had seen enough."""
    next_seed: int = 0
    """No seed from here on has been lived through; every one below has, unless interrupted."""


@dataclass(frozen=True, slots=True)
class _Job:
    options: Options
    live: Live
    again: Again | None
    code: str

    def __call__(self) -> tuple[Result, Parted | None]:
        result = self.live(self.options)
        if result.verdict != OK or self.again is None:
            return result, None
        return result, self.again(self.options, self.code)


def live(options: Options) -> Result:
    """One run, here."""
    return Run(options).live()


def swarm(
    first_seed: int, *, workers: int, count: int | None = None, seconds: float | None = None,
    draw: Draw = Options.draw, live: Live = live, again: Again = lived_twice,
    progress: Callable[[Swarm], object] = lambda _: None,
) -> Swarm:  # fmt: skip
    """`count` seeds from `first_seed` on, or as many as begin within `seconds`; both or neither
    may be given. Ctrl-C ends it at once, with what was done; so does the first failure."""
    whole = Swarm(next_seed=first_seed)
    jobs = _jobs(whole, first_seed, count, seconds, draw, live, again)
    try:
        with closing(spread(jobs, _do, workers)) as found:
            _gather(found, whole, progress)
    except KeyboardInterrupt:
        whole.interrupted = True
    return whole


def _do(job: _Job) -> tuple[Result, Parted | None]:
    return job()


def _jobs(
    whole: Swarm, first_seed: int, count: int | None, seconds: float | None,
    draw: Draw, live: Live, again: Again,
) -> Iterator[_Job]:  # fmt: skip
    code = source()
    end = None if seconds is None else time.perf_counter() + seconds
    seed = first_seed
    while (count is None or seed < first_seed + count) and (
        end is None or time.perf_counter() < end
    ):
        whole.next_seed = seed + 1
        twice = again if seed % TWICE_EVERY == 0 else None
        yield _Job(draw(seed), live, twice, code)
        seed += 1


def _gather(
    found: Generator[tuple[_Job, tuple[Result, Parted | None] | Lost], None, None],
    whole: Swarm,
    progress: Callable[[Swarm], object],
) -> None:
    for job, outcome in found:
        if isinstance(outcome, Lost):
            whole.failure = LostSeed(job.options, outcome)
            return
        result, parted = outcome
        whole.tally.add(result)
        whole.tally.lived_twice += job.again is not None and result.verdict == OK
        if result.verdict != OK or parted is not None:
            whole.failure = result if parted is None else parted
            return
        progress(whole)
