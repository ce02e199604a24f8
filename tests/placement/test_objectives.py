"""Objectives that are not about room: the figure decides, and says where it is from."""

import pytest

from placement.decide import BRIEF, decide, listed
from placement.explain import explain
from placement.history import Failure, History, Observation, Scope, failure_life
from placement.judging.columns import prepare
from placement.reasons import Reason
from placement.request import Objective, Request, RequestError
from placement.view import ClusterView, LoadedModel, StoredModel
from tests.placement.pictures import GIB, A, B, C, disk, mac, node, ram

LLAMA = "llama3.1:8b"
WORK = Scope("repo-analysis", tool="git")
GIT = frozenset({"git"})


def order(request, *machines):
    return [fit.node for fit in listed(decide(request, ClusterView.of(*machines)))]


def metric(request, *machines):
    return decide(request, ClusterView.of(*machines)).chosen.metric


def test_a_model_in_memory_is_ready_before_one_on_a_disk_and_that_before_one_at_a_peer():
    request = Request(ram_bytes=GIB, model=LLAMA, objective=Objective.SOONEST)
    stored = (StoredModel(LLAMA, 8_000_000_000, "ollama"),)
    there = node(C, ram(9 * GIB), loaded=(LoadedModel("ollama", LLAMA),))
    on_disk = node(B, ram(99 * GIB), disk("d", GIB, "hdd"), stored=stored)
    away = node(A, ram(99 * GIB), disk("d", GIB, "nvme"))
    assert order(request, there, on_disk, away) == [C, B, A]
    figure = metric(request, on_disk, away)
    assert (figure.value, figure.unit, figure.source) == (53_334, "ms", "rule of thumb")


def test_the_disk_that_a_model_lies_on_is_what_it_is_read_from():
    slow, fast = (
        node(
            name,
            ram(9 * GIB),
            disk("d", GIB, "nvme"),
            stored=(StoredModel(LLAMA, GIB, "o", media),),
        )
        for name, media in ((A, "hdd"), (B, "nvme"))
    )
    assert order(Request(model=LLAMA, objective=Objective.SOONEST), slow, fast) == [B, A]


def test_a_model_that_nobody_has_is_ready_nobody_knows_when():
    request = Request(ram_bytes=GIB, model="none:1b", objective=Objective.SOONEST)
    figure = metric(request, node(A))
    assert (figure.value, figure.source) == (None, "unknown")
    assert "ready in: not known" in explain(decide(request, ClusterView.of(node(A))))[0]


def test_without_a_model_everything_that_fits_is_ready_and_room_decides():
    request = Request(ram_bytes=GIB, objective=Objective.SOONEST)
    assert order(request, node(A, ram(2 * GIB)), node(B, ram(9 * GIB))) == [B, A]


def test_the_fastest_is_who_took_least_time_and_the_untried_come_last():
    request = Request(tools=("git",), workload="repo-analysis", objective=Objective.FASTEST)
    seen = [
        node(name, tools=GIT, history=History((Observation(WORK, wall_ms=took),)))
        for name, took in ((A, 9000), (B, 1500))
    ]
    untried = node(C, ram(99 * GIB), tools=GIT)
    assert order(request, *seen, untried) == [B, A, C]
    decision = decide(request, ClusterView.of(*seen, untried))
    assert [fit.score for fit in listed(decision)] == [100, 16, 0]
    assert decision.chosen.metric.source == "observed"


def test_spreading_goes_where_least_is_promised_in_proportion():
    request = Request(ram_bytes=GIB, objective=Objective.SPREAD)
    full, empty = (
        node(name, ram(8 * GIB, total)) for name, total in ((A, 64 * GIB), (B, 64 * GIB))
    )
    half = full.pools[0].__class__("ram", "ram", "bytes", 64 * GIB, 8 * GIB, "open", promised=GIB)
    assert order(request, node(A, half), empty) == [B, A]


def test_who_is_preferred_goes_first_and_who_is_avoided_last_but_only_where_it_fits():
    machines = [node(A, ram(9 * GIB)), node(B, ram(8 * GIB)), node(C, ram(7 * GIB))]
    assert order(Request(ram_bytes=GIB, prefer=("node-c",), avoid=(A,)), *machines) == [C, B, A]
    assert order(Request(ram_bytes=8 * GIB, prefer=("node-c",)), *machines) == [A, B]
    with pytest.raises(RequestError, match="choose one"):
        Request(prefer=("x",), avoid=("x",))


def test_an_engine_decides_among_equals_and_excludes_nobody():
    request = Request(ram_bytes=GIB, engines=("mlx",))
    plain = node(A, ram(64 * GIB))
    assert order(request, plain, mac(B, 64 * GIB)) == [B, A]


def test_the_narrowest_failure_counts_and_a_person_may_overrule_it():
    crashed = Failure(Scope("repo-analysis"), "exec-crash", 3)
    late = Failure(WORK, "timeout")
    asked = Request(tools=("git",), workload="repo-analysis")
    blocked = node(A, tools=GIT, history=History((), (crashed,)))
    decision = decide(asked, ClusterView.of(blocked))
    (miss,) = decision.passed_over[0].misses
    assert (miss.reason, miss.found) == (Reason.FAILED_BEFORE, "3 times")
    assert "--despite-failures" in " ".join(explain(decision))
    assert order(asked, node(A, tools=GIT, history=History((), (crashed, late)))) == [A]
    assert order(asked.but(despite_failures=True), blocked) == [A]
    assert order(asked.but(workload="go-build"), blocked) == [A]


def test_a_crash_is_remembered_a_day_then_two_and_never_more_than_a_week():
    days = [failure_life(times) // (24 * 3600 * 10**9) for times in (1, 2, 3, 4, 10, 10_000)]
    assert days == [1, 2, 4, 7, 7, 7]


def test_a_peak_that_has_no_room_now_keeps_the_same_work_away_and_no_other():
    big = node(A, ram(4 * GIB), tools=GIT, history=History((Observation(WORK, peak_ram=5 * GIB),)))
    same = Request(tools=("git",), workload="repo-analysis", ram_bytes=GIB)
    assert order(same, big) == []
    assert order(same.but(workload="indexing-io"), big) == [A]


def test_a_brief_answer_is_the_same_choice_with_the_same_counts():
    machines = [node(A, ram(9 * GIB)), node(B, ram(GIB)), node(C, ram(8 * GIB))]
    prepared = prepare(ClusterView.of(*machines))
    full, brief = (decide(Request(ram_bytes=2 * GIB), prepared, *how) for how in ((), (BRIEF,)))
    assert (brief.chosen, brief.counts, brief.fitting) == (full.chosen, full.counts, full.fitting)
    assert (brief.runners_up, brief.passed_over, brief.complete) == ((), (), False)
