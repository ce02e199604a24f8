"""A copied machine beside its original: neither grants, both say why, and a person decides."""

import pytest

from ledger.lifecycle import HoldState
from ledger.observations import TwinLives
from ledger.owner.standings import CLOSED, OPEN, QUARANTINED
from mesh.effects import Address, EpochBehind
from mesh.identity import Epoch
from mesh.instant import MILLISECOND, SECOND
from node.core import requests
from node.core.effects import Stop
from node.core.picture.reports import SeedsFound
from node.core.selves import (
    META_TWIN,
    SENTENCE_BYTES_MAX,
    Selves,
    address_row,
    read_addresses,
)
from simulations.invented.world import World

HOUR_MS = 3_600_000
GIB = {"ram": "1GiB", "node": "ann"}


def copied(*, marker: bool = False, beacons: bool = True, start: bool = True) -> World:
    """ann and bob have met, and ann's machine has just been copied, running."""
    world = World(11)
    world.look_every = 5 * SECOND
    if not beacons:
        world.broadcast = lambda *_: None  # type: ignore[method-assign] # nothing passes
    for name in ("ann", "bob"):
        world.add(name)
        world.start(name, first=True)
    if not beacons:
        world.report("ann", SeedsFound((world.hosts["bob"].endpoint,)))
    world.run(5 * SECOND)
    assert world.answer("bob", requests.Reserve(GIB, HOUR_MS)).ok
    world.clone("ann", "twin", marker=marker)
    if start:
        world.start("twin")
    return world


def standing(world: World, name: str) -> str:
    return world.hosts[name].alive.ledger.standing[0]


def stands(world: World, name: str, state: str) -> bool:
    """Whether it is up, and so; it may just be starting again."""
    return world.hosts[name].agent is not None and standing(world, name) == state


def both_shut(world: World) -> bool:
    up = [world.hosts[name] for name in ("ann", "twin")]
    return all(host.agent is not None and standing(world, host.name) == CLOSED for host in up)


@pytest.mark.parametrize("marker", [False, True])
def test_of_two_machines_with_one_key_neither_grants_and_both_say_what_to_do(marker: bool) -> None:
    world = copied(marker=marker)
    world.run(10 * MILLISECOND)
    assert both_shut(world)
    for name in ("ann", "twin"):
        assert [event.kind for event in world.hosts[name].events].count("identity.twin") == 1
        assert not world.answer(name, requests.Reserve(GIB, HOUR_MS)).ok
        told = world.answer(name, requests.Status()).body["standing"]
        assert told["state"] == CLOSED
        assert all(word in told["reason"] for word in ("--new-identity", "--moved", "10.0.0."))
    held = [hold.state for hold in world.hosts["ann"].alive.ledger.books.live_holds()]
    assert held == [HoldState.POSTED], "what was promised stays promised"


def test_where_no_beacon_passes_they_are_still_told_and_do_not_chase_each_other() -> None:
    world = copied(beacons=False)
    assert world.run_until(lambda: both_shut(world), 10 * SECOND)
    world.run(60 * SECOND)
    assert both_shut(world)
    assert all(world.hosts[name].starts_in_process <= 2 for name in ("ann", "twin"))


def test_it_stays_shut_over_a_restart_until_a_person_says_which_machine_goes_on() -> None:
    world = copied()
    world.run(SECOND)
    for name in ("twin", "ann"):
        world.crash(name, power=True)
    world.start("ann")
    world.run(40 * SECOND)
    assert standing(world, "ann") == CLOSED
    world.crash("ann")
    world.start("ann", moved=True)
    assert standing(world, "ann") == QUARANTINED
    assert world.run_until(lambda: standing(world, "ann") == OPEN, 60 * SECOND)
    world.crash("ann")
    world.start("ann")
    world.run(40 * SECOND)
    assert standing(world, "ann") == OPEN, "it was said once, and for good"
    assert [hold.state for hold in world.hosts["ann"].alive.ledger.books.live_holds()]


def test_a_reason_opens_the_books_again_but_not_while_the_other_machine_is_up() -> None:
    world = copied()
    world.run(SECOND)
    world.ask("ann", requests.OpenBookings("that one is off"))
    world.run(SECOND)
    assert world.run_until(lambda: stands(world, "ann", CLOSED), 40 * SECOND)
    world.crash("twin", power=True)
    world.run(SECOND)
    assert world.answer("ann", requests.OpenBookings("now it is off")).ok
    assert world.run_until(lambda: stands(world, "ann", OPEN), 60 * SECOND)


def test_a_copy_on_other_hardware_steps_aside_and_the_first_machine_goes_on_by_itself() -> None:
    world = copied(start=False)
    world.hosts["twin"].fingerprint = "another machine"
    world.start("twin", moved=True)
    twin, ann = world.hosts["twin"], world.hosts["ann"]
    assert world.run_until(lambda: twin.agent is None, 2 * SECOND)
    assert any("under an identity of its own" in event.sentence for event in twin.events)
    assert world.run_until(
        lambda: ann.agent is not None and ann.agent.birth.epoch.counter > 2, 20 * SECOND
    )
    assert world.run_until(lambda: standing(world, "ann") == OPEN, 60 * SECOND)
    assert [hold.state for hold in ann.alive.ledger.books.live_holds()] == [HoldState.POSTED]
    assert twin.agent is None, "nobody starts it under this key again"


def test_a_good_bye_of_another_run_opens_nothing() -> None:
    world = copied()
    world.run(SECOND)
    ann = world.hosts["ann"].alive
    stale = EpochBehind(Epoch(ann.birth.epoch.counter + 1, b"another run....."), (), left=True)
    told = ann.selves.heard(stale)
    assert not [effect for effect in told if isinstance(effect, Stop)]
    assert ann.selves.in_doubt


def test_without_the_rule_both_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Selves, "_seen", lambda *_: [])
    world = copied(marker=True)
    world.run(SECOND)
    assert not both_shut(world)


def test_the_row_that_keeps_it_shut_fits_its_bound() -> None:
    world = copied()
    world.run(SECOND)
    row = world.hosts["ann"].disk.durable["meta"][META_TWIN]
    assert len(row) < SENTENCE_BYTES_MAX
    assert TwinLives(row.decode()).reason == world.hosts["ann"].alive.ledger.standing[1]


def test_addresses_in_the_journal_are_read_again_and_rubbish_is_nothing() -> None:
    where = (Address("10.0.0.1", 4653), Address("fe80::1", 1))
    assert read_addresses(address_row(where) or b"") == where
    for rubbish in (b"", b"\xc1", b"\x01", b"\x91\x92\x01\x01", b"\x91\x92\xa1a\x00", b"\xdc"):
        assert read_addresses(rubbish) == ()
