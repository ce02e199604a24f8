"""Running work is tied to holds by a person's word, through two machines in virtual time."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.instant import SECOND
from mesh.persistence import Persist
from node.core import requests
from node.core.effects import Watch
from node.core.processes import Process
from node.core.usage.ties import TIES_MAX, Tied, Ties
from simulations.invented.hardware import GIB
from simulations.invented.world import World
from tests.node.core.test_reservations import mesh, reserve

PID = 4242
A, B = b"a" * 16, b"b" * 16


def booked(world: World, node: str = "ann", ram: str = "2GiB") -> str:
    reply = world.answer(node, reserve(ram, ask={"node": node}))
    assert reply.ok, reply.body
    return str(reply.body["id"])


def adopt(world: World, node: str, hold: str, pid: int, started: int, **more: Any) -> Any:
    return world.answer(node, requests.Adopt(hold, pid, started, **more))


def used(world: World, node: str, hold: str) -> int:
    rows = world.answer(node, requests.Holds()).body["holds"]
    return int(next(row for row in rows if row["id"] == hold)["legs"][0]["used"])


def test_adopted_work_counts_for_its_hold_and_is_no_longer_foreign() -> None:
    world = mesh("ann", "bob")
    started = world.run_work("ann", PID, GIB)
    hold = booked(world)
    assert used(world, "ann", hold) == 0
    reply = adopt(world, "ann", hold[:8], PID, started)
    assert (reply.ok, reply.body["pid"], reply.body["again"]) == (True, PID, False)
    world.run(SECOND)
    assert used(world, "ann", hold) == used(world, "bob", hold) == GIB
    assert adopt(world, "ann", hold, PID, started).body["again"] is True


def test_a_process_has_one_hold_whichever_word_tied_it() -> None:
    world = mesh("ann")
    started = world.run_work("ann", PID, GIB)
    one, two = booked(world), booked(world)
    assert adopt(world, "ann", one, PID, started).ok
    no = adopt(world, "ann", two, PID, started)
    assert not no.ok
    assert f"process {PID} is tied to hold {one[:12]}" in no.body["sentence"]
    leased = world.answer("ann", reserve(pid=PID, pid_started=started))
    assert not leased.ok
    assert f"tied to hold {one[:12]}" in leased.body["sentence"]
    other = world.run_work("ann", PID + 1)
    lease = world.answer("ann", reserve(pid=PID + 1, pid_started=other)).body["id"]
    no = adopt(world, "ann", two, PID + 1, other)
    assert f"tied to hold {lease[:12]}" in no.body["sentence"]


def test_a_pid_that_is_used_again_is_another_process() -> None:
    world = mesh("ann")
    started = world.run_work("ann", PID, GIB)
    one, two = booked(world), booked(world)
    assert adopt(world, "ann", one, PID, started).ok
    world.end_work("ann", PID)
    later = world.run_work("ann", PID, 2 * GIB)
    world.run(SECOND)
    assert used(world, "ann", one) == 0
    assert adopt(world, "ann", two, PID, later).ok
    world.run(SECOND)
    assert (used(world, "ann", one), used(world, "ann", two)) == (0, 2 * GIB)
    stale = adopt(world, "ann", one, PID, started)  # what it names is gone: reported at once
    assert stale.ok
    world.run(SECOND)
    assert used(world, "ann", one) == 0


def test_a_process_is_adopted_where_it_runs() -> None:
    world = mesh("ann", "bob")
    hold = booked(world, "bob")
    world.run(SECOND)
    no = adopt(world, "ann", hold, PID, 7)
    assert not no.ok
    assert "room on bob" in no.body["sentence"]
    assert "on bob: `holdfast adopt" in no.body["hint"]


def test_a_hold_that_is_not_confirmed_adopts_nobody() -> None:
    world = mesh("ann")
    started = world.run_work("ann", PID)
    held = world.answer("ann", reserve(hold_only=True)).body["id"]
    no = adopt(world, "ann", held, PID, started)
    assert not no.ok
    assert "not confirmed" in no.body["sentence"]


def test_a_lease_that_is_held_first_is_carried_from_its_confirmation_on() -> None:
    world = mesh("ann", "bob")
    started = world.run_work("ann", PID, GIB)
    held = world.answer("ann", reserve(pid=PID, pid_started=started, hold_only=True)).body["id"]
    assert world.answer("ann", requests.Post(held)).ok
    world.run(40 * SECOND)
    assert used(world, "ann", held) == GIB
    world.end_work("ann", PID)
    world.run(2 * SECOND)
    assert world.hosts["ann"].alive.ledger.books.live == {}


def test_a_booking_outlives_its_process_and_a_process_its_booking() -> None:
    world = mesh("ann")
    started = world.run_work("ann", PID, GIB)
    hold = booked(world)
    adopt(world, "ann", hold, PID, started)
    world.end_work("ann", PID)
    world.run(5 * SECOND)
    assert used(world, "ann", hold) == 0
    started = world.run_work("ann", PID, GIB)
    adopt(world, "ann", hold, PID, started)
    assert world.answer("ann", requests.Release(hold)).ok
    world.run(5 * SECOND)
    assert PID in world.hosts["ann"].work
    assert world.hosts["ann"].alive.attribution.ties.all() == ()


def test_a_restart_knows_what_was_adopted() -> None:
    world = mesh("ann", "bob")
    started = world.run_work("ann", PID, GIB)
    hold = booked(world)
    adopt(world, "ann", hold, PID, started)
    world.crash("ann")
    world.start("ann")
    world.run(5 * SECOND)
    assert used(world, "ann", hold) == GIB


def test_there_is_a_most_and_a_group_outlives_its_first_process() -> None:
    world = mesh("ann")
    hold = bytes.fromhex(booked(world))
    ties = world.hosts["ann"].alive.attribution.ties
    for pid in range(1, TIES_MAX + 1):
        ties.tie(Tied(hold, pid, 1, "/kept" if pid == 1 else ""))
    no = adopt(world, "ann", hold.hex(), PID, 1)
    assert f"{TIES_MAX} processes" in no.body["sentence"]
    assert ties.ended(Process(1, 1)) == []
    assert isinstance(ties.ended(Process(2, 1))[0], Persist)
    assert ties.hold_of(Process(1, 1)) == hold


@settings(max_examples=40)
@given(st.dictionaries(st.binary(max_size=12), st.binary(max_size=60), max_size=4))
def test_rubbish_on_the_disk_ties_nothing(rows: dict[bytes, bytes]) -> None:
    ties = Ties()
    watches = ties.restore(rows)
    assert all(isinstance(watch, Watch) for watch in watches)
    assert len(ties.all()) <= len(rows)
