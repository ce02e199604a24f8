"""Pages, blocks and receipts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.limits import BLOCK_BYTES_MAX
from ledger.proving.blocks import Pages, ReceiptRefused, decode_receipt, encode_receipt
from ledger.proving.proofs import Proofs
from mesh.logs import (
    BLOCK_ENTRIES_MAX,
    ENTRY_BYTES_MAX,
    NO_BLOCK,
    Era,
    check_block,
    check_receipt,
    receipt_for,
    seal_block,
)
from tests.ledger.owner import OWNER, opened

ERA = Era(3, bytes(16))


@given(st.lists(st.integers(1, ENTRY_BYTES_MAX), max_size=40))
def test_an_entrys_place_is_known_when_it_is_written(sizes: list[int]) -> None:
    pages = Pages(ERA, 7)
    written = []
    for number, size in enumerate(sizes):
        raw = bytes([number]) * size
        written.append((pages.write(raw), raw))
    blocks = [block for block, _ in pages.sign(OWNER, NO_BLOCK)]
    assert all(check_block(block) for block in blocks)
    for token, raw in written:
        assert blocks[token.height - 7].entries[token.line] == raw
    assert all(sum(map(len, block.entries)) <= BLOCK_BYTES_MAX for block in blocks)
    assert [token for token, _ in written] == sorted(token for token, _ in written)


def test_a_page_turns_when_it_has_as_many_entries_as_a_block_takes() -> None:
    pages = Pages(ERA, 0)
    for _ in range(BLOCK_ENTRIES_MAX + 1):
        pages.write(b"x")
    assert [len(block.entries) for block, _ in pages.sign(OWNER, NO_BLOCK)] == [
        BLOCK_ENTRIES_MAX,
        1,
    ]


@given(st.integers(1, 40), st.data())
def test_a_receipt_travels_and_still_proves(count: int, data: st.DataObject) -> None:
    block = seal_block(OWNER, ERA, 0, NO_BLOCK, [bytes([number]) for number in range(count)])
    index = data.draw(st.integers(0, count - 1))
    receipt = decode_receipt(encode_receipt(receipt_for(block, index)))
    assert check_receipt(receipt) == block.position
    assert receipt.entry == bytes([index])


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_receipt(raw: bytes) -> None:
    with pytest.raises(ReceiptRefused):
        decode_receipt(raw)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_of_a_receipt_proves_nothing(at: int, flip: int) -> None:
    raw = bytearray(RECEIPT)
    raw[at % len(raw)] ^= flip
    try:
        receipt = decode_receipt(bytes(raw))
    except ReceiptRefused:
        return
    assert check_receipt(receipt) is None


RECEIPT = opened().grant(1).receipts[0]


@given(st.integers(1, 40) | st.sampled_from([128, 129, 255, 256]))
def test_receipts_made_together_are_those_made_one_by_one(count: int) -> None:
    block = seal_block(OWNER, ERA, 0, NO_BLOCK, [bytes(number) for number in range(count)])
    proofs = Proofs(block)
    one_by_one = [encode_receipt(receipt_for(block, index)) for index in range(count)]
    assert [proofs.receipt(index) for index in range(count)] == one_by_one
