"""The same seed, lived again in a fresh process, must be the same history.

A replay that is not exact is worth nothing, and nobody notices until the one night it is needed. So
some seeds of every campaign are lived twice, the second time in a process that shares nothing with
the first, not even how strings hash. When the two differ, the trace hash at the end of each virtual
second says in which second, and that second is lived once more in both, event by event.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import msgspec

from simulations.campaign.fresh import History, Question, history
from simulations.options import Options

FRESH: Final = (sys.executable, "-m", "simulations.campaign.fresh")
HASH_SEEDS: Final = ("1", "2")
"""Whichever of them this process was not started with."""
FRESH_SECONDS_MAX: Final = 600
NOTHING: Final = "(nothing more)"


@dataclass(frozen=True, slots=True)
class Divergence:
    """Two lives of one seed that were not one history."""

    options: Options
    second: int
    """The virtual second in which they part."""
    here: str
    """The first event that differs, as it was in this process; empty when no event shows it."""
    there: str

    @property
    def sentence(self) -> str:
        """For people."""
        if not self.here:
            return (
                f"two lives of seed {self.options.seed} part in virtual second {self.second}, "
                "and no event shows it: what differs is in the verdict or comes from outside"
            )
        return (
            f"two lives of seed {self.options.seed} part in virtual second {self.second}:\n"
            f"  here:  {self.here}\n  there: {self.there}"
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """A fresh process has other code than this one: somebody is at work on it."""

    options: Options

    @property
    def sentence(self) -> str:
        """For people."""
        return (
            "the code on the disk is no longer the code that this process runs: "
            "begin again, in a checkout of its own"
        )


def lived_twice(
    options: Options, code: str, command: Sequence[str] = FRESH
) -> Divergence | Moved | None:
    """Where two lives of `options` part; None when they are one history.

    `code`: `simulations.campaign.origin.source()` when this process began.
    Raises subprocess.CalledProcessError when the fresh process fails, TimeoutExpired when it hangs.
    """
    question = Question(options.to_json())
    here, there = history(question), _elsewhere(question, command)
    if there.source != code:
        return Moved(options)
    if here == msgspec.structs.replace(there, source=""):
        return None
    second = _first_difference(here.checkpoints, there.checkpoints)
    question = Question(options.to_json(), second)
    return _explained(options, second, history(question), _elsewhere(question, command))


def _elsewhere(question: Question, command: Sequence[str]) -> History:
    ours = os.environ.get("PYTHONHASHSEED")
    other = next(seed for seed in HASH_SEEDS if seed != ours)
    done = subprocess.run(
        command, input=msgspec.json.encode(question), stdout=subprocess.PIPE, check=True,
        timeout=FRESH_SECONDS_MAX, env={**os.environ, "PYTHONHASHSEED": other},
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=History)


def _first_difference(here: Sequence[str], there: Sequence[str]) -> int:
    """The first place where the two differ; behind both when one begins the other."""
    pairs = enumerate(zip(here, there, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(here), len(there)))


def _explained(options: Options, second: int, here: History, there: History) -> Divergence:
    for ours, theirs in zip_longest(here.lines, there.lines, fillvalue=NOTHING):
        if ours != theirs:
            return Divergence(options, second, ours, theirs)
    return Divergence(options, second, "", "")
