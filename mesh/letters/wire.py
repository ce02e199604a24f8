"""The reading room: letters to bytes and back, the whole letter or none of it.

A payload is letters laid end to end, each a MessagePack array `[kind, field, …]`; so lengths add
up, and whoever fills a datagram can count. Reading takes three steps: MessagePack under limits,
then plain values, then a typed message whose every field was checked by `type() is` (a bool is an
int to `isinstance`). One bad letter refuses the whole payload: half a letter acted upon is a state
that no sender ever meant.

For rolling upgrades, a kind we do not know becomes `Unknown`, and fields past those we know are
ignored. Both are still bounded in count, length and depth.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import IntEnum
from typing import Any, Final

import msgpack

from mesh.beat import BEAT_MAX
from mesh.facts import FACT_BODY_BYTES_MAX, TOPIC_CHARS_MAX, Fact
from mesh.identity import (
    NODE_ID_BYTES,
    NONCE_BYTES,
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    NodeId,
    PublicKey,
)
from mesh.letters.datagram import EPOCH_COUNTER_MAX
from mesh.letters.deflated import DEFLATED_BYTES_MAX, deflate, inflate
from mesh.letters.fields import FIELDS_MAX, Fields, Refused
from mesh.letters.messages import (
    ROOT_MAX,
    SCOPE_CHARS_MAX,
    SEQUENCE_MAX,
    VITALS_BYTES_MAX,
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
from mesh.logs import (
    BLOCK_BYTES_MAX,
    BLOCK_ENTRIES_MAX,
    HASH_BYTES,
    Block,
    Era,
    Position,
)
from mesh.rejections import Rejection

PAYLOAD_MESSAGES_MAX: Final = 64
DEPTH_MAX: Final = 4
"""The deepest known letter is a block: letter > entries. Two more are room to grow."""
FACT_BYTES_MAX: Final = FACT_BODY_BYTES_MAX + 512
PACKED_BLOCK_BYTES_MAX: Final = BLOCK_BYTES_MAX + BLOCK_ENTRIES_MAX * 8 + 512


Keep = Callable[[Any], Any]
"""A fact or block just read → the same, or an equal one that was read before."""


def _itself(one: Any) -> Any:
    return one


_keep: Keep = _itself


def keep_with(keep: Keep) -> None:
    """Let every fact and block that is read pass through `keep`. For the simulator alone, in which
    a thousand nodes of one process would each have a copy of what a thousand machines have."""
    global _keep  # noqa: PLW0603 - one process, one memory
    _keep = keep


class _Letter(IntEnum):
    """The first field of a letter. Numbers are never given to another kind."""

    PING = 1
    ACK = 2
    PROBE_FOR = 3
    PROBE_RESULT = 4
    ACCUSE = 5
    FACT = 6
    BLOCK = 7
    STORED = 8
    KEPT = 9
    DEFLATED_FACT = 10


_LIMITS: Final[dict[str, Any]] = {
    "max_str_len": 256,
    "max_bin_len": FACT_BODY_BYTES_MAX,
    "max_array_len": max(FIELDS_MAX, BLOCK_ENTRIES_MAX),
    "max_map_len": FIELDS_MAX,
    "max_ext_len": 0,
}
_NESTED: Final = (list, dict)


def encode(messages: Iterable[Message]) -> bytes:
    """The payload that carries `messages` in order. Lengths add up over messages."""
    return b"".join(_packed(_plain_message(message)) for message in messages)


def decode(payload: bytes) -> tuple[Message, ...] | Rejection:
    """The letters in `payload`, all of them, or why none is taken."""
    try:
        return tuple(_messages(_unpacked(payload)))
    except ValueError:
        return Rejection.MALFORMED


def fact_bytes(fact: Fact) -> bytes:
    """A fact on a stream or on disk."""
    return _packed(_plain_fact(fact))


def parse_fact(content: bytes) -> Fact | Rejection:
    """The inverse of `fact_bytes`. Says nothing about the signature: see `check_fact`."""
    if len(content) > FACT_BYTES_MAX:
        return Rejection.OVERSIZED
    try:
        return _fact(Fields(_unpacked_one(content)))
    except ValueError:
        return Rejection.MALFORMED


def block_bytes(block: Block) -> bytes:
    """A block on a stream or on disk."""
    return _packed(_plain_block(block))


def parse_block(content: bytes) -> Block | Rejection:
    """The inverse of `block_bytes`. Says nothing about the signature: see `check_block`."""
    if len(content) > PACKED_BLOCK_BYTES_MAX:
        return Rejection.OVERSIZED
    try:
        return _block(Fields(_unpacked_one(content)))
    except ValueError:
        return Rejection.MALFORMED


# Writing ---------------------------------------------------------------------------------------


def _plain_message(message: Message) -> list[Any]:
    match message:
        case Ping(seq, root, vitals, beat):
            return [_Letter.PING, seq, root, vitals, beat]
        case Ack(seq, root, vitals, beat):
            return [_Letter.ACK, seq, root, vitals, beat]
        case ProbeFor(seq, target):
            return [_Letter.PROBE_FOR, seq, target]
        case ProbeResult(seq, target, alive):
            return [_Letter.PROBE_RESULT, seq, target, alive]
        case Accuse(target, epoch_counter, scope, by):
            return [_Letter.ACCUSE, target, epoch_counter, scope, by or b""]
        case FactNews(fact, scope):
            if (body := deflate(fact.body)) is not None:
                kind, fact = _Letter.DEFLATED_FACT, replace(fact, body=body)
                return [kind, *_plain_fact(fact), scope]
            return [_Letter.FACT, *_plain_fact(fact), scope]
        case BlockNews(block, wants_receipt, scope):
            return [_Letter.BLOCK, wants_receipt, *_plain_block(block), scope]
        case Stored(author, Position(era, height, head)):
            return [_Letter.STORED, author, era.counter, era.nonce, height, head]
        case Kept(root, length, head, alone):
            return [_Letter.KEPT, root, length, head, alone]
        case Unknown(kind) | Further(kind):
            raise ValueError(f"a letter of kind {kind} is read past, never sent")


def _plain_fact(fact: Fact) -> list[Any]:
    return [fact.public, fact.topic, fact.version, fact.body, fact.signature]


def _plain_block(block: Block) -> list[Any]:
    return [
        block.public, block.era.counter, block.era.nonce, block.height,
        block.previous, block.root, block.signature, list(block.entries),
    ]  # fmt: skip


def _packed(plain: list[Any]) -> bytes:
    packed: bytes = msgpack.packb(plain)
    return packed


# Reading ---------------------------------------------------------------------------------------


def _unpacked(content: bytes) -> list[Any]:
    # One letter as a rule, and to make an Unpacker takes longer than to read it.
    try:
        return [_unpacked_one(content)] if content else []
    except msgpack.ExtraData:
        return _unpacked_several(content)


def _unpacked_several(content: bytes) -> list[Any]:
    unpacker = msgpack.Unpacker(max_buffer_size=max(1, len(content)), **_LIMITS)
    unpacker.feed(content)
    values: list[Any] = []
    whole = 0
    for value in unpacker:
        values.append(value)
        whole = unpacker.tell()  # taken here: after the loop it also counts half a letter
        if len(values) > PAYLOAD_MESSAGES_MAX or _deeper_than(DEPTH_MAX, value):
            raise Refused
    if whole != len(content):
        raise Refused  # it ends in the middle of a letter
    return values


def _unpacked_one(content: bytes) -> Any:
    value = msgpack.unpackb(content, **_LIMITS)
    if _deeper_than(DEPTH_MAX, value):
        raise Refused
    return value


def _deeper_than(levels: int, value: Any) -> bool:
    if type(value) not in _NESTED:
        return False
    if levels == 0:
        return True
    for inner in value.values() if type(value) is dict else value:
        if type(inner) in _NESTED and _deeper_than(levels - 1, inner):
            return True
    return False


def _messages(letters: list[Any]) -> Iterator[Message]:
    for plain in letters:
        fields = Fields(plain)
        message = _message(fields)
        yield message
        if fields.left and not isinstance(message, Unknown):
            yield Further(plain[0], fields.left)


def _message(fields: Fields) -> Message:
    kind = fields.number()
    match kind:
        case _Letter.PING:
            return Ping(*_heartbeat(fields))
        case _Letter.ACK:
            return Ack(*_heartbeat(fields))
        case _Letter.PROBE_FOR:
            return ProbeFor(fields.number(SEQUENCE_MAX), _node(fields))
        case _Letter.PROBE_RESULT:
            return ProbeResult(fields.number(SEQUENCE_MAX), _node(fields), fields.flag())
        case _Letter.ACCUSE:
            return _accuse(fields)
        case _Letter.FACT:
            return FactNews(_fact(fields), fields.scope())
        case _Letter.DEFLATED_FACT:
            return FactNews(_fact(fields, deflated=True), fields.scope())
        case _Letter.BLOCK:
            wants_receipt = fields.flag()
            return BlockNews(_block(fields), wants_receipt, fields.scope())
        case _Letter.STORED:
            return _stored(fields)
        case _Letter.KEPT:
            return _kept(fields)
        case _:
            return Unknown(kind)


def _heartbeat(fields: Fields) -> tuple[int, int, bytes, int]:
    return (
        fields.number(SEQUENCE_MAX),
        fields.number(ROOT_MAX),
        fields.bytes_up_to(VITALS_BYTES_MAX),
        fields.number(BEAT_MAX) if fields.more else 0,
    )


def _accuse(fields: Fields) -> Accuse:
    target, counter = _node(fields), fields.number(EPOCH_COUNTER_MAX)
    scope = fields.text(SCOPE_CHARS_MAX)
    by = fields.bytes_up_to(NODE_ID_BYTES) if fields.more else b""
    if len(by) not in (0, NODE_ID_BYTES):
        raise Refused
    return Accuse(target, counter, scope, NodeId(by) if by else None)


def _node(fields: Fields) -> NodeId:
    return NodeId(fields.exactly(NODE_ID_BYTES))


def _era(fields: Fields) -> Era:
    return Era(fields.number(EPOCH_COUNTER_MAX), fields.exactly(NONCE_BYTES))


def _fact(fields: Fields, *, deflated: bool = False) -> Fact:
    public = PublicKey(fields.exactly(PUBLIC_KEY_BYTES))
    topic, version = fields.text(TOPIC_CHARS_MAX, chars_min=1), fields.number()
    if deflated:
        body = inflate(fields.bytes_up_to(DEFLATED_BYTES_MAX))
        if body is None:
            raise Refused
    else:
        body = fields.bytes_up_to(FACT_BODY_BYTES_MAX)
    fact: Fact = _keep(Fact(public, topic, version, body, fields.exactly(SIGNATURE_BYTES)))
    return fact


def _block(fields: Fields) -> Block:
    block: Block = _keep(
        Block(
            public=PublicKey(fields.exactly(PUBLIC_KEY_BYTES)),
            era=_era(fields),
            height=fields.number(),
            previous=fields.exactly(HASH_BYTES),
            root=fields.exactly(HASH_BYTES),
            signature=fields.exactly(SIGNATURE_BYTES),
            entries=fields.entries(),
        )
    )
    return block


def _stored(fields: Fields) -> Stored:
    author = _node(fields)
    return Stored(author, Position(_era(fields), fields.number(), fields.exactly(HASH_BYTES)))


def _kept(fields: Fields) -> Kept:
    root, length = fields.number(ROOT_MAX), fields.number()
    return Kept(root, length, fields.exactly(HASH_BYTES if length else 0), fields.flag())
