"""A mesh comes together, comes apart, and comes together again; in virtual time."""

from mesh.instant import SECOND, in_seconds
from mesh.roll.membership import Liveness
from node.core import requests
from simulations.checks import Checks, all_checks
from simulations.invented.network import Weather
from simulations.invented.world import World


def mesh_of(count: int, seed: int, weather: Weather | None = None) -> World:
    world = World(seed, weather or Weather())
    world.observe(all_checks(world))
    for number in range(count):
        world.add(f"n{number:02}")
        world.start(f"n{number:02}", first=True)
    return world


def look_at_all(world: World) -> None:
    for observer in world.observers:
        if isinstance(observer, Checks):
            observer.look_at_all(world)


def everyone_knows_everyone(world: World) -> bool:
    up = [host for host in world.hosts.values() if host.agent is not None]
    return (
        all(
            len(host.alive.knowledge.members()) == len(up) - 1
            and all(member.liveness is Liveness.ALIVE for member in host.alive.knowledge.members())
            for host in up
        )
        and len({host.alive.mesh.root for host in up}) == 1
    )


def test_three_nodes_have_a_full_view_in_under_three_seconds() -> None:
    world = mesh_of(3, seed=1)
    assert world.run_until(lambda: everyone_knows_everyone(world), 3 * SECOND)


def test_twenty_nodes_converge() -> None:
    world = mesh_of(20, seed=2)
    assert world.run_until(lambda: everyone_knows_everyone(world), 20 * SECOND)
    look_at_all(world)


def test_twenty_nodes_converge_through_a_network_that_loses_a_fifth() -> None:
    world = mesh_of(20, seed=3, weather=Weather(loss=0.2, duplication=0.1))
    assert world.run_until(lambda: everyone_knows_everyone(world), 60 * SECOND)


def test_equal_views_give_equal_bytes_on_every_node() -> None:
    world = mesh_of(5, seed=4)
    assert world.run_until(lambda: everyone_knows_everyone(world), 10 * SECOND)
    world.run(1 * SECOND)
    for ask in ({"ram": "1GiB"}, {"ram": "900TiB"}, {"words": "run a 7b model with ollama"}):
        replies = [world.answer(name, requests.Where(ask)) for name in world.hosts]
        assert len({str(reply.body["view"]) for reply in replies}) == 1
        assert len({reply.body["bytes"] for reply in replies}) == 1
        assert len({reply.body["digest"] for reply in replies}) == 1


def test_both_sides_of_a_split_go_on_and_agree_again_when_it_heals() -> None:
    world = mesh_of(6, seed=5)
    names = list(world.hosts)
    assert world.run_until(lambda: everyone_knows_everyone(world), 10 * SECOND)
    here, there = names[:3], names[3:]
    world.network.cut(here, there)
    dead_seen = lambda: all(  # noqa: E731 - read as a sentence below
        world.hosts[a].alive.knowledge.liveness_of(world.hosts[b].id) == "dead"
        for a in here
        for b in there
    )
    assert world.run_until(dead_seen, 60 * SECOND), "each side gives the other up"
    reply = world.answer(here[0], requests.Reserve({"ram": "1GiB"}, term_ms=60_000))
    assert reply.ok, reply.body
    assert reply.body["owner"]["name"] in here
    world.network.heal()
    assert world.run_until(lambda: everyone_knows_everyone(world), 90 * SECOND)
    look_at_all(world)


def test_a_node_that_dies_is_passed_over_and_comes_back_under_a_new_epoch() -> None:
    world = mesh_of(3, seed=6)
    assert world.run_until(lambda: everyone_knows_everyone(world), 10 * SECOND)
    before = world.now
    world.crash("n02")

    def passed_over() -> bool:
        reply = world.answer("n00", requests.Where({"ram": "1GiB"}))
        return "n02" in [row["name"] for row in reply.body["decision"]["passed_over"]]

    assert world.run_until(passed_over, 10 * SECOND)
    assert in_seconds(world.now - before) < 6
    world.start("n02")
    assert world.run_until(lambda: everyone_knows_everyone(world), 10 * SECOND)
    assert world.hosts["n02"].alive.birth.epoch.counter == 2


def test_no_start_ever_uses_an_epoch_twice_whenever_the_power_fails() -> None:
    world = mesh_of(3, seed=7)
    assert world.run_until(lambda: everyone_knows_everyone(world), 10 * SECOND)
    spent = {world.hosts["n01"].alive.birth.epoch}
    for tenths in range(0, 60, 3):
        world.crash("n01", power=True)
        world.start("n01")
        epoch = world.hosts["n01"].alive.birth.epoch
        assert epoch.counter not in {old.counter for old in spent}
        spent.add(epoch)
        world.run(tenths * SECOND // 10_000)  # its first words are out, its first writes are not
    assert world.run_until(lambda: everyone_knows_everyone(world), 90 * SECOND)
