"""What becomes of our holds with other owners is told where we are."""

from typing import Any

import pytest

from mesh.instant import SECOND, seconds
from node.core import requests
from node.core.effects import Event
from node.core.reserving import abroad
from simulations.invented.world import World
from tests.node.core.test_reservations import mesh, reserve

MINUTES_MS = 60_000


def told(world: World, name: str, kind: str) -> list[Event]:
    return [event for event in world.hosts[name].events if event.kind == kind]


def booked(world: World, **more: Any) -> str:
    reply = world.answer("ann", reserve(ask={"node": "bob"}, **more))
    assert reply.ok
    return str(reply.body["id"])


def test_a_booking_that_ran_out_is_told_to_its_holder_and_warned_of_before() -> None:
    world = mesh("ann", "bob", "cyd")
    hold = booked(world, term_ms=10 * MINUTES_MS)
    world.run(seconds(8 * 60))
    assert told(world, "ann", "alarm.lapses-soon") == []
    world.run(seconds(4 * 60))
    (warned,) = told(world, "ann", "alarm.lapses-soon")
    assert warned.sentence.startswith("a booking on bob ends in 1 min")
    (ended,) = told(world, "ann", "hold.ended")
    assert (ended.sentence, ended.body["hold"]) == ("on bob: released, run out", hold)
    assert ended.body["node"] == "bob"
    assert told(world, "cyd", "hold.ended") == []


def test_one_that_was_extended_is_warned_of_again() -> None:
    world = mesh("ann", "bob")
    hold = booked(world, term_ms=2 * MINUTES_MS)
    world.run(seconds(115))
    assert len(told(world, "ann", "alarm.lapses-soon")) == 1
    assert world.answer("ann", requests.Extend(hold, more_ms=2 * MINUTES_MS)).ok
    world.run(seconds(60))
    assert len(told(world, "ann", "alarm.lapses-soon")) == 1
    world.run(seconds(60))
    assert len(told(world, "ann", "alarm.lapses-soon")) == 2


def test_what_its_owner_gives_back_is_told_and_what_the_holder_asked_for_is_not() -> None:
    world = mesh("ann", "bob")
    mine, theirs = booked(world), booked(world)
    assert world.answer("ann", requests.Release(mine)).ok
    assert world.answer("bob", requests.Release(theirs)).ok
    world.run(5 * SECOND)
    (ended,) = told(world, "ann", "hold.ended")
    assert (ended.sentence, ended.body["hold"]) == ("on bob: released, asked", theirs)


def test_a_lease_that_nobody_renewed_is_told_to_who_holds_it_after_a_cut_too() -> None:
    world = mesh("ann", "bob", "cyd")
    reply = world.answer("ann", reserve(ask={"node": "bob"}, carried=True))
    assert reply.ok
    world.network.cut(["ann"], ["bob", "cyd"])
    world.run(seconds(60))
    assert told(world, "ann", "hold.ended") == []
    world.network.heal()
    world.run(seconds(60))
    (ended,) = told(world, "ann", "hold.ended")
    assert ended.sentence == "on bob: reclaimed: it was not renewed"


def test_a_holder_that_does_not_read_logs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abroad, "TAGS", ())
    world = mesh("ann", "bob")
    hold = booked(world)
    assert world.answer("bob", requests.Release(hold)).ok
    world.run(5 * SECOND)
    assert told(world, "ann", "hold.ended") == []


def test_how_long_ago_a_hold_ended_is_known_by_who_heard_of_it_and_not_over_a_restart() -> None:
    world = mesh("ann", "bob")
    hold = world.answer("bob", reserve("1GiB", ask={"node": "ann"})).body["id"]
    world.run(2 * SECOND)
    assert world.answer("bob", requests.Release(hold)).ok
    world.run(60 * SECOND)

    def heard(name: str) -> dict[str, int | None]:
        rows = world.answer(name, requests.Holds(ended=True)).body["ended"]
        return {row["id"]: row["heard_ms_ago"] for row in rows}

    for name in ("ann", "bob"):
        assert 59_000 <= (heard(name)[hold] or 0) <= 61_000
    world.crash("ann")
    world.start("ann")
    world.run(2 * SECOND)
    again = world.answer("bob", reserve("1GiB", ask={"node": "ann"})).body["id"]
    assert world.answer("bob", requests.Release(again)).ok
    world.run(SECOND)
    assert heard("ann")[hold] is None
    assert [*heard("ann")] == [hold, again], "what was heard of last stands last"
