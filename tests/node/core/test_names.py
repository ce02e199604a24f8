"""Finding what a person typed."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.identity import NodeId, id_text
from node.core.names import PREFIX_CHARS_MIN, find_hold, find_node
from node.core.requests import Refused

ANN, BOB = NodeId(b"a" * 16), NodeId(b"b" * 16)
NAMES = {ANN: "ann", BOB: "Bob"}


def code(find: object, *arguments: object) -> str:
    assert callable(find)
    with pytest.raises(Refused) as refused:
        find(*arguments)
    return refused.value.code


def test_a_node_is_found_by_its_name_in_any_case_by_its_id_and_by_the_front_of_it() -> None:
    for text in ("bob", " BOB ", id_text(BOB), id_text(BOB)[:PREFIX_CHARS_MIN]):
        assert find_node(text, NAMES) == BOB


def test_a_few_letters_of_an_id_are_not_enough() -> None:
    assert code(find_node, id_text(BOB)[: PREFIX_CHARS_MIN - 1], NAMES) == "not_found"


def test_who_is_not_known_is_not_found_and_the_known_are_named() -> None:
    with pytest.raises(Refused) as refused:
        find_node("cyd", NAMES)
    assert refused.value.hint == "known here: Bob, ann"


def test_two_of_one_name_are_told_apart_by_id() -> None:
    assert code(find_node, "bob", {**NAMES, ANN: "bob"}) == "ambiguous"


def test_a_name_that_looks_like_the_front_of_another_id_means_the_name() -> None:
    front = id_text(ANN)[:6]
    assert find_node(front, {ANN: "ann", BOB: front}) == BOB


def test_a_hold_is_found_by_the_front_of_its_id_or_by_its_variable() -> None:
    holds = [bytes([1] * 16), bytes([2] * 16)]
    assert find_hold("0101", holds) == holds[0]
    assert find_hold(f"HOLDFAST_HOLD={holds[1].hex()}", holds) == holds[1]


def test_an_ambiguous_or_empty_hold_id_is_refused() -> None:
    alike = [bytes([1, 1, 1] + [n] * 13) for n in (2, 3)]
    assert code(find_hold, "0101", alike) == "ambiguous"
    assert code(find_hold, "0f0f", alike) == "not_found"


def test_one_typed_character_never_ends_a_booking() -> None:
    assert code(find_hold, "0", [bytes(16)]) == "bad_request"
    assert code(find_hold, " ", [bytes(16)]) == "bad_request"


@given(st.text(), st.lists(st.binary(min_size=16, max_size=16), unique=True, max_size=4))
def test_whatever_is_typed_is_found_or_refused(text: str, ids: list[bytes]) -> None:
    nodes = {NodeId(raw): f"node {number}" for number, raw in enumerate(ids)}
    with suppress(Refused):
        assert find_node(text, nodes) in ids
    with suppress(Refused):
        assert find_hold(text, ids) in ids
