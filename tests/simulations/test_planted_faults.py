"""Each promise as a short story, told twice: as things are, and with its guard taken away.

The first telling must hold. The second must not: a story that cannot fail proves nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from ledger.lifecycle import HoldState
from ledger.observations import Continuity
from mesh.exchange.parcels import Item, parcel_bytes
from mesh.exchange.reconcile import SERVICE_PUSH
from mesh.finding.greeter import Greeter
from mesh.instant import MILLISECOND, SECOND, seconds
from mesh.kept import chains
from mesh.letters.wire import block_bytes
from node.core import planning, requests
from node.core.machine import Agent
from node.core.picture.replicas import Replicas
from node.core.reserving import asking
from node.core.reserving.custody import Answered, Custody
from placement.decision import decision_bytes
from simulations.checks import all_checks
from simulations.invented import machines
from simulations.invented.hardware import GIB
from simulations.invented.host import Host
from simulations.invented.network import Weather
from simulations.invented.shell import Shell
from simulations.invented.world import World
from tests.simulations import test_convergence
from tests.simulations.test_convergence import look_at_all

Story = Callable[[], None]
Plant = Callable[[pytest.MonkeyPatch], None]


def mesh(*names: str) -> World:
    world = World(11)
    world.observe(all_checks(world))
    for name in names:
        world.add(name, ram=8 * GIB)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def booked(world: World, asker: str, owner: str, ram: str = "5GiB") -> str:
    ask = requests.Reserve({"ram": ram, "node": owner}, term_ms=3_600_000, wait_for_opening=False)
    reply = world.answer(asker, ask)
    assert reply.ok, reply.body
    return str(reply.body["id"])


def kept(world: World, owner: str, hold: str) -> bool:
    books = world.hosts[owner].alive.ledger.books
    return books.state_of(bytes.fromhex(hold)) is HoldState.POSTED


# The stories -------------------------------------------------------------------------------------


def what_was_answered_is_on_disk() -> None:
    """Killed at the instant of its answer, the owner still knows what it answered."""
    world = mesh("ann")
    hold = booked(world, "ann", "ann")
    world.crash("ann")
    world.start("ann")
    assert kept(world, "ann", hold)


def every_answer_rests_on_the_disk() -> None:
    """B1 at every instant: whatever has been replied is in the durable log."""
    world = mesh("ann", "bob")
    for _ in range(5):
        hold = booked(world, "ann", "bob", "1GiB")
        durable = world.hosts["bob"].own_blocks()
        assert any(bytes.fromhex(hold) in entry for block in durable for entry in block.entries)


def an_owner_whose_disk_went_back_promises_nothing_twice() -> None:
    """Its disk forgets a booking that a peer still has a copy of. The room must not go again."""
    world = mesh("ann", "bob", "cyd")
    bob = world.hosts["bob"]
    backup = bob.disk.snapshot()
    first = booked(world, "ann", "bob")
    world.crash("bob", power=True)
    bob.disk.set_back(backup)
    world.start("bob")
    world.run(2 * SECOND)
    ask = requests.Reserve({"ram": "5GiB", "node": "bob"}, 3_600_000, wait_for_opening=False)
    second = world.answer("cyd", ask)
    world.run(seconds(60))
    assert not (second.ok and kept(world, "bob", second.body["id"])), "the same room, twice"
    assert kept(world, "bob", first), "gathered back from a peer's copy"


def a_crash_in_quarantine_does_not_end_it() -> None:
    """Started in doubt and killed in the middle: the next start is in doubt as well."""
    world = mesh("ann", "bob")
    booked(world, "ann", "ann")
    world.crash("ann", power=True)
    world.start("ann")
    world.run(2 * SECOND)
    booked(world, "bob", "bob")  # whatever is written meanwhile, a neighbour's log too
    world.run(3 * SECOND)
    world.crash("ann")
    world.start("ann")
    assert world.hosts["ann"].alive.ledger.standing[0] == "quarantine"


def a_booking_outlives_its_owners_disk() -> None:
    """Answered means that somebody else could vouch for it."""
    world = mesh("ann", "bob")
    world.network.cut(["bob"], ["ann"], one_way=True)  # bob's news of its log gets lost
    token = world.ask("bob", requests.Reserve({"ram": "1GiB", "node": "bob"}, 3_600_000))
    world.run(SECOND)
    reply = world.hosts["bob"].replies.get(token)
    assert reply is None or reply.body["stored_on"], "answered with no copy, and not even waited"


def nobody_confirms_what_it_no_longer_believes_in() -> None:
    """The owner's answers are lost until a breath before the hold would lapse at its owner."""
    world = mesh("ann", "bob")
    world.network.weather = Weather(delay=450 * MILLISECOND)
    world.network.cut(["bob"], ["ann"], one_way=True)
    world.ask("ann", requests.Reserve({"ram": "1GiB", "node": "bob"}, 3_600_000))
    world.run(29 * SECOND)
    world.network.heal()
    world.run(5 * SECOND)
    assert world.commands
    look_at_all(world)


def every_copy_is_what_its_author_signed() -> None:
    """A member hands bob a block in ann's name. Nobody but ann can continue her log."""
    world = mesh("ann", "bob")
    booked(world, "ann", "ann", "1GiB")
    world.run(SECOND)
    ann, bob = world.hosts["ann"], world.hosts["bob"]
    head = ann.alive.mesh.chains.head(ann.id)
    assert head is not None
    forged = replace(head, height=head.height + 1, previous=head.hash)
    body = parcel_bytes([Item("block", (block_bytes(forged),))], None, more=False, lacks=None)
    bob.alive.serve(0, bob.id, SERVICE_PUSH, body, world.now + bob.clock_offset)
    look_at_all(world)


def every_replica_is_what_its_log_says() -> None:
    world = mesh("ann", "bob")
    booked(world, "ann", "bob")
    world.run(SECOND)
    look_at_all(world)


# Their guards, taken away ------------------------------------------------------------------------


def no_barrier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Effects behind a write do not wait for it."""

    def carry_out(self: Shell, host: Host) -> None:
        batch, host.outbox = host.outbox, []
        writes = [w for e in batch for w in getattr(e, "writes", ())]
        for effect in batch:
            self._do(host, effect)
        if writes:
            life = host.life
            self._world.at(SECOND, _late, host, life, writes)

    def _late(host: Host, life: int, writes: list[Any]) -> None:
        if host.life == life:
            host.disk.begin(writes)
            host.disk.finish()

    monkeypatch.setattr(Shell, "_carry_out", carry_out)


def trusting_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every start is taken for a continuation."""
    monkeypatch.setattr(machines, "continuity", lambda *_: Continuity(True, "planted"))


def eager_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The marker is written in quarantine too."""
    monkeypatch.setattr(Agent, "vouches_for", lambda _self, head: head is not None)


def no_custody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A booking is answered without waiting for a copy."""

    def hold(_self: Custody, token: int, answer: Any, _others: int, _now: int) -> list[Answered]:
        return [Answered(token, answer)]

    monkeypatch.setattr(Custody, "hold", hold)


def patient_asker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hold is asked for again for as long as it takes."""
    monkeypatch.setattr(asking, "HOLD_SENDS_MAX", 30)
    monkeypatch.setattr(asking, "BELIEF", seconds(3600))


def no_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block is taken from whoever brings it."""
    monkeypatch.setattr(chains, "check_block", lambda _block: True)


def sleepy_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log goes on, and its replica does not."""
    monkeypatch.setattr(Replicas, "extend", lambda *_: None)


def local_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer holds something of whoever gives it."""
    answers = count()
    bent = lambda decision: decision_bytes(decision) + b" " * next(answers)  # noqa: E731
    monkeypatch.setattr(planning, "decision_bytes", bent)


def no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was given up is never looked for again, and a beacon reminds nobody of anything."""
    monkeypatch.setattr(Greeter, "lost", lambda *_: None)
    monkeypatch.setattr(Greeter, "sign_of", lambda *_: None)


STORIES: list[tuple[Story, Plant]] = [
    (what_was_answered_is_on_disk, no_barrier),
    (every_answer_rests_on_the_disk, no_barrier),
    (an_owner_whose_disk_went_back_promises_nothing_twice, trusting_start),
    (a_crash_in_quarantine_does_not_end_it, eager_marker),
    (a_booking_outlives_its_owners_disk, no_custody),
    (nobody_confirms_what_it_no_longer_believes_in, patient_asker),
    (every_copy_is_what_its_author_signed, no_signatures),
    (every_replica_is_what_its_log_says, sleepy_replicas),
    (test_convergence.test_equal_views_give_equal_bytes_on_every_node, local_bytes),
    (
        test_convergence.test_both_sides_of_a_split_go_on_and_agree_again_when_it_heals,
        no_second_try,
    ),
]


@pytest.mark.parametrize("story", [story for story, _ in STORIES], ids=lambda s: s.__name__)
def test_it_holds(story: Story) -> None:
    story()


@pytest.mark.parametrize(
    ("story", "plant"), STORIES, ids=[f"{s.__name__}-without-{p.__name__}" for s, p in STORIES]
)
def test_without_its_guard_it_does_not(
    story: Story, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        story()
