"""Who waits in lines goes on waiting when the agent that was asked restarts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.lifecycle import HoldState
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, MINUTE, SECOND
from mesh.persistence import SPACE_ASK, SPACE_WISH
from node.core import requests
from node.core.reserving import kept
from node.core.reserving.kept import KeptWishes
from node.core.reserving.unclaimed import KEPT_FOR
from simulations.invented.world import World
from tests.node.core.test_waiting import HOUR_MS, fill, mesh, reserve

WISH = "0f" * 16


def waiting(world: World, at: str = "ann", **more: object) -> int:
    wish = reserve(world, at, 0.5, "bob", wait_ms=HOUR_MS, **{"wish": WISH, **more})
    return world.ask(at, wish)


def again(world: World, at: str = "ann") -> None:
    """The agent dies and is back within two seconds."""
    world.crash(at)
    world.run(2 * SECOND)
    world.start(at)
    world.run(SECOND)


def line(world: World) -> list[str]:
    """Who waits at bob, in order."""
    bob = world.hosts["bob"].alive
    ids = {host.id: name for name, host in world.hosts.items()}
    return [ids[NodeId(one.holder)] for one in bob.ledger.waiting(bob.knowledge.now)]


def rows(world: World, at: str, space: str) -> dict[bytes, bytes]:
    return dict(world.hosts[at].disk.snapshot().get(space, {}))


def ours(world: World) -> list[HoldState]:
    """What was granted under the label of the wish, wherever."""
    books = [host.alive.ledger.books for host in world.up()]
    return [hold.state for one in books for hold in one.live_holds() if hold.label == "mine"]


def test_it_stands_where_it_stood_and_is_served_in_its_turn() -> None:
    world = mesh("ann", "bob", "cyd")
    (full,) = fill(world, "bob")
    waiting(world)
    world.run(3 * SECOND)
    second = world.ask("cyd", reserve(world, "cyd", 0.6, "bob", wait_ms=HOUR_MS))
    world.run(3 * SECOND)
    assert line(world) == ["ann", "cyd"]
    again(world)
    token = waiting(world)
    world.run(20 * SECOND)
    assert line(world) == ["ann", "cyd"], "a place of its own, and still the first"
    told = [event for event in world.hosts["ann"].events if event.kind == "request.unknown"]
    assert told == [], "nothing became of what was only waited for"
    world.answer("bob", requests.Release(full))
    world.run(10 * SECOND)
    assert world.hosts["ann"].replies[token].ok
    assert second not in world.hosts["cyd"].replies
    assert rows(world, "ann", SPACE_WISH) == rows(world, "ann", SPACE_ASK) == {}


def confirmed_and_cut_off(world: World) -> list[HoldState]:
    """It waits everywhere; the agent dies between one owner's confirmation and its answer, and
    meanwhile there is room everywhere."""
    full = dict(zip(("ann", "bob", "cyd"), fill(world, "ann", "bob", "cyd"), strict=True))
    wish = reserve(world, "ann", 0.5, wait_ms=HOUR_MS, wish=WISH, label="mine")
    world.ask("ann", wish)
    world.run(3 * SECOND)
    world.ask("bob", requests.Release(full["bob"]))
    assert world.run_until(lambda: HoldState.POSTED in ours(world), 10 * SECOND)
    again(world)
    for name in ("ann", "cyd"):
        assert world.answer(name, requests.Release(full[name])).ok
    token = world.ask("ann", wish)
    world.run(10 * SECOND)
    assert world.hosts["ann"].replies[token].ok
    world.run(MINUTE)
    return ours(world)


def test_what_was_being_confirmed_is_not_granted_twice() -> None:
    assert confirmed_and_cut_off(mesh("ann", "bob", "cyd")) == [HoldState.POSTED]


def test_without_a_note_of_what_is_confirmed_it_is_granted_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept, "posting", lambda _errand: [])
    assert confirmed_and_cut_off(mesh("ann", "bob", "cyd")) == [HoldState.POSTED] * 2


def test_wherever_its_agent_dies_what_was_waited_for_is_granted_once() -> None:
    for effect in range(1, 40):
        world = mesh("ann", "bob", "cyd")
        wish = reserve(world, "ann", 0.5, wait_ms=HOUR_MS, wish=WISH, label="mine")
        world.crash_at_effect("ann", effect)
        token = world.ask("ann", wish)
        world.run(3 * SECOND)
        if token in world.hosts["ann"].replies:
            assert effect > 5, "it was over before, and nobody asks again"
            break
        again(world)
        token = world.ask("ann", wish)
        world.run(40 * SECOND)
        assert world.hosts["ann"].replies[token].ok
        world.run(MINUTE)
        assert ours(world) == [HoldState.POSTED], effect
    else:
        pytest.fail("it is never over")


def test_what_nobody_claims_is_dropped_on_every_side() -> None:
    world = mesh("ann", "bob", "cyd")
    fill(world, "bob")
    waiting(world)
    world.run(3 * SECOND)
    again(world)
    assert rows(world, "ann", SPACE_WISH)
    world.run(20 * SECOND)
    assert line(world) == []
    world.run(KEPT_FOR)
    assert rows(world, "ann", SPACE_WISH) == rows(world, "ann", SPACE_ASK) == {}
    token = waiting(world)
    world.run(5 * SECOND)
    assert line(world) == ["ann"], "asked for again it begins anew"
    world.hang_up("ann", token)
    world.run(5 * SECOND)
    assert line(world) == []
    assert rows(world, "ann", SPACE_WISH) == {}


def test_a_name_stands_for_one_request() -> None:
    world = mesh("ann", "bob", "cyd")
    fill(world, "bob")
    waiting(world)
    world.run(3 * SECOND)
    again(world)
    other = world.answer("ann", reserve(world, "ann", 0.6, "bob", wait_ms=HOUR_MS, wish=WISH))
    assert "something else was asked for" in other.body["sentence"]
    bad = world.answer("ann", reserve(world, "ann", 0.6, "bob", wait_ms=HOUR_MS, wish="0f"))
    assert bad.body["code"] == "bad_request"


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.binary(min_size=16, max_size=16), st.binary(max_size=80), max_size=4))
def test_rows_that_cannot_be_read_are_dropped_and_nothing_else(rows: dict[bytes, bytes]) -> None:
    wishes = KeptWishes()
    effects = wishes.restore(rows, MILLISECOND)
    dropped = {write.key for effect in effects for write in effect.writes}
    assert dropped <= rows.keys()
    assert (wishes.next_wake is None) is (dropped == rows.keys())
