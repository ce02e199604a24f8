"""The outside of every datagram: a fixed header, and a tag by which members know each other.

    0      2         3      4        8        24
    "HF" | version | kind | key id | sender | what the kind asks for …

Kinds that are not sealed end with a tag: HMAC-SHA256, cut to 128 bits, over everything before it,
kind included; so a tag made for one kind is worth nothing on another. 1,200 bytes pass unbroken
through every link we know (IPv6 promises 1,280, and tunnels take their share).
"""

import hmac
import struct
from enum import IntEnum
from typing import Final, NamedTuple

from mesh.facts import SEQUENCE_BITS
from mesh.identity import NODE_ID_BYTES, NodeId
from mesh.keys.secret import KEY_ID_BYTES
from mesh.rejections import Rejection

MAGIC: Final = b"HF"
PROTOCOL_VERSION: Final = 1
DATAGRAM_BYTES_MAX: Final = 1200
TAG_BYTES: Final = 16
EPOCH_COUNTER_MAX: Final = (1 << 63 - SEQUENCE_BITS) - 1
"""Fact versions hold the epoch counter above their sequence number, in 63 bits."""

_HEADER: Final = struct.Struct(f">2sBB{KEY_ID_BYTES}s{NODE_ID_BYTES}s")
_KEY_ID_AT: Final = 4
HEADER_BYTES: Final = _HEADER.size


class Kind(IntEnum):
    """What a datagram is. Numbers are never given to another kind."""

    BEACON = 1
    HELLO = 2
    WELCOME = 3
    CONFIRM = 4
    SEALED = 5
    STALE = 6
    OUTCAST = 7


class Header(NamedTuple):
    """What every datagram says about itself before anything has been checked."""

    kind: Kind
    key_id: bytes
    sender: NodeId


def write_header(kind: Kind, key_id: bytes, sender: NodeId) -> bytes:
    """The first 24 bytes of a datagram."""
    return _HEADER.pack(MAGIC, PROTOCOL_VERSION, kind, key_id, sender)


def read_header(datagram: bytes) -> Header | Rejection:
    """The header, or why this cannot be one of our datagrams. Touches nothing secret."""
    if len(datagram) > DATAGRAM_BYTES_MAX:
        return Rejection.OVERSIZED
    if len(datagram) < HEADER_BYTES:
        return Rejection.TOO_SHORT
    magic, version, kind, key_id, sender = _HEADER.unpack_from(datagram)
    if magic != MAGIC:
        return Rejection.BAD_MAGIC
    if version != PROTOCOL_VERSION:
        return Rejection.UNKNOWN_VERSION
    if kind not in _KINDS:
        return Rejection.UNKNOWN_KIND
    return Header(_KINDS[kind], key_id, NodeId(sender))


def key_id_of(datagram: bytes) -> bytes:
    """Which secret a whole datagram names."""
    return datagram[_KEY_ID_AT : _KEY_ID_AT + KEY_ID_BYTES]


def tagged(key: bytes, content: bytes) -> bytes:
    """`content` with its tag behind it."""
    return content + _tag(key, content)


def untagged(key: bytes, datagram: bytes) -> bytes | None:
    """What stands before the tag, or None when the tag does not match. In constant time."""
    content, tag = datagram[:-TAG_BYTES], datagram[-TAG_BYTES:]
    return content if hmac.compare_digest(_tag(key, content), tag) else None


def _tag(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")[:TAG_BYTES]


_KINDS: Final = {int(kind): kind for kind in Kind}
