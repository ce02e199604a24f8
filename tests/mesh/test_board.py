from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.facts import Fact, sign_fact
from mesh.identity import Identity
from mesh.kept.board import Board, Pinned, check_board, supersedes

MESH_ID = b"mesh-id!"
ANNA, BERT = Identity(b"a" * 32), Identity(b"b" * 32)
POOL = [
    sign_fact(identity, MESH_ID, topic, version, body)
    for identity in (ANNA, BERT)
    for topic in ("node", "live")
    for version in (1, 2, 1 << 33)
    for body in (b"x", b"y")
]


def told(facts: list[Fact]) -> Board:
    board = Board(MESH_ID, 16)
    for fact in facts:
        board.offer(fact)
        check_board(board)
    return board


@settings(max_examples=50)
@given(st.lists(st.sampled_from(POOL), max_size=12), st.randoms(use_true_random=False))
def test_any_order_of_telling_and_any_repetition_ends_in_the_same_board(
    facts: list[Fact], random: Random
) -> None:
    again = [*facts, *facts]
    random.shuffle(again)
    one, other = told(facts), told(again)
    assert list(one) == list(other)
    assert one.root == other.root


@given(st.tuples(st.integers(), st.integers()), st.tuples(st.integers(), st.integers()))
def test_supersedes_is_a_total_order(a: tuple[int, int], b: tuple[int, int]) -> None:
    assert supersedes(a, b) + supersedes(b, a) + (a == b) == 1


def test_the_newest_version_stays_and_the_older_is_old() -> None:
    old, new = (sign_fact(ANNA, MESH_ID, "live", version, b"") for version in (1, 2))
    board = Board(MESH_ID, 16)
    assert board.offer(new) is Pinned.NEWS
    assert board.offer(old) is Pinned.OLD
    assert board.offer(new) is Pinned.KNOWN
    assert board.fact(ANNA.id, "live") == new


@pytest.mark.parametrize("field", ["topic", "version", "body", "signature", "public"])
def test_a_fact_with_anything_changed_is_bad_and_changes_nothing(field: str) -> None:
    fact = sign_fact(ANNA, MESH_ID, "live", 5, b"body")
    wrong = {
        "topic": "node", "version": 6, "body": b"bodz", "signature": bytes(64),
        "public": BERT.public,
    }  # fmt: skip
    forged = replace(fact, **{field: wrong[field]})  # type: ignore[arg-type] # one of each kind
    board = Board(MESH_ID, 16)
    assert board.offer(forged) is Pinned.BAD
    assert list(board) == []
    assert board.root == 0


def test_a_fact_of_another_mesh_is_bad() -> None:
    fact = sign_fact(ANNA, b"other-id", "live", 5, b"body")
    assert Board(MESH_ID, 16).offer(fact) is Pinned.BAD


def test_an_author_has_room_for_so_many_topics_and_may_still_renew_them() -> None:
    board = Board(MESH_ID, 2)
    for topic in ("one", "two"):
        assert board.offer(sign_fact(ANNA, MESH_ID, topic, 1, b"")) is Pinned.NEWS
    assert board.offer(sign_fact(ANNA, MESH_ID, "three", 1, b"")) is Pinned.FULL
    assert board.offer(sign_fact(ANNA, MESH_ID, "two", 2, b"")) is Pinned.NEWS
    assert board.offer(sign_fact(BERT, MESH_ID, "one", 1, b"")) is Pinned.NEWS


def test_forgetting_an_author_leaves_no_trace_in_the_root() -> None:
    board = told(POOL)
    board.clear(ANNA.id)
    assert board.root == told([fact for fact in POOL if fact.author == BERT.id]).root
    check_board(board)


def test_a_stamp_stands_for_every_part_of_what_is_said() -> None:
    assert len({fact.stamp for fact in POOL}) == len(POOL)
