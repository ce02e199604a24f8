"""Bugs planted in the real core: each is shown by a seed that is known to show it, and by none
without it. All of them, on many seeds: `python -m tests.planted`."""

import pytest

from simulations.options import Options
from simulations.run import Run
from tests.planted.catalogue import BUGS
from tests.planted.record import read
from tests.planted.trials import CATCHES, in_order, outcome

KNOWN = read()
BUGS_MIN = 25


def test_there_are_bugs_enough_and_each_was_caught_often_enough() -> None:
    assert len(BUGS) >= BUGS_MIN
    assert set(KNOWN) == set(BUGS)
    assert all(known.caught >= CATCHES for known in KNOWN.values())


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_breaks_the_promise_that_it_should(name: str) -> None:
    bug = BUGS[name]
    found = (outcome(bug, bug.course, seed) for seed in KNOWN[name].seeds)
    assert any(promise in bug.breaks for promise in found)


@pytest.mark.parametrize("name", ["reply-before-fsync", "no-quarantine", "unsigned-facts"])
def test_the_same_run_without_a_bug_is_well(name: str) -> None:
    bug = BUGS[name]
    assert outcome(None, bug.course, KNOWN[name].seeds[0]) == ""


def test_seeds_that_are_known_to_show_a_bug_come_first() -> None:
    assert in_order((3, 9), 4) == [3, 1, 2, 4]


def test_the_canary_always_fails() -> None:
    assert Run(Options(1, 3, 10_000_000_000, canary=True)).live().verdict == "violated"
