"""A revoked node is heard by nobody, for good, and everybody else goes on as before."""

from typing import Any

import msgspec
import pytest

from mesh.identity import id_text
from mesh.instant import SECOND
from mesh.rejections import Rejection
from mesh.roll.membership import Trust
from node.core import requests
from node.core.requests import Holds, Release, Reserve, Revoke, Status
from node.core.trust.revoking import REASON_CHARS_MAX, REVOKED_MAX, Revocation
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


def revoke(world: World, by: str, whom: str, reason: str = "stolen") -> dict[str, Any]:
    reply = world.answer(by, Revoke(whom, reason))
    return {"ok": reply.ok, **reply.body}


def trust(world: World, of: str, by: str) -> str:
    rows = world.answer(by, Status()).body["peers"]
    return {row["name"]: row["trust"] for row in rows}[of]


def everywhere(world: World) -> list[str]:
    return [trust(world, "eve", by) for by in NAMES[:3]]


def test_one_word_is_enough_and_reaches_everybody_with_its_author_and_reason(world: World) -> None:
    assert revoke(world, "ann", "eve")["by"] == "ann"
    world.run(2 * SECOND)
    assert everywhere(world) == [Trust.REVOKED.value] * 3
    told = [event for event in world.hosts["cyd"].events if event.kind == "peer.revoked"]
    assert len(told) == 1
    assert "says ann: stolen" in told[0].sentence
    trusted = world.answer("cyd", requests.Trust("eve")).body
    assert (trusted["counts"], "revoked" in trusted["why_not"]) == (False, True)
    assert not any(h.alive.mesh.has_session(world.hosts["eve"].id) for h in world.up()[:3])


def test_its_datagrams_and_streams_are_refused_and_counted_and_nothing_is_placed_there(
    world: World,
) -> None:
    revoke(world, "ann", "eve")
    world.run(2 * SECOND)
    before = world.hosts["bob"].alive.mesh.rejections[Rejection.REVOKED]
    kept = world.hosts["bob"].alive.mesh.board.of(world.hosts["eve"].id)
    refused = world.answer("eve", Reserve({"ram": "1GiB", "node": "bob"}, 60_000))
    assert not refused.ok
    world.run(20 * SECOND)
    assert world.hosts["bob"].alive.mesh.rejections[Rejection.REVOKED] > before
    assert kept == world.hosts["bob"].alive.mesh.board.of(world.hosts["eve"].id) == []
    assert everywhere(world) == [Trust.REVOKED.value] * 3
    names = {row.name for row in world.hosts["bob"].alive.knowledge.view().nodes}
    assert names == {"ann", "bob", "cyd"}


def test_no_other_node_and_no_hold_of_others_is_lost(world: World) -> None:
    kept = world.answer("bob", Reserve({"ram": "1GiB", "node": "ann"}, 600_000)).body["id"]
    revoke(world, "cyd", "eve")
    world.run(20 * SECOND)
    for name in NAMES[:3]:
        rows = world.answer(name, Status()).body["peers"]
        assert [row["liveness"] for row in rows if row["name"] != "eve"] == ["alive"] * 2
        assert kept in [hold["id"] for hold in world.answer(name, Holds()).body["holds"]]
    assert world.answer("bob", Release(kept)).ok


def test_it_outlives_restarts_and_its_author_and_newcomers_learn_it(world: World) -> None:
    revoke(world, "ann", "eve")
    world.run(2 * SECOND)
    for name in ("ann", "bob", "cyd"):
        world.crash(name, power=True)
    for name in ("bob", "cyd"):
        world.start(name)
    world.add("dan")
    world.start("dan", first=True)
    world.run(15 * SECOND)
    assert [trust(world, "eve", by) for by in ("bob", "cyd")] == [Trust.REVOKED.value] * 2
    assert world.hosts["eve"].id in world.hosts["dan"].alive.mesh.roll.revoked
    assert not world.hosts["dan"].alive.mesh.has_session(world.hosts["eve"].id)


def test_who_is_revoked_revokes_nobody_any_more(world: World) -> None:
    revoke(world, "ann", "eve")
    world.run(2 * SECOND)
    revoke(world, "eve", "bob", "revenge")
    world.run(20 * SECOND)
    assert trust(world, "bob", "cyd") == Trust.TRUSTED.value
    assert trust(world, "bob", "ann") == Trust.TRUSTED.value


def test_an_impossible_wish_is_refused_with_what_to_do(world: World) -> None:
    assert "this node itself" in revoke(world, "ann", "ann")["sentence"]
    assert not revoke(world, "ann", "nobody")["ok"]
    assert not revoke(world, "ann", "eve", " ")["ok"]
    assert not revoke(world, "ann", "eve", "x" * (REASON_CHARS_MAX + 1))["ok"]
    assert world.hosts["ann"].alive.revoking.kept == {}


def test_rubbish_from_a_member_keeps_nobody_out_and_the_list_is_bounded(world: World) -> None:
    revoking = world.hosts["ann"].alive.revoking
    ann, bob, eve = (world.hosts[name].id for name in ("ann", "bob", "eve"))
    short, long = Revocation(b"short", bob, "x"), Revocation(eve, bob, "x" * (REASON_CHARS_MAX + 1))
    ours = Revocation(ann, bob, "x" * (REASON_CHARS_MAX + 1))
    now = world.now
    assert revoking.heard(bob, b"\xff" * 20, now) == []
    assert revoking.heard(bob, msgspec.msgpack.encode((short, ours, long)), now) == []
    fine = msgspec.msgpack.encode((Revocation(eve, bob, "x"), Revocation(ann, bob, "x")))
    assert revoking.heard(b"s" * 16, fine, now) == []
    many = tuple(Revocation(bytes([n]) * 16, bob, "x") for n in range(REVOKED_MAX + 9))
    revoking.heard(bob, msgspec.msgpack.encode(many), now)
    assert len(revoking.kept) == REVOKED_MAX
    assert not revoke(world, "ann", "eve")["ok"]


def test_revoking_twice_is_once(world: World) -> None:
    first = revoke(world, "ann", "eve")
    world.run(2 * SECOND)
    again = revoke(world, "bob", id_text(world.hosts["eve"].id), "again")
    assert (again["ok"], again["by"], again["reason"]) == (True, "ann", first["reason"])
