"""Quotas over the whole mesh, through two machines and more, in virtual time."""

from typing import Any

from mesh.instant import SECOND
from node.core import requests
from node.core.effects import Reply
from node.core.requests.quotas import (
    QuotaIssue,
    QuotaList,
)
from simulations.hardware import GIB
from simulations.world import World

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
    assert reserve(world, "cyd", "cyd", 2, principal="bert").ok
