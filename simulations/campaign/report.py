"""What a person is told of a seed that failed: the smallest run that still fails, what happened in
it, and the one line that lives it again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from simulations.campaign.shrinking import Live, Shrunk, shrunk
from simulations.campaign.swarm import Failure, LostSeed, live
from simulations.campaign.transcript import Transcript
from simulations.campaign.twice import Divergence, Moved
from simulations.options import Options
from simulations.results import DIVERGED, EXIT_CODES, INTERNAL
from simulations.run import Run

STORY_LINES_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Report:
    """A failure as it is told."""

    exit_status: int
    sentences: tuple[str, ...]
    """What failed, and what it needs."""
    line: str
    """What to type to live it again."""
    story: tuple[str, ...] = field(default=())
    """What happened just before, oldest first."""

    def lines(self) -> Iterator[str]:
        """All of it, as it is printed."""
        yield from self.sentences
        if self.story:
            yield f"what happened, the last {len(self.story)} lines:"
            yield from (f"  {line}" for line in self.story)
        yield f"replay: {self.line}"


def report(
    failure: Failure, workers: int, *, live: Live = live,
    tell: Callable[[str], object] = lambda _: None,
) -> Report:  # fmt: skip
    """Explain `failure`; a broken promise is made small first, on `workers` cores."""
    match failure:
        case LostSeed(options) | Moved(options):
            return Report(EXIT_CODES[INTERNAL], (failure.sentence,), options.line)
        case Divergence(options):
            return Report(EXIT_CODES[DIVERGED], tuple(failure.sentence.splitlines()), options.line)
        case _:
            seed, verdict = failure.seed, failure.verdict
            first = tuple(f"seed {seed} is {verdict}: {one}" for one in failure.violations)
            small = shrunk(failure, live, workers, tell=tell)
            return _told(small, (*first, f"first seen with {failure.options.line}"))


def _told(small: Shrunk, before: tuple[str, ...]) -> Report:
    result = small.result
    told = (*before, small.sentence, *result.violations)
    return Report(result.exit_code, told, result.options.line, story(result.options))


def story(options: Options, lines_max: int = STORY_LINES_MAX) -> tuple[str, ...]:
    """The last lines of the transcript of a run, which is lived again for it."""
    run = Run(options)
    transcript = Transcript(run.world, lines_max=lines_max)
    run.observe(transcript)
    run.on_fault(transcript.struck)
    run.live()
    return tuple(transcript.lines)
