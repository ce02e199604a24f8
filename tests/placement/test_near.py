"""Nearness: the data decides, by links that somebody timed; what nobody knows comes last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement.asking.documents import request_from_document
from placement.decide import decide, listed
from placement.decision import decision_bytes
from placement.explain import explain
from placement.judging.columns import prepare, redraw
from placement.request import Near, Objective, Request, RequestError
from placement.view import ClusterView, LinkView, StoredModel
from tests.placement.pictures import GIB, A, B, C, node, ram, steady

D = "d" * 26
GB = 1_000_000_000
MODEL = "llama3.1:70b"
STORED = (StoredModel(MODEL, 40 * GB, "ollama"),)


def asked(data):
    return request_from_document({"ram": "1GiB", "near": data}, asker=A)


def machines(**more):
    """B has it; A timed B's link at 100 MB/s, B says it sent C 1 GB/s; of D nobody knows."""
    return ClusterView.of(
        node(A, ram(9 * GIB), links=(LinkView(B, 100_000_000, None),)),
        node(B, ram(8 * GIB), stored=STORED, links=(LinkView(C, None, GB),), **more),
        node(C, ram(8 * GIB)),
        node(D, ram(99 * GIB)),
    )


def test_data_is_nearest_where_it_lies_then_by_the_measured_link_and_the_unknown_is_last():
    decision = decide(asked("ollama:llama3.1:70b"), machines())
    fits = listed(decision)
    assert [fit.node for fit in fits] == [B, C, A, D]
    assert [fit.metric.value for fit in fits] == [0, 40_000, 400_000, None]
    assert [fit.metric.source for fit in fits] == [
        "here", "measured from node-b", "measured from node-b", "no link from node-b measured",
    ]  # fmt: skip
    told = "\n".join(explain(decision))
    assert "by near (data there first)" in told
    assert "data there in 40s (measured from node-b)" in told
    assert "Last, because not known: node-d" in told


def test_a_path_is_near_to_its_machine_by_name_or_id_and_needs_a_size_to_travel():
    for host in ("node-b", B):
        fits = listed(decide(asked(f"{host}:/data/a=b=40GB"), machines()))
        assert [fit.metric.value for fit in fits] == [0, 40_000, 400_000, None]
    unsized = listed(decide(asked("node-b:/data"), machines()))
    assert [fit.metric.source for fit in unsized] == ["here", *["its size is not known"] * 3]
    own = asked("/data=1GB").near
    assert own == Near("/data", node=A, bytes=GB)


def test_whoever_does_not_answer_gives_nothing():
    fits = listed(decide(asked(MODEL), machines(liveness="suspect")))
    assert {fit.metric.source for fit in fits} == {"nobody has it"}


def test_a_model_that_is_absent_comes_by_the_measured_link_and_by_rule_of_thumb_without_one():
    request = Request(ram_bytes=GIB, model=MODEL, objective=Objective.SOONEST)
    fits = listed(decide(request, machines()))
    assert [(fit.node, fit.metric.source) for fit in fits] == [
        (B, "rule of thumb"),
        (C, "link measured, disk by rule of thumb"),
        (D, "rule of thumb"),
        (A, "link measured, disk by rule of thumb"),
    ]


@pytest.mark.parametrize(
    ("data", "near"),
    [
        ("ollama:llama3.2", Near("llama3.2:latest", store="ollama")),
        ("org/repo", Near("org/repo")),
        ("llama3.1:8b", Near("llama3.1:8b")),
        ("bob:/x", Near("/x", node="bob")),
        ("bob:/x=1.5GiB", Near("/x", node="bob", bytes=3 * GIB // 2)),
    ],
)
def test_data_is_named_as_people_name_it(data, near):
    assert asked(data).near == near


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        ({"near": ""}, "near: name the data"),
        ({"near": "x" * 1025}, "near: name the data"),
        ({"near": "bob:/x=40"}, "has no unit"),
        ({"near": "org/repo", "objective": "pack"}, "objective near goes with the data"),
        ({"objective": "near", "ram": "1GiB"}, "objective near goes with the data"),
        ({"near": "bob:/x\x07"}, "printable"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(ask, sentence):
    with pytest.raises(RequestError, match=sentence):
        request_from_document(ask, asker=A)
    with pytest.raises(RequestError, match="a path needs its machine"):
        request_from_document({"near": "/x"})


@steady(40)
@given(
    st.lists(
        st.tuples(st.sampled_from((A, B, C, D)), st.none() | st.integers(1, 10**12)), max_size=6
    ),
    st.sampled_from((MODEL, "node-c:/x=9GB", "none/such")),
)
def test_the_answer_is_the_same_however_the_picture_came_about(links, data):
    before = machines()
    told = tuple(LinkView(peer, rate, None) for peer, rate in links)
    after = ClusterView.of(*before.nodes[:3], node(D, ram(99 * GIB), links=told))
    request = asked(data)
    prepared = prepare(before)
    decide(request, prepared)  # what it remembers must not outlive the picture
    assert decision_bytes(decide(request, redraw(prepared, after))) == decision_bytes(
        decide(request, after)
    )
