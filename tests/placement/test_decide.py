"""The decision: pure, the same everywhere, and never a place without room."""

from dataclasses import replace
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement.decide import Policy, decide, listed
from placement.decision import decision_bytes, decode_decision, digest
from placement.judging.columns import prepare
from placement.judging.legs import choose
from placement.judging.needs import needs_of
from placement.judging.rules import misses
from placement.judging.ties import asked_key, standing_key
from placement.reasons import Reason, Verdict
from placement.request import GpuSelector, Objective, Request
from placement.view import ClusterView
from tests.placement.pictures import (
    GIB,
    A,
    B,
    C,
    card,
    cores,
    device,
    gpu_node,
    mac,
    node,
    nodes,
    ram,
    requests,
    steady,
    views,
    with_room,
)

FITNESS = [Verdict.NO, Verdict.UNKNOWN, Verdict.TIGHT, Verdict.FITS]


def rank_key(request, machine):
    """The order of preference, told over again from the legs alone."""
    needs = needs_of(request)
    placing = choose(request, machine, needs)
    pool = placing.deciding
    if pool is None:
        main = [one for one in machine.pools if one.kind in {"ram", "unified"}]
        admitting = [one for one in main if one.state in {"open", "unknown"}] or main
        known = [one for one in admitting if one.room is not None and one.state != "unknown"]
        pool = max(known, key=lambda one: one.room, default=None)
    away = request.objective is Objective.LOCAL and machine.id != request.asker
    names = {machine.id, machine.name}
    leaning = 0 if names & {*request.prefer} else 2 if names & {*request.avoid} else 1
    on_card = any(device.pool == pool.pool for device in machine.devices) if pool else False
    tier = bool(needs) and needs[0].source.kind == "memory" and not on_card
    among_equals = (*asked_key(request, machine), *standing_key(machine), machine.id)
    if pool is None:
        return (away, leaning, tier, True, 0, *among_equals)
    left = placing.left.get(pool.pool, pool.room)
    value = left if request.objective is Objective.PACK else -left
    return (away, leaning, tier, False, value, *among_equals)


@given(views(most=12), requests())
@steady(150)
def test_the_columns_say_what_a_look_at_every_node_says(view, request):
    decision = decide(request, view)
    found = {machine.id: misses(request, machine) for machine in view.nodes}
    fitting = [machine for machine in view.nodes if not found[machine.id]]
    expected = sorted(fitting, key=lambda machine: rank_key(request, machine))
    assert [fit.node for fit in listed(decision)] == [machine.id for machine in expected]
    assert decision.fitting == len(fitting)
    distance = [len(over.misses) for over in decision.passed_over]
    assert distance == sorted(distance), "the nearest misses come first"
    assert {over.node: over.misses for over in decision.passed_over} == {
        identity: missed for identity, missed in found.items() if missed
    }
    counts = {reason.value: 0 for reason in Reason}
    for missed in found.values():
        for reason in {miss.reason for miss in missed}:
            counts[reason.value] += 1
    assert dict(decision.counts) == {reason: count for reason, count in counts.items() if count}


@given(views(least=6, most=6), requests(), st.integers(0, 2**32))
@steady(10)
def test_a_thousand_nodes_are_judged_like_one(kinds, request, seed):
    dice = Random(seed)
    machines = [another(dice.choice(kinds.nodes), f"{place:04d}", dice) for place in range(1000)]
    view = ClusterView.of(*machines)
    everything = decide(request, view, Policy(list_all=True))
    fitting = [machine for machine in view.nodes if not misses(request, machine)]
    expected = sorted(fitting, key=lambda machine: rank_key(request, machine))
    assert [fit.node for fit in listed(everything)] == [machine.id for machine in expected]
    nearest = decide(request, view)
    assert nearest.counts == everything.counts
    assert listed(nearest) == listed(everything)[:16]
    assert nearest.passed_over == everything.passed_over[:16]
    assert not nearest.complete


def another(machine, identity, dice):
    """The machine again under another id, with other room in its first pool."""
    room = machine.pools[0].room
    moved = with_room(machine, 0, None if room is None else dice.randrange(16) * GIB)
    return replace(moved, id=identity)


@given(views(most=6), requests(), st.randoms(use_true_random=False))
@steady(60)
def test_the_order_in_which_nodes_are_heard_of_changes_no_byte(view, request, dice):
    shuffled = list(view.nodes)
    dice.shuffle(shuffled)
    again = decide(request, ClusterView.of(*shuffled))
    assert decision_bytes(again) == decision_bytes(decide(request, view))


@given(views(most=6), requests(), nodes("99"))
@steady(60)
def test_an_unfit_node_never_changes_the_choice(view, request, newcomer):
    if misses(request, newcomer):
        before = decide(request, view)
        after = decide(request, ClusterView.of(*view.nodes, newcomer))
        assert listed(after) == listed(before)


@given(views(least=1, most=1), requests(), st.data())
@steady(150)
def test_more_room_never_makes_a_fit_worse(view, request, data):
    machine = view.nodes[0]
    at = data.draw(st.integers(0, len(machine.pools) - 1))
    if machine.pools[at].room is None:
        return
    more = with_room(machine, at, machine.pools[at].room + data.draw(st.integers(1, 8 * GIB)))
    before, after = decide(request, view), decide(request, ClusterView.of(more))
    if before.chosen is not None:
        assert after.chosen is not None
        if len(needs_of(request)) == 1 and request.objective is Objective.HEADROOM:
            assert FITNESS.index(after.chosen.verdict) >= FITNESS.index(before.chosen.verdict)


@given(views(most=6), requests())
@steady(150)
def test_the_chosen_legs_really_fit(view, request):
    machines = {machine.id: machine for machine in view.nodes}
    for fit in listed(decide(request, view)):
        machine = machines[fit.node]
        pools = {pool.pool: pool for pool in machine.pools}
        assert len({leg.pool for leg in fit.legs}) == len(fit.legs)
        assert all(pools[leg.pool].state == "open" for leg in fit.legs)
        assert all(0 < leg.amount <= pools[leg.pool].room for leg in fit.legs)
        asked = sum(card.count * card.memory_min for card in request.gpus)
        asked += (request.ram_bytes or 0) + (request.memory_bytes or 0)
        asked += sum(need.amount for need in request.disks)
        in_bytes = [leg.amount for leg in fit.legs if pools[leg.pool].unit == "bytes"]
        assert sum(in_bytes) == asked


@given(views(most=6), requests())
@steady(60)
def test_a_decision_survives_its_own_bytes(view, request):
    decision = decide(request, view)
    assert decode_decision(decision_bytes(decision)) == decision
    assert len(digest(decision)) == 64


@given(views(most=6), requests())
@steady(60)
def test_a_prepared_picture_gives_the_same_answer(view, request):
    prepared = prepare(view)
    first = decision_bytes(decide(request, prepared))
    assert first == decision_bytes(decide(request, view))
    assert first == decision_bytes(decide(request, prepared)), "asking leaves no trace"


def test_no_number_in_a_decision_is_a_float():
    strained = node(A, ram(GIB), pressure=33.3, temperature_celsius=91.2, battery_percent=3.0)
    body = decision_bytes(decide(Request(ram_bytes=8 * GIB), ClusterView.of(strained)))

    def numbers(value):
        if isinstance(value, dict):
            return [one for item in value.values() for one in numbers(item)]
        if isinstance(value, list):
            return [one for item in value for one in numbers(item)]
        return [value]

    assert not [one for one in numbers(msgspec.json.decode(body)) if isinstance(one, float)]


def test_who_asks_and_for_whom_does_not_change_the_decision():
    view = ClusterView.of(node(A), node(B))
    one = decide(Request(ram_bytes=GIB, asker=A, principal="ann"), view)
    other = decide(Request(ram_bytes=GIB, asker=B, principal="bob"), view)
    assert decision_bytes(one) == decision_bytes(other)


def test_the_asker_counts_when_the_objective_is_local():
    view = ClusterView.of(node(A, ram(20 * GIB)), node(B, ram(10 * GIB)), node(C, ram(15 * GIB)))
    decision = decide(Request(ram_bytes=GIB, objective=Objective.LOCAL, asker=B), view)
    assert [fit.node for fit in listed(decision)] == [B, A, C]
    assert decision.chosen.metric.value == 0
    assert decision.runners_up[0].metric.value == 1


def test_headroom_chooses_the_most_room_left_and_pack_the_least():
    view = ClusterView.of(node(A, ram(20 * GIB)), node(B, ram(10 * GIB)), node(C, ram(40 * GIB)))
    headroom = decide(Request(ram_bytes=8 * GIB), view)
    assert [fit.node for fit in listed(headroom)] == [C, A, B]
    assert headroom.chosen.metric.value == 32 * GIB
    assert headroom.chosen.score == 50, "32 of the 64 GiB are left"
    pack = decide(Request(ram_bytes=8 * GIB, objective=Objective.PACK), view)
    assert [fit.node for fit in listed(pack)] == [B, A, C]
    assert pack.chosen.metric.value == 2 * GIB


def test_the_card_itself_is_chosen_by_the_objective_and_ties_go_by_uuid():
    view = ClusterView.of(gpu_node(A, 10 * GIB, 24 * GIB, 12 * GIB, 24 * GIB))
    want = GpuSelector(memory_min=10 * GIB)
    headroom = decide(Request(gpus=(want,)), view)
    assert [leg.pool for leg in headroom.chosen.legs] == ["vram:a1"]
    pack = decide(Request(gpus=(want,), objective=Objective.PACK), view)
    assert [leg.pool for leg in pack.chosen.legs] == ["vram:a0"]
    two = GpuSelector(memory_min=11 * GIB, count=2)
    pair = decide(Request(gpus=(two,), objective=Objective.PACK), view)
    assert [leg.pool for leg in pair.chosen.legs] == ["vram:a2", "vram:a1"]
    assert pair.chosen.metric.value == 1 * GIB


def test_memory_goes_to_a_card_before_main_memory_however_much_of_that_there_is():
    big = node(A, ram(60 * GIB))
    small = gpu_node(B, 8 * GIB)
    decision = decide(Request(memory_bytes=7 * GIB), ClusterView.of(big, small))
    assert [fit.node for fit in listed(decision)] == [B, A]
    assert [leg.pool for leg in decision.chosen.legs] == ["vram:b0"]
    decision = decide(Request(memory_bytes=9 * GIB), ClusterView.of(small))
    assert [leg.pool for leg in decision.chosen.legs] == ["ram"]


def test_unified_memory_is_charged_once_for_card_and_ram_together():
    request = Request(ram_bytes=6 * GIB, gpus=(GpuSelector(memory_min=10 * GIB),))
    decision = decide(request, ClusterView.of(mac(A, 16 * GIB)))
    assert decision.chosen.legs == (("unified", 16 * GIB),)
    decision = decide(request, ClusterView.of(mac(A, 15 * GIB)))
    assert [miss.reason for miss in decision.passed_over[0].misses] == [Reason.NOT_TOGETHER]


def test_less_than_a_tenth_of_the_room_left_is_tight():
    view = ClusterView.of(node(A, ram(10 * GIB)))
    assert decide(Request(ram_bytes=9 * GIB), view).chosen.verdict is Verdict.FITS
    assert decide(Request(ram_bytes=9 * GIB + 1), view).chosen.verdict is Verdict.TIGHT
    assert decide(Request(ram_bytes=10 * GIB), view).chosen.verdict is Verdict.TIGHT
    assert decide(Request(ram_bytes=10 * GIB + 1), view).chosen is None


def test_at_equal_room_the_calmer_then_the_lower_id_wins():
    calm, busy = node(B, ram(8 * GIB), pressure=0.5), node(A, ram(8 * GIB), pressure=2.0)
    assert decide(Request(ram_bytes=GIB), ClusterView.of(busy, calm)).chosen.node == B
    assert decide(Request(ram_bytes=GIB), ClusterView.of(node(B), node(A))).chosen.node == A


@pytest.mark.parametrize("standing", ["quarantine", "bookings_closed"])
def test_a_node_whose_books_will_open_is_offered_as_soon_only_when_nothing_fits(standing):
    waiting = node(A, ram(60 * GIB), standing=standing)
    small = node(B, ram(8 * GIB))
    both = ClusterView.of(waiting, small)
    assert decide(Request(ram_bytes=8 * GIB), both).soon == ()
    later = decide(Request(ram_bytes=9 * GIB), both)
    assert later.chosen is None
    assert [fit.node for fit in later.soon] == [A]
    assert later.soon[0].legs == (("ram", 9 * GIB),)


def test_an_impossible_request_is_told_the_nearest_change():
    view = ClusterView.of(
        node(A, ram(4 * GIB)), node(B, ram(12 * GIB)), node(C, ram(64 * GIB), standing="quarantine")
    )
    decision = decide(Request(ram_bytes=20 * GIB), view)
    assert [(change.node, change.miss.reason) for change in decision.changes] == [
        (B, Reason.NOT_ENOUGH_ROOM),
        (C, Reason.QUARANTINED),
    ]
    assert decision.changes[0].miss.have == 12 * GIB
    assert decision.changes[0].miss.missing == 8 * GIB


def test_a_change_to_nothing_at_all_is_not_offered():
    decision = decide(Request(ram_bytes=GIB), ClusterView.of(node(A, ram(0))))
    assert decision.changes == ()


def test_asking_for_nothing_fits_any_live_node():
    view = ClusterView.of(node(A, cores(0)), node(B, ram(None)), node(C, liveness="suspect"))
    decision = decide(Request(), view)
    assert [fit.node for fit in listed(decision)] == [A, B]
    assert decision.chosen.metric.value is None
    assert decision.chosen.legs == ()


def test_nobody_at_all_is_an_answer_too():
    decision = decide(Request(ram_bytes=GIB), ClusterView.of())
    assert (decision.chosen, decision.considered, decision.complete) == (None, 0, True)


def test_beyond_sixty_four_nodes_the_nearest_are_told_and_all_are_counted():
    machines = [node(f"{place:03d}", ram(place * GIB)) for place in range(100)]
    decision = decide(Request(ram_bytes=50 * GIB), ClusterView.of(*machines))
    assert (decision.fitting, decision.considered, decision.complete) == (50, 100, False)
    assert [fit.node for fit in listed(decision)] == [f"{place:03d}" for place in range(99, 83, -1)]
    assert [over.node for over in decision.passed_over] == [
        f"{place:03d}" for place in range(49, 33, -1)
    ]
    assert decision.counts == (("not enough room", 50),)
    assert len(decide(Request(), ClusterView.of(*machines[:64])).runners_up) == 63


def test_two_selectors_share_the_cards_between_them():
    machine = node(
        A,
        ram(GIB),
        card("n", 20 * GIB),
        card("m", 20 * GIB),
        devices=(device("n"), device("m", vendor="amd", model="AMD 7900")),
    )
    anyone = GpuSelector(memory_min=8 * GIB)
    nvidia = GpuSelector(memory_min=8 * GIB, vendor="nvidia")
    for pair in ((anyone, nvidia), (nvidia, anyone)):
        decision = decide(Request(gpus=pair), ClusterView.of(machine))
        assert decision.chosen is not None, "the one that takes anything leaves the other its own"
        assert decision.chosen.verdict is Verdict.FITS


def test_one_card_is_never_given_to_two_selectors():
    pair = (GpuSelector(memory_min=8 * GIB), GpuSelector(memory_min=9 * GIB))
    alone = decide(Request(gpus=pair), ClusterView.of(gpu_node(A, 24 * GIB)))
    assert [miss.reason for miss in alone.passed_over[0].misses] == [Reason.NOT_TOGETHER]
    assert decide(Request(gpus=pair), ClusterView.of(gpu_node(A, 24 * GIB, 8 * GIB))).chosen


def test_a_pool_that_admits_nothing_is_never_chosen_however_much_room_it_has():
    cards = (card("x", 20 * GIB, state="draining"), card("y", 9 * GIB))
    machine = node(A, *cards, devices=(device("x"), device("y")))
    view = ClusterView.of(machine)
    decision = decide(Request(gpus=(GpuSelector(memory_min=8 * GIB),)), view)
    assert [leg.pool for leg in decision.chosen.legs] == ["vram:y"]
    refused = decide(Request(gpus=(GpuSelector(memory_min=10 * GIB),)), view)
    assert [miss.have for miss in refused.passed_over[0].misses] == [9 * GIB]


def test_machines_with_unified_memory_are_ranked_by_what_is_left_after_everything():
    request = Request(ram_bytes=10 * GIB, gpus=(GpuSelector(memory_min=10 * GIB),))
    view = ClusterView.of(mac(A, 30 * GIB), gpu_node(B, 22 * GIB), gpu_node(C, 19 * GIB))
    assert [fit.node for fit in listed(decide(request, view))] == [B, A, C]
    packed = decide(request.but(objective=Objective.PACK), view)
    assert [fit.node for fit in listed(packed)] == [C, A, B]


def test_a_draining_card_draws_no_memory_to_its_machine():
    draining = node(A, ram(9 * GIB), card("x", 20 * GIB, state="draining"), devices=(device("x"),))
    plain = node(B, ram(16 * GIB))
    decision = decide(Request(memory_bytes=8 * GIB), ClusterView.of(draining, plain))
    assert [fit.node for fit in listed(decision)] == [B, A]
    assert [fit.legs for fit in listed(decision)] == [(("ram", 8 * GIB),)] * 2
    both = Request(memory_bytes=8 * GIB, ram_bytes=8 * GIB)
    assert [fit.node for fit in listed(decide(both, ClusterView.of(draining, plain)))] == [B]
