"""A gang that waits goes on waiting when its asker's agent restarts: the rows about that of
docs/reference/gangs.md, each lived through."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from ledger.books.gangs import GangStage
from ledger.limits import GANG_MAX
from mesh.instant import MILLISECOND, MINUTE, SECOND
from mesh.persistence import SPACE_ASK, SPACE_GANG
from node.core import requests
from node.core.effects import Reply
from node.core.gangs import kept
from node.core.gangs.kept import KeptGangs
from node.core.gangs.places import Places
from node.core.gangs.returning import ReturningGangs
from node.core.requests.gangs import ReserveGang
from node.core.reserving.unclaimed import KEPT_FOR
from simulations.invented.hardware import GIB
from simulations.invented.world import World
from tests.node.core.test_gang_waiting import answer, book, held, mesh, standing, told

WISH: Final = "0a" * 16
WHOLE: Final = ["ann", "bob", "cyd"]


def wait(world: World, ram: str = "5GiB", nodes: int = 3, **more: Any) -> int:
    wish = {"wait_ms": 600_000, "wish": WISH, **more}
    return world.ask("ann", ReserveGang({"ram": ram}, nodes, 3_600_000, **wish))


def again(world: World, *, power: bool = False, away: int = 2 * SECOND) -> None:
    """Ann's agent dies and is back."""
    if world.hosts["ann"].agent is not None:
        world.crash("ann", power=power)
    world.run(away)
    world.start("ann")
    world.run(SECOND)


def rows(world: World, space: str = SPACE_GANG) -> dict[bytes, bytes]:
    return dict(world.hosts["ann"].disk.snapshot().get(space, {}))


def in_line(world: World, owner: str = "bob") -> list[Any]:
    alive = world.hosts[owner].alive
    return [(one.id, one.waited) for one in alive.ledger.waiting(alive.knowledge.now)]


def gangs(world: World) -> list[GangStage]:
    """How far each has come that is not over in ann's log."""
    ours = world.hosts["ann"].alive.ledger.books.gangs.values()
    return [gang.stage for gang in ours if gang.live]


def holders(world: World) -> list[str]:
    """Who holds a member of a gang, once for each."""
    return [
        host.name for host in world.up() for hold in host.alive.ledger.books.live_holds()
        if hold.gang is not None
    ]  # fmt: skip


def given(world: World, token: int) -> Reply:
    assert world.run_until(lambda: answer(world, "ann", token) is not None, 2 * MINUTE)
    return world.hosts["ann"].replies[token]


# The cells ----------------------------------------------------------------------------------------


def restarts_waiting() -> None:
    world = mesh()
    assert book(world, "cyd", 90).ok
    wait(world)
    world.run(5 * SECOND)
    (before,) = in_line(world)
    rival = world.ask("bob", ReserveGang({"ram": "5GiB"}, 3, 3_600_000, wait_ms=600_000))
    world.run(5 * SECOND)
    again(world)
    token = wait(world)
    world.run(10 * SECOND)
    (first, waited), _ = in_line(world)
    assert first == before[0], "the same place, and the first still"
    assert waited > before[1] + 15 * SECOND, "its age goes on"
    assert "0 s" not in told(world, token)["sentence"]
    assert standing(world) == [2, 2, 2]
    assert held(world) == 1, "nothing is held meanwhile"
    reply = given(world, token)
    assert reply.ok
    assert sorted(one["owner"]["name"] for one in reply.body["members"]) == WHOLE
    assert rows(world) == rows(world, SPACE_ASK) == {}
    assert rival not in world.hosts["bob"].replies


def restarts_with_a_claim() -> None:
    assert claim_outlives() is False


def claim_outlives() -> bool:
    """Whether somebody else is given what was claimed, just when the asker is back."""
    world = mesh()
    assert book(world, "cyd", 60).ok
    wait(world)
    world.run(10 * SECOND)
    assert not book(world, "bob", 600).ok, "it is claimed"
    world.crash("ann")
    world.run(SECOND)
    world.start("ann")
    world.run(300 * MILLISECOND)
    wait(world)
    world.run(200 * MILLISECOND)
    return book(world, "bob", 600).ok


def restarts_forming() -> None:
    """At any effect of forming it, the asker's agent dies."""
    stood = set()
    for effect in range(1, 60, 3):
        world = mesh()
        world.crash_at_effect("ann", effect)
        token = wait(world)
        world.run(4 * SECOND)
        if world.hosts["ann"].agent is not None:
            assert answer(world, "ann", token), "it was over before"
            break
        stood.add(formed_again(world, effect))
    assert stood == {False, True}


def formed_again(world: World, effect: int) -> bool:
    """Whether what was formed before the restart is what its asker is told."""
    again(world)
    before = [*world.hosts["ann"].alive.ledger.books.gangs]
    token = wait(world)
    assert len(gangs(world)) <= 1, effect
    reply = given(world, token)
    assert reply.ok, (effect, reply.body)
    assert all(one["legs"] for one in reply.body["members"])
    world.run(GANG_MAX * 11 // 10)
    assert holders(world) == WHOLE, f"one gang for one wish, and all of it: {effect}"
    assert gangs(world) == [GangStage.COMPLETED]
    assert rows(world) == {}
    return bytes.fromhex(reply.body["id"]) in before


def restarts_complete() -> None:
    assert complete_and_cut_off() == WHOLE


def complete_and_cut_off() -> list[str]:
    """The agent dies when all of it stands, and just before its asker hears of it."""
    world = mesh()
    token = wait(world, "1GiB")
    assert world.run_until(lambda: "bob" in settled(world), 10 * SECOND)
    assert token not in world.hosts["ann"].replies
    again(world)
    assert gangs(world) == [GangStage.COMPLETED]
    token = wait(world, "1GiB")
    reply = given(world, token)
    assert [leg["amount"] for one in reply.body["members"] for leg in one["legs"]] == [GIB] * 3
    world.run(2 * MINUTE)
    return holders(world)


def settled(world: World) -> list[str]:
    return [
        host.name for host in world.up() for hold in host.alive.ledger.books.live_holds()
        if hold.gang is not None and hold.gang.settled_at is not None
    ]  # fmt: skip


def quarantined_waiting() -> None:
    world = mesh()
    assert book(world, "cyd", 60).ok
    wait(world)
    world.run(5 * SECOND)
    (before,) = in_line(world)
    again(world, power=True)
    token = wait(world)
    world.run(10 * SECOND)
    assert world.hosts["ann"].alive.ledger.standing[0] == "quarantine"
    assert [one[0] for one in in_line(world)] == [before[0]], "it waits where it waited"
    assert given(world, token).ok
    assert holders(world) == WHOLE


def returns_alone() -> None:
    world = mesh()
    assert book(world, "cyd", 600).ok
    wait(world)
    world.run(5 * SECOND)
    again(world)
    assert rows(world)
    world.run(17 * SECOND)
    assert not any(standing(world))
    world.run(KEPT_FOR)
    assert rows(world) == {}
    assert book(world, "bob", 600, "7GiB").ok


def forgets_waiting() -> None:
    world = mesh()
    assert book(world, "cyd", 60).ok
    wait(world)
    world.run(5 * SECOND)
    world.crash("ann", power=True)
    world.hosts["ann"].disk.lose()
    again(world, away=SECOND)
    token = wait(world)
    assert given(world, token).ok
    world.run(MINUTE)
    assert holders(world) == WHOLE
    assert not any(standing(world))


CELLS: Final[dict[str, Callable[[], None]]] = {
    "asker-restarts-waiting": restarts_waiting,
    "asker-restarts-claiming": restarts_with_a_claim,
    "asker-restarts-forming": restarts_forming,
    "asker-restarts-complete": restarts_complete,
    "asker-quarantined-waiting": quarantined_waiting,
    "asker-forgets-waiting": forgets_waiting,
    "asker-returns-alone": returns_alone,
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_gang_that_waits_outlives_its_askers_agent_and_is_formed_once(cell: str) -> None:
    CELLS[cell]()


# Whoever breaks a rule is found out ---------------------------------------------------------------


def test_who_does_not_look_at_its_log_forms_two_gangs_for_one_wish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ReturningGangs, "_earlier", lambda *_: None)
    assert sorted(complete_and_cut_off()) == sorted(WHOLE * 2)


def test_who_asks_for_its_place_anew_takes_back_what_it_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = Places._ask

    def anew(self: Places, number: int, now: int) -> Any:
        self._places[number].returns = False
        return ask(self, number, now)

    monkeypatch.setattr(Places, "_ask", anew)
    assert claim_outlives()


def test_who_keeps_nothing_on_disk_goes_behind_those_who_came_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept, "standing", lambda *_: [])
    with pytest.raises((AssertionError, ValueError)):
        restarts_waiting()


# A name -------------------------------------------------------------------------------------------


def test_a_name_stands_for_one_gang_at_a_time() -> None:
    world = mesh()
    assert book(world, "cyd", 600).ok
    first = wait(world)
    world.run(3 * SECOND)
    second = wait(world)
    world.run(SECOND)
    assert "under way under that name" in world.hosts["ann"].replies[second].body["sentence"]
    again(world)
    other = wait(world, "4GiB")
    world.run(SECOND)
    assert "something else was asked for" in world.hosts["ann"].replies[other].body["sentence"]
    bad = wait(world, wish="0b")
    world.run(SECOND)
    assert world.hosts["ann"].replies[bad].body["code"] == "bad_request"
    token = wait(world)
    world.run(5 * SECOND)
    assert standing(world) == [1, 1, 1], "the right one finds its places still"
    world.hang_up("ann", token)
    world.run(3 * SECOND)
    assert not any(standing(world))
    assert rows(world) == {}
    assert first not in world.hosts["ann"].replies


def test_what_stands_is_told_again_and_never_ended_by_asking() -> None:
    world = mesh()
    reply = given(world, wait(world, "1GiB"))
    assert given(world, wait(world, "1GiB", wait_ms=0)).body["id"] == reply.body["id"]
    count = given(world, wait(world, "1GiB", nodes=2, wait_ms=0))
    assert "something else was asked for" in count.body["sentence"]
    world.network.cut(["ann"], ["bob"])
    unsure = given(world, wait(world, "1GiB", wait_ms=0))
    assert (unsure.ok, unsure.body["code"]) == (False, "unknown")
    world.hang_up("ann", wait(world, "1GiB"))
    world.network.heal()
    world.run(2 * MINUTE)
    assert settled(world) == WHOLE
    assert world.answer("ann", requests.Release(reply.body["id"])).ok
    assert given(world, wait(world, "1GiB")).body["id"] != reply.body["id"]
    assert holders(world) == WHOLE


@settings(max_examples=50, deadline=None)
@drawn(st.dictionaries(st.binary(min_size=16, max_size=16), st.binary(max_size=80), max_size=4))
def test_rows_that_cannot_be_read_are_dropped_and_nothing_else(rows: dict[bytes, bytes]) -> None:
    gangs = KeptGangs()
    effects = gangs.restore(rows, MILLISECOND)
    dropped = {write.key for effect in effects for write in effect.writes}
    assert dropped <= rows.keys()
    assert (gangs.next_wake is None) is (dropped == rows.keys())
