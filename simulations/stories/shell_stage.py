"""Whole agents on invented time as a stage: everything that ships, and nothing is waited for.

Its network knows loss, delay and cuts as the invented world does; its disks are those that SQLite
sees. What the real shell would look at outside (other programs' memory) is invented too.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import trio

from mesh.instant import SECOND, Duration
from node.core.requests import Request
from simulations.fidelity.disk import Folder
from simulations.fidelity.people import ask
from simulations.fidelity.resident import Resident
from simulations.fidelity.scheduling import live
from simulations.fidelity.village import Trace, Village, village
from simulations.invented.network import Weather
from simulations.stories import steps
from simulations.stories.script import Story
from simulations.stories.stage import NO_ANSWER, Answer, StageLacks, StoryFailed
from simulations.stories.steps import Step

SEED: Final = "story"
ANSWER_SECONDS_MAX: Final = 120.0
START_MAX: Final[Duration] = 30 * SECOND


class ShellStage:
    """One village per story."""

    name = "shell"
    unit = 1 << 30

    def __init__(self) -> None:
        self._village: Village | None = None
        self._backups: dict[str, Folder] = {}

    def live(self, telling: Callable[[], Awaitable[Story]]) -> Story:
        ended: list[StoryFailed | StageLacks] = []

        async def evening() -> Story | None:
            async with village(SEED, Weather(), Trace()) as self._village:
                try:
                    return await telling()
                except (StoryFailed, StageLacks) as failed:
                    ended.append(failed)  # As it is, and not as one of a nursery's group.
                    return None

        told = live(SEED, evening)
        if told is None:
            raise ended[0]
        return told

    @property
    def village(self) -> Village:
        assert self._village is not None, "`live` comes first"
        return self._village

    async def open(self, names: Sequence[str], ram: int) -> None:
        for name in names:
            self.village.add(name, ram)
            await self._start(name, first=True)

    async def ask(self, node: str, request: Request) -> Answer:
        plain = msgspec.to_builtins(request)
        said = await ask(self.village, self._resident(node), plain, ANSWER_SECONDS_MAX)
        return Answer(*said) if said is not None else NO_ANSWER

    async def ask_both(self, nodes: tuple[str, str], request: Request) -> tuple[Answer, Answer]:
        answers: dict[str, Answer] = {}

        async def ask_one(node: str) -> None:
            answers[node] = await self.ask(node, request)

        async with trio.open_nursery() as both:
            for node in nodes:
                both.start_soon(ask_one, node)
        return answers[nodes[0]], answers[nodes[1]]

    async def advance(self, duration: Duration) -> None:
        await trio.sleep(duration / SECOND)

    async def now(self) -> Duration:
        return self.village.now

    async def do(self, step: Step) -> None:
        network = self.village.network
        match step:
            case steps.Cut(here, there):
                network.cut([*here], [*there])
            case steps.CutOneWay(here, there):
                network.cut([*here], [*there], one_way=True)
            case steps.Mend():
                network.heal()
                network.weather = Weather()
            case steps.Loss(share):
                network.weather = Weather(loss=share)
            case steps.Delay(delay):
                network.weather = Weather(delay=delay)
            case steps.Kill(node):
                await self._kill(node, power=False)
            case steps.PowerCut(node):
                await self._kill(node, power=True)
            case steps.Start(node):
                await self._start(node)
            case steps.Foreign(node, amount):
                self._resident(node).ram_foreign = amount
            case _:
                self._to_disk(step)

    def _to_disk(self, step: Step) -> None:
        match step:
            case steps.CopyDisk(node):
                self._backups[node] = self._resident(node).disk.snapshot()
            case steps.SetBackDisk(node):
                self._resident(node).disk.set_back(self._backups[node])
            case steps.LoseDisk(node):
                self._resident(node).disk.set_back({})
            case steps.FillDisk(node):
                # What is kept back is somebody else's already.
                self._resident(node).disk.full, self._resident(node).disk.spare_max = True, 0
            case steps.FreeDisk(node):
                self._resident(node).disk.full = False
            case steps.SlowDisk(node, sync):
                self._resident(node).disk.sync_time = sync
            case _:
                raise StageLacks(f"whole agents on invented time know no {type(step).__name__}")

    async def repeat(self, asker: str, owner: str, hold: bytes, amount: int | None) -> str:
        raise StageLacks("what an agent has sent cannot be sent again from outside")

    def up(self) -> list[str]:
        return [resident.name for resident in self.village.up]

    def heard(self) -> list[tuple[str, str, str]]:
        return []  # Events are the timing's, and of the invented world.

    async def close(self) -> None:
        pass  # The village ends with its block.

    async def _kill(self, node: str, *, power: bool) -> None:
        resident = self._resident(node)
        resident.kill(power=power)
        gone = await self.village.wait_for(lambda: resident.incarnation is None, START_MAX)
        assert gone, f"{node} was killed and runs on"

    async def _start(self, node: str, *, first: bool = False) -> None:
        self.village.start(node, first=first)
        up = await self.village.wait_for(lambda: self._resident(node).app is not None, START_MAX)
        assert up, f"{node} never came up"

    def _resident(self, node: str) -> Resident:
        return self.village.residents[node]
