"""Who is missing is said: once as an event, and in `status` for as long as it lasts."""

from mesh.instant import SECOND, seconds
from node.core import requests
from node.core.floods import FLOOD_MIN, LOOK_EVERY, QUIET, Floods
from simulations.invented.world import World


def mesh(*names: str) -> World:
    world = World(1)
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(5 * SECOND)
    return world


def kinds(world: World, name: str) -> list[str]:
    told = [event.kind for event in world.hosts[name].events]
    return [kind for kind in told if kind.startswith("mesh.")]


def warnings(world: World, name: str) -> list[str]:
    told: list[str] = world.answer(name, requests.Status()).body["warnings"]
    return told


def test_a_mesh_that_meets_and_a_node_that_never_met_anybody_say_nothing() -> None:
    world = mesh("ann", "bob")
    world.run(seconds(60))
    assert kinds(world, "ann") == []
    alone = mesh("ann")
    alone.run(seconds(60))
    assert kinds(alone, "ann") == []
    assert warnings(alone, "ann") == []


def test_both_sides_of_a_cut_say_how_many_they_miss_and_that_it_is_over() -> None:
    world = mesh("ann", "bob", "cyd", "dan", "eve")
    cut = world.network.cut(["ann", "bob"], ["cyd", "dan", "eve"])
    world.run(seconds(40))
    assert kinds(world, "ann") == ["mesh.few"]
    (warning,) = warnings(world, "ann")
    assert warning.startswith("fewer than half of 4 remembered nodes answer; missing: cyd, dan and")
    assert "holdfast doctor" in warning
    assert kinds(world, "cyd") == []  # two of four others are there
    world.network.mend(cut)
    world.run(seconds(90))
    assert kinds(world, "ann") == ["mesh.few", "mesh.whole"]
    assert warnings(world, "ann") == []


def test_who_is_alone_after_a_restart_says_so_once_there_was_time_to_answer() -> None:
    world = mesh("ann", "bob")
    world.crash("ann")
    world.crash("bob")
    world.start("ann")
    world.run(seconds(20))
    assert warnings(world, "ann") == []
    world.run(seconds(30))
    assert kinds(world, "ann")[-1] == "mesh.alone"
    assert warnings(world, "ann")[0].startswith("none of 1 remembered node answers; missing: bob")


def test_who_left_is_not_missed() -> None:
    world = mesh("ann", "bob")
    world.stop("bob", leaving=True)
    world.run(seconds(60))
    assert warnings(world, "ann") == []


def test_a_flood_is_told_once_with_its_cause_and_how_much() -> None:
    floods = Floods()
    assert floods.look({"forged": 5_000}, 0) == []  # from before the first look
    assert not floods.is_due(LOOK_EVERY - 1)
    assert floods.is_due(LOOK_EVERY)
    (flood,) = floods.look({"forged": 5_000 + FLOOD_MIN, "late": FLOOD_MIN - 1}, LOOK_EVERY)
    assert flood == ("forged", FLOOD_MIN, 10)
    assert floods.look({"forged": 9_000}, 2 * LOOK_EVERY) == []
    assert floods.look({"forged": 9_900}, LOOK_EVERY + QUIET) != []


def test_grants_and_their_ends_are_events_of_their_owner() -> None:
    world = mesh("ann", "bob")
    ask = {"ram": "1GiB", "node": "bob"}
    reply = world.answer("ann", requests.Reserve(ask, term_ms=3_600_000, label="train"))
    assert reply.ok
    hold = reply.body["id"]
    assert world.answer("ann", requests.Release(hold)).ok
    told = [event for event in world.hosts["bob"].events if event.kind.startswith("hold.")]
    assert [(event.kind, event.body["hold"]) for event in told] == [
        ("hold.granted", hold), ("hold.ended", hold),
    ]  # fmt: skip
    assert told[0].sentence == "granted: ram 1 GiB for train (ann)"
    assert told[1].sentence == "released, asked"


def test_both_ends_of_a_one_way_cut_say_what_they_see_of_it() -> None:
    world = mesh("ann", "bob", "cyd")
    cut = world.network.cut(["ann"], ["bob"], one_way=True)
    world.run(seconds(40))
    (deaf,) = warnings(world, "ann")
    assert deaf.startswith("bob is heard here and answers nothing: we do not reach it")
    (cut_off,) = warnings(world, "bob")
    assert cut_off.startswith("ann is reachable only by helper cyd")
    assert warnings(world, "cyd") == []
    world.network.mend(cut)
    world.run(seconds(20))
    assert warnings(world, "ann") == warnings(world, "bob") == []
