"""Several nodes at once: which, in what order, and what is missing where there are too few."""

import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.decide import decide, listed
from placement.explain_gang import explain_offer
from placement.gangs import PARTS_MAX, Wish, decide_gang, offer, offer_bytes
from placement.judging.columns import prepare
from placement.reasons import Verdict
from placement.request import GpuSelector, Request, RequestError
from placement.view import ClusterView, DeviceView, NodeView, PoolView

GIB = 1 << 30


def node(name: str, ram: int, card: int | None = None) -> NodeView:
    pools = [PoolView("ram", "ram", "bytes", ram * GIB, ram * GIB, "open", "ram")]
    devices = []
    if card is not None:
        uuid = f"GPU-{name}"
        pools.append(PoolView(f"gpu:{uuid}", "vram", "bytes", card * GIB, card * GIB, "open", uuid))
        devices.append(DeviceView(uuid, "nvidia", "RTX", f"gpu:{uuid}"))
    return NodeView(
        name, name, "alive", "open", "linux", "x86_64", tuple(pools), tuple(devices), labels={}
    )


def cards(*gib: int) -> Request:
    return Request(gpus=tuple(GpuSelector(memory_min=one * GIB) for one in gib))


HOME = ClusterView.of(
    node("big", 64, 24), node("mid", 32, 16), node("old", 16, 8), node("cpu", 128), node("nuc", 8)
)


def names(*parts: Request) -> list[str]:
    return [fit.name for fit in decide_gang(parts, prepare(HOME)).members]


def test_a_gang_takes_the_nodes_that_one_request_would_be_given_in_that_order() -> None:
    one = Request(ram_bytes=10 * GIB)
    first = [fit.name for fit in listed(decide(one, HOME))]
    assert names(one, one, one) == first[:3] == ["cpu", "big", "mid"]


def test_too_few_nodes_are_no_gang_and_the_count_is_said() -> None:
    decision = decide_gang((Request(ram_bytes=20 * GIB),) * 4, prepare(HOME))
    assert decision.members == ()
    assert decision.verdict is Verdict.NO
    assert decision.why_not == "3 nodes fit now; 4 are needed at once"


def test_the_largest_part_chooses_first_whatever_the_order_of_the_parts() -> None:
    assert names(cards(7), cards(15), cards(20)) == ["old", "mid", "big"]
    assert names(cards(20), cards(7), cards(15)) == ["big", "old", "mid"]
    assert names(cards(20), cards(20)) == []


def test_no_node_has_two_parts() -> None:
    assert sorted(names(*[Request(ram_bytes=GIB)] * 5)) == ["big", "cpu", "mid", "nuc", "old"]
    assert names(*[Request(ram_bytes=GIB)] * 6) == []


@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_it_fits_exactly_when_some_assignment_of_parts_does(sizes: list[int], dice: Random) -> None:
    rooms = [dice.randrange(1, 30) for _ in range(5)]
    view = ClusterView.of(*[node(f"n{at}", room) for at, room in enumerate(rooms)])
    decision = decide_gang(tuple(Request(ram_bytes=one * GIB) for one in sizes), prepare(view))
    largest, roomiest = sorted(sizes, reverse=True), sorted(rooms, reverse=True)
    possible = all(part <= room for part, room in zip(largest, roomiest, strict=False))
    assert bool(decision.members) is possible
    for size, fit in zip(sizes, decision.members, strict=False):
        assert rooms[int(fit.name[1:])] >= size


def test_equal_pictures_give_equal_bytes_in_whatever_order_the_nodes_come() -> None:
    wishes = (Wish("by layers", (cards(20), cards(15)), ("blocks 0 to 3", "blocks 4 to 7")),)
    turned = ClusterView.of(*reversed(HOME.nodes))
    assert offer_bytes(offer(wishes, prepare(HOME))) == offer_bytes(offer(wishes, prepare(turned)))


def test_of_several_ways_the_first_that_fits_is_offered_and_the_rest_not_looked_at() -> None:
    ways = tuple(Wish(how, parts) for how, parts in (
        ("by layers", (cards(20), cards(20))),
        ("by tensors", (cards(15), cards(15))),
        ("by layers", (cards(8), cards(8), cards(8))),
    ))  # fmt: skip
    made = offer(ways, prepare(HOME))
    assert made.chosen == 1
    assert len(made.ways) == 2
    assert "on 2 nodes at once, by tensors: big, mid" in explain_offer(made)[0]
    none = offer(ways[:1], prepare(HOME))
    assert none.chosen is None
    assert explain_offer(none)[0] == "No: 1 node fits now; 2 are needed at once."


@pytest.mark.parametrize("count", [0, 1, PARTS_MAX + 1])
def test_one_node_or_too_many_are_no_gang(count: int) -> None:
    with pytest.raises(RequestError, match="no gang"):
        decide_gang((Request(ram_bytes=GIB),) * count, prepare(HOME))


def test_a_gang_of_eight_among_a_thousand_nodes_is_decided_in_milliseconds() -> None:
    dice = Random(1)
    view = ClusterView.of(*[node(f"n{at:04}", dice.randrange(8, 512)) for at in range(1000)])
    prepared = prepare(view)
    decide_gang((Request(ram_bytes=4 * GIB),) * 8, prepared)
    began = time.process_time()
    decide_gang((Request(ram_bytes=16 * GIB),) * 8, prepared)
    assert time.process_time() - began < 0.1
