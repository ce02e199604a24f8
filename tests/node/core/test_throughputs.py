"""What links carry: told by whoever timed it, believed to be no more than a lower bound."""

import msgspec
import pytest

from mesh.effects import FactLearned
from mesh.identity import NodeId, id_text
from mesh.instant import HOUR, MILLISECOND, SECOND
from node.core import requests
from node.core.picture.throughputs import (
    TIMED_BYTES_MIN,
    TOPIC_THROUGHPUT,
    StreamTimed,
    Throughput,
    Throughputs,
    Timings,
    decode,
    encode,
)
from simulations.invented.world import World

BOB = NodeId(bytes(16))
MB = 1_000_000


def met() -> World:
    world = World(1)
    for name in ("ann", "bob"):
        world.add(name)
        world.start(name, first=True)
    world.run(4 * SECOND)
    return world


def moved(took_ms: int, received: int = MB, sent: int = 0) -> StreamTimed:
    return StreamTimed(BOB, received, sent, took_ms * MILLISECOND)


def test_the_largest_of_late_is_the_figure_and_an_old_one_ends() -> None:
    timings = Timings()
    for took in (40, 10, 20):
        timings.timed(moved(took), 0)
    link = timings.of(BOB, SECOND)
    assert link is not None
    assert (link.received, link.sent, link.age_ms) == (100 * MB, None, 1000)
    timings.timed(moved(50, 0, MB), 23 * HOUR)
    link = timings.of(BOB, 24 * HOUR)
    assert link is not None
    assert (link.received, link.sent) == (None, 20 * MB)
    assert timings.of(BOB, 48 * HOUR) is None


def test_what_is_too_small_to_time_is_no_figure() -> None:
    timings = Timings()
    timings.timed(moved(1, TIMED_BYTES_MIN - 1, TIMED_BYTES_MIN - 1), 0)
    timings.timed(moved(0), 0)
    assert timings.of(BOB, 0) is None
    assert timings.news(0) is None


def test_a_link_is_told_of_again_when_a_quarter_has_changed_and_not_at_every_transfer() -> None:
    timings = Timings()
    timings.timed(moved(10), 0)
    told = timings.news(0)
    assert told is not None
    assert decode(told).links[0].received == 100 * MB
    timings.timed(moved(9), 0)
    assert timings.news(20 * SECOND) is None
    timings.timed(moved(7), 21 * SECOND)
    assert timings.news(21 * SECOND) is not None
    timings.timed(moved(1), 22 * SECOND)
    assert timings.news(22 * SECOND) is None, "a busy minute is one word"
    assert timings.news(40 * SECOND) is not None


def test_what_one_node_has_timed_is_known_to_the_other_and_names_the_peer() -> None:
    world = met()
    ann, bob = (world.hosts[name].id for name in ("ann", "bob"))
    world.report("ann", StreamTimed(bob, MB, MB // 2, 100 * MILLISECOND))
    world.look("ann")
    world.run(5 * SECOND)
    body = world.answer("bob", requests.Facts("ann")).body["nodes"][0]
    (link,) = body["throughput"]["links"]
    assert (link["peer"], link["received"], link["sent"]) == (id_text(bob), 10 * MB, 5 * MB)
    assert body["throughput"]["source"] == "transfers over streams, timed"
    row = next(one for one in world.hosts["bob"].alive.knowledge.view().nodes if one.name == "ann")
    assert [(one.peer, one.received) for one in row.links] == [(id_text(bob), 10 * MB)]
    assert id_text(ann) == row.id


def test_a_measurement_asks_each_peer_and_ends_with_a_row_for_each() -> None:
    world = met()
    body = world.answer("ann", requests.Measure()).body
    # Virtual wires carry any size in one turn, and nothing there times a stream.
    assert [(row["name"], row["answered"]) for row in body["links"]] == [("bob", True)]
    world.crash("bob")
    world.run(SECOND)
    body = world.answer("ann", requests.Measure("bob")).body
    assert [row["answered"] for row in body["links"]] == [False]
    no = world.answer("ann", requests.Measure("nobody")).body
    assert no["code"] == "not_found"


def test_a_fact_that_cannot_be_true_is_no_link() -> None:
    world = met()
    told = world.hosts["ann"].alive.mesh
    peer = world.hosts["bob"].alive
    for lie in (Throughput(id_text(BOB), -1, None), Throughput(id_text(BOB), 10**18, None)):
        effects = told.publish(TOPIC_THROUGHPUT, encode(Throughputs((lie,))), 0)
        (learned,) = (one.fact for one in effects if isinstance(one, FactLearned))
        with pytest.raises(msgspec.MsgspecError):
            decode(learned.body)
    world.run(5 * SECOND)
    assert all(row.links == () for row in peer.knowledge.view().nodes)
