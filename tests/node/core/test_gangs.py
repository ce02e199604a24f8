"""Gangs through several machines, in virtual time: all of them or none."""

from typing import Any

import pytest

from ledger.books.gangs import GangStage
from ledger.lifecycle import HoldState
from mesh.instant import SECOND
from node.core import requests
from node.core.effects import Event, Reply
from node.core.requests.gangs import GangWay, ReserveGang, WhereGang
from simulations.invented.hardware import GIB
from simulations.invented.host import Host
from simulations.invented.observing import Observer
from simulations.invented.world import World

HOUR_MS = 3_600_000
NAMES = ("ann", "bob", "cyd", "dan")


def mesh(*names: str, seed: int = 1, ram: int = 8 * GIB) -> World:
    world = World(seed)
    for name in names or NAMES:
        world.add(name, ram=ram)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def gang(nodes: int = 3, ram: str = "1GiB", **more: Any) -> ReserveGang:
    return ReserveGang({"ram": ram}, nodes, more.pop("term_ms", HOUR_MS), **more)


def form(world: World, asker: str = "ann", **how: Any) -> Reply:
    reply = world.answer(asker, gang(**how))
    assert reply.ok, reply.body
    return reply


def live(world: World) -> dict[str, list[str]]:
    """Owner → states of what it has promised, of those that are up."""
    found = {
        host.name: [hold.state.value for hold in host.alive.ledger.books.live_holds()]
        for host in world.up()
    }
    return {name: states for name, states in found.items() if states}


def stage(world: World, asker: str, name: str) -> GangStage:
    return world.hosts[asker].alive.ledger.books.gangs[bytes.fromhex(name)].stage


def test_a_gang_is_granted_on_different_nodes_and_settled_on_each() -> None:
    world = mesh()
    body = form(world).body
    owners = {member["owner"]["name"]: bytes.fromhex(member["id"]) for member in body["members"]}
    assert len(owners) == 3
    for name, hold in owners.items():
        kept = world.hosts[name].alive.ledger.books.live[hold]
        assert kept.is_booking
        assert not kept.on_probation
    assert stage(world, "ann", body["id"]) is GangStage.COMPLETED
    assert body["warnings"] == []
    assert body["stored_on"]


def test_too_few_nodes_are_a_no_with_the_count_and_nothing_is_held() -> None:
    world = mesh()
    reply = world.answer("ann", gang(5))
    assert not reply.ok
    assert "4 nodes fit now; 5 are needed at once" in reply.body["sentence"]
    assert live(world) == {}


def test_releasing_a_gang_ends_every_member_and_so_does_releasing_one_of_them() -> None:
    for which in ("gang", "member"):
        world = mesh()
        body = form(world).body
        name = body["id"] if which == "gang" else body["members"][1]["id"]
        given = world.answer("ann", requests.Release(name[:12]))
        assert given.ok, given.body
        assert live(world) == {}
        assert stage(world, "ann", body["id"]) is GangStage.ENDED
    again = world.answer("ann", requests.Release(body["id"])).body
    assert (again["code"], "the gang that ann asked for" in again["sentence"]) == ("ended", True)


def test_a_gang_of_which_a_part_was_handed_on_is_not_released_over_its_holder() -> None:
    world = mesh()
    body = form(world).body
    whole = body["members"][0]["id"]
    part = world.answer("ann", requests.Transfer(whole, {"ram": "512MiB"}, to="cyd"))
    assert part.ok, part.body
    world.run(2 * SECOND)
    for name in (body["id"], body["members"][1]["id"]):
        refused = world.answer("ann", requests.Release(name))
        assert not refused.ok
        where = body["members"][0]["owner"]["name"]
        assert f"parts of it on {where} are handed on" in refused.body["sentence"]
        assert "--with-parts" in refused.body["hint"]
    assert sum(map(len, live(world).values())) == 4
    assert world.answer("ann", requests.Release(part.body["id"])).ok
    world.run(2 * SECOND)
    assert world.answer("ann", requests.Release(body["id"])).ok
    assert live(world) == {}


def test_only_its_asker_ends_a_gang() -> None:
    world = mesh()
    body = form(world).body
    world.run(SECOND)
    reply = world.answer("bob", requests.Release(body["id"]))
    assert not reply.ok
    assert "ann" in reply.body["sentence"]


def test_when_one_owner_refuses_all_is_given_back_and_another_is_asked() -> None:
    world = mesh()
    world.hosts["bob"].ram_foreign = 7 * GIB + GIB // 2
    world.look("bob")  # the others have not heard of it when ann decides
    body = form(world).body
    assert "bob" not in [member["owner"]["name"] for member in body["members"]]
    world.run(SECOND)
    assert sorted(live(world)) == ["ann", "cyd", "dan"]


def test_two_gangs_that_want_the_same_room_never_hold_a_part_each() -> None:
    world = mesh()
    wish = gang(3, "5GiB", wait_ms=0)
    tokens = {name: world.ask(name, wish) for name in ("ann", "bob")}
    world.run(30 * SECOND)
    replies = [world.hosts[name].replies[token] for name, token in tokens.items()]
    assert sum(reply.ok for reply in replies) <= 1
    assert sum(map(len, live(world).values())) == 3 * sum(reply.ok for reply in replies)


def test_whoever_waits_holds_nothing_and_gets_its_turn() -> None:
    world = mesh()
    first = form(world, ram="5GiB").body
    token = world.ask("bob", gang(3, "5GiB", wait_ms=600_000))
    world.run(20 * SECOND)
    assert sum(map(len, live(world).values())) == 3
    assert token not in world.hosts["bob"].replies
    world.answer("ann", requests.Release(first["id"]))
    assert world.run_until(lambda: token in world.hosts["bob"].replies, 20 * SECOND)
    assert world.hosts["bob"].replies[token].ok


def test_whoever_hangs_up_keeps_nothing() -> None:
    for after in (5, 20):
        world = mesh()
        token = world.ask("ann", gang())
        world.run(after * 1_000_000)
        if token in world.hosts["ann"].replies:
            break
        world.hang_up("ann", token)
        world.run(10 * SECOND)
        assert live(world) == {}


@pytest.mark.parametrize("effect", range(2, 40, 7))
def test_an_asker_that_dies_anywhere_leaves_all_or_nothing(effect: int) -> None:
    world = mesh()
    world.crash_at_effect("ann", effect)
    token = world.ask("ann", gang())
    world.run(10 * SECOND)
    if world.hosts["ann"].agent is None:
        world.start("ann")
    world.run(90 * SECOND)
    states = live(world)
    answered = token in world.hosts["ann"].replies
    assert len(states) in ((3,) if answered else (0, 3)), states


@pytest.mark.parametrize("effect", [5, 16, 27])
def test_an_asker_that_dies_for_good_leaves_no_part_of_a_gang(effect: int) -> None:
    world = mesh()
    world.crash_at_effect("ann", effect)
    world.ask("ann", gang())
    world.run(150 * SECOND)
    if world.hosts["ann"].agent is None:
        members = [states for name, states in live(world).items() if name != "ann"]
        assert members in ([], [["posted"], ["posted"]], [["posted"], ["posted"], ["posted"]])


def test_a_member_that_was_disbanded_takes_its_fellows_along() -> None:
    world = mesh()
    body = form(world).body
    victim = next(one for one in body["members"] if one["owner"]["name"] != "ann")
    owner = world.hosts[victim["owner"]["name"]]
    hold = bytes.fromhex(victim["id"])
    from ledger.observations import GangSeen

    effects = owner.alive.from_books(
        owner.alive.ledger.report(GangSeen(hold, over=True), world.now), world.now
    )
    world.shell.take(owner, [*effects, *owner.alive.seal(world.now)])
    world.run(5 * SECOND)
    assert owner.alive.ledger.books.state_of(hold) is HoldState.DISBANDED
    assert live(world) == {}
    assert stage(world, "ann", body["id"]) is GangStage.ENDED


def test_everybody_who_sees_the_same_offers_the_same_nodes_byte_for_byte() -> None:
    world = mesh()
    form(world, nodes=2, ram="3GiB")
    world.run(3 * SECOND)
    wish = WhereGang(
        [GangWay([{"ram": "7GiB"}] * 4), GangWay([{"ram": "6GiB"}, {"ram": "2GiB"}], "by layers")]
    )
    told = [world.answer(name, wish).body for name in NAMES]
    assert len({body["bytes"] for body in told}) == 1
    assert told[0]["offer"]["chosen"] == 1
    assert told[0]["text"][0].startswith("fits: on 2 nodes at once, by layers: ")


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (WhereGang([]), "0 ways"),
        (WhereGang([GangWay([{"ram": "1GiB"}])]), "1 nodes are no gang"),
        (WhereGang([GangWay([{"ram": "1GiB"}] * 65)]), "65 nodes are no gang"),
        (WhereGang([GangWay([{"ram": "1GiB", "node": "bob"}] * 2)]), "--node names one node"),
        (WhereGang([GangWay([{"ram": "1 banana"}] * 2)]), "banana"),
        (gang(1), "1 nodes are no gang"),
        (gang(65), "65 nodes are no gang"),
        (gang(3, parts=[{"ram": "1GiB"}]), "1 parts do not go on 3 nodes"),
        (gang(2, "1 B", term_ms=0), "a reservation needs a time"),
    ],
)
def test_what_is_no_gang_is_refused_by_name(wish: Any, sentence: str) -> None:
    world = mesh("ann", "bob")
    reply = world.answer("ann", wish)
    assert not reply.ok
    assert sentence in reply.body["sentence"]
    assert reply.body["code"] == "bad_request"


def test_the_parts_of_a_model_go_each_on_a_node_that_has_room_for_it() -> None:
    world = World(1)
    for name, ram in (("ann", 4), ("bob", 8), ("cyd", 16)):
        world.add(name, ram=ram * GIB)
        world.start(name, first=True)
    world.run(3 * SECOND)
    parts = [{"ram": "3GiB"}, {"ram": "15GiB"}, {"ram": "7GiB"}]
    reply = world.answer("ann", gang(3, parts=parts))
    assert reply.ok, reply.body
    taken = {one["owner"]["name"]: one["legs"][0]["amount"] for one in reply.body["members"]}
    assert taken == {"ann": 3 * GIB, "bob": 7 * GIB, "cyd": 15 * GIB}


def test_what_became_of_a_gang_is_told_where_it_was_asked_for() -> None:
    world = mesh()
    told: list[tuple[str, str]] = []

    class Ear(Observer):
        def stepped(self, host: Host, cause: str, effects: Any) -> None:
            told.extend(
                (host.name, one.kind) for one in effects
                if isinstance(one, Event) and one.kind.startswith("gang.")
            )  # fmt: skip

    world.observe(Ear())
    body = form(world).body
    world.answer("ann", requests.Release(body["id"]))
    world.run(SECOND)
    assert told == [("ann", "gang.complete"), ("ann", "gang.ended")]
