"""Gangs in lines: the rows about waiting of docs/reference/gangs.md, each lived through."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from ledger.waiting import turns
from mesh.instant import SECOND
from node.core import requests
from node.core.effects import Reply
from node.core.gangs.gang import Stage
from node.core.requests.gangs import ReserveGang
from simulations.invented.hardware import GIB
from simulations.invented.world import World

NAMES: Final = ("ann", "bob", "cyd")


def mesh(*more: str) -> World:
    world = World(1)
    for name in (*NAMES, *more):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def wait(world: World, asker: str = "ann", nodes: int = 3, ram: str = "5GiB", **more: Any) -> int:
    wait_ms = more.pop("wait_ms", 200_000)
    return world.ask(asker, ReserveGang({"ram": ram}, nodes, 3_600_000, wait_ms=wait_ms, **more))


def book(world: World, owner: str, seconds: int, ram: str = "6GiB", **more: Any) -> Reply:
    wish = requests.Reserve({"ram": ram, "node": owner}, seconds * 1000, **more)
    return world.answer(owner, wish)


def answer(world: World, asker: str, token: int) -> bool | None:
    """Whether it was granted; None: it waits still."""
    reply = world.hosts[asker].replies.get(token)
    return None if reply is None else reply.ok


def standing(world: World) -> list[int]:
    """How many wait with each that is up."""
    return [len(host.alive.ledger.waiting(world.now)) for host in world.up()]


def held(world: World) -> int:
    return sum(len(host.alive.ledger.books.live) for host in world.up())


def told(world: World, token: int) -> dict[str, Any]:
    return [one for one in world.hosts["ann"].progress if one.token == token][-1].body


def served(*, carried: bool) -> bool | None:
    """Whether a gang that needs nearly all of three machines is, beside small ones without end:
    bookings of known ends, or leases that are given back one at a time, and nobody knew when."""
    world = mesh()
    leases: list[tuple[str, str]] = []
    token = 0
    for step in range(120 if carried else 40):
        for at, name in enumerate(NAMES):
            if (step + 2 * at) % 6 == 0:
                reply = book(world, name, 9, "3GiB", carried=carried)
                leases += [(name, reply.body["id"])] if carried and reply.ok else []
        if len(leases) > 5:
            owner, lease = leases.pop(0)
            world.ask(owner, requests.Release(lease))
        if step == 4:
            token = wait(world, ram="6GiB")
        world.run(SECOND)
    return answer(world, "ann", token)


def small_ones_never_cease() -> None:
    assert served(carried=False)


def leases_never_cease() -> None:
    assert served(carried=True)


def gangs_face_to_face() -> None:
    world = mesh()
    assert all(book(world, name, 20).ok for name in NAMES)
    asked = {name: wait(world, name) for name in ("ann", "bob")}
    world.run(15 * SECOND)
    assert all(answer(world, name, token) is None for name, token in asked.items())

    def over() -> list[str]:
        return [name for name, token in asked.items() if answer(world, name, token)]

    assert world.run_until(lambda: bool(over()), 20 * SECOND)
    first = over()[0]
    world.run(20 * SECOND)
    assert over() == [first], "the other stands behind it everywhere"
    assert held(world) == len(NAMES)
    won = world.hosts[first].replies[asked[first]]
    world.answer(first, requests.Release(won.body["id"]))
    assert world.run_until(lambda: len(over()) == len(asked), 20 * SECOND)


def turn_denied() -> None:
    world = mesh()
    assert book(world, "cyd", 10).ok
    token = wait(world)
    gangs = world.hosts["ann"].alive.errands.ganging._gangs
    asks = [Stage.HOLDING]
    assert world.run_until(lambda: [gang.stage for gang in gangs.values()] == asks, 30 * SECOND)
    # While the questions are on their way, somebody fills bob's machine with what nobody reserved.
    world.hosts["bob"].ram_foreign = 6 * GIB
    world.look("bob")
    world.run(5 * SECOND)
    assert answer(world, "ann", token) is None
    assert held(world) == 0, "nothing in part"
    assert standing(world) == [1, 1, 1]
    world.hosts["bob"].ram_foreign = 0
    world.look("bob")
    assert world.run_until(lambda: bool(answer(world, "ann", token)), 20 * SECOND)


def owner_restarts_waiting() -> None:
    world = mesh()
    assert book(world, "cyd", 30).ok
    token = wait(world)
    world.run(5 * SECOND)
    world.crash("bob")
    world.start("bob")
    world.run(5 * SECOND)
    assert standing(world) == [1, 1, 1]
    assert world.run_until(lambda: bool(answer(world, "ann", token)), 60 * SECOND)


def owner_dies_waiting() -> None:
    world = mesh("dan")
    assert book(world, "cyd", 20).ok
    assert book(world, "dan", 25).ok
    token = wait(world)
    world.run(5 * SECOND)
    assert sum(row["place"] is not None for row in told(world, token)["lines"]) == 4
    world.crash("bob")
    assert world.run_until(lambda: bool(answer(world, "ann", token)), 60 * SECOND)


def asker_dies_waiting() -> None:
    for how in ("dies", "hangs up"):
        world = mesh()
        assert book(world, "cyd", 600).ok
        token = wait(world)
        world.run(5 * SECOND)
        assert standing(world) == [1, 1, 1]
        if how == "dies":
            world.crash("ann")
            world.run(17 * SECOND)
        else:
            world.hang_up("ann", token)
            world.run(2 * SECOND)
        assert not any(standing(world)), how
        assert book(world, "bob", 600, "7GiB").ok


CELLS: Final[dict[str, Callable[[], None]]] = {
    "small-ones-never-cease": small_ones_never_cease,
    "leases-never-cease": leases_never_cease,
    "gangs-face-to-face": gangs_face_to_face,
    "turn-denied": turn_denied,
    "owner-restarts-waiting": owner_restarts_waiting,
    "owner-dies-waiting": owner_dies_waiting,
    "asker-dies-waiting": asker_dies_waiting,
}


@pytest.mark.parametrize("cell", CELLS)
def test_whatever_happens_a_gang_that_waits_holds_nothing_and_is_served_in_its_turn(
    cell: str,
) -> None:
    CELLS[cell]()


@pytest.mark.parametrize("carried", [False, True])
def test_a_gang_whose_claims_nobody_heeds_is_starved(
    carried: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_claim", lambda *_: None)
    assert served(carried=carried) is None


def test_who_waits_is_told_its_place_with_each_and_when_all_could_start() -> None:
    world = mesh()
    assert book(world, "bob", 40).ok
    assert book(world, "cyd", 90).ok
    token = wait(world)
    world.run(10 * SECOND)
    said = told(world, token)
    assert (said["stage"], said["ready"], said["nodes"]) == ("in line", 1, 3)
    assert 75_000 < said["turn_in_ms"] < 85_000
    assert "ann now" in said["sentence"]
    assert "bob place 1 of 1 within " in said["sentence"]
    rows = {row["node"]: (row["place"], row["of"], row["turn_in_ms"]) for row in said["lines"]}
    assert rows["ann"] == (1, 1, 0)
    assert 25_000 < rows["bob"][2] < 33_000
    # Until then others may use what waits, if they are gone by then; and not beyond.
    assert book(world, "ann", 30).ok
    world.run(31 * SECOND)
    assert not book(world, "bob", 600).ok
    assert world.run_until(lambda: bool(answer(world, "ann", token)), 60 * SECOND)
    assert not any(standing(world))


def test_whoever_waited_in_vain_is_told_so_and_stands_nowhere_any_more() -> None:
    world = mesh()
    assert book(world, "bob", 600).ok
    token = wait(world, wait_ms=9_000)
    world.run(5 * SECOND)
    assert standing(world) == [1, 1, 1]
    world.run(10 * SECOND)
    reply = world.hosts["ann"].replies[token]
    assert (reply.ok, reply.body["code"]) == (False, "timeout")
    assert "no 3 nodes had room at once" in reply.body["sentence"]
    assert not any(standing(world))


def test_whose_place_is_whose_and_of_which_gang_is_shown_with_the_line() -> None:
    world = mesh()
    assert book(world, "bob", 600).ok
    wait(world, priority=3)
    world.run(5 * SECOND)
    rows = [world.answer(name, requests.Holds(waiting=True)).body["waiting"] for name in NAMES]
    assert len({row["gang"] for (row,) in rows}) == 1
    assert [row["priority"] for (row,) in rows] == [3, 3, 3]
