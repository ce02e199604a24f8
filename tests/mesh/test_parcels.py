from random import Random

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.exchange.parcels import (
    Item,
    items_for,
    own_items,
    parcel_bytes,
    parse_parcel,
    parse_question,
    question_bytes,
)
from mesh.facts import sign_fact
from mesh.identity import Identity
from mesh.kept.board import Board
from mesh.kept.digest import BEGINNING, Digest, brief, digest_of, lacking, marks_of, summarise
from mesh.letters.wire import block_bytes, fact_bytes
from tests.mesh.test_chains import ANNA, block, era, line, told

MESH_ID = b"mesh-id!"
BERT = Identity(b"b" * 32)


def board(*versions: int) -> Board:
    pinned = Board(MESH_ID, 16)
    for version in versions:
        pinned.offer(sign_fact(ANNA, MESH_ID, f"topic-{version}", version, b"body"))
    return pinned


def test_a_question_comes_back_as_it_was_asked() -> None:
    digest = digest_of(board(1, 2), told([*line(era(1), 3), block(era(2), 3, line(era(1), 3)[2])]))
    for cursor in (None, BEGINNING, (4, 2, b"n" * 16, b"h" * 32)):
        assert parse_question(question_bytes(digest, cursor)) == (digest, cursor)


def test_a_parcel_comes_back_as_it_was_packed() -> None:
    blocks = line(era(1), 3)
    fact = next(iter(board(7)))
    items = [
        Item("fact", (fact_bytes(fact),)),
        Item("block", (block_bytes(blocks[0]),)),
        Item("fork", (block_bytes(blocks[1]), block_bytes(blocks[2]))),
        Item("own", (block_bytes(blocks[2]),)),
        Item("a kind from next year", (b"?",)),
    ]
    lacks = digest_of(board(3), told(blocks))
    parcel = parse_parcel(parcel_bytes(items, BEGINNING, more=True, lacks=lacks))
    assert parcel is not None
    assert parcel.facts == (fact,)
    assert parcel.blocks == (blocks[0],)
    assert parcel.forks == ((blocks[1], blocks[2]),)
    assert parcel.own == (blocks[2],)
    assert (parcel.own_next, parcel.more, parcel.lacks) == (BEGINNING, True, lacks)


def test_one_item_that_is_not_whole_spoils_the_parcel() -> None:
    good = Item("block", (block_bytes(line(era(1), 1)[0]),))
    for bad in (
        Item("block", (b"junk",)),
        Item("fact", (good.content[0],)),
        Item("fork", (b"", b"")),
    ):
        assert parse_parcel(parcel_bytes([good, bad], None, more=False, lacks=None)) is None


def test_lacking_names_what_the_other_has_and_items_bring_exactly_that() -> None:
    blocks = line(era(1), 4)
    rich, poor = (board(1, 2, 3), told(blocks)), (board(2), told(blocks[:1]))
    lacks = lacking(digest_of(*rich), *poor)
    assert set(lacks.facts) == {(ANNA.id, "topic-1"), (ANNA.id, "topic-3")}
    assert lacks.logs == {ANNA.id: summarise(poor[1], ANNA.id)}
    named = list(items_for(lacks, BERT.id, *rich, only_named=True))
    full = list(items_for(digest_of(*poor), BERT.id, *rich, only_named=False))
    assert named == full
    assert [item.kind for item in full] == ["fact", "fact", "block", "block", "block"]
    assert list(items_for(digest_of(*rich), BERT.id, *poor, only_named=False)) == []


def test_an_author_gets_its_own_log_only_as_its_own() -> None:
    blocks = line(era(1), 4)
    attic = block(era(2), 1, blocks[0])
    chains = told([*blocks, attic])
    nothing = Digest({}, {})
    assert list(items_for(nothing, ANNA.id, board(), chains, only_named=False)) == []
    shown = list(own_items(nothing, ANNA.id, BEGINNING, chains))
    assert len(shown) == 5
    middle = shown[2][1]
    assert list(own_items(nothing, ANNA.id, middle, chains)) == shown[3:]
    mine = Digest({}, {ANNA.id: summarise(told(blocks), ANNA.id)})
    assert [item.content[0] for item, _ in own_items(mine, ANNA.id, BEGINNING, chains)] == [
        block_bytes(attic)
    ]


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**33)
    | st.binary(max_size=33)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=200)
@given(st.binary(max_size=100) | PLAIN.map(msgpack.packb))
def test_arbitrary_bytes_are_a_letter_or_none(body: bytes) -> None:
    parse_question(body)
    parse_parcel(body)


@settings(max_examples=200)
@given(st.randoms(use_true_random=False))
def test_a_letter_with_a_few_bytes_changed_is_a_letter_or_none(random: Random) -> None:
    digest = digest_of(board(1), told(line(era(1), 2)))
    items = [Item("fact", (fact_bytes(next(iter(board(1)))),))]
    for letter in (
        question_bytes(digest, BEGINNING),
        parcel_bytes(items, BEGINNING, more=True, lacks=digest),
    ):
        bent = bytearray(letter)
        for _ in range(random.randrange(1, 4)):
            bent[random.randrange(len(bent))] = random.randrange(256)
        cut = bytes(bent[: random.randrange(len(bent) + 1)])
        for body in (bytes(bent), cut):
            parse_question(body)
            parse_parcel(body)


ERAS = st.tuples(st.integers(0, 4), st.binary(min_size=16, max_size=16), st.integers(0, 9))


@settings(max_examples=100, deadline=None)
@given(st.lists(ERAS.map(list), min_size=1, max_size=4), st.integers(1, 9), st.booleans())
def test_any_digest_that_parses_can_be_answered(
    eras: list[list[object]], length: int, forked: bool
) -> None:
    log = [ANNA.id, eras, length, b"h" * 32, forked]
    question = parse_question(msgpack.packb([[[], [log]], None]))
    assert question is not None
    chains = told([*line(era(1), 3), block(era(2), 1, line(era(1), 1)[0])])
    list(items_for(question[0], BERT.id, board(1), chains, only_named=False))
    list(own_items(question[0], ANNA.id, BEGINNING, chains))
    lacking(question[0], board(1), chains)


def test_authors_told_by_a_mark_are_named_only_where_the_marks_differ() -> None:
    blocks = line(era(1), 4)
    rich, poor = (board(1, 2, 3), told(blocks)), (board(2), told(blocks[:1]))
    same = brief(*rich, in_full=())
    assert same.marks == marks_of(*rich)
    assert not same.facts
    assert list(items_for(same, BERT.id, *rich, only_named=False)) == []
    assert lacking(same, *rich).authors() == []
    # The poorer one asks by mark: it is told in full what the richer one has, and nothing is sent.
    question = brief(*poor, in_full=())
    assert list(items_for(question, BERT.id, *rich, only_named=False)) == []
    answer = lacking(question, *rich)
    assert answer.marks == {ANNA.id: marks_of(*rich)[ANNA.id]}
    assert (answer.facts, answer.logs) == (digest_of(*rich).facts, digest_of(*rich).logs)
    # The richer one asks by mark: what it then pushes is all that the poorer one lacks.
    answer = lacking(brief(*rich, in_full=()), *poor)
    pushed = list(items_for(answer, BERT.id, *rich, only_named=True))
    assert pushed == list(items_for(digest_of(*poor), BERT.id, *rich, only_named=False))


def test_an_author_of_whom_nothing_is_kept_is_lacking_as_a_whole() -> None:
    rich, empty = (board(1), told(line(era(1), 2))), (board(), told([]))
    answer = lacking(brief(*rich, in_full=()), *empty)
    assert answer.marks == {ANNA.id: 0}
    pushed = list(items_for(answer, BERT.id, *rich, only_named=True))
    assert [item.kind for item in pushed] == ["fact", "block", "block"]


@pytest.mark.parametrize("marks", [{b"short": 1}, {ANNA.id: "1"}, {"text": 1}, [1]])
def test_marks_that_are_none_make_it_no_question(marks: object) -> None:
    assert parse_question(msgpack.packb([[[], [], {ANNA.id: 1}], None])) is not None
    assert parse_question(msgpack.packb([[[], [], marks], None])) is None
