"""One run in a process of its own, whose strings and bytes hash differently: `twice.py` starts it.

    python -m simulations.campaign.fresh < question.json > answer.json

Whatever Python, a library or we ourselves keep between runs is not there; what is left is the seed.
"""

import sys
from typing import Final

import msgspec

from mesh.instant import SECOND
from simulations.campaign.origin import source
from simulations.campaign.transcript import EveryEvent
from simulations.invented.observing import Observer
from simulations.invented.world import World
from simulations.options import Options
from simulations.run import Run

LINES_MAX: Final = 1_000_000
"""Of one virtual second. A thousand nodes say less."""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as `Options.to_json` writes them; `second`: which virtual second to write down."""

    options: str
    second: int | None = None


class History(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What two lives of one seed must have in common."""

    verdict: str
    trace_hash: str
    checkpoints: tuple[str, ...]
    """The trace hash at the end of each virtual second."""
    lines: tuple[str, ...] = ()
    """Every event of the second that was asked for."""
    source: str = ""
    """Of a fresh process: the code that it was started with."""


class Checkpoints(Observer):
    """The trace hash at the end of each virtual second."""

    def __init__(self) -> None:
        self.hashes: list[str] = []

    def second(self, world: World) -> None:
        self.hashes.append(world.trace.hexdigest())


class OneSecond(EveryEvent):
    """Every event of one virtual second."""

    def __init__(self, world: World, second: int) -> None:
        super().__init__(world, lines_max=LINES_MAX)
        self._second = second

    def tell(self, sentence: str) -> None:
        if self._world.now // SECOND == self._second:
            super().tell(sentence)


def history(question: Question) -> History:
    """Live it, here and now."""
    run = Run(Options.from_json(question.options))
    checkpoints = Checkpoints()
    run.observe(checkpoints)
    lines: tuple[str, ...] = ()
    if question.second is None:
        result = run.live()
    else:
        one = OneSecond(run.world, question.second)
        run.observe(one)
        run.on_fault(one.struck)
        result = run.live()
        lines = tuple(one.lines)
    return History(result.verdict, result.trace_hash, tuple(checkpoints.hashes), lines)


def main() -> None:
    """Question in, history out."""
    code = source()
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    lived = msgspec.structs.replace(history(question), source=code)
    sys.stdout.buffer.write(msgspec.json.encode(lived))


if __name__ == "__main__":
    main()
