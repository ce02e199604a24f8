"""The smallest run that fails the same way.

Options are made smaller one by one: fewer nodes, a shorter horizon, fewer kinds of fault, fewer
operations; around again until nothing gives. A smaller run draws other things from the same seed,
so each step may try some other seeds: what must stay is the promise that breaks, not the accident
that broke it. Independent dice per fault and node (`simulations.faults`) keep leaving one out from
reshuffling the rest. At last, on one seed, single occurrences of faults are left out, and what
remains is the story that a person reads.

Tries are judged in the order of their seeds, so the answer does not depend on which of the workers
was faster; only how far it gets within its patience does.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.instant import SECOND, Duration
from simulations.campaign.trimming import trimmed
from simulations.campaign.workers import Lost, spread
from simulations.faults.catalogue import faults_text
from simulations.options import Options
from simulations.results import Result

Live = Callable[[Options], Result]
Tell = Callable[[str], object]

SEEDS_PER_STEP: Final = 16
"""Seeds tried per step. A fault that shows in one seed of ten is kept in view in four of five."""
RUNS_MAX: Final = 1000
SECONDS_MAX: Final = 300.0
NODES_MIN: Final = 1
CRASH: Final = "crash"
"""What `simulations.run` calls the end of an agent that stopped itself: `crash: where: why`."""
HORIZON_MIN: Final[Duration] = 1 * SECOND
OPERATIONS_PER_SECOND_MIN: Final = 0.25


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A run that fails as the first one did, and what it took to find it."""

    result: Result
    runs: int
    seconds: float
    whole: bool
    """Nothing could be taken away any more; False: patience was over first."""

    @property
    def sentence(self) -> str:
        """What the failure needs, and how that was found."""
        end = "" if self.whole else ", and might get smaller yet"
        return (
            f"needs only {needs(self.result.options)} ({self.runs} runs, {self.seconds:.0f} s{end})"
        )


def needs(options: Options) -> str:
    """The options that matter, for people: `kill, power-cut=3; 3 nodes, 8 s, 1 operations/s`."""
    kinds = ", ".join(faults_text(options.faults).split(",")) if options.faults else "no fault"
    rate = f"{options.operations_per_second:g} operations/s"
    nodes = f"{options.nodes} node{'s' if options.nodes > 1 else ''}"
    return f"{kinds}; {nodes}, {options.duration / SECOND:g} s, {rate}"


def promise_of(result: Result) -> tuple[str, str]:
    """In which way a run failed: its verdict, and the promise that broke first; of a crash, where
    it happened."""
    first = result.violations[0] if result.violations else ""
    parts = first.split(": ")
    return result.verdict, ": ".join(parts[: 2 if parts[0] == CRASH else 1])


def shrunk(
    failed: Result, live: Live, workers: int, *, tell: Tell = lambda _: None,
    runs_max: int = RUNS_MAX, seconds_max: float = SECONDS_MAX,
) -> Shrunk:  # fmt: skip
    """The smallest run found that fails as `failed` did, within `runs_max` and `seconds_max`."""
    return _Search(failed, live, workers, tell, runs_max, seconds_max).shrink()


class _PatienceOver(Exception):
    """The best so far must do."""


class _Search:
    def __init__(
        self, failed: Result, live: Live, workers: int, tell: Tell,
        runs_max: int, seconds_max: float,
    ) -> None:  # fmt: skip
        self.best = failed
        self._promise = promise_of(failed)
        self._live = live
        self._workers = workers
        self._tell = tell
        self._harmless: set[Options] = set()
        """Lived already, and failed otherwise or not at all: a run is the same every time."""
        self._runs = 0
        self._runs_max = runs_max
        self._began = time.perf_counter()
        self._seconds_max = seconds_max

    def shrink(self) -> Shrunk:
        whole = True
        try:
            self._smaller_options()
            self._fewer_occurrences()
        except _PatienceOver:
            whole = False
        return Shrunk(self.best, self._runs, self._took, whole)

    def _smaller_options(self) -> None:
        before = None
        while before != self.best.options:
            before = self.best.options
            self._fewer_nodes()  # first: every run after it is cheaper
            self._shorter()
            self._fewer_kinds()
            self._fewer_operations()

    # Steps ---------------------------------------------------------------------------------------

    def _shorter(self) -> None:
        while (half := self.best.options.duration // 2) >= HORIZON_MIN:
            if not self._fails(self.best.options.but(duration=half)):
                break

    def _fewer_kinds(self) -> None:
        trimmed(
            self.best.options.faults,
            lambda part: self._fails(self.best.options.but(faults=part)),
        )

    def _fewer_nodes(self) -> None:
        for number in range(NODES_MIN, self.best.options.nodes):
            if self._fails(self.best.options.but(nodes=number)):
                break

    def _fewer_operations(self) -> None:
        while (half := self.best.options.operations_per_second / 2) >= OPERATIONS_PER_SECOND_MIN:
            if not self._fails(self.best.options.but(operations_per_second=half)):
                break

    def _fewer_occurrences(self) -> None:
        """On one seed: which of the faults that struck did it take?"""
        struck = self.best.struck
        before = self.best.options
        trimmed(struck, lambda part: self._same(_with_only(before, struck, part)))

    # Tries ---------------------------------------------------------------------------------------

    def _fails(self, smaller: Options) -> bool:
        """Whether `smaller` fails as the first run did, with its own seed or with another."""
        seeds = dict.fromkeys((smaller.seed, *range(1, SEEDS_PER_STEP)))
        return self._same(*(smaller.but(seed=seed) for seed in seeds))

    def _same(self, *tries: Options) -> bool:
        """Whether one of `tries` fails in the same way; the first that does is the best so far."""
        new = [one for one in tries if one not in self._harmless]
        for wave in _waves(new, self._workers):
            if self._runs >= self._runs_max or self._took >= self._seconds_max:
                raise _PatienceOver
            self._runs += len(wave)
            found = dict(spread(wave, self._live, len(wave)))
            for one in wave:
                result = found[one]
                if isinstance(result, Lost):
                    continue
                if promise_of(result) == self._promise:
                    self.best = result
                    self._tell(f"still fails with {needs(one)}")
                    return True
                self._harmless.add(one)
        return False

    @property
    def _took(self) -> float:
        return time.perf_counter() - self._began


def _with_only(before: Options, struck: tuple[str, ...], part: tuple[str, ...]) -> Options:
    """`before`, and of all that `struck` in it only `part` happens."""
    spared = tuple(label for label in struck if label not in part)
    return before.but(without=(*before.without, *spared))


def _waves(tries: Sequence[Options], size: int) -> Iterator[Sequence[Options]]:
    for at in range(0, len(tries), size):
        yield tries[at : at + size]
