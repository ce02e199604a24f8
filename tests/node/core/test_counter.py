"""What surfaces are told, and what opening the books by name does."""

import pytest

from mesh.instant import SECOND, seconds
from node.core import counter, requests
from node.core.requests import Refused
from node.core.reserving import instructing
from simulations.invented.world import World


def mesh(*names: str) -> World:
    world = World(1)
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def in_doubt(world: World) -> None:
    """ann lost its proof of continuity, and bob, who may keep a copy, is gone."""
    world.crash("bob")
    world.crash("ann", power=True)
    world.start("ann")


def standing(world: World) -> str:
    return world.hosts["ann"].alive.ledger.standing[0]


def test_a_named_reason_opens_the_bookings_and_stays_in_the_ledger() -> None:
    world = mesh("ann", "bob")
    in_doubt(world)
    world.run(seconds(60))
    assert standing(world) == "bookings_closed"
    reply = world.answer("ann", requests.OpenBookings("bob was scrapped"))
    assert reply.ok
    assert reply.body["standing"]["state"] == "open"
    blocks = world.answer("ann", requests.LedgerShow()).body["blocks"]
    assert "bob was scrapped" in str(blocks)


def test_a_named_reason_shortens_no_quarantine() -> None:
    world = mesh("ann", "bob")
    in_doubt(world)
    world.run(SECOND)
    reply = world.answer("ann", requests.OpenBookings("bob was scrapped"))
    assert reply.body["standing"]["state"] == "quarantine"
    world.run(seconds(60))
    assert standing(world) == "open"


@pytest.mark.parametrize("request_", [requests.Leave(), requests.Release("00"), requests.Invite()])
def test_a_peer_may_ask_and_not_change(request_: requests.Request) -> None:
    with pytest.raises(Refused) as refused:
        counter.question(request_)
    assert refused.value.code == "policy"


@pytest.mark.parametrize("ttl_ms", [0, -1, 999, 8 * 24 * 3_600_000])
def test_an_invite_lives_from_a_second_to_a_week(ttl_ms: int) -> None:
    with pytest.raises(Refused) as refused:
        counter.invitation(requests.Invite(ttl_ms))
    assert refused.value.code == "bad_request"


def test_a_hold_that_nobody_knows_is_not_found() -> None:
    world = mesh("ann")
    with pytest.raises(Refused) as refused:
        instructing.command(world.hosts["ann"].alive.knowledge, requests.Release("00ff"), bytes)
    assert refused.value.code == "not_found"


def test_the_front_of_an_id_finds_the_hold_and_its_owner() -> None:
    world = mesh("ann", "bob")
    made = world.answer("ann", requests.Reserve({"ram": "1GiB", "node": "bob"}, 3_600_000))
    world.run(SECOND)
    knowledge = world.hosts["ann"].alive.knowledge
    front = requests.Release(made.body["id"][:8])
    assert instructing.command(knowledge, front, bytes)[0] == world.hosts["bob"].id


def test_what_was_granted_just_before_a_refused_request_is_kept_and_answered() -> None:
    world = mesh("ann", "bob")
    world.pause("ann", SECOND)  # so that ann reads both in one batch
    kept = world.ask("ann", requests.Reserve({"ram": "1GiB", "node": "ann"}, 3_600_000))
    refused = world.ask("ann", requests.Post("ffffffff"))
    world.run(seconds(5))
    ann = world.hosts["ann"]
    assert not ann.replies[refused].ok
    assert ann.replies[kept].ok
    assert ann.own_blocks() == list(ann.alive.ledger.chain)
