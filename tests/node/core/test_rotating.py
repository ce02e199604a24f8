"""The secret of a live mesh is changed: nobody is lost, and whoever slept through it is told."""

from random import Random
from typing import Any

import msgspec
import pytest

from mesh.instant import SECOND
from mesh.keys.keyring import KEYS_MAX
from mesh.keys.secret import Secret, derive
from node.core.requests import ChangeKeys, Doctor, Holds, Keys, Release, Reserve, Status
from node.core.trust.rotating import SERVICE_KEYS, KeyOrder, KeyWord
from simulations.invented.network import Weather
from simulations.invented.world import World

NAMES = ("ann", "bob", "cyd")
NEXT = Secret(Random("the next one").randbytes(32))
NEW = derive(NEXT).key_id.hex()


@pytest.fixture
def world() -> World:
    world = World(3, Weather())
    for name in NAMES:
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def old_key(world: World) -> str:
    return world.keys.primary.key_id.hex()


def change(world: World, name: str, what: str, **more: Any) -> dict[str, Any]:
    reply = world.answer(name, ChangeKeys(what, **more))
    return {"ok": reply.ok, **reply.body}


def done(world: World, name: str, what: str, **more: Any) -> dict[str, str]:
    body = change(world, name, what, **more)
    assert body["ok"], body
    return {row["name"]: row["outcome"] for row in body["nodes"]}


def warnings(world: World, name: str) -> str:
    return " | ".join(world.answer(name, Status()).body["warnings"])


def everybody_meets(world: World) -> bool:
    return all(
        host.alive.mesh.has_session(other.id)
        for host in world.up()
        for other in world.up()
        if other is not host
    )


def test_a_rotation_loses_no_node_and_no_hold_and_every_step_may_be_repeated(world: World) -> None:
    kept = world.answer("bob", Reserve({"ram": "1GiB"}, 600_000)).body["id"]
    everyone = dict.fromkeys(NAMES, "done")
    again = dict.fromkeys(NAMES, "already so")
    assert done(world, "ann", "install", secret=NEXT.text) == everyone
    assert done(world, "bob", "install", secret=NEXT.text) == again
    world.run(SECOND)
    assert done(world, "bob", "use", key=NEW[:6]) == everyone
    assert done(world, "ann", "use", key=NEW) == again
    world.run(SECOND)
    assert done(world, "cyd", "remove", key=old_key(world)) == everyone
    assert done(world, "ann", "remove", key=old_key(world)) == again
    world.run(3 * SECOND)
    assert everybody_meets(world)
    assert all(peer["liveness"] == "alive" for n in NAMES for peer in status(world, n)["peers"])
    assert [hold["id"] for hold in world.answer("cyd", Holds()).body["holds"]] == [kept]
    assert world.answer("bob", Release(kept)).ok
    table = world.answer("ann", Keys()).body
    assert [(row["key"], row["state"], row["missing_at"]) for row in table["keys"]] == [
        (NEW, "primary", []),
        (old_key(world), "retired", []),
    ]
    assert table["warnings"] == []
    assert table["mesh"] == world.keys.mesh_id.hex()


def status(world: World, name: str) -> dict[str, Any]:
    return world.answer(name, Status()).body


def test_the_ring_survives_a_power_cut_between_any_two_steps(world: World) -> None:
    for what, key in (("install", ""), ("use", NEW), ("remove", old_key(world))):
        secret = NEXT.text if what == "install" else ""
        done(world, "ann", what, key=key, secret=secret)
        world.run(SECOND)
        world.crash("bob", power=True)
        world.start("bob")
        world.run(5 * SECOND)
        assert everybody_meets(world)
    assert status(world, "bob")["mesh"]["key_id"] == NEW


def test_no_step_may_cut_off_a_live_node_but_by_a_word_that_goes_on_record(world: World) -> None:
    done(world, "ann", "install", secret=NEXT.text, only=("bob",))
    world.run(SECOND)
    refused = change(world, "ann", "use", key=NEW)
    assert not refused["ok"]
    assert "cyd" in refused["sentence"]
    assert not change(world, "ann", "use", key=NEW, force=True)["ok"], "without a reason"
    outcomes = done(world, "ann", "use", key=NEW, force=True, reason="the secret leaked")
    assert outcomes == {"ann": "done", "bob": "done", "cyd": "does not have this key"}
    told = [event for event in world.hosts["ann"].events if event.kind == "keys.changed"]
    assert "the secret leaked" in told[-1].sentence
    world.run(SECOND)
    assert "cyd does not have key" in warnings(world, "ann")
    assert "the mesh has moved to key" in warnings(world, "cyd")


def test_a_key_that_somebody_speaks_under_is_not_removed(world: World) -> None:
    done(world, "ann", "install", secret=NEXT.text)
    assert not change(world, "ann", "remove", key=old_key(world))["ok"]
    world.run(SECOND)
    early = change(world, "ann", "remove", key=old_key(world))
    assert f"keys use {NEW}" in early["hint"], "and not the one that is to go"
    done(world, "ann", "use", key=NEW, here=True)
    world.run(SECOND)
    assert "two keys" in warnings(world, "bob")
    refused = change(world, "ann", "remove", key=old_key(world))
    assert not refused["ok"]
    assert "bob, cyd" in refused["sentence"]


def test_who_was_off_while_it_was_installed_is_heard_and_is_brought_it_later(world: World) -> None:
    world.crash("cyd")
    world.run(8 * SECOND)
    assert set(done(world, "ann", "install", secret=NEXT.text)) == {"ann", "bob"}
    world.run(SECOND)
    done(world, "ann", "use", key=NEW)
    world.start("cyd")
    world.run(5 * SECOND)
    assert everybody_meets(world)
    assert NEW in warnings(world, "cyd")
    checks = {check["name"]: check for check in world.answer("ann", Doctor()).body["checks"]}
    assert checks["keys"]["ok"] is False
    assert done(world, "bob", "install", key=NEW)["cyd"] == "done"
    world.run(3 * SECOND)
    assert status(world, "cyd")["mesh"]["key_id"] == old_key(world)
    assert done(world, "bob", "use", key=NEW)["cyd"] == "done"


def test_who_has_the_key_and_slept_through_the_rest_follows_by_itself(world: World) -> None:
    done(world, "ann", "install", secret=NEXT.text)
    world.run(SECOND)
    world.crash("cyd")
    world.run(8 * SECOND)
    done(world, "ann", "use", key=NEW)
    world.run(SECOND)
    done(world, "ann", "remove", key=old_key(world))
    world.start("cyd")
    world.run(10 * SECOND)
    assert everybody_meets(world)
    assert status(world, "cyd")["mesh"]["key_id"] == NEW
    assert "still takes what is made under key" in warnings(world, "bob")
    assert done(world, "ann", "remove", key=old_key(world))["cyd"] == "done"
    world.run(SECOND)
    assert warnings(world, "bob") == ""


def test_rubbish_and_strangers_change_no_ring(world: World) -> None:
    agent = world.hosts["ann"].alive
    member, stranger = world.hosts["bob"].id, b"s" * 16
    order = msgspec.msgpack.encode(KeyOrder("install", NEW, NEXT.text))
    lie = msgspec.msgpack.encode(KeyOrder("install", "00000000", NEXT.text))
    odd = msgspec.msgpack.encode(KeyOrder("dance", old_key(world)))
    for peer, body in ((stranger, order), (member, lie), (member, odd), (member, b"\xff" * 9)):
        (answer,) = agent.serve(9, peer, SERVICE_KEYS, body, world.now)
        assert msgspec.msgpack.decode(answer.body, type=KeyWord).outcome not in (
            "done",
            "already so",
        )
    (answer,) = agent.serve(9, None, SERVICE_KEYS, order, world.now)
    assert answer.body == b""
    assert agent.knowledge.keys == world.keys


def test_a_ring_has_room_for_so_many_and_says_so(world: World) -> None:
    for number in range(KEYS_MAX - 1):
        done(world, "ann", "install", secret=Secret(bytes([number]) * 32).text, here=True)
    full = change(world, "ann", "install", secret=NEXT.text, here=True)
    assert not full["ok"]
    assert str(KEYS_MAX) in full["sentence"]


def test_no_repr_and_no_event_shows_a_secret(world: World) -> None:
    request = ChangeKeys("install", secret=NEXT.text)
    assert NEXT.text not in repr(request)
    done(world, "ann", "install", secret=NEXT.text)
    assert NEXT.text not in repr(world.hosts["ann"].alive.knowledge.keys)
    assert all(NEXT.text not in repr(event) for name in NAMES for event in world.hosts[name].events)


def test_who_comes_back_with_no_memory_and_an_old_key_is_greeted_under_it(world: World) -> None:
    world.crash("cyd", power=True)
    world.run(8 * SECOND)
    done(world, "ann", "install", secret=NEXT.text)
    world.run(SECOND)
    done(world, "ann", "use", key=NEW)
    world.hosts["cyd"].disk.lose()
    world.start("cyd")
    world.run(30 * SECOND)
    assert everybody_meets(world)


def test_a_restored_backup_does_not_pass_for_one_that_has_the_key(world: World) -> None:
    cyd = world.hosts["cyd"]
    disk, ring = cyd.disk.snapshot(), cyd.keys
    done(world, "ann", "install", secret=NEXT.text)
    world.run(SECOND)
    world.crash("cyd", power=True)
    cyd.disk.set_back(disk)
    cyd.keys, cyd.marker = ring, None
    world.start("cyd")
    world.run(10 * SECOND)
    refused = change(world, "ann", "use", key=NEW)
    assert refused["sentence"] == "cyd: do not have it yet; nothing was changed"
    assert done(world, "ann", "install", key=NEW)["cyd"] == "done"
    world.run(SECOND)
    assert done(world, "ann", "use", key=NEW) == dict.fromkeys(NAMES, "done")


def test_of_whom_nothing_was_heard_since_the_start_nobody_says_that_it_lacks_a_key(
    world: World,
) -> None:
    for what, key in (("install", ""), ("use", NEW), ("remove", old_key(world))):
        done(world, "ann", what, key=key, secret=NEXT.text if what == "install" else "")
        world.run(SECOND)
    for name in ("bob", "cyd"):
        world.crash(name)
    world.stop("ann")
    world.start("ann")
    world.run(5 * SECOND)
    assert "was off when key" not in warnings(world, "ann")


def test_who_slept_through_all_of_it_is_told_so_on_both_sides(world: World) -> None:
    world.crash("cyd")
    world.run(8 * SECOND)
    for what, key in (("install", ""), ("use", NEW), ("remove", old_key(world))):
        done(world, "ann", what, key=key, secret=NEXT.text if what == "install" else "")
        world.run(SECOND)
    assert "cyd was off" in warnings(world, "ann")
    world.start("cyd")
    world.run(5 * SECOND)
    assert "was the mesh's secret changed while it was off?" in warnings(world, "cyd")
    assert "was the mesh's secret changed" not in warnings(world, "bob")
