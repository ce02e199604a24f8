"""What a story needs of the place where it is told: nodes, a network, time, and answers.

Three stages have it: `world_stage.py` (the still core on invented time), the whole agent on trio
with invented time, and real processes in namespaces of their own. Each says what it lacks, so that
a story which needs it is passed over by name instead of told by half. All bodies of answers are
those of `node.core.requests`, which is why one teller does for all.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from mesh.instant import Duration
from node.core.requests import Request
from simulations.stories.script import Story
from simulations.stories.steps import Step


class StageLacks(Exception):
    """The story asks for something that this stage has not. The sentence says what."""


class StoryFailed(AssertionError):
    """What a story waits for never came."""


class Answer(NamedTuple):
    """What an agent said: the body of a yes, or of a refusal."""

    ok: bool
    body: dict[str, Any]


NO_ANSWER: Final = Answer(False, {"code": "unknown", "sentence": "nobody answered"})


class Stage(Protocol):
    """Where a story is told. Every method may let time pass; none outlives `close`."""

    name: str
    unit: int
    """How many bytes stand for one of the story's GiB: on a small machine it is told in small."""

    def live(self, telling: Callable[[], Awaitable[Story]]) -> Story:
        """Run a whole telling in this stage's kind of time."""

    async def open(self, names: Sequence[str], ram: int) -> None:
        """Nodes by name, up for the first time, each with `ram` (in the story's bytes)."""

    async def ask(self, node: str, request: Request) -> Answer:
        """One request to one agent, and its answer."""

    async def ask_both(self, nodes: tuple[str, str], request: Request) -> tuple[Answer, Answer]:
        """The same request to two agents at one instant."""

    async def advance(self, duration: Duration) -> None:
        """Time passes."""

    async def now(self) -> Duration:
        """How long the story has been going on."""

    async def do(self, step: Step) -> None:
        """Carry out a sentence on network or machines. Raises StageLacks."""

    async def repeat(self, asker: str, owner: str, hold: bytes, amount: int | None) -> str:
        """The command that made `hold` reaches its owner once more, with `amount` instead of its
        own if given; the owner's outcome. Raises StageLacks."""

    def up(self) -> list[str]:
        """Who runs now, paused ones not."""

    def heard(self) -> list[tuple[str, str, str]]:
        """Events since the last call: (node, kind, sentence), node by node in order."""

    async def close(self) -> None:
        """Everything ends. Once is enough, twice does no harm."""
