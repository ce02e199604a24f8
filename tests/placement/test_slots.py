"""Slots: what no probe can count, asked for by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement.asking.documents import request_from_document
from placement.asking.selectors import parse_slots
from placement.decide import decide
from placement.decision import Leg, decision_bytes
from placement.explain import explain
from placement.judging.columns import prepare, redraw
from placement.request import Request, RequestError, SlotsNeed, question
from placement.supposing import suppose
from placement.view import ClusterView
from tests.placement.pictures import GIB, A, B, C, node, ram, slots, steady

TWO = Request(slots=(SlotsNeed("whisper", 2),))


def told(request, *machines):
    return explain(decide(request, ClusterView.of(*machines)))


def test_slots_alone_are_a_request_and_are_taken_from_who_has_most_of_them():
    view = ClusterView.of(
        node(A, slots("whisper", 2, 4)), node(B, slots("whisper", 3, 4)), node(C, ram(GIB))
    )
    found = decide(Request(slots=(SlotsNeed("whisper"),)), view)
    assert (found.chosen.node, found.chosen.legs) == (B, (Leg("slots:whisper", 1),))
    assert [fit.node for fit in found.runners_up] == [A]


def test_the_last_slot_fits_as_well_as_the_first():
    found = decide(TWO, ClusterView.of(node(A, ram(GIB), slots("whisper", 2))))
    assert explain(found) == (
        (
            "node-a fits, 0 slots left, score 0: best of 1 that fit of 1, "
            "by headroom (most room left)."
        ),
        "  takes 2 slots of whisper, leaving 0 slots (fits)",
    )


def test_a_no_says_how_many_there_are_or_that_there_are_none_of_that_name():
    assert told(TWO, node(A, slots("whisper", 1))) == (
        "Nowhere: none of 1 nodes fits now.",
        "Would fit with --slots whisper:1 on node-a.",
        "node-a: not enough slots called whisper (needs 2, has 1 free of 2).",
    )
    assert told(TWO, node(A, ram(GIB)))[-1] == "node-a: no slots called whisper."
    assert told(TWO, node(A, slots("licence", 1)))[1:] == (
        "Would fit on node-a with another --slots (licence).",
        "node-a: no slots called whisper (licence here).",
    )
    assert told(TWO, node(A, slots("whisper", None)))[-1] == (
        "node-a: room unknown: nobody can say how many slots called whisper are free."
    )


def test_every_name_is_a_pool_of_its_own():
    both = Request(slots=(SlotsNeed("whisper", 2), SlotsNeed("licence")), ram_bytes=GIB)
    here = node(A, ram(2 * GIB), slots("licence", 1, 1), slots("whisper", 2))
    legs = decide(both, ClusterView.of(here)).chosen.legs
    assert legs == (Leg("ram", GIB), Leg("slots:licence", 1), Leg("slots:whisper", 2))


def test_a_redrawn_picture_answers_as_a_new_one_when_slots_come_and_go():
    before = ClusterView.of(node(A, slots("whisper", 1)), *(node(f"b{n:02}") for n in range(20)))
    prepared = prepare(before)
    assert decide(TWO, prepared).chosen is None
    for room in (2, 0, 2):
        after = ClusterView.of(node(A, slots("whisper", room)), *before.nodes[1:])
        prepared = redraw(prepared, after)
        redrawn = decision_bytes(decide(TWO, prepared))
        assert redrawn == decision_bytes(decide(TWO, after))


def test_a_document_says_slots_as_a_list_or_as_the_owner_writes_them():
    listed = request_from_document({"slots": ["whisper:2", "licence"]})
    table = request_from_document({"slots": {"licence": 1, "whisper": 2}})
    assert question(listed) == question(table)
    assert listed.slots == (SlotsNeed("licence"), SlotsNeed("whisper", 2))
    assert request_from_document({"slots": "whisper"}).slots == (SlotsNeed("whisper"),)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (["whisper:0"], "0 slots: write a count from 1"),
        (["whisper:-1"], "'-1' is no number of slots: write whisper:2"),
        (["whisper:"], "'' is no number of slots"),
        (["whisper:1.5"], "no number of slots"),
        (["whisper:9999999"], "write a count from 1 to 1000000"),
        (["whisper=2"], "'whisper=2' is no name of slots"),
        ([""], "'' is no name of slots"),
        (["two words"], "no name of slots"),
        (["x" * 64], "no name of slots"),
        (["whisper", "whisper:2"], "are asked for twice"),
        ([f"n{number}" for number in range(17)], "17 names of slots: 16 is the most"),
        ({"whisper": True}, "expected text in quotes"),
        ({"whisper": 2.5}, "no number of slots"),
    ],
)
def test_slots_that_cannot_be_meant_are_refused_with_a_sentence(said, sentence):
    with pytest.raises(RequestError, match=sentence):
        request_from_document({"slots": said})


@given(st.one_of(st.text(max_size=20), st.from_regex(r"[a-z]{0,3}:?[0-9]{0,8}", fullmatch=True)))
@steady()
def test_any_text_is_slots_or_is_refused(text):
    try:
        slots_need = parse_slots(text)
    except RequestError:
        return
    assert parse_slots(f"{slots_need.name}:{slots_need.count}") == slots_need


def test_slots_may_be_supposed():
    view = ClusterView.of(node(A, slots("whisper", 1)))
    assert decide(TWO, suppose(view, plus=["node-a=slots:whisper"])).chosen.node == A
    new = suppose(view, plus=["attic=ram:8GiB,slots:whisper:2"])
    assert decide(TWO, new).chosen.name == "attic"
