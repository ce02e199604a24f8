"""Whom a node counts on is its own affair: who holds the secret, came first, or is listed."""

from typing import Any

import pytest

from mesh.identity import NodeId, id_text
from mesh.instant import SECOND
from mesh.roll.admission import LISTED_MAX, Admission, Policy, check_admission
from mesh.roll.membership import Trust as Trusted
from node.core.requests import (
    Doctor,
    Forget,
    Holds,
    Pins,
    Release,
    Reserve,
    Revoke,
    Status,
    Trust,
    Where,
)
from simulations.invented.network import Weather
from simulations.invented.world import World

GIB = {"ram": "1GiB"}


def mesh(policy: Policy, *names: str, called: dict[str, str] | None = None) -> World:
    """Nodes of which only *ann* has a policy of its own."""
    world = World(5, Weather())
    for name in names:
        host = world.add(name)
        host.called = (called or {}).get(name, name)
    world.hosts["ann"].policy = policy
    for name in names:
        world.start(name, first=True)
        world.run(2 * SECOND)
    return world


def row(world: World, by: str, whom: str) -> dict[str, Any]:
    peers = world.answer(by, Status()).body["peers"]
    return next(peer for peer in peers if peer["id"] == id_text(world.hosts[whom].id))


def trust(world: World, by: str, whom: str, *, trusted: bool = True) -> dict[str, Any]:
    reply = world.answer(by, Trust(id_text(world.hosts[whom].id), trusted))
    return {"ok": reply.ok, **reply.body}


def reserve(world: World, asker: str, owner: str) -> dict[str, Any]:
    reply = world.answer(asker, Reserve({**GIB, "node": owner}, 600_000))
    return {"ok": reply.ok, **reply.body}


@pytest.fixture
def listing() -> World:
    return mesh(Policy.ALLOW_LIST, "ann", "bob", "cyd")


def test_who_is_not_listed_is_seen_with_the_reason_and_nothing_is_placed_there(
    listing: World,
) -> None:
    bob = row(listing, "ann", "bob")
    assert (bob["trust"], bob["liveness"]) == (Trusted.VERIFIED.value, "alive")
    assert "not on the list" in bob["objection"]
    assert id_text(listing.hosts["bob"].id)[:12] in bob["objection"]
    names = {one.name for one in listing.hosts["ann"].alive.knowledge.view().nodes}
    assert names == {"ann"}
    assert not reserve(listing, "ann", "bob")["ok"]
    problems = {
        one["name"]: one["problem"] for one in listing.answer("ann", Doctor()).body["peers"]
    }
    assert "does not count here" in problems["bob"]
    assert row(listing, "bob", "ann")["trust"] == Trusted.TRUSTED.value, "bob's own affair"


def test_nothing_is_granted_to_it_until_it_is_listed_and_what_it_holds_it_may_give_back(
    listing: World,
) -> None:
    refused = reserve(listing, "bob", "ann")
    assert not refused["ok"]
    assert "not trusted here" in str(refused)
    assert trust(listing, "ann", "bob")["counts"]
    held = reserve(listing, "bob", "ann")
    assert held["ok"]
    assert trust(listing, "ann", "bob", trusted=False)["counts"] is False
    assert not reserve(listing, "bob", "ann")["ok"]
    assert listing.answer("bob", Release(held["id"])).ok


def test_a_peer_that_does_not_count_vouches_for_no_copy_and_its_word_of_others_is_not_heard() -> (
    None
):
    world = mesh(Policy.ALLOW_LIST, "ann", "bob", "cyd", "dan")
    assert trust(world, "ann", "cyd")["counts"]
    booked = reserve(world, "cyd", "ann")
    assert booked["stored_on"] == ["cyd"]
    assert world.answer("bob", Revoke("dan", "spite")).ok
    world.crash("cyd", power=True)
    world.run(40 * SECOND)
    assert world.answer("bob", Forget("cyd")).ok
    world.run(5 * SECOND)
    assert row(world, "ann", "dan")["trust"] == Trusted.VERIFIED.value
    assert row(world, "ann", "cyd")["liveness"] == "dead", "bob has forgotten it, and ann has not"


def test_the_list_survives_a_restart_and_takes_whole_ids_of_nodes_never_met(
    listing: World,
) -> None:
    assert trust(listing, "ann", "bob")["ok"]
    stranger = NodeId(b"\x07" * 16)
    said = listing.answer("ann", Trust(id_text(stranger)))
    assert said.ok
    assert said.body["why_not"] == "it has not been met yet"
    assert not listing.answer("ann", Trust("nobody")).ok
    listing.crash("ann", power=True)
    listing.start("ann")
    listing.run(3 * SECOND)
    assert row(listing, "ann", "bob")["trust"] == Trusted.TRUSTED.value
    assert row(listing, "ann", "cyd")["trust"] == Trusted.VERIFIED.value
    listed = {one["id"] for one in listing.answer("ann", Pins()).body["listed"]}
    assert listed == {id_text(stranger), id_text(listing.hosts["bob"].id)}


def test_where_the_first_is_believed_another_key_under_its_name_does_not_count() -> None:
    world = mesh(Policy.TOFU, "ann", "bob", "cyd", called={"cyd": "Bob"})
    assert row(world, "ann", "bob")["trust"] == Trusted.TRUSTED.value
    second = row(world, "ann", "cyd")
    assert second["trust"] == Trusted.VERIFIED.value
    assert "another key" in second["objection"]
    assert "installed again" in second["objection"]
    assert any("both bob" in one for one in world.answer("ann", Status()).body["warnings"])
    assert any("both bob" in one for one in world.answer("bob", Status()).body["warnings"])
    names = {one["name"]: one for one in world.answer("ann", Doctor()).body["checks"]}
    assert names["names"]["ok"] is None
    world.crash("bob", power=True)
    world.crash("ann", power=True)
    world.start("ann")
    world.run(20 * SECOND)
    assert row(world, "ann", "cyd")["trust"] == Trusted.VERIFIED.value, "a pin outlives both"


def test_a_machine_that_was_installed_again_is_told_by_its_hardware() -> None:
    world = World(5, Weather())
    for name in ("ann", "bob", "again", "other"):
        host = world.add(name)
        host.called = "bob" if name in ("again", "other") else name
    world.hosts["again"].fingerprint = world.hosts["bob"].fingerprint
    world.hosts["ann"].policy = Policy.TOFU
    for name in ("ann", "bob", "again", "other"):
        world.start(name, first=True)
        world.run(2 * SECOND)
    assert "both show the same hardware" in row(world, "ann", "again")["objection"]
    assert "hardware" not in row(world, "ann", "other")["objection"]


def test_a_person_says_that_it_is_the_same_machine_and_the_name_goes_to_the_new_key() -> None:
    world = mesh(Policy.TOFU, "ann", "bob", "cyd", called={"cyd": "bob"})
    assert trust(world, "ann", "cyd")["counts"]
    assert row(world, "ann", "cyd")["trust"] == Trusted.TRUSTED.value
    assert row(world, "ann", "bob")["trust"] == Trusted.VERIFIED.value
    pins = world.answer("ann", Pins()).body["pins"]
    assert [(pin["name"], pin["id"]) for pin in pins] == [("bob", id_text(world.hosts["cyd"].id))]
    world.run(20 * SECOND)
    assert row(world, "ann", "bob")["trust"] == Trusted.VERIFIED.value, "and it stays so"


def test_nobody_takes_our_own_name_where_the_first_is_believed() -> None:
    world = mesh(Policy.TOFU, "ann", "bob", called={"bob": "ANN"})
    assert "calls itself what we are called" in row(world, "ann", "bob")["objection"]


def test_under_the_secret_alone_everybody_counts_and_a_list_can_be_made_before_it_is_needed() -> (
    None
):
    world = mesh(Policy.SECRET, "ann", "bob", "cyd")
    refused = world.answer("ann", Trust("bob", trusted=False))
    assert not refused.ok
    assert "revoke" in refused.body["hint"]
    assert world.answer("ann", Trust("bob")).body["counts"]
    world.crash("ann", power=True)
    world.hosts["ann"].policy = Policy.ALLOW_LIST
    world.start("ann")
    world.run(3 * SECOND)
    assert row(world, "ann", "bob")["trust"] == Trusted.TRUSTED.value
    assert row(world, "ann", "cyd")["trust"] == Trusted.VERIFIED.value


def test_two_nodes_with_different_policies_keep_the_same_and_ask_each_other_for_nothing_more(
    listing: World,
) -> None:
    reserve(listing, "cyd", "bob")
    listing.run(5 * SECOND)
    assert len({host.alive.mesh.root for host in listing.up()}) == 1
    assert listing.answer("ann", Holds()).body["holds"] == [], "kept, and not counted"
    assert listing.answer("ann", Where(GIB)).ok


def test_pins_and_list_are_bounded_and_one_key_has_one_name() -> None:
    rules = Admission(Policy.TOFU)
    first, second = NodeId(b"a" * 16), NodeId(b"b" * 16)
    assert rules.objection(first, None) != ""
    assert rules.objection(first, "Alice") == ""
    assert rules.objection(second, "alice") != ""
    assert rules.objection(first, "alicia") == "", "renamed, and its pin goes along"
    assert rules.objection(second, "alice") == ""
    check_admission(rules)
    for number in range(LISTED_MAX + 5):
        node = NodeId(number.to_bytes(16, "big"))
        assert rules.trust(node, f"n{number}") is (number < LISTED_MAX)
    assert len(rules.listed) == LISTED_MAX
    assert rules.objection(NodeId(b"c" * 16), "late").endswith("pinned here already")
    check_admission(rules)
    again = Admission(Policy.TOFU)
    rows: dict[str, dict[bytes, bytes]] = {}
    for write in rules.written():
        if write.value is None:
            rows.get(write.space, {}).pop(write.key, None)
        else:
            rows.setdefault(write.space, {})[write.key] = write.value
    again.restore(rows)
    assert (again.pins, again.listed) == (rules.pins, rules.listed)
