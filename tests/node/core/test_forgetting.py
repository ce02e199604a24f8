"""Who is gone for good leaves every roll, comes back only by itself, and takes no promise along."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from mesh.config import MeshConfig
from mesh.effects import Address
from mesh.identity import Epoch, NodeId, PublicKey, id_text
from mesh.instant import SECOND
from mesh.rejections import Rejection
from mesh.roll.membership import Liveness, check_roll
from node.core.birth import Birth
from node.core.requests import Forget, Forgotten, Holds, Reserve, Revoke
from node.core.trust.forgetting import FORGOTTEN_MAX, NUMBER_LEAP_MAX, REASON_CHARS_MAX, Tombstone
from simulations.checks.bounds import TablesAreBounded
from simulations.checks.evidence import Evidence
from simulations.invented.network import Weather
from simulations.invented.world import World

NAMES = ("ann", "bob", "cyd", "eve")


@pytest.fixture
def world() -> World:
    world = World(5, Weather())
    for name in NAMES:
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def dies(world: World, whom: str, seen_by: str = "ann") -> None:
    world.crash(whom, power=True)
    node = world.hosts[whom].id

    def is_dead() -> bool:
        member = world.hosts[seen_by].alive.mesh.roll.member(node)
        return member is not None and member.liveness is Liveness.DEAD

    assert world.run_until(is_dead, 60 * SECOND)


def forget(
    world: World, by: str, whom: str, *, why: str = "", force: bool = False
) -> dict[str, Any]:
    reply = world.answer(by, Forget(whom, force, why))
    return {"ok": reply.ok, **reply.body}


def knows(world: World, by: str, whom: str) -> bool:
    """Whether anything of `whom` is on the roll, the board, in the logs or on the disk of `by`."""
    node, host = world.hosts[whom].id, world.hosts[by]
    mesh = host.alive.mesh
    kept = mesh.board.topics(node) or node in mesh.chains or mesh.roll.member(node) is not None
    disk = host.disk.durable
    rows = [key for space in ("peer", "block", "attic", "base") for key in disk.get(space, {})]
    return bool(kept) or any(key.startswith(node) for key in rows)


def nobody_knows(world: World, whom: str, by: tuple[str, ...] = NAMES[:3]) -> bool:
    return not any(knows(world, one, whom) for one in by)


def test_one_word_is_enough_and_nothing_of_it_is_left_anywhere(world: World) -> None:
    dies(world, "eve")
    assert forget(world, "ann", "eve")["ok"]
    world.run(10 * SECOND)
    assert nobody_knows(world, "eve")
    told = [event for event in world.hosts["cyd"].events if event.kind == "peer.forgotten"]
    assert len(told) == 1
    assert "is forgotten, says ann" in told[0].sentence
    roots = {world.hosts[name].alive.mesh.root for name in NAMES[:3]}
    assert len(roots) == 1
    assert world.answer("bob", Forgotten()).body["forgotten"][0]["name"] == "eve"


def test_no_old_copy_brings_it_back_not_even_one_that_was_away(world: World) -> None:
    dies(world, "eve")
    world.crash("bob", power=True)
    world.run(20 * SECOND)
    assert forget(world, "ann", "eve")["ok"]
    world.start("bob")
    world.run(1 * SECOND)
    assert knows(world, "bob", "eve"), "its disk still has it"
    world.run(30 * SECOND)
    assert nobody_knows(world, "eve")
    assert len({world.hosts[name].alive.mesh.root for name in NAMES[:3]}) == 1


def test_it_outlives_restarts_and_its_author_and_newcomers_take_nothing(world: World) -> None:
    dies(world, "eve")
    world.crash("cyd", power=True)
    world.run(15 * SECOND)
    assert forget(world, "ann", "eve")["ok"]
    world.run(2 * SECOND)
    world.crash("ann", power=True)
    world.add("dan")
    world.start("dan", first=True)
    world.run(2 * SECOND)
    eve = world.hosts["eve"].id
    assert eve in world.hosts["dan"].alive.mesh.roll.forgotten, "bob says again what ann said"
    world.start("cyd")  # and it brings what everybody else forgot
    world.run(40 * SECOND)
    world.crash("bob", power=True)
    world.start("bob")
    world.run(5 * SECOND)
    assert nobody_knows(world, "eve", ("bob", "cyd", "dan"))


def test_it_is_welcome_when_it_comes_back_by_itself(world: World) -> None:
    dies(world, "eve")
    assert forget(world, "ann", "eve")["ok"]
    world.run(10 * SECOND)
    world.start("eve")
    world.run(20 * SECOND)
    for name in NAMES[:3]:
        member = world.hosts[name].alive.mesh.roll.member(world.hosts["eve"].id)
        assert member is not None
        assert member.liveness is Liveness.ALIVE
        assert world.answer(name, Forgotten()).body["forgotten"] == []
    assert len({host.alive.mesh.root for host in world.up()}) == 1
    assert any(event.kind == "peer.returned" for event in world.hosts["bob"].events)
    assert world.answer("ann", Reserve({"ram": "1GiB", "node": "eve"}, 60_000)).ok


def test_one_side_of_a_cut_forgets_the_other_and_both_are_one_mesh_when_it_is_mended(
    world: World,
) -> None:
    world.network.cut(["ann", "bob"], ["cyd", "eve"])
    world.run(40 * SECOND)
    assert forget(world, "ann", "cyd")["ok"]
    assert forget(world, "bob", "eve")["ok"]
    world.run(5 * SECOND)
    assert nobody_knows(world, "eve", ("ann", "bob"))
    world.network.heal()
    world.run(60 * SECOND)
    for name in NAMES:
        rows = world.hosts[name].alive.mesh.roll.members()
        assert [row.liveness for row in rows] == [Liveness.ALIVE] * 3
    assert len({host.alive.mesh.root for host in world.up()}) == 1


def test_who_knows_more_of_the_dead_overrules_who_forgot_it(world: World) -> None:
    """Else what was granted behind the cut would be lost by the word of those who never heard."""
    world.network.cut(["ann", "bob"], ["cyd", "eve"])
    world.run(40 * SECOND)
    hold = world.answer("cyd", Reserve({"ram": "1GiB", "node": "eve"}, 600_000)).body["id"]
    assert forget(world, "ann", "eve")["ok"]
    dies(world, "eve", "cyd")
    world.network.heal()
    world.run(60 * SECOND)
    for name in NAMES[:3]:
        assert knows(world, name, "eve")
        assert hold in [one["id"] for one in world.answer(name, Holds()).body["holds"]] or (
            name != "cyd"
        )
    assert len({host.alive.mesh.root for host in world.up()}) == 1
    assert "more is known" in " ".join(event.sentence for event in world.hosts["ann"].events)


def test_who_answers_is_not_forgotten_and_the_refusal_says_what_to_do(world: World) -> None:
    said = forget(world, "ann", "eve")
    assert not said["ok"]
    assert "answers" in said["sentence"]
    assert "revoke" in said["hint"]
    assert "this node itself" in forget(world, "ann", "ann")["sentence"]
    assert not forget(world, "ann", "nobody")["ok"]
    assert not forget(world, "ann", "eve", force=True)["ok"]
    assert not forget(world, "ann", "eve", why="x" * (REASON_CHARS_MAX + 1))["ok"]
    assert world.answer("ann", Revoke("eve", "stolen")).ok
    assert "revoked" in forget(world, "ann", "eve")["sentence"]
    assert world.hosts["ann"].alive.belonging.forgetting.kept == {}


def test_a_log_with_live_holds_is_given_up_only_by_force_with_a_reason_and_each_is_named(
    world: World,
) -> None:
    hold = world.answer("bob", Reserve({"ram": "1GiB", "node": "eve"}, 600_000)).body["id"]
    dies(world, "eve")
    said = forget(world, "ann", "eve")
    assert not said["ok"]
    assert hold[:12] in said["sentence"]
    assert knows(world, "ann", "eve")
    given = forget(world, "ann", "eve", why="it burnt", force=True)
    assert given["given_up"] == [hold]
    world.run(10 * SECOND)
    assert nobody_knows(world, "eve")
    told = [one.sentence for one in world.hosts["ann"].events if one.kind == "peer.forgotten"]
    assert hold[:12] in told[0]
    assert "it burnt" in told[0]


def test_who_said_goodbye_may_be_forgotten_at_once_and_twice_is_once(world: World) -> None:
    world.stop("eve", leaving=True)
    world.run(3 * SECOND)
    first = forget(world, "ann", "eve", why="sold")
    world.run(3 * SECOND)
    again = forget(world, "bob", "eve", why="sold again")
    assert (again["ok"], again["reason"]) == (True, first["reason"])


def test_rubbish_from_a_member_forgets_nobody_and_what_is_kept_is_bounded(world: World) -> None:
    dies(world, "eve")
    forgetting = world.hosts["ann"].alive.belonging.forgetting
    bob, eve = world.hosts["bob"].id, world.hosts["eve"].id

    def stone(node: bytes = eve, number: int = 1, reason: str = "x") -> Tombstone:
        return Tombstone(node, number, True, bob, 0, 0, b"", -1, "eve", reason)

    def says(*stones: Tombstone, by: bytes = bob) -> list[Any]:
        return list(forgetting.heard(NodeId(by), msgspec.msgpack.encode(stones), world.now))

    assert list(forgetting.heard(bob, b"\xff" * 20, world.now)) == []
    assert says(stone(b"short"), stone(number=0), stone(reason="x" * 121)) == []
    assert says(stone(number=NUMBER_LEAP_MAX + 1), stone(reason="\x1b[2J")) == []
    assert says(stone(), by=b"s" * 16) == []
    for number in range(1, FORGOTTEN_MAX + 9):
        says(stone(bytes([7]) * 14 + number.to_bytes(2, "big"), number))
    assert len(forgetting.kept) == len(world.hosts["ann"].alive.mesh.roll.forgotten)
    assert len(forgetting.kept) == FORGOTTEN_MAX
    assert min(kept.number for kept in forgetting.kept.values()) == 9, "the oldest die first"


class Narrow(World):
    """Every roll has place for two others."""

    def _birth(self, *args: Any, **kwargs: Any) -> Birth:
        return replace(super()._birth(*args, **kwargs), mesh_config=MeshConfig(members_max=2))


def test_a_full_roll_makes_place_by_whoever_is_gone_longest_and_owes_nothing() -> None:
    world = Narrow(5, Weather())
    for name in ("ann", "bob", "cyd"):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    hold = world.answer("ann", Reserve({"ram": "1GiB", "node": "bob"}, 600_000)).body["id"]
    dies(world, "bob")
    dies(world, "cyd")
    for name in ("dan", "eve"):
        world.add(name)
        world.start(name, first=True)
        world.run(20 * SECOND)
    there = {member.name for member in world.hosts["ann"].alive.mesh.roll.members() if member.met}
    assert there == {"bob", "dan"}, "cyd owed nothing and made place; bob's log shows a hold"
    said = [event for event in world.hosts["ann"].events if event.kind == "peer.refused"]
    assert said
    assert "gone and free of holds" in said[0].sentence
    assert said[0].body["id"] == id_text(world.hosts["eve"].id)
    assert world.hosts["ann"].alive.mesh.rejections[Rejection.TABLE_FULL] > 0
    assert hold in [one["id"] for one in world.answer("ann", Holds()).body["holds"]]


def test_a_thousand_nodes_that_come_and_go_leave_no_table_larger_than_its_bound() -> None:
    """Only the roll and what hangs on it: each is met, dies, and makes place for the next."""
    world = Narrow(5, Weather())
    world.add("ann")
    world.start("ann", first=True)
    agent = world.hosts["ann"].alive
    mesh, forgetting = agent.mesh, agent.belonging.forgetting
    for number in range(1_000):
        node, at = NodeId(number.to_bytes(16, "big")), SECOND * (number + 2)
        place = Address("10.9.9.9", 4653)
        epoch = Epoch(1, bytes(16))
        if mesh.roll.greeted(node, PublicKey(bytes(32)), epoch, place, at) is None:
            agent.from_policy(forgetting.make_place(node, at), at)
            assert mesh.roll.greeted(node, PublicKey(bytes(32)), epoch, place, at) is not None
        mesh.roll.suspect(node)
        mesh.roll.bury(node, at)
    check_roll(mesh.roll)
    TablesAreBounded(Evidence(world)).look(world.hosts["ann"])
    assert len(mesh.roll.forgotten) == FORGOTTEN_MAX
    assert len(mesh.roll.members()) == 2
