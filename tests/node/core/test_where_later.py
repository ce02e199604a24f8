"""Where something could run later: answered by every peer from the calendars of the owners."""

from typing import Any

from mesh.instant import HOUR, MILLISECOND, MINUTE, SECOND, Duration
from node.core import requests
from node.core.requests.gangs import GangWay, WhereGang
from simulations.invented.world import World
from tests.node.core.test_calendar import book, mesh


def ask(world: World, asker: str, start: Duration | None, ram: str = "6GiB", **more: Any) -> Any:
    wall = world.hosts["ann"].wall(world.now)
    at = None if start is None else (wall + start) // MILLISECOND
    where = requests.Where(
        {"ram": ram, "for": more.pop("span", "1m")}, asked_at_ms=wall // MILLISECOND,
        start_at_ms=at, **more,
    )  # fmt: skip
    return world.answer(asker, where)


def chosen(body: dict[str, Any]) -> str | None:
    return body["decision"]["chosen"]["name"] if body["decision"].get("chosen") else None


def test_what_is_planned_then_is_seen_by_everyone_and_the_answers_are_equal_byte_for_byte() -> None:
    world = mesh("ann", "bob")
    assert book(world, "ann", 0.9, 10 * MINUTE, "ann").ok
    world.run(5 * SECOND)
    told = [ask(world, name, 10 * MINUTE).body for name in ("ann", "bob")]
    assert len({body["bytes"] for body in told}) == 1
    assert chosen(told[0]) == "bob"
    assert told[0]["decision"]["fitting"] == 1
    assert told[0]["when"]["span_ms"] == 60_000
    assert told[0]["plan"] is None
    assert ask(world, "bob", 12 * MINUTE).body["decision"]["fitting"] == 2


def test_for_so_long_from_now_on_does_not_fit_where_a_plan_comes_meanwhile() -> None:
    world = mesh("ann", "bob")
    assert book(world, "ann", 0.9, 10 * MINUTE, "ann").ok
    world.run(5 * SECOND)
    assert ask(world, "ann", None, span="9m").body["decision"]["fitting"] == 2
    assert ask(world, "ann", None, span="20m").body["decision"]["fitting"] == 1
    assert world.answer("ann", requests.Where({"ram": "6GiB"})).body["when"] is None


def test_what_will_be_over_by_then_is_in_nobodys_way_and_a_lease_is() -> None:
    world = mesh("ann", "bob")
    for name, carried in (("ann", False), ("bob", True)):
        wish = requests.Reserve({"ram": "6GiB", "node": name}, 60_000, carried=carried)
        assert world.answer(name, wish).ok
    world.run(5 * SECOND)
    assert chosen(ask(world, "bob", 30 * SECOND).body) is None
    later = ask(world, "bob", 2 * MINUTE).body
    assert (chosen(later), later["decision"]["fitting"]) == ("ann", 1)
    # And so does who is to book it.
    assert book(world, "bob", 0.7, 2 * MINUTE).body["owner"]["name"] == "ann"


def test_several_nodes_at_once_are_sought_in_the_calendars_too() -> None:
    world = mesh("ann", "bob")
    assert book(world, "ann", 0.9, 10 * MINUTE, "ann").ok
    world.run(5 * SECOND)
    wall = world.hosts["ann"].wall(world.now) // MILLISECOND
    found = []
    for minutes in (5, 10, 20):
        way = GangWay([{"ram": "6GiB", "for": "1m"}] * 2)
        wish = WhereGang([way], asked_at_ms=wall, start_at_ms=wall + minutes * 60_000)
        found.append(world.answer("bob", wish).body["offer"]["chosen"])
    assert found == [0, None, 0]


def test_a_start_that_is_past_is_refused_by_name() -> None:
    world = mesh("ann", "bob")
    reply = ask(world, "ann", -HOUR)
    assert (reply.ok, reply.body["code"]) == (False, "bad_request")
    assert "past" in reply.body["sentence"]
