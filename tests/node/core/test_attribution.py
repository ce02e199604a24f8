"""What is really used, held against what is promised: alarms, idle holds, and who is foreign."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.instant import HOUR, MINUTE, SECOND
from node.core import requests
from node.core.picture.dangers import MARGIN_BYTES, dangers
from node.core.picture.idling import IDLE_AFTER, Idling
from node.core.picture.topics import ForeignFact, Live, PoolLive
from simulations.invented.hardware import GIB
from simulations.invented.world import World
from tests.node.core.test_reservations import mesh, reserve
from tests.node.core.test_ties import PID, adopt

RAM = 8 * GIB


@pytest.fixture
def world() -> World:
    world = mesh("ann", "bob")
    for host in world.hosts.values():
        assert host.ram >= RAM
        host.ram_foreign = host.ram - RAM
        world.look(host.name)
    world.run(SECOND)
    return world


def booked(world: World, asker: str, owner: str, ram: str) -> str:
    reply = world.answer(asker, reserve(ram, ask={"node": owner}))
    assert reply.ok, reply.body
    world.run(SECOND)
    return str(reply.body["id"])


def told(world: World, node: str, kind: str) -> list[str]:
    return [event.sentence for event in world.hosts[node].events if event.kind == kind]


def row(world: World, node: str, hold: str) -> dict[str, Any]:
    rows = world.answer(node, requests.Holds()).body["holds"]
    return next(one for one in rows if one["id"] == hold)


def grow(world: World, node: str, amount: int) -> None:
    world.hosts[node].ram_foreign += amount
    world.look(node)
    world.run(SECOND)


def test_foreign_growth_into_a_promise_alarms_the_owner_and_the_holder_elsewhere(
    world: World,
) -> None:
    hold = booked(world, "bob", "ann", "6GiB")
    grow(world, "ann", GIB)
    assert told(world, "ann", "alarm.squeezed") == told(world, "bob", "alarm.squeezed") == []
    grow(world, "ann", 3 * GIB)
    for node in ("ann", "bob"):
        (sentence,) = told(world, node, "alarm.squeezed")
        assert "ram 6 GiB (bob) on ann: ram has 4 GiB free, and 6 GiB" in sentence
        (alarm,) = row(world, node, hold)["alarms"]
        assert (alarm["sort"], alarm["amount"]) == ("squeezed", 2 * GIB)
    grow(world, "ann", -4 * GIB)
    for node in ("ann", "bob"):
        assert len(told(world, node, "hold.safe")) == 1
        assert row(world, node, hold)["alarms"] == []


def test_work_that_uses_more_than_it_holds_is_named_and_so_is_whom_it_endangers(
    world: World,
) -> None:
    greedy = booked(world, "bob", "ann", "1GiB")
    booked(world, "bob", "ann", "5GiB")
    started = world.run_work("ann", PID, 6 * GIB)
    assert adopt(world, "ann", greedy, PID, started).ok
    world.run(SECOND)
    for node in ("ann", "bob"):
        (over,) = told(world, node, "alarm.overshoot")
        assert "uses 5 GiB more of ram than it holds" in over
        (short,) = told(world, node, "alarm.squeezed")
        assert "ram 5 GiB (bob) on ann" in short
        assert f"used by hold {greedy[:10]} (+5 GiB)" in short


def test_nobody_else_is_alarmed_for_a_hold_and_a_trembling_figure_alarms_nobody(
    world: World,
) -> None:
    booked(world, "ann", "ann", "6GiB")
    grow(world, "ann", 2 * GIB + MARGIN_BYTES)
    assert told(world, "ann", "alarm.squeezed") == []
    grow(world, "ann", GIB)
    assert len(told(world, "ann", "alarm.squeezed")) == 1
    assert told(world, "bob", "alarm.squeezed") == []


def test_disks_and_cores_are_no_reason_for_an_alarm(world: World) -> None:
    books = world.hosts["ann"].alive.ledger.books
    reply = world.answer("ann", reserve("1GiB", ask={"node": "ann", "cpu": "2 cores"}))
    assert reply.ok
    full = PoolLive(0, {}, None, "test")
    assert [*dangers(books, Live({"cpu": full, "disk:/": full}, {}))] == []
    users = (ForeignFact("root", 7, "llama", GIB, 0), ForeignFact("ann", 8, "vi", 1, 0))
    (danger,) = dangers(books, Live({"ram": full}, {}, users))
    assert "used by llama of root, process 7 (1 GiB)" in danger.sentence


def test_a_hold_that_nobody_uses_is_reported_to_owner_and_holder_and_to_any_peer() -> None:
    world = mesh("ann", "bob")
    hold = str(world.answer("bob", reserve(ask={"node": "ann"}, term_ms=3 * 3_600_000)).body["id"])
    for _ in range(8):
        world.run(5 * MINUTE)
        world.look("ann")
    world.run(SECOND)
    for node in ("ann", "bob"):
        (sentence,) = told(world, node, "hold.idle")
        assert "ram 1 GiB (bob) on ann: held 3" in sentence
        assert sentence.endswith("min, 0 % used")
        idle = row(world, node, hold)["idle"]
        assert idle["idle_ms"] >= IDLE_AFTER // 1_000_000
        assert idle["percent"] == 0


def test_use_ends_idleness_and_idleness_is_told_each_time_it_has_doubled() -> None:
    world = mesh("ann")
    booked(world, "ann", "ann", "1GiB")
    holds = world.hosts["ann"].alive.ledger.books.live_holds()
    key, idling = holds[0].id, Idling()

    def look(at: int, used: int = 0) -> list[bytes]:
        live = Live({"ram": PoolLive(0, {key.hex(): used} if used else {}, None, "test")}, {})
        return idling.look(holds, live, at)

    news = [at for at in range(0, 10 * HOUR, 5 * MINUTE) if look(at)]
    assert news == [30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR]
    assert look(10 * HOUR, used=GIB // 2) == []
    assert idling.fact_of(key, None, 10 * HOUR) is None
    stated = idling.statement(lambda _: None, 10 * HOUR)
    assert stated is None  # nothing was stated, so there is nothing to take back
    assert look(10 * HOUR + IDLE_AFTER) == [key]
    stated = idling.statement(lambda _: 99 * HOUR, 10 * HOUR + IDLE_AFTER)
    assert stated is not None
    (fact,) = stated.idle.values()
    assert (fact.held_ms, fact.idle_ms, fact.percent) == (99 * 3_600_000, 1_800_000, 50)
    assert idling.statement(lambda _: None, 10 * HOUR + IDLE_AFTER + SECOND) is None
    look(11 * HOUR, used=GIB)
    taken_back = idling.statement(lambda _: None, 11 * HOUR)
    assert taken_back is not None
    assert taken_back.idle == {}


amounts = st.integers(-(2**63), 2**64 - 1)
pools = st.builds(
    PoolLive, st.none() | amounts, st.dictionaries(st.text(max_size=34), amounts, max_size=2),
    st.none() | amounts, st.just(""),
)  # fmt: skip
users = st.builds(ForeignFact, st.text(), amounts, st.text(), amounts, amounts)
STOOD = mesh("ann", "bob")
HELD = booked(STOOD, "bob", "ann", "1GiB")


@settings(max_examples=60)
@given(pools, amounts, st.lists(users, max_size=3))
def test_whatever_an_owner_publishes_its_holders_only_find_a_sentence(
    figures: PoolLive, use: int, foreign: list[ForeignFact]
) -> None:
    figures.used[HELD] = use
    live = Live({"ram": figures, "disk:/": figures}, {}, tuple(foreign))
    for danger in dangers(STOOD.hosts["ann"].alive.ledger.books, live):
        assert danger.amount > 0
        assert len(danger.sentence) < 600
