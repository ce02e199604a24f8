"""The reading room: the whole letter or none of it, and never an exception."""

import dataclasses
from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.facts import Fact, check_fact, sign_fact
from mesh.identity import Identity, NodeId, PublicKey
from mesh.letters.datagram import EPOCH_COUNTER_MAX
from mesh.letters.messages import (
    Accuse,
    Ack,
    BlockNews,
    FactNews,
    Further,
    Kept,
    Message,
    Ping,
    ProbeFor,
    ProbeResult,
    Stored,
    Unknown,
)
from mesh.letters.wire import (
    FACT_BYTES_MAX,
    PACKED_BLOCK_BYTES_MAX,
    PAYLOAD_MESSAGES_MAX,
    block_bytes,
    decode,
    encode,
    fact_bytes,
    parse_block,
    parse_fact,
)
from mesh.logs import NO_BLOCK, Block, Era, Position, check_block, seal_block
from mesh.rejections import Rejection

NODES = st.binary(min_size=16, max_size=16).map(NodeId)
KEYS = st.binary(min_size=32, max_size=32).map(PublicKey)
HASHES = st.binary(min_size=32, max_size=32)
SIGNATURES = st.binary(min_size=64, max_size=64)
SEQS = st.integers(0, 2**32 - 1)
ROOTS = st.integers(0, 2**64 - 1)
NUMBERS = st.integers(0, 2**63 - 1)
COUNTERS = st.integers(0, EPOCH_COUNTER_MAX)
ERAS = st.builds(Era, COUNTERS, st.binary(min_size=16, max_size=16))
VITALS = st.binary(max_size=16)
# No lone surrogates: they are not text that any sender could have encoded.
TOPICS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=24)
SCOPES = st.text(st.characters(codec="utf-8"), max_size=24)
FACTS = st.builds(Fact, KEYS, TOPICS, NUMBERS, st.binary(max_size=400), SIGNATURES)
ENTRIES = st.lists(st.binary(max_size=80), min_size=1, max_size=6).map(tuple)
BLOCKS = st.builds(Block, KEYS, ERAS, NUMBERS, HASHES, HASHES, SIGNATURES, ENTRIES)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Ping, SEQS, ROOTS, VITALS),
    st.builds(Ack, SEQS, ROOTS, VITALS),
    st.builds(ProbeFor, SEQS, NODES),
    st.builds(ProbeResult, SEQS, NODES, st.booleans()),
    st.builds(Accuse, NODES, COUNTERS, SCOPES),
    st.builds(FactNews, FACTS, SCOPES),
    st.builds(BlockNews, BLOCKS, st.booleans(), SCOPES),
    st.builds(Stored, NODES, st.builds(Position, ERAS, NUMBERS, HASHES)),
)
ANN = Identity(Random("ann").randbytes(32))
FACT = sign_fact(ANN, b"meshmesh", "node", 7, b"body")
BLOCK = seal_block(ANN, Era(1, bytes(16)), 0, NO_BLOCK, [b"one", b"two"])
EXAMPLES: list[Message] = [
    Ping(1, 2, b"v", 2**32 - 1), Ack(1, 2, b"v"), ProbeFor(1, ANN.id),
    ProbeResult(1, ANN.id, True), Accuse(ANN.id, 3, "rack-1", ANN.id), FactNews(FACT),
    BlockNews(BLOCK, True), Stored(ANN.id, BLOCK.position), Kept(5, 2, bytes(32), True),
]  # fmt: skip
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary()
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=10)
    | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(MESSAGES, max_size=6))
def test_letters_read_back_as_they_were_written(messages: list[Message]) -> None:
    assert decode(encode(messages)) == tuple(messages)


@given(st.lists(MESSAGES, max_size=6))
def test_lengths_add_up(messages: list[Message]) -> None:
    assert encode(messages) == b"".join(encode([message]) for message in messages)


@given(FACTS)
def test_a_fact_reads_back_to_the_byte(fact: Fact) -> None:
    again = parse_fact(fact_bytes(fact))
    assert again == fact
    assert fact_bytes(again) == fact_bytes(fact)


@given(BLOCKS)
def test_a_block_reads_back_to_the_byte(block: Block) -> None:
    again = parse_block(block_bytes(block))
    assert again == block
    assert block_bytes(again) == block_bytes(block)


def test_signatures_survive_the_journey() -> None:
    fact, block = parse_fact(fact_bytes(FACT)), parse_block(block_bytes(BLOCK))
    assert isinstance(fact, Fact)
    assert isinstance(block, Block)
    assert check_fact(fact, b"meshmesh")
    assert check_block(block)
    assert block.hash == BLOCK.hash


def test_the_largest_fact_and_block_that_may_be_signed_can_be_read() -> None:
    fact = sign_fact(ANN, b"meshmesh", "t" * 24, 2**63 - 1, bytes(64 * 1024))
    assert parse_fact(fact_bytes(fact)) == fact
    block = seal_block(ANN, Era(EPOCH_COUNTER_MAX, bytes(16)), 9, NO_BLOCK, [bytes(1024)] * 256)
    assert parse_block(block_bytes(block)) == block


def test_what_is_larger_is_refused_unread() -> None:
    assert parse_fact(bytes(FACT_BYTES_MAX + 1)) is Rejection.OVERSIZED
    assert parse_block(bytes(PACKED_BLOCK_BYTES_MAX + 1)) is Rejection.OVERSIZED


@given(st.binary(max_size=1200))
def test_no_bytes_raise(content: bytes) -> None:
    assert isinstance(decode(content), tuple | Rejection)
    assert isinstance(parse_fact(content), Fact | Rejection)
    assert isinstance(parse_block(content), Block | Rejection)


@given(st.lists(PLAIN, max_size=4))
def test_no_plain_values_raise(values: list[Any]) -> None:
    content = b"".join(msgpack.packb(value) for value in values)
    assert isinstance(decode(content), tuple | Rejection)
    assert isinstance(parse_fact(content), Fact | Rejection)
    assert isinstance(parse_block(content), Block | Rejection)


@given(st.sampled_from(EXAMPLES), st.data())
def test_one_wrong_field_refuses_the_letter(message: Message, data: st.DataObject) -> None:
    plain = msgpack.unpackb(encode([message]))
    at = data.draw(st.integers(1, len(plain) - 1))
    wrong = data.draw(PLAIN.filter(lambda value: type(value) is not type(plain[at])))
    plain[at] = wrong
    assert decode(msgpack.packb(plain)) is Rejection.MALFORMED


LATER_FIELDS: dict[type, int] = {Ping: 1, Ack: 1, Accuse: 1, FactNews: 1, BlockNews: 1}
"""Fields at the end that came after the first version; without them the letter is whole."""


@given(st.sampled_from(EXAMPLES), st.data())
def test_one_missing_field_refuses_the_letter(message: Message, data: st.DataObject) -> None:
    plain = msgpack.unpackb(encode([message]))
    plain = plain[: len(plain) - LATER_FIELDS.get(type(message), 0)]
    at = data.draw(st.integers(1, len(plain) - 1))
    assert decode(msgpack.packb(plain[:at])) is Rejection.MALFORMED


@pytest.mark.parametrize("message", [Ping(1, 2, b"v"), Ack(1, 2, b"v"), Accuse(ANN.id, 3, "r")])
def test_a_letter_of_an_older_peer_lacks_later_fields_and_is_whole(message: Message) -> None:
    plain = msgpack.unpackb(encode([message]))
    assert decode(msgpack.packb(plain[: -LATER_FIELDS[type(message)]])) == (message,)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_every_truncation_refuses_the_payload(message: Message) -> None:
    payload = encode([Ping(1, 1), message])
    first = len(encode([Ping(1, 1)]))
    for length in range(1, len(payload)):
        if length != first:
            assert decode(payload[:length]) is Rejection.MALFORMED


def test_one_bad_letter_refuses_its_neighbours_too() -> None:
    assert decode(encode([Ping(1, 1)]) + msgpack.packb([1, -1, 0, b""])) is Rejection.MALFORMED


def test_an_empty_payload_says_nothing() -> None:
    assert decode(b"") == ()


@pytest.mark.parametrize(
    "plain",
    [
        [1, True, 0, b""], [1, 1.0, 0, b""], [1, -1, 0, b""], [1, 2**32, 0, b""],
        [1, 1, 0, b"v" * 17], [1, 1, 0, "text"], [3, 1, b"short"], [4, 1, b"n" * 16, 1],
        [1, 1, 0, b"", 2**32], [5, b"n" * 16, 1, "", b"short"],
        [5, b"n" * 16, EPOCH_COUNTER_MAX + 1, ""], [5, b"n" * 16, 1, "s" * 25],
        [6, b"k" * 32, "", 1, b"", b"s" * 64], [6, b"k" * 32, "t", 2**63, b"", b"s" * 64],
        [], ["1"], [True], [-1], [None], {}, 1, "ping", None,
    ],
)  # fmt: skip
def test_a_value_out_of_its_bounds_refuses_the_letter(plain: Any) -> None:
    assert decode(msgpack.packb(plain)) is Rejection.MALFORMED


@pytest.mark.parametrize("entries", [[], [b"e"] * 257, [b"e" * 16_385], [b"e", "text"], [[b"e"]]])
def test_a_block_with_impossible_entries_is_refused(entries: list[Any]) -> None:
    plain = [*msgpack.unpackb(block_bytes(BLOCK))[:-1], entries]
    assert parse_block(msgpack.packb(plain)) is Rejection.MALFORMED


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_fields_that_a_newer_peer_adds_are_counted_and_passed_over(message: Message) -> None:
    newer = [*msgpack.unpackb(encode([message])), "more", {"deep": [1]}]
    assert decode(msgpack.packb(newer)) == (message, Further(newer[0], 2))


def test_a_kind_that_a_newer_peer_adds_is_named_and_passed_over() -> None:
    payload = encode([Ping(1, 1)]) + msgpack.packb([77, "what", [1, 2]]) + encode([Ack(1, 1)])
    assert decode(payload) == (Ping(1, 1), Unknown(77), Ack(1, 1))


def test_what_we_did_not_understand_we_do_not_pass_on() -> None:
    with pytest.raises(ValueError, match="never sent"):
        encode([Unknown(77)])


def nested(levels: int) -> Any:
    return [] if levels == 0 else [nested(levels - 1)]


@pytest.mark.parametrize(
    "hostile",
    [
        msgpack.packb([77, nested(5)]),
        b"\x91" * 1100,
        b"\xdd\xff\xff\xff\xff",  # an array of four billion
        b"\xdf\xff\xff\xff\xff",  # a map of four billion
        b"\xc6\xff\xff\xff\xff",  # four gigabytes of bytes
        b"\xc1",
        msgpack.packb(msgpack.Timestamp(1)),
        msgpack.packb([77, *range(40)]),
        encode([Ping(1, 1)] * (PAYLOAD_MESSAGES_MAX + 1)),
        b"\xa1\xff",  # a text that is not UTF-8
        b"\x93\x4d\x81\x01\x02\x03",  # a map whose key is a number
    ],
)
def test_hostile_shapes_are_refused(hostile: bytes) -> None:
    assert decode(hostile) is Rejection.MALFORMED


def test_every_kind_of_letter_is_tried_here() -> None:
    tried = {type(message) for message in EXAMPLES} | {Unknown, Further}
    assert tried == {*Message.__args__}
    assert all(dataclasses.is_dataclass(kind) for kind in tried)
