"""A lease that is tied to a process, and lasts no longer than its holder said."""

from typing import Any

import pytest

from ledger.lifecycle import HoldState
from mesh.instant import MINUTE, SECOND, seconds
from node.core import requests
from node.core.effects import Reply
from node.core.reserving.carrying import Carrying
from simulations.invented.world import World
from tests.node.core.test_reservations import held, mesh, reserve

PID = 4711
LASTS_MS = 12 * 60_000


def leased(world: World, **more: Any) -> str:
    started = world.run_work("ann", PID)
    reply = world.answer("ann", reserve(pid=PID, pid_started=started, lasts_ms=LASTS_MS, **more))
    assert reply.ok
    return str(reply.body["id"])


def warned(world: World) -> list[str]:
    events = world.hosts["ann"].events
    return [event.sentence for event in events if event.kind == "alarm.lapses-soon"]


def test_it_is_renewed_up_to_its_end_and_warned_of_before() -> None:
    world = mesh("ann", "bob")
    hold = leased(world)
    world.run(10 * MINUTE)
    assert held(world.hosts["ann"], hold) is HoldState.POSTED
    assert warned(world) == []
    world.run(MINUTE)
    (sentence,) = warned(world)
    assert sentence.startswith("a lease ends in 1 min: what runs under it goes on")
    world.run(50 * SECOND)
    assert held(world.hosts["ann"], hold) is HoldState.POSTED
    world.run(15 * SECOND)
    assert held(world.hosts["ann"], hold) is HoldState.RELEASED
    assert PID in world.hosts["ann"].work, "nothing is ended that we did not start"
    assert world.answer("bob", reserve("7GiB", ask={"node": "ann"})).ok
    assert len(warned(world)) == 1


def test_it_ends_with_its_process_before_that() -> None:
    world = mesh("ann", "bob")
    hold = leased(world)
    world.run(MINUTE)
    world.end_work("ann", PID)
    world.run(5 * SECOND)
    assert held(world.hosts["ann"], hold) is HoldState.RELEASED


def test_a_restart_gives_it_no_time_back() -> None:
    world = mesh("ann", "bob")
    hold = leased(world)
    world.run(6 * MINUTE)
    world.crash("ann")
    world.run(SECOND)
    world.start("ann")
    world.run(5 * MINUTE)
    assert held(world.hosts["ann"], hold) is HoldState.POSTED
    world.run(3 * MINUTE)
    assert held(world.hosts["ann"], hold) is HoldState.RELEASED


def test_a_carrier_that_forgets_what_is_left_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Carrying, "note", lambda _self, _now: [])
    with pytest.raises(AssertionError):
        test_a_restart_gives_it_no_time_back()


@pytest.mark.parametrize("lasts_ms", [-1, 2**70, LASTS_MS])
def test_only_a_lease_of_a_process_has_a_latest_end_and_one_that_can_be_reached(
    lasts_ms: int,
) -> None:
    world = mesh("ann")
    tied = {} if lasts_ms == LASTS_MS else {"pid": PID, "pid_started": world.run_work("ann", PID)}
    reply: Reply = world.answer("ann", reserve(lasts_ms=lasts_ms, **tied))
    assert reply.body["code"] == "bad_request"
    assert world.answer("ann", requests.Holds()).body["holds"] == []
    world.run(seconds(1))
