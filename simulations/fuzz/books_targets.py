"""What the ledger reads: entries, commands, answers, receipts; and whole logs that it folds.

An author may sign any entries it likes. The fold refuses them by name, and whatever it takes leaves
books that balance.
"""

from functools import partial
from typing import Final

import msgspec

from ledger.books import Books
from ledger.commands import (
    Answer,
    Enlisting,
    GrantKind,
    Hold,
    Leg,
    Outcome,
    Post,
    Release,
    Renew,
    Resume,
    Void,
    Wait,
    decode_answer,
    decode_command,
    decode_signed,
    encode_answer,
    encode_signed,
    sign_command,
)
from ledger.commands.gangs import Park, Settle
from ledger.entries import EntryRefused, decode_entry, encode_entry
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
from ledger.proving.audit import check_books
from ledger.proving.blocks import ReceiptRefused, decode_receipt, encode_receipt
from mesh.identity import PublicKey
from mesh.logs import (
    BLOCK_TAG,
    NO_BLOCK,
    Block,
    Receipt,
    check_receipt,
    header_bytes,
    merkle_root,
    receipt_for,
    seal_block,
)
from simulations.fuzz.stage import KEY, the_stage
from simulations.fuzz.target import COSTLY, DEAR, Shape, Target

HOLD: Final = bytes(range(16))
SESSION: Final = bytes(16)
HOLDING: Final = Hold(
    HOLD, SESSION, (Leg("ram", 1 << 30),), GrantKind.BOOKING, 60 * 10**9, "user:carla", "train"
)

MEMBER: Final = msgspec.structs.replace(
    HOLDING, kind=GrantKind.CARRIED, gang=Enlisting(HOLD, 60 * 10**9)
)
PLACED: Final = Wait(HOLD, SESSION, MEMBER, 60 * 10**9, 1, 7, 10**9)
MEMBERS: Final = (GangMember(bytes(16), HOLD), GangMember(bytes(range(16)), bytes(16)))
GANGS: Final = (
    GangBegun(HOLD, MEMBERS), GangCommitted(HOLD), GangCompleted(HOLD), GangEnded(HOLD, "asked"),
    Enlisted(HOLD, HOLD, 60 * 10**9), Parked(HOLD), Settled(HOLD),
)  # fmt: skip


def targets() -> list[Target]:
    """All of them."""
    chain = _chain()
    entries = tuple(dict.fromkeys(entry for block in chain for entry in block.entries))
    entries += tuple(encode_entry(entry) for entry in GANGS)
    receipt = receipt_for(chain[0], 0)
    single = seal_block(KEY, chain[0].era, 0, NO_BLOCK, [b"entry"])
    commands = (
        HOLDING, Post(HOLD, SESSION), Renew(HOLD, SESSION, bytes(8)), Void(HOLD, SESSION),
        Release(HOLD, SESSION), Resume(HOLD, SESSION, (encode_receipt(receipt),)),
        MEMBER, PLACED, msgspec.structs.replace(MEMBER, place=HOLD),
        Park(HOLD, SESSION), Settle(HOLD, SESSION, encode_receipt(receipt)),
    )  # fmt: skip
    signed = tuple(encode_signed(sign_command(KEY, KEY.id, command)) for command in commands)
    answer = Answer(
        Outcome.POSTED, HOLD, SESSION, "", (3, 0, 0), (encode_receipt(receipt),), 60 * 10**9,
        stored_on=(KEY.id,),
    )  # fmt: skip
    bodies = tuple(msgspec.msgpack.encode(command) for command in commands)
    fold = partial(_fold, chain)
    return [
        Target("entry", entries, _entry, Shape.MSGPACK),
        Target("command", bodies, partial(_decoded, decode_command), Shape.MSGPACK),
        Target("signed command", signed, partial(_decoded, decode_signed), Shape.MSGPACK),
        Target("answer", (encode_answer(answer),), _answer, Shape.MSGPACK),
        Target("receipt", (encode_receipt(receipt),), _receipt, Shape.MSGPACK),
        Target("receipt, by its author", (header_bytes(single),), _header, Shape.MSGPACK, DEAR),
        Target("log, by its author", entries, fold, Shape.MSGPACK, COSTLY),
    ]


def _chain() -> tuple[Block, ...]:
    """The log of somebody who has granted something."""
    stage = the_stage()
    chains = [host.alive.mesh.chains.chain(host.id) for host in (stage.ann, stage.eve)]
    return max(chains, key=len)


def _entry(data: bytes) -> bool:
    try:
        entry = decode_entry(data)
    except EntryRefused:
        return False
    assert encode_entry(entry) == data, "two encodings of one entry"
    return True


def _decoded(decoder: object, data: bytes) -> bool:
    assert callable(decoder), "a decoder is called"
    try:
        decoder(data)
    except msgspec.MsgspecError:
        return False
    return True


def _answer(data: bytes) -> bool:
    try:
        answer = decode_answer(data)
    except msgspec.MsgspecError:
        return False
    assert decode_answer(encode_answer(answer)) == answer, "an answer reads back differently"
    return True


def _receipt(data: bytes) -> bool:
    try:
        receipt = decode_receipt(data)
    except ReceiptRefused:
        return False
    assert decode_receipt(encode_receipt(receipt)) == receipt, "a receipt reads back differently"
    return True


def _header(header: bytes) -> bool:
    """Signed by its author, who is free to sign nonsense."""
    signature = KEY.sign(BLOCK_TAG, header)
    position = check_receipt(Receipt(PublicKey(KEY.public), header, signature, b"entry", ()))
    if position is None:
        return False
    assert type(position.height) is int, "a height is a number"
    assert type(position.era.counter) is int, "an era has a number"
    assert type(position.era.nonce) is bytes, "an era has a nonce"
    return True


def _fold(chain: tuple[Block, ...], entry: bytes) -> bool:
    """The log as it is, and behind it one more block that holds `entry`."""
    books = Books()
    for block in chain:
        assert books.apply_block(block) is None, "an example does not fold"
    before = books.state_hash()
    head = chain[-1]
    root = merkle_root((entry,))
    bent = Block(head.public, head.era, head.height + 1, head.hash, root, b"", (entry,))
    refusal = books.apply_block(bent)
    if refusal is not None:
        assert books.state_hash() == before, "a refused block left something behind"
        return False
    check_books(books)
    return True
