"""Words and flags become a request; a picture becomes an outlook."""

from typing import Any

import pytest

from mesh.identity import NodeId, id_text
from mesh.instant import HOUR, SECOND, seconds
from node.core import choosing
from node.core.outlook import Outlook
from node.core.picture.knowledge import Knowledge
from node.core.requests import Refused, Reserve
from placement.request import Kind
from simulations.invented.hardware import GIB
from simulations.invented.world import World

US = NodeId(b"u" * 16)


def mesh() -> World:
    world = World(1)
    for name in ("ann", "bob"):
        world.add(name, ram=8 * GIB)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def outlook(world: World, **ask: Any) -> Outlook:
    ann = world.hosts["ann"]
    knowledge = ann.alive.knowledge
    knowledge.now = world.now + ann.clock_offset
    request = choosing.reserve_request(knowledge, Reserve(ask, 3_600_000))
    return choosing.outlook(knowledge, request, knowledge.prepared())


def test_flags_stand_beside_words_and_are_not_overruled() -> None:
    ask = {"words": "run ollama inference on a 7b model", "node": "bob", "memory": "2GiB"}
    request = choosing.request_of(ask, US)
    assert request.node == "bob"
    assert request.memory_bytes == 2 * GIB
    assert "ollama" in request.tools


@pytest.mark.parametrize(
    "ask", [{"ram": "4G"}, {"nonsense": 1}, {"ram": []}, {"words": "x" * 99_999}]
)
def test_what_cannot_be_read_is_refused_with_what_to_write(ask: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        choosing.request_of(ask, US)
    assert refused.value.code == "bad_request"


def knowledge_of(world: World) -> Knowledge:
    return world.hosts["ann"].alive.knowledge


def test_work_tied_by_pid_runs_here_and_nowhere_else() -> None:
    ann = knowledge_of(mesh())
    tied = Reserve({"ram": "1GiB"}, 3_600_000, pid=42, pid_started=7)
    request = choosing.reserve_request(ann, tied)
    assert request.node == id_text(ann.us)
    assert request.kind is Kind.CARRIED
    booked = choosing.reserve_request(ann, Reserve({"ram": "1GiB"}, 3_600_000))
    assert (booked.node, booked.kind, booked.duration) == (None, Kind.BOOKING, HOUR)


def test_a_pid_here_cannot_hold_there() -> None:
    ask = Reserve({"ram": "1GiB", "node": "bob"}, 3_600_000, pid=42, pid_started=7)
    with pytest.raises(Refused, match="only hold here"):
        choosing.reserve_request(knowledge_of(mesh()), ask)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"term_ms": 0}, "--for 2h"),
        ({"term_ms": 1, "pid": 42}, "start time"),
        ({"term_ms": 400 * 86_400_000}, "30 days"),
        ({"term_ms": 1, "label": "x" * 500}, "500 characters"),
    ],
)
def test_what_no_owner_would_take_is_refused_before_anyone_is_asked(
    broken: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        choosing.reserve_request(knowledge_of(mesh()), Reserve({"ram": "1GiB"}, **broken))


@pytest.mark.parametrize("words", ["bake me a cake", "load 500GiB into memory", "llama"])
def test_words_that_say_nothing_are_no_question(words: str) -> None:
    with pytest.raises(Refused, match="says what it needs"):
        choosing.request_of({"words": words}, US)
    assert choosing.request_of({"words": words, "ram": "1GiB"}, US).ram_bytes == GIB


def test_a_name_that_two_nodes_share_is_asked_about_not_guessed() -> None:
    ann = knowledge_of(mesh())
    request = choosing.request_of({"ram": "1GiB", "node": "nobody"}, US)
    with pytest.raises(Refused, match="no node is called 'nobody'"):
        choosing.pinned(ann, request)
    ann.our_name = "bob"
    with pytest.raises(Refused, match="could mean"):
        choosing.pinned(ann, request.but(node="bob"))


def test_the_owners_that_fit_are_asked_in_order_of_preference() -> None:
    names = [choice.name for choice in outlook(mesh(), ram="1GiB").choices]
    assert sorted(names) == ["ann", "bob"]


def test_where_nothing_fits_the_reason_and_the_nearest_change_are_named() -> None:
    seen = outlook(mesh(), ram="900GiB")
    assert seen.choices == ()
    assert "none of 2 nodes fits" in seen.why_not
    assert seen.hint.startswith("would fit")


def test_what_takes_no_room_cannot_be_held() -> None:
    seen = outlook(mesh(), os="linux")
    assert seen.choices == ()
    assert "nothing was asked for that can be held" in seen.why_not


def test_an_owner_in_quarantine_is_waited_for_with_its_seconds() -> None:
    world = mesh()
    world.crash("bob", power=True)
    world.start("bob")
    world.run(2 * SECOND)
    seen = outlook(world, ram="1GiB", node="bob")
    assert seen.choices == ()
    assert seen.soon == "bob is in quarantine"
    assert seen.opens_in is not None
    assert 0 < seen.opens_in < seconds(60)


def test_who_waits_for_a_quarantine_sees_its_seconds_run_down() -> None:
    world = mesh()
    world.crash("bob", power=True)
    world.start("bob")
    world.run(2 * SECOND)
    reply = world.answer("ann", Reserve({"ram": "1GiB", "node": "bob"}, 3_600_000), seconds(60))
    assert reply.ok
    lines = [line.body for line in world.hosts["ann"].progress]
    left = [line["remaining_ms"] for line in lines if line.get("remaining_ms") is not None]
    assert len(left) > 5
    assert left == sorted(left, reverse=True)
    assert left[-1] < 2_000 < left[0]
