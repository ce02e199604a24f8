"""One encoding of each entry, and no other bytes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import PoolState
from ledger.commands import AMOUNT_MAX, GrantKind, Leg
from ledger.entries import (
    Adopted,
    BookingsOpened,
    CameOnline,
    Checkpointed,
    Closed,
    ClosedHow,
    EndedBy,
    Entry,
    EntryRefused,
    EraOpened,
    Expired,
    Held,
    OpenedBy,
    PoolStateSet,
    Posted,
    Provisioned,
    Reclaimed,
    Released,
    Retired,
    Voided,
    WentOffline,
    decode_entry,
    encode_entry,
)
from ledger.entries.gangs import (
    Enlisted,
    GangBegun,
    GangCommitted,
    GangCompleted,
    GangEnded,
    GangMember,
    Parked,
    Settled,
)
from ledger.entries.rights import (
    RightsBarred,
    RightsGiven,
    RightsIssued,
    RightsOpened,
    RightsTaken,
    RightsWithdrawn,
    RightsWrittenOff,
)
from mesh.identity import Epoch
from mesh.logs import ENTRY_BYTES_MAX, Era, Position

ids = st.binary(min_size=16, max_size=16)
hashes = st.binary(min_size=32, max_size=32)
pools = st.sampled_from(["ram", "cpu", "disk:/", "gpu:GPU-1", "slots:x"])
legs = st.dictionaries(pools, st.integers(1, AMOUNT_MAX), min_size=1).map(
    lambda chosen: tuple(Leg(pool, chosen[pool]) for pool in sorted(chosen))
)
words = st.text(max_size=40)
terms = st.integers(1, AMOUNT_MAX)
sorts = st.text(min_size=1, max_size=8)
eras = st.builds(Era, st.integers(0, 2**40), ids)
positions = st.builds(Position, eras, st.integers(0, 2**40), hashes)
kinds = st.sampled_from(GrantKind)

entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(
        EraOpened, eras, st.builds(Epoch, st.integers(0, 2**40), ids), st.none() | positions,
        words, st.none() | words, st.booleans(),
    ),
    st.builds(Provisioned, legs),
    st.builds(Retired, legs),
    st.builds(WentOffline, legs),
    st.builds(CameOnline, legs),
    st.builds(PoolStateSet, pools, st.sampled_from(PoolState)),
    st.builds(Held, ids, hashes, ids, legs, kinds, terms, words, words),
    st.builds(Posted, ids),
    st.builds(Voided, ids, ids),
    st.builds(Expired, ids),
    st.builds(Released, ids, ids, st.sampled_from(EndedBy)),
    st.builds(Reclaimed, ids),
    st.builds(
        Adopted, ids, hashes, ids, legs, kinds, terms, words, words, st.booleans(), positions
    ),
    st.builds(Closed, ids, hashes, ids, legs, st.sampled_from(ClosedHow), positions),
    st.builds(Enlisted, ids, ids, terms),
    st.builds(Parked, ids),
    st.builds(Settled, ids),
    st.builds(
        GangBegun, ids,
        st.lists(st.builds(GangMember, ids, ids), min_size=2, max_size=5).map(tuple),
    ),
    st.builds(GangCommitted, ids),
    st.builds(GangCompleted, ids),
    st.builds(GangEnded, ids, words),
    st.builds(RightsIssued, words, sorts, terms, st.booleans()),
    st.builds(RightsWithdrawn, words, sorts, terms, st.booleans()),
    st.builds(RightsWrittenOff, words, sorts, ids, terms, words, st.booleans()),
    st.builds(RightsGiven, words, sorts, ids, terms, st.booleans()),
    st.builds(RightsTaken, words, sorts, ids, terms, positions, st.booleans()),
    st.builds(RightsBarred, ids, st.booleans()),
    st.builds(RightsOpened, st.booleans(), words),
    st.builds(BookingsOpened, st.sampled_from(OpenedBy), words),
    st.builds(
        Checkpointed, hashes,
        st.lists(st.tuples(eras, st.integers(0, 2**40)), min_size=1, max_size=3).map(tuple),
        st.integers(0, 2**40), st.integers(0, 100),
    ),
)  # fmt: skip


@given(entries)
def test_an_entry_comes_back_as_it_was_written(entry: Entry) -> None:
    assert decode_entry(encode_entry(entry)) == entry


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_are_the_one_encoding(raw: bytes) -> None:
    try:
        entry = decode_entry(raw)
    except EntryRefused:
        return
    assert encode_entry(entry) == raw


@given(entries, st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_gives_a_refusal_or_another_entry(entry: Entry, at: int, flip: int) -> None:
    raw = bytearray(encode_entry(entry))
    raw[at % len(raw)] ^= flip
    try:
        other = decode_entry(bytes(raw))
    except EntryRefused:
        return
    assert other != entry
    assert encode_entry(other) == bytes(raw)


@given(entries)
def test_an_unknown_field_is_refused(entry: Entry) -> None:
    fields = msgspec.msgpack.decode(encode_entry(entry))
    with pytest.raises(EntryRefused):
        decode_entry(msgspec.msgpack.encode([*fields, 1]))


def test_amounts_are_whole_and_positive_and_fit_sixty_four_bits() -> None:
    for amount in (0, -1, 1.0, 1.5, 2**63, True, "1", None):
        with pytest.raises(EntryRefused):
            decode_entry(msgspec.msgpack.encode(["provision", [["ram", amount]]]))
    most = msgspec.msgpack.encode(["provision", [["ram", AMOUNT_MAX]]])
    assert decode_entry(most) == Provisioned((Leg("ram", AMOUNT_MAX),))


def test_a_longer_spelling_of_the_same_number_is_refused() -> None:
    short = msgspec.msgpack.encode(["provision", [["ram", 5]]])
    long = short[:-1] + b"\xcd\x00\x05"
    assert decode_entry(short) == Provisioned((Leg("ram", 5),))
    with pytest.raises(EntryRefused, match="one encoding"):
        decode_entry(long)


def test_legs_stand_in_order_and_once_each() -> None:
    for legs_ in ([["ram", 1], ["cpu", 1]], [["ram", 1], ["ram", 1]], [["mem", 1]], []):
        with pytest.raises(EntryRefused):
            decode_entry(msgspec.msgpack.encode(["provision", legs_]))


def test_deep_nesting_and_great_length_are_refused() -> None:
    for raw in (b"\x91" * ENTRY_BYTES_MAX, b"\x92\xa5state" + b"\x91" * 5000, bytes(20_000)):
        with pytest.raises(EntryRefused):
            decode_entry(raw)
