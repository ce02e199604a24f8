"""A lease that its holder renews from another machine, while its owner may have forgotten it."""

from mesh.instant import SECOND, seconds
from node.core import requests
from node.core.effects import Reply
from simulations.invented.world import World
from tests.node.core.test_reservations import held, mesh, reserve


def leased(world: World) -> str:
    reply = world.answer("ann", reserve(ask={"node": "bob"}, carried=True))
    assert reply.ok
    assert reply.body["kind"] == "carried"
    return str(reply.body["id"])


def renewed(world: World, hold: str) -> Reply:
    return world.answer("ann", requests.Renew(hold))


def through(world: World, hold: str, *, lost: bool) -> list[str]:
    """`bob` loses power, perhaps its disk too; meanwhile the holder renews every six seconds."""
    world.crash("bob", power=True)
    if lost:
        world.hosts["bob"].disk.lose()
    world.run(2 * SECOND)
    world.start("bob")
    states = []
    for _ in range(10):
        world.run(6 * SECOND)
        world.look("bob")
        reply = renewed(world, hold)
        states.append(reply.body["state"] if reply.ok else str(reply.body["sentence"]))
    return states


def test_it_goes_on_through_a_quarantine_of_its_owner() -> None:
    world = mesh("ann", "bob", "cyd")
    hold = leased(world)
    states = through(world, hold, lost=False)
    assert states[0] == "resumed"
    assert set(states[1:]) == {"renewed"}
    assert held(world.hosts["bob"], hold).live
    world.run(seconds(40))
    assert not held(world.hosts["bob"], hold).live


def test_it_goes_on_at_an_owner_that_lost_its_disk() -> None:
    world = mesh("ann", "bob", "cyd")
    hold = leased(world)
    assert through(world, hold, lost=True)[-1] == "renewed"
    assert held(world.hosts["bob"], hold).live


def test_what_is_over_is_not_shown_though_its_owner_would_believe_it() -> None:
    world = mesh("ann", "bob", "cyd")
    hold = leased(world)
    world.crash("bob", power=True)
    world.hosts["bob"].disk.lose()
    world.run(seconds(31))
    world.start("bob")
    world.run(6 * SECOND)
    reply = renewed(world, hold)
    assert not reply.ok
    assert reply.body["outcome"] == "quarantined"
    world.run(seconds(60))
    world.look("bob")
    world.run(SECOND)
    assert not held(world.hosts["bob"], hold).live


def test_a_carrier_whose_agent_restarted_does_not_know_what_it_may_believe_and_shows_nothing() -> (
    None
):
    world = mesh("ann", "bob", "cyd")
    hold = leased(world)
    world.crash("bob", power=True)
    world.crash("ann")
    world.start("ann")
    world.start("bob")
    world.run(6 * SECOND)
    assert not renewed(world, hold).ok
