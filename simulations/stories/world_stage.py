"""The invented world as a stage: the still core, virtual time, and everything that can go wrong."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import trio

from ledger import commands
from mesh.instant import SECOND, Duration
from node.core.requests import Request
from simulations.invented.disk import Spaces
from simulations.invented.network import Weather
from simulations.invented.world import ANSWER_WAIT, World
from simulations.stories import steps
from simulations.stories.script import Story
from simulations.stories.stage import Answer, StageLacks
from simulations.stories.steps import Step

SEED: Final = 1
LOOK_EVERY: Final[Duration] = 5 * SECOND


class WorldStage:
    """One world per story."""

    name = "world"
    unit = 1 << 30

    def __init__(self) -> None:
        self.world = World(SEED)
        self.world.look_every = LOOK_EVERY
        self._backups: dict[str, Spaces] = {}
        self._told: dict[str, int] = {}

    def live(self, telling: Callable[[], Awaitable[Story]]) -> Story:
        return trio.run(telling)

    async def open(self, names: Sequence[str], ram: int) -> None:
        for name in names:
            self.world.add(name, ram=ram)
            self.world.start(name, first=True)

    async def ask(self, node: str, request: Request) -> Answer:
        reply = self.world.answer(node, request)
        return Answer(reply.ok, reply.body)

    async def ask_both(self, nodes: tuple[str, str], request: Request) -> tuple[Answer, Answer]:
        tokens = [(self.world.hosts[node], self.world.ask(node, request)) for node in nodes]
        answered = self.world.run_until(
            lambda: all(token in host.replies for host, token in tokens), ANSWER_WAIT
        )
        assert answered, f"one of {nodes} never got an answer"
        one, other = (host.replies[token] for host, token in tokens)
        return Answer(one.ok, one.body), Answer(other.ok, other.body)

    async def advance(self, duration: Duration) -> None:
        self.world.run(duration)

    async def now(self) -> Duration:
        return self.world.now

    async def do(self, step: Step) -> None:
        match step:
            case steps.Cut(here, there):
                self.world.network.cut([*here], [*there])
            case steps.CutOneWay(here, there):
                self.world.network.cut([*here], [*there], one_way=True)
            case steps.Mend():
                self.world.network.heal()
                self.world.network.weather = Weather()
            case steps.Loss(share):
                self.world.network.weather = Weather(loss=share)
            case steps.Delay(delay):
                self.world.network.weather = Weather(delay=delay)
            case steps.Kill(node):
                self.world.crash(node)
            case steps.PowerCut(node):
                self.world.crash(node, power=True)
            case steps.Start(node):
                self.world.start(node)
            case steps.Pause(node, duration):
                self.world.pause(node, duration)
            case steps.Foreign(node, amount):
                self.world.hosts[node].ram_foreign = amount
                self.world.look(node)
            case steps.Shrink(node, ram):
                self.world.hosts[node].set_ram(ram)
                self.world.look(node)
            case _:
                self._to_disk(step)

    def _to_disk(self, step: Step) -> None:
        match step:
            case steps.CopyDisk(node):
                self._backups[node] = self.world.hosts[node].disk.snapshot()
            case steps.SetBackDisk(node):
                self.world.hosts[node].disk.set_back(self._backups[node])
            case steps.LoseDisk(node):
                self.world.hosts[node].disk.lose()
            case steps.FillDisk(node):
                self.world.hosts[node].disk.fill(True)
            case steps.FreeDisk(node):
                self.world.hosts[node].disk.fill(False)
            case steps.SlowDisk(node, sync):
                disk = self.world.hosts[node].disk
                disk.slow(sync / disk.sync)
            case _:
                raise StageLacks(f"the invented world knows no {step}")

    async def repeat(self, asker: str, owner: str, hold: bytes, amount: int | None) -> str:
        sent = next(
            one.command
            for one in self.world.commands
            if one.sender == asker
            and isinstance(one.command, commands.Hold)
            and one.command.id == hold
        )
        if amount is not None:
            sent = msgspec.structs.replace(sent, legs=(commands.Leg("ram", amount),))
        token = self.world.command(asker, owner, sent)
        answered = self.world.run_until(lambda: token in self.world.command_answers, ANSWER_WAIT)
        answer = self.world.command_answers[token] if answered else None
        return answer.outcome.value if answer is not None else "no answer"

    def up(self) -> list[str]:
        now = self.world.now
        return [host.name for host in self.world.up() if host.stalled_until <= now]

    def heard(self) -> list[tuple[str, str, str]]:
        news: list[tuple[str, str, str]] = []
        for name, host in self.world.hosts.items():
            fresh = host.events[self._told.get(name, 0) :]
            self._told[name] = len(host.events)
            news += [(name, event.kind, event.sentence) for event in fresh]
        return news

    async def close(self) -> None:
        pass  # Nothing of it outlives the object.
