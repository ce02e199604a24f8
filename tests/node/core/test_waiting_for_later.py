"""Who wants room from a later time on, and waits until a calendar has it: `--start T --wait D`."""

from mesh.instant import MILLISECOND, MINUTE, SECOND
from node.core import requests
from simulations.invented.world import World
from tests.node.core.test_calendar import SOON, TERM_MS, book, mesh


def wish(world: World, wait_ms: int, **more: object) -> requests.Reserve:
    start = world.hosts["ann"].wall(world.now) + SOON
    ask = {"ram": f"{int(world.hosts['ann'].ram * 0.6)} B"}
    return requests.Reserve(
        ask,
        TERM_MS,
        start_at_ms=start // MILLISECOND,
        wait_ms=wait_ms,
        **more,  # type: ignore[arg-type]  # by name
    )


def test_it_is_booked_when_what_is_planned_then_is_given_up() -> None:
    world = mesh("ann", "bob")
    plans = [book(world, "bob", 0.6, SOON) for _ in range(2)]
    token = world.ask("ann", wish(world, 90_000))
    world.run(12 * SECOND)
    assert token not in world.hosts["ann"].replies
    said = [one.body for one in world.hosts["ann"].progress if one.token == token][-1]
    assert "no calendar has room for it then" in said["sentence"]
    assert 70_000 < said["remaining_ms"] < 85_000
    where = plans[0].body["owner"]["name"]
    assert world.answer("bob", requests.Release(plans[0].body["id"])).ok
    world.run(6 * SECOND)
    reply = world.hosts["ann"].replies[token]
    assert (reply.ok, reply.body["owner"]["name"]) == (True, where)
    assert reply.body["starts_at_ms"]


def test_it_waits_no_longer_than_it_would_nor_than_there_is_anything_to_wait_for() -> None:
    world = mesh("ann", "bob")
    for _ in range(2):
        assert book(world, "bob", 0.6, SOON, term_ms=10 * TERM_MS).ok
    short = world.ask("ann", wish(world, 9_000))
    world.run(11 * SECOND)
    assert world.hosts["ann"].replies[short].body["code"] == "timeout"
    long = world.ask("ann", wish(world, 600_000))
    world.run(SOON + 30 * SECOND)
    said = world.hosts["ann"].replies[long].body["sentence"]
    assert "no calendar had room for it then in 2m of waiting (" in said, "its start has come"
    gone = world.ask("ann", wish(world, 600_000))
    world.hang_up("ann", gone)
    world.run(MINUTE)
    assert gone not in world.hosts["ann"].replies


def test_after_a_restart_it_is_asked_for_again_under_its_name_and_booked_once() -> None:
    world = mesh("ann", "bob")
    plans = [book(world, "bob", 0.6, SOON) for _ in range(2)]
    wanted = wish(world, 90_000, wish="0c" * 16)
    world.ask("ann", wanted)
    world.run(2 * SECOND)
    for plan in plans:
        assert world.answer("bob", requests.Release(plan.body["id"])).ok
    posted = lambda: sum(len(host.alive.ledger.books.plans) for host in world.up())  # noqa: E731
    assert world.run_until(lambda: posted() == 1, 10 * SECOND)
    world.crash("ann")
    world.run(SECOND)
    world.start("ann")
    world.run(SECOND)
    token = world.ask("ann", wanted)
    world.run(40 * SECOND)
    assert world.hosts["ann"].replies[token].ok
    assert posted() == 1
