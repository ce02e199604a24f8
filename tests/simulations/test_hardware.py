"""Invented hardware, seen from the books that rest on it."""

from ledger.commands import GrantKind, Hold, Leg, Outcome
from mesh.instant import SECOND
from node.core import requests
from simulations.invented.hardware import GIB, Card
from simulations.invented.world import World
from tests.simulations.test_machines import mesh


def refused(world: World, ask: dict[str, object]) -> str:
    request = requests.Reserve({**ask, "node": "ann"}, 60_000, wait_for_opening=False)
    reply = world.answer("ann", request)
    return "" if reply.ok else str(reply.body["code"])


def books_say(world: World, pool: str, amount: int) -> Outcome:
    """What ann's books answer to a hold of so much, whatever anybody thinks of it."""
    ann, legs = world.hosts["ann"].alive, (Leg(pool, amount),)
    hold_id = world.now.to_bytes(16)
    term = 60 * SECOND
    hold = Hold(hold_id, ann.ledger.session, legs, GrantKind.BOOKING, term, "", "")
    token = world.command("bob", "ann", hold)
    assert world.run_until(lambda: token in world.command_answers, SECOND)
    answer = world.command_answers[token]
    assert answer is not None
    return answer.outcome


def test_a_card_that_vanishes_is_granted_no_more_until_it_returns() -> None:
    world = World(11)
    ann = world.add("ann", cards=(Card("GPU-1", 24 * GIB),))
    world.add("bob")
    for name in ("ann", "bob"):
        world.start(name, first=True)
    world.run(3 * SECOND)
    assert books_say(world, "gpu:GPU-1", GIB) is Outcome.HELD
    ann.lose_card("GPU-1")
    world.look("ann")
    assert books_say(world, "gpu:GPU-1", GIB) is Outcome.POOL_NOT_OPEN
    ann.return_card("GPU-1")
    world.look("ann")
    world.run(SECOND)
    assert books_say(world, "gpu:GPU-1", GIB) is Outcome.HELD
    ann.cards[0].foreign = 23 * GIB
    world.look("ann")
    assert books_say(world, "gpu:GPU-1", GIB) is Outcome.NO_ROOM


def test_memory_that_shrinks_below_what_is_granted_grants_nothing_more() -> None:
    world = mesh("ann", "bob")
    assert books_say(world, "ram", 6 * GIB) is Outcome.HELD
    world.hosts["ann"].set_ram(4 * GIB)
    world.look("ann")
    assert books_say(world, "ram", GIB // 4) is not Outcome.HELD


def test_foreign_use_leaves_less_and_figures_that_are_unknown_leave_nothing() -> None:
    world = mesh("ann", "bob")
    ann = world.hosts["ann"]
    ann.ram_foreign = 7 * GIB
    world.look("ann")
    assert books_say(world, "ram", 2 * GIB) is Outcome.NO_ROOM
    ann.ram_foreign = 0
    ann.blind("ram")
    world.look("ann")
    assert books_say(world, "ram", 2 * GIB) is Outcome.ROOM_UNKNOWN
    ann.see("ram")
    world.look("ann")
    assert books_say(world, "ram", 2 * GIB) is Outcome.HELD


def test_while_probes_hang_no_look_arrives() -> None:
    world = mesh("ann", "bob")
    ann = world.hosts["ann"]
    ann.hang_probes(True)
    ann.ram_foreign = 7 * GIB
    world.look("ann")
    assert books_say(world, "ram", 2 * GIB) is Outcome.HELD, "it does not know better"
    ann.hang_probes(False)
    world.look("ann")
    assert books_say(world, "ram", 2 * GIB) is Outcome.NO_ROOM


def test_probes_look_by_themselves_where_the_world_says_so() -> None:
    world = World(11)
    world.look_every = 3 * SECOND
    ann = world.add("ann")
    world.start("ann", first=True)
    ann.ram_foreign = 7 * GIB
    world.run(4 * SECOND)
    assert refused(world, {"ram": "2GiB"})


def test_what_a_tied_process_uses_is_its_holds_and_what_others_use_is_foreign() -> None:
    world = mesh("ann")
    started = world.run_work("ann", 100, ram=2 * GIB)
    request = requests.Reserve({"ram": "2GiB"}, 30_000, pid=100, pid_started=started)
    assert world.answer("ann", request).ok
    world.run_work("ann", 200, ram=GIB)
    world.look("ann")
    live = world.hosts["ann"].sample().live.pools["ram"]
    assert list(live.used.values()) == [2 * GIB]
    assert live.foreign == GIB
    assert live.free == 5 * GIB
    world.end_work("ann", 100)
    world.run(SECOND)
    assert world.hosts["ann"].alive.ledger.books.live == {}
