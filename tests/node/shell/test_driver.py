"""The desk keeps its order; and the simulator's desk keeps the same one.

Each rule is put to both shells, the real one (`node.shell.driver`) over a disk that finishes when
told to, and the invented one (`simulations.invented.world`), so that what is proven in there holds
out here.
"""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
import trio.lowlevel

from mesh.effects import Address, Call, Send
from mesh.keys.keyring import Keyring
from mesh.logs import Position
from mesh.persistence import Persist, Write
from node.core import requests
from node.core.effects import Doubt, Effect, Event, Progress, Reply, Watch
from node.core.machine import Agent
from node.core.requests import Request
from node.shell import driver as driver_module
from node.shell.disk.journal_errors import full
from node.shell.driver import INBOX_MAX, PROGRESS_WAITING_MAX, Driver
from simulations.invented.disk import Disk, Synced
from simulations.invented.world import World

THERE = Address("127.0.0.1", 9)


def write(key: bytes) -> Persist:
    return Persist((Write("meta", key, b"x"),))


def said(name: str, *, urgent: bool = False) -> Send:
    return Send(THERE, name.encode(), urgent=urgent)


@dataclass
class Desk:
    """One shell under test: put effects on it, let its disk finish, read what happened."""

    put: Callable[[list[Effect]], None]
    finish: Callable[[], Awaitable[None]]
    settle: Callable[[], Awaitable[None]]
    happened: list[str] = field(default_factory=list)


@dataclass
class ScriptedHands:
    """Hands that write down what they did; the disk waits for a word before it finishes."""

    happened: list[str]
    may_finish: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    fails: bool = False
    fulls: int = 0
    """So many of the next commits find no room."""

    def send(self, to: Address, datagram: bytes) -> None:
        self.happened.append(datagram.decode())

    def broadcast(self, datagram: bytes) -> None:
        self.happened.append(datagram.decode())

    async def call(self, call: Call) -> bytes | None:
        return None

    def commit(self, writes: list[Write]) -> None:
        assert self.may_finish.acquire(timeout=10)
        if self.fails:
            raise OSError("the disk is gone")
        if self.fulls:
            self.fulls -= 1
            raise full(Path("/journal"))
        self.happened.append("commit " + " ".join(row.key.decode() for row in writes))

    def mark(self, epoch: int, head: Position | None) -> None:
        self.happened.append("mark")

    def doubt(self) -> None:
        self.happened.append("doubt")

    def keep_keys(self, keys: Keyring) -> None:
        self.happened.append("keys")

    def event(self, event: Event) -> None:
        self.happened.append(event.kind)

    def stuck(self, why: str) -> None:
        self.happened.append("stuck" if why else "unstuck")

    def look(self, reason: str) -> None:
        pass

    def watch(self, watch: Watch) -> None:
        pass


class Scripted:
    """An agent that answers each request with the effects prepared for it."""

    def __init__(self) -> None:
        self.script: list[list[Effect]] = []
        self.next_wake = None
        self.identity = World(1).add("ann").identity
        self.birth = type("Birth", (), {"epoch": type("Epoch", (), {"counter": 1})})

    def ask(self, token: int, request: Request, now: int) -> list[Effect]:
        return self.script.pop(0)

    def cancel(self, token: int, now: int) -> list[Effect]:
        return []

    def receive(self, datagram: bytes, source: Address, now: int) -> list[Effect]:
        return []

    def seal(self, now: int) -> list[Effect]:
        return []


@asynccontextmanager
async def real_desk(hands: ScriptedHands) -> AsyncIterator[tuple[Desk, Driver, Scripted]]:
    agent = Scripted()
    driver = Driver(agent, hands)  # type: ignore[arg-type] # only its doors are knocked at

    def put(effects: list[Effect]) -> None:
        agent.script.append(effects)
        driver._put(_asked())

    async def finish() -> None:
        before = sum(line.startswith("commit") for line in hands.happened)
        hands.may_finish.release()
        with trio.fail_after(5):
            while sum(line.startswith("commit") for line in hands.happened) == before:
                await trio.sleep(0.001)
        await trio.testing.wait_all_tasks_blocked(0.01)

    async def settle() -> None:
        await trio.testing.wait_all_tasks_blocked(0.02)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.drive, [])
        nursery.start_soon(driver.carry_out, nursery)
        yield Desk(put, finish, settle, hands.happened), driver, agent
        for _ in range(8):
            hands.may_finish.release()
        nursery.cancel_scope.cancel()


def _asked() -> Any:
    from node.shell.driver import Asked

    return Asked(1, requests.Status())


@dataclass
class WatchedDisk(Disk):
    """An invented disk that says when a transaction is durable, and what was in it."""

    happened: list[str] = field(default_factory=list)

    def finish(self) -> Synced:
        keys = [row.key.decode() for row in self._under_way or []]
        synced = super().finish()
        self.happened.append("commit " + " ".join(keys))
        return synced


@asynccontextmanager
async def invented_desk() -> AsyncIterator[Desk]:
    world = World(1)
    host = world.add("ann")
    world.start("ann", first=True)
    world.run(10**10)
    happened: list[str] = []
    world.tap = lambda _name, to, datagram: happened.append(datagram.decode())
    host.disk = WatchedDisk(Random(1), durable=host.disk.durable, happened=happened)

    async def finish() -> None:
        before = sum(line.startswith("commit") for line in happened)
        world.run_until(lambda: sum(line.startswith("commit") for line in happened) > before, 10**9)

    async def settle() -> None:
        return None

    yield Desk(lambda effects: world.shell.take(host, effects), finish, settle, happened)


@asynccontextmanager
async def desk_of(kind: str) -> AsyncIterator[Desk]:
    if kind == "invented":
        async with invented_desk() as desk:
            yield desk
        return
    async with real_desk(ScriptedHands([])) as (desk, _, _):
        yield desk


def relevant(desk: Desk) -> list[str]:
    return [line for line in desk.happened if line != "mark"]


both = pytest.mark.parametrize("kind", ["real", "invented"])


@both
async def test_nothing_behind_a_write_leaves_before_it_is_durable(kind: str) -> None:
    async with desk_of(kind) as desk:
        desk.put([said("before"), write(b"a"), said("behind")])
        await desk.settle()
        assert relevant(desk) == ["before"]
        await desk.finish()
        assert relevant(desk) == ["before", "commit a", "behind"]


@both
async def test_what_comes_later_waits_for_the_write_before_it_too(kind: str) -> None:
    async with desk_of(kind) as desk:
        desk.put([write(b"a")])
        await desk.settle()
        desk.put([said("the duplicate's answer")])
        await desk.settle()
        assert relevant(desk) == []
        await desk.finish()
        assert relevant(desk) == ["commit a", "the duplicate's answer"]


@both
async def test_an_urgent_send_promises_nothing_and_waits_for_nothing(kind: str) -> None:
    async with desk_of(kind) as desk:
        desk.put([write(b"a"), said("behind")])
        await desk.settle()
        desk.put([said("ack", urgent=True)])
        await desk.settle()
        assert relevant(desk) == ["ack"]
        await desk.finish()
        assert relevant(desk) == ["ack", "commit a", "behind"]


@both
async def test_what_gathers_behind_a_slow_disk_is_committed_together(kind: str) -> None:
    async with desk_of(kind) as desk:
        desk.put([write(b"a")])
        await desk.settle()
        for key in (b"b", b"c", b"d"):
            desk.put([write(key), said(f"answer {key.decode()}")])
        await desk.settle()
        await desk.finish()
        await desk.finish()
        assert relevant(desk) == [
            "commit a", "commit b c d", "answer b", "answer c", "answer d",
        ]  # fmt: skip


async def test_a_full_disk_costs_time_and_nothing_is_said_before_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver_module, "FULL_AGAIN_SECONDS", 0.001)
    hands = ScriptedHands([], fulls=2)
    async with real_desk(hands) as (desk, driver, _):
        desk.put([write(b"a"), said("behind"), said("ack", urgent=True)])
        hands.may_finish.release()
        hands.may_finish.release()
        await trio.sleep(0.1)
        assert relevant(desk) == ["ack", "stuck"]
        assert "no space" in driver.stuck
        desk.put([write(b"b"), said("later")])
        await desk.finish()
        await desk.finish()
        assert not driver.stuck
        told = ["commit a", "unstuck", "behind", "commit b", "later"]
        assert relevant(desk) == ["ack", "stuck", *told]


async def test_whoever_only_reads_does_not_wait_with_a_disk_that_fills(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver_module, "FULL_AGAIN_SECONDS", 0.001)
    hands = ScriptedHands([], fulls=1)
    async with real_desk(hands) as (desk, driver, agent):
        desk.put([write(b"a")])
        await desk.settle()
        agent.script.append([Reply(1, ok=True, body={})])
        answered = False
        async with trio.open_nursery() as nursery:

            async def asks() -> None:
                nonlocal answered
                with driver.unless_stuck():
                    async with driver.ask(requests.Status()) as lines:
                        await lines.receive()
                        answered = True

            nursery.start_soon(asks)
            await trio.testing.wait_all_tasks_blocked(0.01)
            hands.may_finish.release()  # and there is no room
            with trio.fail_after(5):
                while not driver.stuck:
                    await trio.sleep(0.001)
        assert not answered, "behind what is not written nothing is said"
        await desk.finish()
        assert not driver.stuck
        with driver.unless_stuck():
            await trio.lowlevel.checkpoint()


async def test_on_a_full_disk_no_more_is_taken_in_than_can_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver_module, "FULL_AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(driver_module, "OUTBOX_MAX", 2)
    hands = ScriptedHands([], fulls=1)
    async with real_desk(hands) as (desk, driver, _):
        desk.put([write(b"a")])
        hands.may_finish.release()
        await trio.sleep(0.05)
        for name in ("one", "two", "three", "four"):
            desk.put([said(name)])
            await trio.sleep(0.005)
        assert len(driver._inbox) == 2, "what waits outside is bounded where it comes in"
        await desk.finish()
        await desk.settle()
        assert relevant(desk)[2:] == ["unstuck", "one", "two", "three", "four"]


async def test_doubt_is_cast_at_once() -> None:
    async with desk_of("real") as desk:
        desk.put([write(b"a"), Doubt()])
        await desk.settle()
        assert relevant(desk) == ["doubt"]


async def test_after_a_failed_commit_nothing_is_said_any_more() -> None:
    hands = ScriptedHands([], fails=True)
    with pytest.raises(BaseExceptionGroup) as caught:
        await _lie(hands)
    assert caught.group_contains(OSError, match="the disk is gone")
    assert hands.happened == []


async def _lie(hands: ScriptedHands) -> None:
    async with real_desk(hands) as (desk, _, _):
        desk.put([write(b"a"), said("a lie")])
        hands.may_finish.release()
        await trio.sleep(5)


async def test_a_reader_that_does_not_read_loses_progress_and_never_the_reply() -> None:
    hands = ScriptedHands([])
    async with real_desk(hands) as (_, driver, agent):
        lines: list[Effect] = [Progress(1, {"n": n}) for n in range(PROGRESS_WAITING_MAX + 50)]
        agent.script.append([*lines, Reply(1, ok=True, body={"done": True})])
        async with driver.ask(requests.Status()) as told:
            await trio.testing.wait_all_tasks_blocked(0.02)
            heard = [line async for line in told]
    assert heard[-1] == Reply(1, ok=True, body={"done": True})
    assert len(heard) == PROGRESS_WAITING_MAX + 1


async def test_a_full_inbox_drops_datagrams_and_counts_them() -> None:
    agent = Scripted()
    driver = Driver(agent, ScriptedHands([]))  # type: ignore[arg-type] # never driven
    for _ in range(INBOX_MAX + 7):
        driver.datagram(b"x", THERE)
    assert driver.dropped == 7


async def test_whoever_hangs_up_takes_the_request_back() -> None:
    hands = ScriptedHands([])
    async with real_desk(hands) as (_, driver, agent):
        agent.script.append([])
        taken_back: list[int] = []
        agent.cancel = lambda token, now: taken_back.append(token) or []  # type: ignore[method-assign,func-returns-value] # a note
        async with driver.ask(requests.Status()):
            await trio.testing.wait_all_tasks_blocked(0.01)
        await trio.testing.wait_all_tasks_blocked(0.01)
    assert taken_back == [1]


def test_the_real_agent_has_every_door_that_the_desk_knocks_at() -> None:
    for door in ("ask", "cancel", "receive", "serve", "answered", "report", "wake", "seal"):
        assert callable(getattr(Agent, door))
