"""A gang on behalf of a principal: each of its owners is shown the proof, and none the token."""

from ledger.limits import Limits
from ledger.policy import Policy, Principal, key_of
from mesh.instant import SECOND
from simulations.invented.hardware import GIB
from simulations.invented.world import World
from tests.node.core.test_gangs import gang, live

TOKEN = "a long random word"


def mesh() -> World:
    """Three machines on which bob may hold 2 GiB, and others nothing."""
    world = World(1)
    bob = Principal("bob", quota={"ram": 2 * GIB}, key=key_of(TOKEN))
    nobody = Principal("default", quota={"ram": 0})
    world.limits = Limits(policy=Policy({"bob": bob, "default": nobody}))
    for name in ("ann", "bob", "cyd"):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def test_every_member_is_held_on_behalf_of_who_has_the_token() -> None:
    world = mesh()
    reply = world.answer("ann", gang(principal="bob", token=TOKEN))
    assert reply.ok, reply.body
    assert {name: len(states) for name, states in live(world).items()} == dict.fromkeys(
        ("ann", "bob", "cyd"), 1
    )
    for host in world.up():
        assert [hold.principal for hold in host.alive.ledger.books.live_holds()] == ["bob"]


def test_without_it_or_with_another_no_member_is_held_anywhere() -> None:
    for token in ("", "another long random word"):
        world = mesh()
        reply = world.answer("ann", gang(principal="bob", token=token))
        assert not reply.ok
        world.run(5 * SECOND)
        assert live(world) == {}


def test_the_quota_counts_on_every_node() -> None:
    world = mesh()
    assert not world.answer("ann", gang(ram="3GiB", principal="bob", token=TOKEN)).ok
    assert live(world) == {}
