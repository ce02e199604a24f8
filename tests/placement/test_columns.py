"""The picture on its side: orders and masks agree with plain lists, and redrawing with drawing."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from placement.decide import decide
from placement.decision import decision_bytes
from placement.judging.columns import (
    BLOCK_ENTRIES_MAX,
    COLUMNS_MAX,
    Entry,
    Order,
    mask_of,
    places_of,
    prepare,
    redraw,
)
from placement.judging.needs import RAM, Source
from placement.request import GpuSelector, Objective, Request
from placement.view import ClusterView
from tests.placement.pictures import (
    GIB,
    A,
    B,
    C,
    gpu_node,
    mac,
    node,
    nodes,
    ram,
    requests,
    steady,
    views,
)

entries = st.lists(
    st.tuples(st.integers(-9, 9), st.integers(0, 400)).map(lambda fields: Entry(*fields)),
    unique=True,
    max_size=300,
)


def flat(order):
    return [entry for block in order.blocks for entry in block.entries]


def check_order(order, expected):
    assert flat(order) == sorted(expected)
    for block in order.blocks:
        assert 0 < len(block.entries) <= BLOCK_ENTRIES_MAX
        assert block.mask == mask_of((entry.node for entry in block.entries), 401)


@given(entries, st.integers(-10, 10), st.sets(st.integers(0, 400)))
@steady()
def test_an_order_answers_like_a_sorted_list(present, value, among):
    order = Order.of(present)
    check_order(order, present)
    low = [entry for entry in sorted(present) if entry.value <= value]
    assert order.up_to(value) == mask_of((entry.node for entry in low), 401)
    mask = mask_of(sorted(among), 401)
    expected = [entry for entry in sorted(present) if entry.node in among]
    assert list(order.walk(mask)) == expected
    assert list(order.walk(mask, value)) == [entry for entry in expected if entry.value >= value]


@given(entries, entries)
@steady()
def test_an_order_can_be_changed_entry_by_entry(before, after):
    order = Order.of(before)
    changed = order.without(before[:10]).with_(entry for entry in after if entry not in before[10:])
    check_order(changed, {*before[10:], *after})
    check_order(order, before)


@given(st.sets(st.integers(0, 500)))
@steady()
def test_masks_and_places_are_inverses(places):
    assert places_of(mask_of(sorted(places), 501)) == sorted(places)


@given(views(least=1, most=12), requests(), st.data())
@steady(150)
def test_redrawing_after_a_change_is_drawing_anew(view, request, data):
    prepared = prepare(view)
    decide(request, prepared)
    at = data.draw(st.integers(0, len(view.nodes) - 1))
    changed = replace(data.draw(nodes(view.nodes[at].id)), name=view.nodes[at].name)
    machines = [*view.nodes]
    machines[at] = changed
    # Enough untouched nodes besides, or everything would be drawn anew.
    others = [node(f"z{place:025d}") for place in range(12)]
    after = ClusterView.of(*machines, *others)
    before = prepare(ClusterView.of(*view.nodes, *others))
    decide(request, before)
    redrawn = redraw(before, after)
    assert {word: mask for word, mask in redrawn.words.items() if mask} == prepare(after).words
    assert redrawn.columns, "what was worked out is kept"
    assert decision_bytes(decide(request, redrawn)) == decision_bytes(decide(request, after))
    assert decision_bytes(decide(request, before)) == decision_bytes(
        decide(request, before.view)
    ), "the old picture still answers as before"


def redrawn_and_anew(request, before, after):
    """The order of nodes by a redrawn picture and by a new one, of one changed among twenty."""
    others = [node(f"z{place:025d}", ram(9 * GIB)) for place in range(20)]
    prepared = prepare(ClusterView.of(before, *others))
    decide(request, prepared)
    view = ClusterView.of(after, *others)
    return decide(request, redraw(prepared, view)), decide(request, view)


def test_redrawing_moves_a_node_in_the_order_of_packing_too():
    request = Request(ram_bytes=GIB, objective=Objective.PACK)
    redrawn, anew = redrawn_and_anew(request, node(A, ram(20 * GIB)), node(A, ram(2 * GIB)))
    assert redrawn == anew
    assert redrawn.chosen.node == A


def test_redrawing_notices_that_memory_became_shared():
    request = Request(ram_bytes=6 * GIB, gpus=(GpuSelector(6 * GIB),))
    redrawn, anew = redrawn_and_anew(request, gpu_node(A, 8 * GIB), mac(A, 8 * GIB, name="node-a"))
    assert redrawn == anew
    assert redrawn.chosen is None


def test_packing_prefers_the_calmer_of_equals_too():
    request = Request(ram_bytes=GIB, objective=Objective.PACK)
    view = ClusterView.of(node(A, pressure=2.0), node(B, pressure=1.0))
    assert decide(request, view).chosen.node == B


def test_a_new_node_a_lost_node_and_a_new_name_are_drawn_anew():
    before = prepare(ClusterView.of(node(A), node(B)))
    for after in (
        ClusterView.of(node(A), node(B), node(C)),
        ClusterView.of(node(A)),
        ClusterView.of(node(A), node(C)),
        ClusterView.of(node(A), node(B, name="renamed")),
    ):
        assert redraw(before, after) == prepare(after)


def test_only_so_many_sources_are_remembered():
    prepared = prepare(ClusterView.of(node(A, ram(GIB))))
    for place in range(COLUMNS_MAX + 10):
        prepared.column(Source("card", model=f"m{place}"))
    assert len(prepared.columns) == COLUMNS_MAX
    assert decide(Request(ram_bytes=GIB), prepared).fitting == 1
    assert RAM in prepared.columns
