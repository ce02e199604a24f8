"""Two nodes that say they own one thing: neither grants on it, and both say so."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.accounts import PoolState
from mesh.identity import NodeId
from mesh.instant import SECOND, seconds
from node.core import requests
from node.core.picture.topics import Inventory, Metric
from node.core.usage.rivals import Claim, claim_of, contested
from simulations.invented.hardware import GIB, Card, inventory
from simulations.invented.world import World
from tests.node.core.test_reservations import mesh, reserve

CARD = "gpu:GPU-1"
A, B, C = (NodeId(bytes([one]) * 16) for one in (1, 2, 3))


def state(world: World, node: str, pool: str) -> PoolState | None:
    return world.hosts[node].alive.ledger.books.pools.get(pool)


def told(world: World, node: str, kind: str) -> list[str]:
    return [event.sentence for event in world.hosts[node].events if event.kind == kind]


def plugged(world: World, *nodes: str) -> None:
    for node in nodes:
        world.hosts[node].cards = [Card("GPU-1", 24 * GIB)]
        world.look(node)
    world.run(2 * SECOND)


def card_wanted(world: World, node: str, asker: str = "cyd") -> Any:
    ask = {"gpus": ["nvidia:8GiB"], "node": node}
    return world.answer(asker, requests.Reserve(ask=ask, term_ms=3_600_000))


def test_a_card_that_two_nodes_advertise_is_granted_by_neither_and_both_say_so() -> None:
    world = mesh("ann", "bob", "cyd")
    plugged(world, "ann")
    kept = card_wanted(world, "ann")
    assert kept.ok
    plugged(world, "bob")
    for node, other in (("ann", "bob"), ("bob", "ann")):
        assert state(world, node, CARD) is PoolState.IMPAIRED
        assert state(world, node, "ram") is PoolState.OPEN
        assert not card_wanted(world, node).ok
        (sentence,) = told(world, node, "alarm.contested")
        assert f"{other} says the same {CARD} is theirs" in sentence
        assert sentence in world.answer(node, requests.Status()).body["warnings"]
    books = world.hosts["ann"].alive.ledger.books
    assert bytes.fromhex(kept.body["id"]) in books.live  # what was granted stays granted
    world.hosts["bob"].cards = []
    world.look("bob")
    world.run(2 * SECOND)
    assert state(world, "ann", CARD) is PoolState.OPEN
    assert told(world, "ann", "pool.settled")
    assert card_wanted(world, "ann").ok


def test_where_a_probe_hangs_the_word_of_another_counts_all_the_same() -> None:
    world = mesh("ann", "bob", "cyd")
    plugged(world, "ann")
    world.hosts["ann"].hang_probes(True)
    plugged(world, "bob")
    assert state(world, "ann", CARD) is PoolState.IMPAIRED
    assert not card_wanted(world, "ann").ok
    world.hosts["bob"].cards = []
    world.look("bob")
    world.run(2 * SECOND)
    assert state(world, "ann", CARD) is PoolState.OPEN


def test_a_dead_rival_counts_for_as_long_as_its_log_shows_holds() -> None:
    world = mesh("ann", "bob", "cyd")
    plugged(world, "bob")
    assert card_wanted(world, "bob").ok
    world.crash("bob")
    world.run(seconds(60))
    plugged(world, "ann")
    assert state(world, "ann", CARD) is PoolState.IMPAIRED
    world.answer("cyd", requests.Revoke("bob", "scrapped"))
    world.run(5 * SECOND)
    assert state(world, "ann", CARD) is PoolState.OPEN


def test_two_that_speak_for_one_whole_machine_grant_nothing() -> None:
    world = mesh("ann", "bob", "cyd")
    for node in ("ann", "bob"):
        world.hosts[node].kernel = "one kernel"
        world.report(node, world.hosts[node].inventory())
    world.run(2 * SECOND)
    for node in ("ann", "bob"):
        assert state(world, node, "ram") is state(world, node, "cpu") is PoolState.IMPAIRED
        assert not world.answer("cyd", reserve(ask={"node": node})).ok
        assert "`up --offer`" in told(world, node, "alarm.contested")[0]
    assert world.answer("cyd", reserve(ask={"node": "cyd"})).ok


def share(ram: int, cpu: int, boot: str | None = "b", cards: tuple[str, ...] = ()) -> Claim:
    pools = {"ram": ram, "cpu": cpu, **dict.fromkeys(cards, 1)}
    return Claim(boot, True, pools, {"ram": 64, "cpu": 8})


def test_shares_of_one_machine_may_stand_side_by_side_until_they_overlap() -> None:
    assert contested(share(32, 4), {B: share(32, 4)}) == {}
    assert contested(share(32, 4), {B: share(32, 5)}) == {"cpu": (B,)}
    assert contested(share(32, 1), {B: share(16, 1), C: share(17, 1)}) == {"ram": (B, C)}
    assert contested(share(32, 1), {B: share(33, 1, boot="other")}) == {}
    assert contested(share(32, 1), {B: share(33, 1, boot=None)}) == {}
    assert contested(share(1, 1, cards=(CARD,)), {B: share(1, 1, cards=(CARD,))}) == {CARD: (B,)}


def test_of_slots_of_one_name_on_one_machine_neither_is_granted() -> None:
    ours, same = (share(1, 1, cards=("slots:whisper",)) for _ in range(2))
    assert contested(ours, {B: same}) == {"slots:whisper": (B,)}
    elsewhere = share(1, 1, boot="other", cards=("slots:whisper",))
    assert contested(ours, {B: elsewhere}) == {}, "every machine has its own"
    assert contested(ours, {B: share(1, 1, cards=("slots:ffmpeg",))}) == {}


def test_the_limit_of_a_container_is_no_machine() -> None:
    told = inventory("ann", 64, 8).inventory
    assert isinstance(told, Inventory)
    assert claim_of(told).machine == {"ram": 64, "cpu": 8000}
    limited = Metric(64, "bytes", "/sys/fs/cgroup/memory.max")
    assert claim_of(replace(told, memory_total=limited)).machine == {"cpu": 8000}


claims = st.builds(
    Claim,
    st.sampled_from([None, "b", "c"]),
    st.booleans(),
    st.dictionaries(st.sampled_from(["ram", "cpu", CARD, "disk:/", "slots:x"]), st.integers(0, 99)),
    st.dictionaries(st.sampled_from(["ram", "cpu"]), st.integers(1, 99)),
)


@settings(max_examples=60)
@given(claims, claims)
def test_of_two_rivals_each_sees_the_other(one: Claim, two: Claim) -> None:
    here, there = contested(one, {B: two}), contested(two, {A: one})
    assert here.keys() == there.keys()
