"""Quotas over the whole mesh, through two machines and more, in virtual time."""

from typing import Any

from mesh.instant import SECOND
from node.core import requests
from node.core.effects import Reply
from node.core.requests.quotas import QuotaIssue, QuotaList, QuotaMove, QuotaOpen, QuotaWithdraw
from simulations.invented.hardware import GIB
from simulations.invented.world import World

HOUR_MS = 3_600_000


def mesh(*names: str, seed: int = 1, first: bool = True) -> World:
    world = World(seed)
    for name in names:
        world.add(name)
        world.start(name, first=first)
    world.run(3 * SECOND)
    return world


def reserve(world: World, door: str, node: str, ram: int, principal: str = "alice") -> Reply:
    ask = {"ram": f"{ram}GiB", "node": node}
    return world.answer(door, requests.Reserve(ask, HOUR_MS, principal=principal))


def issued(world: World, name: str, ram: int = 6) -> None:
    reply = world.answer(name, QuotaIssue("alice", {"ram": f"{ram}GiB"}))
    assert reply.ok, reply.body
    world.run(SECOND)


def quota(world: World, name: str) -> dict[str, Any]:
    body = world.answer(name, QuotaList()).body
    assert len(body["quotas"]) == 1
    row: dict[str, Any] = body["quotas"][0]
    return row


def rights(world: World, name: str) -> int:
    return world.hosts[name].alive.ledger.books.entitled.get(("alice", "ram"), 0)


def test_a_hold_fetches_the_rights_that_it_lacks_from_the_peer_that_has_them() -> None:
    world = mesh("ann", "bob")
    issued(world, "ann")
    reply = reserve(world, "ann", "bob", 4)
    assert reply.ok, reply.body
    assert (rights(world, "ann"), rights(world, "bob")) == (2 * GIB, 4 * GIB)
    world.run(SECOND)
    row = quota(world, "ann")
    assert (row["issued"], row["held"], row["spare"], row["in_flight"]) == (
        6 * GIB, 4 * GIB, 2 * GIB, 0,
    )  # fmt: skip


def test_no_more_is_held_over_the_mesh_than_was_issued_and_a_refusal_says_where_it_lies() -> None:
    world = mesh("ann", "bob", "cyd")
    issued(world, "ann")
    assert reserve(world, "cyd", "bob", 3).ok
    assert reserve(world, "cyd", "cyd", 2).ok
    world.run(SECOND)
    refused = reserve(world, "cyd", "cyd", 2)
    assert not refused.ok
    assert "over the mesh alice holds 5 GiB of 6 GiB" in refused.body["sentence"]
    assert "1 GiB of its rights lie at ann" in refused.body["sentence"]
    assert refused.body["code"] == "policy", "there is room, and a rule keeps it"
    assert reserve(world, "cyd", "cyd", 2, principal="bert").ok


def test_what_all_peers_together_have_too_little_of_is_not_fetched_at_all() -> None:
    world = mesh("ann", "bob", "cyd")
    issued(world, "ann", 4)
    assert world.answer("bob", QuotaMove("alice", {"ram": "1GiB"}, source="ann")).ok
    world.run(SECOND)
    assert not reserve(world, "cyd", "cyd", 5).ok
    assert [rights(world, name) // GIB for name in ("ann", "bob", "cyd")] == [3, 1, 0]
    assert reserve(world, "cyd", "cyd", 4).ok  # of two peers at once
    assert [rights(world, name) // GIB for name in ("ann", "bob", "cyd")] == [0, 0, 4]


def test_on_both_sides_of_a_cut_each_spends_what_lies_there() -> None:
    world = mesh("ann", "bob")
    issued(world, "ann")
    assert world.answer("ann", QuotaMove("alice", {"ram": "2GiB"}, target="bob")).ok
    world.run(SECOND)
    world.network.cut(["ann"], ["bob"])
    assert reserve(world, "ann", "ann", 4).ok
    assert reserve(world, "bob", "bob", 2).ok
    refused = reserve(world, "bob", "bob", 1)
    assert "over the mesh alice holds" in refused.body["sentence"]
    world.network.heal()
    world.run(10 * SECOND)
    assert quota(world, "bob")["held"] == 6 * GIB


def test_saying_it_again_issues_no_more_and_a_second_issuer_must_mean_it() -> None:
    world = mesh("ann", "bob")
    issued(world, "ann")
    issued(world, "ann")
    assert quota(world, "bob")["issued"] == 6 * GIB
    less = world.answer("ann", QuotaIssue("alice", {"ram": "5GiB"}))
    assert "withdraw" in less.body["hint"]
    other = world.answer("bob", QuotaIssue("alice", {"ram": "1GiB"}))
    assert other.body["sentence"] == "ann has issued 6 GiB of ram to alice"
    assert world.answer("bob", QuotaIssue("alice", {"ram": "1GiB"}, also=True)).ok
    assert world.answer("ann", QuotaWithdraw("alice", {"ram": "2GiB"})).ok
    world.run(SECOND)
    assert (quota(world, "ann")["issued"], rights(world, "ann")) == (5 * GIB, 4 * GIB)


def test_a_quota_of_nothing_and_of_no_such_pool_is_refused_with_what_to_write() -> None:
    world = mesh("ann", "bob")
    for amounts, told in (
        ({}, "say how much of what"),
        ({"ram": "0"}, "is not an amount"),
        ({"memory": "1GiB"}, "no kind of pool"),
        ({"gpu:1": "1GiB"}, "no kind of pool"),
        ({"ram": "1.5B"}, "ram: "),
        ({"ram": "9999999999GiB"}, "ram: "),
    ):
        reply = world.answer("ann", QuotaIssue("alice", amounts))
        assert (reply.ok, reply.body["code"]) == (False, "bad_request")
        assert told in reply.body["sentence"]
    issued(world, "ann")
    nowhere = world.answer("ann", QuotaMove("alice", {"ram": "1GiB"}))
    assert "to itself nothing moves" in nowhere.body["sentence"]
    more = world.answer("bob", QuotaMove("alice", {"ram": "7GiB"}, source="ann"))
    assert "6 GiB of ram rights to spare" in more.body["sentence"]
    assert "already" in world.answer("ann", QuotaOpen("no need")).body["sentence"]


def test_what_lay_at_a_node_that_is_gone_stays_out_until_it_is_written_off() -> None:
    world = mesh("ann", "bob", "cyd")
    issued(world, "ann")
    assert reserve(world, "ann", "cyd", 2).ok
    world.run(SECOND)
    off = QuotaWithdraw("alice", {"ram": "2GiB"}, gone="cyd", reason="its board burnt", off=True)
    assert "a member still" in world.answer("ann", off).body["sentence"]
    world.crash("cyd", power=True)
    world.network.cut(["ann"], ["bob"])
    assert world.answer("ann", requests.Revoke("cyd", "its board burnt")).ok
    world.run(SECOND)
    assert "not every node has said" in world.answer("ann", off).body["sentence"]
    world.network.heal()
    world.run(30 * SECOND)
    slowly = QuotaWithdraw("alice", {"ram": "2GiB"}, gone="cyd", reason="its board burnt")
    assert "may last for" in world.answer("ann", slowly).body["sentence"]
    row = quota(world, "ann")
    assert (row["lost"], row["in_flight"]) == (2 * GIB, 0), "what is lost is not under way as well"
    assert world.answer("ann", off).ok
    row = quota(world, "ann")
    assert (row["issued"], row["spare"], row["lost"]) == (4 * GIB, 4 * GIB, 0)
    assert "0 B of ram rights of alice were lost" in world.answer("ann", off).body["sentence"]
    world.crash("ann", power=True)
    world.start("ann")  # who is gone is read from its disk before its books are awake
    world.run(60 * SECOND)
    ann = world.hosts["ann"].alive.ledger.books
    assert ann.rights_open
    assert ann.is_barred(world.hosts["cyd"].id)
