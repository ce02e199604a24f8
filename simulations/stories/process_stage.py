"""Real processes as a stage: the story in small, on this machine's memory, disk and clock.

A GiB of the story is some MiB here, and a second is a second. What cannot be done to a real machine
from outside without harm (another program's memory, a disk that is full) is lacking, by name.
"""

import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Final

import msgspec
import trio

from mesh.instant import SECOND, Duration
from node.core.requests import Request
from simulations.demo.nodes import StepFailed
from simulations.stories import steps
from simulations.stories.script import Story
from simulations.stories.stage import NO_ANSWER, Answer, StageLacks
from simulations.stories.steps import Step
from simulations.truth.cluster import MIB, Cluster
from simulations.truth.fabric import Conditions

UNIT_MIB: Final = 32
JOURNAL: Final = "journal.sqlite3*"


class ProcessStage:
    """One cluster per story. From inside a sandbox only."""

    name = "processes"
    unit = UNIT_MIB * MIB

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cluster: Cluster | None = None
        self._began = time.perf_counter_ns()

    @property
    def cluster(self) -> Cluster:
        assert self._cluster is not None, "`nodes` comes first"
        return self._cluster

    def live(self, telling: Callable[[], Awaitable[Story]]) -> Story:
        return trio.run(telling)

    async def open(self, names: Sequence[str], ram: int) -> None:
        self._cluster = Cluster(names, ram * UNIT_MIB // (1 << 30), self._folder)
        self.cluster.meet()

    async def ask(self, node: str, request: Request) -> Answer:
        plain = msgspec.to_builtins(request)
        try:
            said = await trio.to_thread.run_sync(partial(self.cluster.nodes[node].ask, **plain))
        except (OSError, StepFailed):
            return NO_ANSWER
        return Answer(True, said["ok"]) if "ok" in said else Answer(False, said["refused"])

    async def ask_both(self, nodes: tuple[str, str], request: Request) -> tuple[Answer, Answer]:
        answers: dict[str, Answer] = {}

        async def ask(node: str) -> None:
            answers[node] = await self.ask(node, request)

        async with trio.open_nursery() as both:
            for node in nodes:
                both.start_soon(ask, node)
        return answers[nodes[0]], answers[nodes[1]]

    async def advance(self, duration: Duration) -> None:
        await trio.sleep(duration / SECOND)

    async def now(self) -> Duration:
        return time.perf_counter_ns() - self._began

    async def do(self, step: Step) -> None:
        lan, nodes = self.cluster.lan, self.cluster.nodes
        match step:
            case steps.Cut(here, there):
                lan.cut(here, there)
            case steps.CutOneWay(here, there):
                lan.cut(here, there, one_way=True)
            case steps.Mend():
                lan.mend()
            case steps.Loss(share):
                lan.set(Conditions(lan.conditions.cuts, loss=share))
            case steps.Delay(delay):
                lan.set(Conditions(lan.conditions.cuts, delay_ns=delay))
            case steps.Kill(node):
                nodes[node].kill()
            case steps.PowerCut(node):
                nodes[node].kill()
                nodes[node].forget_marker()
            case steps.Start(node):
                nodes[node].start()
                await self._answering(node)
            case steps.Pause(node, duration):
                nodes[node].pause()
                Timer(duration / SECOND, nodes[node].resume).start()
            case _:
                self._to_disk(step)

    def _to_disk(self, step: Step) -> None:
        match step:
            case steps.CopyDisk(node):
                shutil.copytree(self._state(node), self._backup(node), ignore=_sockets)
            case steps.SetBackDisk(node):
                shutil.rmtree(self._state(node))
                shutil.copytree(self._backup(node), self._state(node))
            case steps.LoseDisk(node):
                for file in self._state(node).glob(JOURNAL):
                    file.unlink()
            case _:
                raise StageLacks(f"processes know no {type(step).__name__}")

    async def repeat(self, asker: str, owner: str, hold: bytes, amount: int | None) -> str:
        raise StageLacks("what an agent has sent cannot be sent again from outside")

    def up(self) -> list[str]:
        nodes = self.cluster.nodes.values()
        return [node.name for node in nodes if node.process is not None and not node.paused]

    def heard(self) -> list[tuple[str, str, str]]:
        return []  # Events are the timing's, and each agent's log has them.

    async def close(self) -> None:
        if self._cluster is not None:
            self._cluster.close()

    async def _answering(self, node: str) -> None:
        while not self.cluster.nodes[node].answers():  # noqa: ASYNC110 - a process has no event
            await trio.sleep(0.05)

    def _state(self, node: str) -> Path:
        return self.cluster.nodes[node].state

    def _backup(self, node: str) -> Path:
        return self._folder / f"{node}.copy"


def _sockets(folder: str, names: list[str]) -> list[str]:
    """Doors of processes, which no backup holds."""
    return [name for name in names if (Path(folder) / name).is_socket()]
