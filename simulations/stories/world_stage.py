"""The invented world as a stage: the still core, virtual time, and everything that can go wrong."""

from collections.abc import Sequence
from typing import Final

from mesh.instant import SECOND, Duration
from node.core.requests import Request
from simulations.disk import Spaces
from simulations.network import Weather
from simulations.stories import steps
from simulations.stories.stage import Answer, StageLacks
from simulations.stories.steps import Step
from simulations.world import World

SEED: Final = 1
LOOK_EVERY: Final[Duration] = 5 * SECOND
"""Probes look by themselves, as the shell's do."""


class WorldStage:
    """One world per story."""

    name = "world"
    unit = 1 << 30

    def __init__(self) -> None:
        self.world = World(SEED)
        self._backups: dict[str, Spaces] = {}
        self._told: dict[str, int] = {}
        self._paused: dict[str, int] = {}
        self._looked_at = 0

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
            lambda: all(token in host.replies for host, token in tokens), 120 * SECOND
        )
        assert answered, f"one of {nodes} never got an answer"
        one, other = (host.replies[token] for host, token in tokens)
        return Answer(one.ok, one.body), Answer(other.ok, other.body)

    async def advance(self, duration: Duration) -> None:
        while duration > 0:
            step = min(duration, SECOND)
            self.world.run(step)
            duration -= step
            if self.world.now - self._looked_at >= LOOK_EVERY:
                self._looked_at = self.world.now
                for name in self.up():
                    self.world.look(name)

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
                self._paused[node] = self.world.now + duration
            case _:
                self._hardware(step)

    def _hardware(self, step: Step) -> None:
        match step:
            case steps.CopyDisk(node):
                self._backups[node] = self.world.hosts[node].disk.snapshot()
            case steps.SetBackDisk(node):
                self.world.hosts[node].disk.set_back(self._backups[node])
            case steps.LoseDisk(node):
                self.world.hosts[node].disk.lose()
                self.world.hosts[node].marker = None
            case steps.SlowDisk(node, sync):
                self.world.hosts[node].disk.sync = sync
            case steps.Foreign(amount=amount, node=node):
                self.world.hosts[node].ram_foreign = amount
                self.world.look(node)
            case steps.Shrink(node, ram):
                self.world.hosts[node].set_ram(ram)
                self.world.look(node)
            case _:
                raise StageLacks(f"the invented world knows no {step}")

    async def repeat(self, asker: str, hold: bytes, amount: int | None) -> str:
        raise StageLacks("not yet")

    def up(self) -> list[str]:
        return [
            name
            for name, host in self.world.hosts.items()
            if host.agent is not None and self._paused.get(name, 0) <= self.world.now
        ]

    def heard(self) -> list[tuple[str, str, str]]:
        news = []
        for name, host in self.world.hosts.items():
            fresh = host.events[self._told.get(name, 0) :]
            self._told[name] = len(host.events)
            news += [(name, event.kind, event.sentence) for event in fresh]
        return news

    async def close(self) -> None:
        pass  # Nothing outlives it.
