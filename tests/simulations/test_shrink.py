"""Shrinking: the smallest run that fails the same way, found within its patience."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import TypeAlias

import pytest

from mesh.instant import SECOND
from simulations.campaign import shrinking, workers
from simulations.campaign.shrinking import Shrunk, needs, shrunk
from simulations.faults.catalogue import read_faults
from simulations.options import Options
from simulations.results import OK, STALLED, VIOLATED, Result

Lived: TypeAlias = tuple[Options, Result]
EVERYTHING = Options(1, duration=40 * SECOND, faults=read_faults("all"))
"""Spelled out: what a seed draws changes with the dice."""
FEW = EVERYTHING.but(faults=read_faults("restarts,amnesia"), nodes=3)
CAUSES = {"kill", "power-cut"}
NEEDED = ("kill/n0/2", "power-cut/n1/0")


def result(options: Options, *violations: str, verdict: str = VIOLATED) -> Result:
    kinds = dict(options.faults)
    struck = tuple(
        label
        for kind in kinds
        for number in range(4)
        for label in (f"{kind}/n0/{number}", f"{kind}/n1/{number}")
        if label not in options.without
    )
    return Result(
        options, verdict if violations else OK, violations, "0" * 32, operations={}, unheard=0,
        changed=0, kinds={}, faults=dict.fromkeys(kinds, 4), states={}, checks={}, struck=struck,
        virtual_seconds=1.0, wall_seconds=0.0,
    )  # fmt: skip


def a_third_of_seeds(options: Options) -> bool:
    return sha256(f"{options.seed}/{options.nodes}".encode()).digest()[0] < 86


def fails(options: Options) -> Result:
    """Two kinds of fault, three nodes, five seconds; and in one seed of three only."""
    lucky = a_third_of_seeds(options) or options in (EVERYTHING, FEW)
    enough = options.nodes >= 3 and options.duration >= 5 * SECOND
    calm = result(options)
    if lucky and enough and all(label in calm.struck for label in NEEDED):
        return result(options, "B1: nobody wrote that down", "G1: twice")
    return calm


def fails_otherwise_when_small(options: Options) -> Result:
    """Without lost disks the same promise never breaks; another one does."""
    if "lost-disk" in dict(options.faults):
        return result(options, "B1: nobody wrote that down")
    return result(options, "G1: twice")


def stalls_sometimes(options: Options) -> Result:
    return result(options, "B1: stalled", verdict=STALLED if options.nodes < 4 else VIOLATED)


@pytest.fixture(autouse=True)
def in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """These runs are nothing but a sum: a process each would be all that they cost."""

    def spread(jobs: Iterable[Options], live: shrinking.Live, _: int) -> Iterator[Lived]:
        return ((job, live(job)) for job in jobs)

    monkeypatch.setattr(shrinking, "spread", spread)


def shrink(
    live: shrinking.Live, workers: int = 2, first: Options = EVERYTHING, **limits: float
) -> Shrunk:
    failed = live(first)
    assert failed.violations
    return shrunk(failed, live, workers, **limits)  # type: ignore[arg-type]  # limits by name


def test_only_what_is_needed_remains() -> None:
    small = shrink(fails)
    options = small.result.options
    assert set(dict(options.faults)) == CAUSES
    assert options.nodes == 3
    assert 5 * SECOND <= options.duration < 10 * SECOND
    assert options.operations_per_second < 0.5
    assert small.result.struck == NEEDED
    assert small.whole
    assert small.runs <= shrinking.RUNS_MAX
    assert "kill, power-cut; 3 nodes" in small.sentence or "power-cut, kill" in small.sentence


def test_what_was_found_fails_again_from_its_own_options() -> None:
    small = shrink(fails)
    again = fails(Options.from_json(small.result.options.to_json()))
    assert again.violations == small.result.violations


def test_the_answer_does_not_depend_on_how_many_work_at_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = shrink(fails, workers=1, first=FEW)
    monkeypatch.setattr(shrinking, "spread", workers.spread)  # and not on processes either
    assert shrink(fails, workers=3, first=FEW).result == alone.result


def test_a_smaller_run_that_breaks_another_promise_is_not_taken_for_this_one() -> None:
    small = shrink(fails_otherwise_when_small)
    assert [kind for kind, _ in small.result.options.faults] == ["lost-disk"]
    assert shrink(stalls_sometimes).result.options.nodes == 4


def test_patience_ends_and_the_best_so_far_is_told() -> None:
    small = shrink(fails, runs_max=5)
    assert small.runs <= 6
    assert not small.whole
    assert "might get smaller yet" in small.sentence
    assert small.result.violations
    assert shrink(fails, seconds_max=0.0).result.options == EVERYTHING


def test_each_step_is_told() -> None:
    told: list[str] = []
    shrunk(fails(EVERYTHING), fails, 1, tell=told.append)
    assert told
    assert all(line.startswith("still fails with ") for line in told)
    assert needs(Options(1)) == "no fault; 5 nodes, 40 s, 6 operations/s"
