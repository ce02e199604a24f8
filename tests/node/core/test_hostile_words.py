"""A member may sign and say anything; nobody falls over it."""

import msgpack
import pytest

from mesh.instant import SECOND
from node.core import requests
from node.core.picture.topics import TOPIC_INVENTORY, TOPIC_LIVE, TOPIC_STANDING
from simulations.invented.world import World

DEEP = b"\x91" * 60_000
WHERE = requests.Where({"memory": "1GiB"})
NESTED = b"\x81\xa1x" + DEEP + b"\xc0"
NOT_TEXT = msgpack.packb({"state": "x"}).replace(b"\xa1x", b"\xa1\xff")


@pytest.fixture(scope="module")
def world() -> World:
    world = World(1)
    for name in ("ann", "eve"):
        world.add(name)
        world.start(name, first=True)
    world.run(5 * SECOND)
    return world


@pytest.mark.parametrize("topic", [TOPIC_INVENTORY, TOPIC_LIVE, TOPIC_STANDING])
@pytest.mark.parametrize(
    "body", [NESTED, NOT_TEXT, DEEP, b""], ids=["nested", "text", "deep", "no"]
)
def test_a_fact_that_nobody_can_read_stops_nobody(world: World, topic: str, body: bytes) -> None:
    ann, eve = world.hosts["ann"], world.hosts["eve"]
    said = eve.alive.mesh.publish(topic, body, world.shell.local(eve))
    world.shell.take(eve, list(said))
    world.run(2 * SECOND)
    fact = ann.alive.mesh.board.fact(eve.identity.id, topic)
    assert fact is not None
    assert fact.body == body
    for request in (
        requests.Doctor(),
        requests.Status(),
        requests.Facts(),
        requests.Facts("eve"),
        WHERE,
    ):
        assert world.answer("ann", request).ok


@pytest.mark.parametrize("body", [b"[" * 90_000, b'{"type":"\xff"}', b"{}", b'{"type":"status"'])
def test_a_peers_question_that_nobody_can_read_is_refused_by_name(
    world: World, body: bytes
) -> None:
    ann = world.hosts["ann"].alive
    assert b"bad_request" in ann.query(body, world.now)
