"""What `doctor` says of the mesh."""

import re
from typing import Any

from mesh.exchange.novelties import Novelty
from mesh.identity import short_id
from mesh.instant import SECOND, seconds
from node.core import requests
from node.core.picture.reports import Check, ShellNews
from simulations.invented.world import World


def mesh(*names: str) -> World:
    world = World(1)
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(5 * SECOND)
    return world


def doctor(world: World) -> dict[str, Any]:
    return world.answer("ann", requests.Doctor()).body


def check(world: World, name: str) -> dict[str, Any]:
    return next(row for row in doctor(world)["checks"] if row["name"] == name)


def test_in_a_healthy_mesh_nothing_is_wrong() -> None:
    world = mesh("ann", "bob")
    body = doctor(world)
    assert [row["ok"] for row in body["checks"]] == [True] * len(body["checks"])
    (bob,) = body["peers"]
    assert bob["name"] == "bob"
    assert bob["session"] is True
    assert bob["problem"] is None
    assert 0 <= bob["beacon_heard"] < 10_000
    assert 0 <= bob["last_probe_ms"] < 1_000
    assert bob["address"].endswith(":4653")


def test_alone_there_are_peer_answered_and_that_is_nobodys_fault() -> None:
    row = check(mesh("ann"), "peers")
    assert row["ok"] is None
    assert "holdfast invite" in row["hint"]


def test_a_dead_peer_is_named_with_what_to_look_at() -> None:
    world = mesh("ann", "bob")
    world.crash("bob")
    world.run(seconds(60))
    body = doctor(world)
    assert "stopped answering" in body["peers"][0]["problem"]
    row = check(world, "peers")
    assert row["ok"] is False
    assert row["sentence"] == "0 of 1 answer; no word from bob"


def test_one_silent_peer_among_others_is_a_note_that_names_it() -> None:
    world = mesh("ann", "bob", "cyd")
    world.crash("bob")
    world.run(seconds(60))
    row = check(world, "peers")
    assert row["ok"] is None
    assert row["sentence"] == "1 of 2 answer; no word from bob"


def test_two_nodes_of_one_name_are_a_note_that_tells_them_apart() -> None:
    world = mesh("ann", "bob")
    world.hosts["ann"].alive.knowledge.our_name = "Bob"
    row = check(world, "names")
    assert row["ok"] is None
    for name in ("ann", "bob"):
        assert short_id(world.hosts[name].id) in row["sentence"]
    assert "--name" in row["hint"]


def test_a_peer_that_left_is_not_missed() -> None:
    world = mesh("ann", "bob")
    world.stop("bob", leaving=True)
    world.run(SECOND)
    body = doctor(world)
    assert body["peers"][0]["problem"] == "it has left the mesh"
    assert check(world, "peers")["ok"] is None


def test_a_ledger_that_does_not_add_up_is_named() -> None:
    world = mesh("ann", "bob")
    ann = world.hosts["ann"]
    ann.alive.knowledge.replicas.freeze(world.hosts["bob"].id, "two blocks at one height")
    assert check(world, "ledgers")["ok"] is False
    assert "bob: two blocks at one height" in check(world, "ledgers")["sentence"]
    assert "two blocks at one height" in doctor(world)["peers"][0]["problem"]


def test_quarantine_is_not_health_and_the_way_out_is_named() -> None:
    world = mesh("ann", "bob")
    world.crash("ann", power=True)
    world.start("ann")
    world.run(SECOND)
    row = check(world, "grants")
    assert row["ok"] is False
    assert re.match(r"quarantined 3\d s more: this disk may have forgotten", row["sentence"])
    assert "ledger open" in row["hint"]


def test_the_shells_checks_and_interfaces_are_passed_on() -> None:
    world = mesh("ann")
    air = {"name": "eth0", "addresses": ["10.0.0.1"], "problem": None}
    news = ShellNews(
        (), {"inbox full": 2}, (air,), (Check("port", False, "it is shut", "open it"),)
    )
    world.report("ann", news)
    body = doctor(world)
    assert body["rejections"]["inbox full"] == 2
    assert body["interfaces"][0]["addresses"] == ["10.0.0.1"]
    assert "kind" in body["interfaces"][0]
    assert check(world, "port") == {
        "name": "port", "ok": False, "sentence": "it is shut", "hint": "open it",
    }  # fmt: skip


def test_a_check_that_holds_gives_no_advice() -> None:
    world = mesh("ann")
    world.report("ann", ShellNews((), {}, (), (Check("port", True, "it is ours", "open it"),)))
    assert check(world, "port")["hint"] == ""


def test_different_versions_are_told_and_are_no_fault() -> None:
    from msgspec.structs import replace

    from node.core.picture.topics import TOPIC_INVENTORY, encode

    world = mesh("ann", "bob")
    bob = world.hosts["bob"]
    inventory = bob.alive.knowledge.inventory(bob.id)
    assert inventory is not None
    newer = encode(replace(inventory, version="9.9"))
    published = bob.alive.mesh.publish(TOPIC_INVENTORY, newer, 0)
    world.shell.step(bob, "report", bob.alive.from_mesh(published, 0))
    world.run(2 * SECOND)
    row = check(world, "versions")
    assert row["ok"] is None
    assert "bob runs 9.9" in row["sentence"]


def test_a_peer_of_a_later_version_is_named_with_what_was_passed_over() -> None:
    world = mesh("ann", "bob")
    ann, bob = world.hosts["ann"].alive, world.hosts["bob"]
    assert check(world, "versions")["ok"] is True
    ann.mesh.novelties.met(bob.id, Novelty.LETTER, 41)
    row = check(world, "versions")
    assert row["ok"] is None
    assert row["sentence"] == "bob said 41 letters of kinds we do not know"
    assert "upgrade this node" in row["hint"]
