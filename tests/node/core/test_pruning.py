"""Logs that are pruned behind checkpoints: kept small, and the same books everywhere."""

from ledger.lifecycle import HoldState
from ledger.limits import Limits
from mesh.instant import SECOND
from mesh.kept.chains import check_chains
from mesh.persistence import SPACE_ARCHIVE, SPACE_BASE, SPACE_BLOCK, SPACE_PROOF
from node.core import requests
from simulations.invented.host import Host
from simulations.invented.world import World
from tests.node.core.test_reservations import held, reserve

SMALL = Limits(checkpoint_entries=12, ended_kept=16)


def mesh(*names: str, seed: int = 1) -> World:
    world = World(seed)
    world.limits = SMALL
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def trade(world: World, asker: str, owner: str, times: int) -> str:
    """Many small bookings, of which the first is kept; its id."""
    ids = []
    for _ in range(times):
        reply = world.answer(asker, reserve("1MiB", ask={"node": owner}))
        assert reply.ok, reply.body
        ids.append(reply.body["id"])
        if len(ids) > 1:
            released = world.answer(asker, requests.Release(ids[-1]))
            assert released.ok, released.body
    return str(ids[0])


def rows(host: Host, space: str) -> dict[bytes, bytes]:
    return host.disk.open().get(space, {})


def agree(world: World, owner: str) -> None:
    """Everybody's books of `owner` are its own."""
    world.run(5 * SECOND)
    state = world.hosts[owner].alive.ledger.books.state_hash()
    for host in world.up():
        check_chains(host.alive.mesh.chains)
        if host.name != owner:
            books = host.alive.knowledge.replicas.books(world.hosts[owner].id)
            assert books is not None
            assert books.state_hash() == state, host.name


def test_everybody_keeps_a_short_log_and_the_same_books() -> None:
    world = mesh("ann", "bob", "cyd")
    trade(world, "ann", "bob", 25)
    agree(world, "bob")
    bob = world.hosts["bob"].id
    for host in world.up():
        chains = host.alive.mesh.chains
        assert chains.first(bob) > 20
        assert chains.length(bob) - chains.first(bob) < 60
        assert len(rows(host, SPACE_BLOCK)) < 90
        assert rows(host, SPACE_ARCHIVE)


def test_a_node_that_was_away_is_given_a_checkpoint_and_what_follows() -> None:
    world = mesh("ann", "bob", "cyd")
    world.answer("ann", reserve("1MiB", ask={"node": "bob"}))
    world.run(SECOND)
    world.crash("cyd", power=True)
    world.run(20 * SECOND)  # until nobody waits for its copy any more
    trade(world, "ann", "bob", 30)
    world.run(SECOND)
    assert world.hosts["bob"].alive.mesh.chains.first(world.hosts["bob"].id) > 20
    world.start("cyd")
    world.run(15 * SECOND)
    agree(world, "bob")
    cyd = world.hosts["cyd"].alive
    assert cyd.mesh.chains.first(world.hosts["bob"].id) > 20
    assert cyd.knowledge.replicas.problem(world.hosts["bob"].id) is None


def test_a_newcomer_needs_no_more_than_that_either() -> None:
    world = mesh("ann", "bob")
    kept = trade(world, "ann", "bob", 30)
    world.add("dora")
    world.start("dora", first=True)
    world.run(10 * SECOND)
    agree(world, "bob")
    books = world.hosts["dora"].alive.knowledge.replicas.books(world.hosts["bob"].id)
    assert books is not None
    assert books.state_of(bytes.fromhex(kept)) is HoldState.POSTED


def test_an_owner_starts_from_its_checkpoint_and_still_proves_what_lives() -> None:
    world = mesh("ann", "bob")
    kept = trade(world, "ann", "bob", 30)
    before = world.hosts["bob"].alive.ledger.books.state_hash()
    assert rows(world.hosts["bob"], SPACE_BASE)
    assert rows(world.hosts["bob"], SPACE_PROOF)
    world.crash("bob")
    world.start("bob")
    world.run(5 * SECOND)
    bob = world.hosts["bob"]
    assert bob.alive.ledger.standing[0] == "open"
    assert bob.alive.ledger.books.state_hash() == before
    assert held(bob, kept) is HoldState.POSTED
    reply = world.answer("ann", requests.Post(kept))
    assert reply.ok, reply.body
    assert reply.body["receipts"]
    agree(world, "bob")


def test_a_lost_disk_is_made_good_from_peers_that_keep_no_beginning() -> None:
    world = mesh("ann", "bob", "cyd")
    kept = trade(world, "ann", "bob", 30)
    world.run(2 * SECOND)
    world.crash("bob", power=True)
    world.hosts["bob"].disk.lose()
    world.start("bob")
    world.run(60 * SECOND)
    bob = world.hosts["bob"]
    assert bob.alive.ledger.standing[0] == "open"
    assert held(bob, kept) is HoldState.POSTED
    agree(world, "bob")
