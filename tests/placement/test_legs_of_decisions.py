"""What would be held is what was asked for: neither more, nor less, nor a negative amount."""

from dataclasses import replace

from hypothesis import given

from placement.decide import decide, listed
from placement.explain import explain
from placement.judging.needs import needs_of
from placement.request import GpuSelector, Request
from placement.view import ClusterView, DeviceView, PoolView
from tests.placement.pictures import (
    GIB,
    A,
    B,
    C,
    cores,
    gpu_node,
    node,
    ram,
    requests,
    steady,
    views,
)


def apu(room, most):
    """One memory, of which the GPU may take a part."""
    memory = PoolView("ram", "unified", "bytes", 128 * GIB, room, "open", "unified memory")
    card = DeviceView("8060s", "amd", "Radeon 8060S", "ram", None, most)
    return node(A, memory, cores(32_000), devices=(card,))


def test_a_leg_is_the_amount_asked_for_also_where_a_card_sees_less_than_the_whole_pool():
    machine = ClusterView.of(apu(122 * GIB, 110 * GIB))
    for request in (
        Request(memory_bytes=7 * GIB),
        Request(gpus=(GpuSelector(7 * GIB),)),
        Request(gpus=(GpuSelector(5 * GIB),), ram_bytes=2 * GIB),
    ):
        (fit,) = listed(decide(request, machine))
        assert fit.legs == (("ram", 7 * GIB),)
        assert fit.pools[0].room - fit.pools[0].left == 7 * GIB


def _of(pools):
    return ClusterView.of(replace(gpu_node(A, GIB, GIB), pools=pools))


@given(views(least=1, most=4), requests())
@steady(80)
def test_the_legs_add_up_to_the_needs_whatever_is_asked_of_whatever_machine(view, request):
    wanted = sum(need.amount * need.source.at_once for need in needs_of(request))
    for fit in listed(decide(request, view)):
        assert all(leg.amount > 0 for leg in fit.legs)
        assert sum(leg.amount for leg in fit.legs) == wanted


def test_equal_cards_are_told_in_one_line():
    request = Request(gpus=(GpuSelector(20 * GIB, count=2),))
    told = explain(decide(request, ClusterView.of(gpu_node(A, 24 * GIB, 24 * GIB, total=24 * GIB))))
    assert sum("takes" in line for line in told) == 2, "these two have names of their own"
    pools = tuple(replace(pool, label="RTX 4090") for pool in gpu_node(A, GIB, GIB).pools)
    told = explain(decide(Request(gpus=(GpuSelector(GIB // 2, count=2),)), _of(pools)))
    assert [line for line in told if "takes" in line] == [
        "  takes 2 times 512 MiB of RTX 4090, leaving 512 MiB (fits)"
    ]


def test_many_who_lack_the_same_are_told_in_one_line_and_a_few_in_full():
    few = [node(name, ram(GIB)) for name in (A, B, C)]
    asked = Request(ram_bytes=8 * GIB)
    assert (
        sum("not enough room" in line for line in explain(decide(asked, ClusterView.of(*few)))) == 3
    )
    many = ClusterView.of(*(node(f"{n:026d}", ram(GIB), name=f"box{n}") for n in range(100)))
    (line,) = [line for line in explain(decide(asked, many)) if line.startswith("box")]
    assert line.startswith("box0, box1, box2 and 13 more: not enough room on ram (needs 8 GiB")


def test_a_machine_without_cards_is_no_change_that_an_asker_could_make():
    bare = ClusterView.of(node(A))
    assert decide(Request(gpus=(GpuSelector(GIB),)), bare).changes == ()
