"""Waiting in lines, through several machines, in virtual time."""

from typing import Any

import pytest

from ledger.lifecycle import HoldState
from mesh.instant import MINUTE, SECOND
from node.core import requests
from node.core.reserving.asking import Asking
from node.core.reserving.lines import ASK_EVERY, Lines
from simulations.invented.hardware import GIB
from simulations.invented.host import Host
from simulations.invented.world import World

HOUR_MS = 3_600_000


def mesh(*names: str, seed: int = 1) -> World:
    world = World(seed)
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def reserve(world: World, at: str, share: float, node: str = "", **more: Any) -> requests.Reserve:
    ram = world.hosts[node or at].ram
    ask = {"ram": f"{int(ram * share)} B", **({"node": node} if node else {})}
    return requests.Reserve(ask=ask, term_ms=more.pop("term_ms", HOUR_MS), **more)


def fill(world: World, *names: str, **more: Any) -> list[str]:
    """Everybody's room is taken; the ids of what takes it."""
    taken = []
    for name in names:
        reply = world.answer(name, reserve(world, name, 0.7, name, principal="other", **more))
        assert reply.ok, reply.body
        taken.append(reply.body["id"])
    return taken


def line(host: Host) -> int:
    return len(host.alive.ledger.waiting(host.alive.knowledge.now))


def sentences(host: Host, token: int) -> list[str]:
    return [str(one.body["sentence"]) for one in host.progress if one.token == token]


def test_who_waits_is_granted_when_room_comes_back_and_sees_place_and_time() -> None:
    world = mesh("ann", "bob")
    (ann_full, _) = fill(world, "ann", "bob", term_ms=20 * 60_000)
    token = world.ask("ann", reserve(world, "ann", 0.5, wait_ms=HOUR_MS))
    world.run(5 * SECOND)
    ann, bob = world.hosts["ann"], world.hosts["bob"]
    assert (line(ann), line(bob)) == (1, 1), "in both lines at once"
    assert "place 1 of 1 in the line of" in sentences(ann, token)[-1]
    assert "its turn within 21m" in sentences(ann, token)[-1]
    assert token not in ann.replies
    world.answer("ann", requests.Release(ann_full))
    world.run(2 * ASK_EVERY)
    reply = ann.replies[token]
    assert reply.ok
    assert reply.body["owner"]["name"] == "ann"
    world.run(5 * SECOND)
    assert (line(ann), line(bob)) == (0, 0), "the first grant withdrew the other"


def raced() -> list[HoldState]:
    """Room comes back everywhere in one moment: what Ann has at last, wherever it is."""
    world = mesh("ann", "bob", "cyd")
    taken = fill(world, "ann", "bob", "cyd")
    token = world.ask("ann", reserve(world, "ann", 0.5, wait_ms=HOUR_MS))
    world.run(5 * SECOND)
    for name, hold in zip(("ann", "bob", "cyd"), taken, strict=True):
        world.ask(name, requests.Release(hold))
    world.run(10 * SECOND)
    assert world.hosts["ann"].replies[token].ok
    books = [world.hosts[name].alive.ledger.books for name in ("ann", "bob", "cyd")]
    return [hold.state for one in books for hold in one.live.values()]


def test_a_second_grant_that_raced_goes_back_at_once() -> None:
    assert raced() == [HoldState.POSTED]


def test_an_asker_that_keeps_a_second_grant_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    won = Asking._won

    def keeps(self: Asking, turn: Any, now: int) -> Any:
        return won(self, turn, now) if turn.wish in self._errands else []

    monkeypatch.setattr(Asking, "_won", keeps)
    monkeypatch.setattr(Lines, "leave", lambda *_: [])
    assert HoldState.PENDING in raced()


def test_a_wait_ends_by_name_when_its_time_is_over_and_leaves_nothing() -> None:
    world = mesh("ann", "bob")
    fill(world, "ann", "bob")
    token = world.ask("ann", reserve(world, "ann", 0.5, wait_ms=30_000))
    world.run(40 * SECOND)
    reply = world.hosts["ann"].replies[token]
    assert not reply.ok
    assert reply.body["code"] == "timeout"
    assert "30s of waiting (place 1 of 1" in reply.body["sentence"]
    assert line(world.hosts["bob"]) == 0


def test_whoever_hangs_up_waits_no_more() -> None:
    world = mesh("ann", "bob")
    fill(world, "ann", "bob")
    token = world.ask("ann", reserve(world, "ann", 0.5, wait_ms=HOUR_MS))
    world.run(5 * SECOND)
    world.hang_up("ann", token)
    world.run(3 * SECOND)
    assert (line(world.hosts["ann"]), line(world.hosts["bob"])) == (0, 0)


def test_a_waiter_outlives_its_owners_restart_and_loses_no_place() -> None:
    world = mesh("ann", "bob", "cyd")
    (_, bob_full, _) = fill(world, "ann", "bob", "cyd")
    first = world.ask("ann", reserve(world, "ann", 0.5, "bob", wait_ms=HOUR_MS, principal="p1"))
    world.run(3 * SECOND)
    world.ask("cyd", reserve(world, "cyd", 0.5, "bob", wait_ms=HOUR_MS, principal="p2"))
    world.run(3 * SECOND)
    world.crash("bob")
    world.run(8 * SECOND)
    world.start("bob")
    world.run(2 * MINUTE)
    rows = world.hosts["bob"].alive.ledger.waiting(world.hosts["bob"].alive.knowledge.now)
    assert [row.principal for row in rows] == ["p1", "p2"]
    world.answer("bob", requests.Release(bob_full))
    world.run(6 * SECOND)
    assert world.hosts["ann"].replies[first].ok


def test_an_asker_that_is_gone_leaves_its_place_to_others() -> None:
    world = mesh("ann", "bob")
    (_, full) = fill(world, "ann", "bob")
    world.ask("ann", reserve(world, "ann", 0.6, "bob", wait_ms=HOUR_MS, priority=9))
    world.run(3 * SECOND)
    mine = world.ask("bob", reserve(world, "bob", 0.6, "bob", wait_ms=HOUR_MS))
    world.run(3 * SECOND)
    world.crash("ann")
    world.answer("bob", requests.Release(full))
    world.run(3 * SECOND)
    assert mine not in world.hosts["bob"].replies, "it is another's turn, who may come back"
    world.run(20 * SECOND)
    assert world.hosts["bob"].replies[mine].ok


def test_what_no_machine_could_ever_hold_is_not_waited_for() -> None:
    world = mesh("ann", "bob")
    ask = {"ram": f"{100_000 * GIB} B"}
    reply = world.answer("ann", requests.Reserve(ask=ask, term_ms=HOUR_MS, wait_ms=HOUR_MS))
    assert reply.body["code"] == "not_possible"
