"""A story as it was read, and as text again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from simulations.stories.steps import AlsoOn, Nodes, Step


class Outcome(NamedTuple):
    """One thing that came of a sentence."""

    text: str
    sure: bool
    """It rests on no timing, so it must be so on every stage (`=>`), not in this world (`->`)."""

    def __str__(self) -> str:
        return f"  {'=>' if self.sure else '->'} {self.text}"


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence with its outcomes; or a comment or an empty line, without a step."""

    number: int
    words: str
    step: Step | None
    outcomes: tuple[Outcome, ...] = ()

    def with_outcomes(self, outcomes: Iterable[Outcome]) -> "Line":
        return replace(self, outcomes=tuple(outcomes))


@dataclass(frozen=True, slots=True)
class Story:
    """Lines in order; the first step says who takes part."""

    lines: tuple[Line, ...]

    @property
    def nodes(self) -> Nodes:
        return next(line.step for line in self.lines if isinstance(line.step, Nodes))

    @property
    def stages(self) -> tuple[str, ...]:
        """Where it is told besides the invented world."""
        also = [line.step.stages for line in self.lines if isinstance(line.step, AlsoOn)]
        return tuple(stage for stages in also for stage in stages)

    @property
    def sure(self) -> dict[int, Sequence[str]]:
        """Line number → what must come of it on every stage."""
        return {
            line.number: [outcome.text for outcome in line.outcomes if outcome.sure]
            for line in self.lines
            if line.step is not None
        }

    @property
    def text(self) -> str:
        """As a file: one outcome to a line, beneath its sentence."""
        rows = [row for line in self.lines for row in (line.words, *map(str, line.outcomes))]
        return "\n".join(rows) + "\n"
