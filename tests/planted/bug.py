"""What a planted bug is, and the runs on which it must show."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from mesh.instant import SECOND
from simulations.checks.check import Check
from simulations.checks.checks import ALL
from simulations.faults.catalogue import read_faults
from simulations.options import Options

Plant = Callable[[pytest.MonkeyPatch], None]
CRASH: Final = "crash"
"""An agent that stops itself on an assertion of its own: a promise of a kind, where it is named."""


@dataclass(frozen=True, slots=True)
class Course:
    """The runs of one bug: short, small, and with the faults that can bring it to light."""

    faults: str = "none"
    nodes: int = 3
    seconds: int = 20
    operations: float = 12.0

    def options(self, seed: int) -> Options:
        """The run that `seed` stands for on this course."""
        chosen = read_faults(self.faults)
        return Options(seed, self.nodes, self.seconds * SECOND, chosen, "named", self.operations)

    def __str__(self) -> str:
        faults = self.faults.replace(",", " ")
        return f"{self.nodes} nodes, {self.seconds} s, {self.operations:g}/s, {faults}"


@dataclass(frozen=True, slots=True)
class Bug:
    """One broken rule. `breaks`: promises of docs/invariants.md; any other way to fail is none."""

    name: str
    sentence: str
    breaks: tuple[str, ...]
    course: Course
    plant: Plant
    only: tuple[type[Check], ...] = ALL
    """The checks that look. Where one layer hides another, the other is tried by itself."""


def set_to(target: Any, name: str, value: Any) -> Plant:
    """The simplest plant: something is something else."""
    return lambda patch: patch.setattr(target, name, value)
