"""Bookings that start later, through several machines, in virtual time."""

from typing import Any

from ledger.lifecycle import HoldState
from mesh.instant import HOUR, MILLISECOND, MINUTE, SECOND, Duration
from node.core import requests
from node.core.effects import Reply
from simulations.invented.world import World

TERM_MS = 60_000
SOON = 2 * MINUTE


def mesh(*names: str, seed: int = 1) -> World:
    world = World(seed)
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def book(
    world: World, at: str, share: float, start: Duration, node: str = "", **more: Any
) -> Reply:  # fmt: skip
    """`start`: from now."""
    ask = {"ram": f"{int(world.hosts[at].ram * share)} B", **({"node": node} if node else {})}
    wall = world.hosts[at].wall(world.now) + start
    reserve = requests.Reserve(
        ask=ask, term_ms=more.pop("term_ms", TERM_MS), start_at_ms=wall // MILLISECOND, **more
    )  # fmt: skip
    return world.answer(at, reserve)


def state(world: World, owner: str, hold: str) -> HoldState:
    return world.hosts[owner].alive.ledger.books.state_of(bytes.fromhex(hold))


def test_a_booking_for_later_is_stored_on_a_peer_shown_everywhere_and_starts_in_its_time() -> None:
    world = mesh("ann", "bob", "cyd")
    reply = book(world, "ann", 0.6, SOON, "bob")
    assert reply.ok, reply.body
    assert reply.body["stored_on"]
    hold = reply.body["id"]
    world.run(5 * SECOND)
    (row,) = world.answer("cyd", requests.Holds()).body["holds"]
    assert (row["state"], row["starts_at_ms"]) == ("planned", reply.body["starts_at_ms"])
    now = world.answer("cyd", requests.Reserve({"ram": "7GiB", "node": "bob"}, 10 * TERM_MS))
    assert "planned" in now.body["sentence"]
    world.run(SOON - 20 * SECOND)
    assert state(world, "bob", hold) is HoldState.PLANNED
    world.run(15 * SECOND)
    assert state(world, "bob", hold) is HoldState.POSTED
    world.run(MINUTE)
    assert state(world, "bob", hold) is HoldState.RELEASED


def test_what_starts_later_does_not_run_down_before_it_starts_for_its_holder_either() -> None:
    world = mesh("ann", "bob")
    hold = book(world, "ann", 0.6, SOON, "bob", term_ms=10 * TERM_MS).body["id"]
    world.run(SOON + MINUTE)
    rows = [world.answer(name, requests.Holds()).body["holds"][0] for name in ("ann", "bob")]
    assert {row["id"] for row in rows} == {hold}
    mine, its_owners = (row["remaining_ms"] for row in rows)
    assert 8.7 * TERM_MS < mine < 9 * TERM_MS
    assert abs(mine - its_owners) < 2_000
    assert not rows[0]["lapses_soon"]
    assert all(one.kind != "alarm.lapses-soon" for one in world.hosts["ann"].events)
    assert world.answer("ann", requests.Extend(hold, more_ms=60_000)).ok
    (row,) = world.answer("ann", requests.Holds()).body["holds"]
    assert 9.7 * TERM_MS < row["remaining_ms"] < 10 * TERM_MS


def test_what_one_owner_has_no_room_for_then_goes_to_the_next() -> None:
    world = mesh("ann", "bob")
    owners = [book(world, "ann", 0.6, SOON).body["owner"]["name"] for _ in range(2)]
    assert sorted(owners) == ["ann", "bob"]
    assert book(world, "ann", 0.6, SOON).body["code"] == "refused"
    assert book(world, "ann", 0.6, 2 * SOON).ok


def test_a_plan_is_given_up_by_the_one_who_has_it() -> None:
    world = mesh("ann", "bob")
    hold = book(world, "ann", 0.6, SOON, "bob").body["id"]
    given = world.answer("ann", requests.Release(hold))
    assert given.body["outcome"] == "voided"
    assert book(world, "ann", 0.9, SOON, "bob").ok


def test_a_restart_of_its_owner_and_a_lost_disk_forget_no_plan() -> None:
    world = mesh("ann", "bob", "cyd")
    hold = book(world, "ann", 0.6, SOON, "bob").body["id"]
    world.run(SECOND)
    world.crash("bob", power=True)
    world.hosts["bob"].disk.lose()
    world.start("bob")
    world.look("bob")
    world.run(50 * SECOND)
    assert state(world, "bob", hold) is HoldState.PLANNED
    world.run(SOON - 50 * SECOND)
    assert state(world, "bob", hold) is HoldState.POSTED


def test_a_clock_that_jumps_starts_nothing_until_it_is_put_right() -> None:
    world = mesh("ann", "bob")
    hold = book(world, "ann", 0.6, SOON, "bob").body["id"]
    bob = world.hosts["bob"]
    bob.wall_ahead = 5 * HOUR
    world.look("bob")
    world.run(SECOND)
    assert state(world, "bob", hold) is HoldState.PLANNED
    assert book(world, "ann", 0.1, SOON, "bob").body["code"] == "refused"
    bob.wall_ahead = 0
    world.look("bob")
    world.run(SOON)
    assert state(world, "bob", hold) is HoldState.POSTED
    codes = [event.kind for event in bob.events]
    assert "alarm.calendar-suspended" in codes
    assert "alarm.calendar-resumed" in codes


def test_what_cannot_start_later_is_said_before_anybody_is_asked() -> None:
    world = mesh("ann")
    ask = {"ram": "1GiB"}
    for wish in (
        requests.Reserve(ask, TERM_MS, start_at_ms=1, pid=1, pid_started=1),
        requests.Reserve(ask, TERM_MS, start_at_ms=-5),
        requests.Reserve(ask, TERM_MS, start_at_ms=2**70),
    ):
        assert world.answer("ann", wish).body["code"] == "bad_request"
    late = world.answer("ann", requests.Reserve(ask, TERM_MS, start_at_ms=1))
    assert "by the clock here" in late.body["sentence"]


def test_what_starts_later_is_kept_up_by_nobody() -> None:
    world = mesh("ann", "bob")
    refused = book(world, "ann", 0.2, SOON, carried=True)
    assert refused.body["code"] == "bad_request"
    assert "leave out --pid and --carried" in refused.body["hint"]
