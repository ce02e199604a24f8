"""How old what a node knows of another's ledger is: since its author last stood by all of it."""

from mesh.instant import SECOND
from node.core import requests
from simulations.invented.world import World

HOUR_MS = 3_600_000
FRESH_MS = 10_000
"""Several rounds of probing among three: a quiet ledger is never older."""


def mesh_of_three() -> World:
    world = World(5)
    for name in ("ann", "bob", "carla"):
        world.add(name)
        world.start(name, first=True)
    world.run(5 * SECOND)
    asked = requests.Reserve({"ram": "1GiB", "node": "bob"}, HOUR_MS)
    assert world.answer("ann", asked).ok
    return world


def age_at(world: World, name: str) -> int | None:
    (hold,) = world.answer(name, requests.Holds()).body["holds"]
    age: int | None = hold["age_ms"]
    return age


def test_a_ledger_that_does_not_grow_is_as_fresh_as_its_owners_last_word() -> None:
    world = mesh_of_three()
    world.run(300 * SECOND)
    age = age_at(world, "carla")
    assert age is not None
    assert age < FRESH_MS


def test_who_starts_again_learns_that_its_copies_are_whole_without_being_sent_them() -> None:
    world = mesh_of_three()
    world.stop("carla")
    world.start("carla")
    assert world.run_until(lambda: age_at(world, "carla") is not None, 30 * SECOND)


def test_a_ledger_whose_owner_is_silent_grows_old() -> None:
    world = mesh_of_three()
    world.crash("bob")
    world.run(60 * SECOND)
    age = age_at(world, "carla")
    assert age is not None
    assert age >= 55_000
