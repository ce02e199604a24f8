"""Trials: runs with a bug planted, each in a process forked for it, and what they came to."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

import pytest

from simulations import run
from simulations.campaign.workers import Lost, spread
from simulations.checks import Checks
from simulations.results import OK
from simulations.run import Run
from tests.planted.bug import Bug, Course

CATCHES: Final = 3
"""So many seeds must show a bug; one may be luck."""


@dataclass(slots=True)
class Trial:
    """What the runs of one bug came to."""

    bug: Bug
    tried: int = 0
    caught: list[int] = field(default_factory=list)
    """Seeds of which the first broken promise was one that the bug breaks."""
    promises: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Promise → seeds that failed for another reason than the bug's."""
    seconds: float = 0.0

    @property
    def enough(self) -> bool:
        return len(self.caught) >= CATCHES


def outcome(bug: Bug | None, course: Course, seed: int) -> str:
    """The promise that a run breaks first, "crash" if its agent stopped itself; "" for none."""
    with pytest.MonkeyPatch.context() as patch:
        if bug is not None:
            patch.setattr(run, "all_checks", lambda world: Checks(world, bug.only))
            bug.plant(patch)
        result = Run(course.options(seed)).live()
    return "" if result.verdict == OK else result.violations[0].partition(":")[0]


def in_order(known: Sequence[int], seeds: int) -> list[int]:
    """Seeds 1 to `seeds`, those that are known to show the bug first."""
    first = [seed for seed in known if seed <= seeds]
    return first + [seed for seed in range(1, seeds + 1) if seed not in first]


def try_on(bug: Bug, seeds: Iterable[int], jobs: int, *, every_one: bool) -> Trial:
    """Live `seeds` until the bug is caught often enough, or (`every_one`) all of them."""
    trial = Trial(bug)
    began = time.perf_counter()
    for seed, promise in _each(seeds, lambda seed: outcome(bug, bug.course, seed), jobs):
        trial.tried += 1
        if promise in bug.breaks:
            trial.caught.append(seed)
            trial.promises[promise] += 1
        elif promise:
            trial.elsewhere[promise] += 1
        if trial.enough and not every_one:
            break
    trial.caught.sort()
    trial.seconds = time.perf_counter() - began
    return trial


def try_clean(course: Course, seeds: Iterable[int], jobs: int) -> dict[int, str]:
    """Seed → what a run without any bug failed with. Must be empty."""
    found = _each(seeds, lambda seed: outcome(None, course, seed), jobs)
    return {seed: promise for seed, promise in found if promise}


def _each(seeds: Iterable[int], live: Callable[[int], str], jobs: int) -> Iterator[tuple[int, str]]:
    with closing(spread(seeds, live, jobs)) as runs:
        for seed, promise in runs:
            yield seed, f"lost: {promise.sentence}" if isinstance(promise, Lost) else promise
