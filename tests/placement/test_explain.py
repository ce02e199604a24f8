"""A decision told to a person: nothing left out, and every figure can be typed back."""

import re

from hypothesis import given
from hypothesis import strategies as st

from placement.amounts import parse_bytes, parse_cores
from placement.asking.words import read_words
from placement.decide import decide
from placement.explain import HEADER, explain, rows
from placement.request import Objective, Request
from placement.view import ClusterView
from tests.placement.pictures import GIB, A, B, C, cores, node, ram, requests, steady, views


def told(request, *machines):
    return explain(decide(request, ClusterView.of(*machines)))


def test_a_choice_is_told_with_its_legs_its_runner_up_and_what_speaks_against_the_rest():
    machines = (node(A, ram(12 * GIB)), node(B, ram(20 * GIB)), node(C, ram(5 * GIB)))
    assert told(Request(ram_bytes=8 * GIB), *machines) == (
        (
            "node-b fits, 12 GiB left, score 18: best of 2 that fit of 3, "
            "by headroom (most room left)."
        ),
        "  takes 8 GiB of ram, leaving 12 GiB (fits)",
        "Runner-up: node-a fits, 4 GiB left, score 6.",
        "node-c: not enough room on ram (needs 8 GiB, has 5 GiB, 3 GiB short).",
    )


def test_an_impossible_request_names_the_nearest_change():
    lines = told(Request(ram_bytes=20 * GIB), node(A, ram(12 * GIB + 400 * 2**20)))
    assert lines[:2] == (
        "Nowhere: none of 1 nodes fits now.",
        "Would fit with --ram ≤ 12.39GiB on node-a.",
    )


def test_what_waits_for_its_books_is_offered_as_soon():
    lines = told(Request(ram_bytes=GIB), node(A, standing="quarantine"))
    assert "Soon: node-a, when its books open; 15 GiB left." in lines


def test_guesses_are_told():
    request = read_words("run ollama inference on a 7b model").request
    lines = told(request, node(A, tools=frozenset({"ollama"})))
    assert "Guessed: needs ollama: the text names it" in lines


def test_beyond_the_nearest_the_others_are_counted():
    machines = [node(f"{place:03d}", ram(place * GIB)) for place in range(100)]
    assert told(Request(ram_bytes=50 * GIB), *machines)[-1] == (
        "Of 100 nodes, 50 fit; against others: 50 not enough room."
    )


def test_no_nodes_is_told_as_such():
    assert told(Request(ram_bytes=GIB)) == ("Nowhere: no node is known.",)


def test_here_and_elsewhere_are_told_for_local():
    request = Request(objective=Objective.LOCAL, asker=A)
    lines = told(request, node(A), node(B))
    assert lines[0].startswith("node-a fits, here")
    assert lines[1].startswith("Runner-up: node-b fits, elsewhere")


@given(st.integers(1, 100 * GIB))
@steady()
def test_the_amount_that_would_fit_does_fit_when_typed_back(room):
    view = ClusterView.of(node(A, ram(room)))
    advice = explain(decide(Request(ram_bytes=room + 1), view))[1]
    typed = re.search(r"≤ (\S+) on", advice)[1]
    assert decide(Request(ram_bytes=parse_bytes(typed)), view).chosen is not None


def test_cores_that_would_fit_can_be_typed_back_too():
    advice = told(Request(cpu_millicores=9000), node(A, cores(1500)))[1]
    assert parse_cores(re.search(r"≤ '(.*)' on", advice)[1]) == 1500


@given(views(most=5), requests())
@steady()
def test_every_node_has_a_row_and_every_decision_can_be_told(view, request):
    decision = decide(request, view)
    assert all(line and line.isprintable() for line in explain(decision))
    table = rows(decision)
    assert len(table) == len(view.nodes)
    assert all(len(row) == len(HEADER) for row in table)
