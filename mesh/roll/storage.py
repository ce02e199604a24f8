"""How the mesh's memory lies on the disk: keys and values, both ways.

A chain is one row per height, so that an append is one small write; the attic's rows carry era and
hash in their key, because several branches may have a block at one height.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack

from mesh.effects import Address
from mesh.facts import Fact
from mesh.identity import NODE_ID_BYTES, NONCE_BYTES, PUBLIC_KEY_BYTES, Epoch, NodeId, PublicKey
from mesh.kept.filed import Filed
from mesh.letters.wire import block_bytes, fact_bytes, parse_block, parse_fact
from mesh.logs import Base, Block, check_base
from mesh.persistence import (
    SPACE_ARCHIVE,
    SPACE_ATTIC,
    SPACE_BASE,
    SPACE_BLOCK,
    SPACE_PEER,
    SPACE_SHELF,
    Write,
)

ADDRESSES_REMEMBERED_MAX = 8
ARCHIVE_ROW_BLOCKS = 256
JUST_NOW = -1
"""When a row was put into the archive, if nobody has counted yet."""
SPARE = b"attic"
"""Behind an author's id: the base of what lies in the attic."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What must survive our restart about a peer."""

    public: PublicKey
    epoch: Epoch
    """The highest it has proven to us."""
    addresses: tuple[Address, ...]
    """Where it answered, newest first."""
    record: Fact | None


@dataclass(slots=True)
class Kept:
    """What the disk had: per author the chain's rows in height order, and the attic's."""

    chain: list[Block] = field(default_factory=list)
    attic: list[Block] = field(default_factory=list)
    base: Base | None = None
    spare: Base | None = None


def block_key(author: NodeId, height: int) -> bytes:
    """The row of an accepted block."""
    return author + height.to_bytes(8, "big")


def attic_key(block: Block) -> bytes:
    """The row of a block that is kept beside the chain."""
    era = block.era.counter.to_bytes(8, "big") + block.era.nonce
    return block.author + era + block.height.to_bytes(8, "big") + block.hash[:8]


def writes_for(author: NodeId, filed: Filed) -> tuple[Write, ...]:
    """The rows that an accepted block changes: all of them in one transaction, or none."""
    writes = _base_writes(author, filed) + _archive_writes(author, filed.put_away)
    writes += [Write(SPACE_ATTIC, attic_key(block), block_bytes(block)) for block in filed.attic]
    writes += [Write(SPACE_ATTIC, attic_key(block), None) for block in filed.revived]
    for block in filed.gained:
        writes.append(Write(SPACE_BLOCK, block_key(author, block.height), block_bytes(block)))
    new_length = filed.start + len(filed.gained)
    for block in (*filed.lost, *filed.put_away):
        if not filed.first <= block.height < new_length:
            writes.append(Write(SPACE_BLOCK, block_key(author, block.height), None))
    return tuple(writes)


def forgotten_writes(author: NodeId, filed: Filed) -> tuple[Write, ...]:
    """Nothing is left of `author` that a start would load; `filed` is the log that was dropped.
    What lies in the archive ages there."""
    keys = ((SPACE_PEER, author), (SPACE_BASE, author), (SPACE_BASE, author + SPARE))
    gone = [Write(space, key, None) for space, key in keys]
    return (*gone, *writes_for(author, filed))


def _base_writes(author: NodeId, filed: Filed) -> list[Write]:
    writes = []
    if filed.moved:
        row = None if filed.base is None else base_bytes(filed.base)
        writes.append(Write(SPACE_BASE, author, row))
    if filed.spare is not None:
        writes.append(Write(SPACE_BASE, author + SPARE, base_bytes(filed.spare)))
    return writes


def _archive_writes(author: NodeId, blocks: Sequence[Block]) -> list[Write]:
    """Rows of some hundred blocks: what is put away is never changed, and read in order."""
    writes = []
    for start in range(0, len(blocks), ARCHIVE_ROW_BLOCKS):
        row = blocks[start : start + ARCHIVE_ROW_BLOCKS]
        value: bytes = msgpack.packb([block_bytes(block) for block in row])
        key = block_key(author, row[0].height)
        writes.append(Write(SPACE_ARCHIVE, key, value))
        writes.append(Write(SPACE_SHELF, key, shelf_bytes(JUST_NOW, len(value))))
    return writes


def shelf_bytes(at: int, size: int) -> bytes:
    """What is noted of a row of the archive: when it was put there, and its size."""
    packed: bytes = msgpack.packb([at, size])
    return packed


def archived(value: bytes) -> list[Block]:
    """The blocks of one row of the archive; those that cannot be read are left out."""
    try:
        rows = msgpack.unpackb(value)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        return []
    parsed = [parse_block(row) for row in rows if type(row) is bytes]
    return [block for block in parsed if isinstance(block, Block)]


def base_bytes(base: Base) -> bytes:
    """A base as it is kept."""
    packed: bytes = msgpack.packb([block_bytes(base.block), base.state])
    return packed


def parse_base(value: bytes) -> Base | None:
    """The inverse of `base_bytes`; None when it is none."""
    try:
        raw, state = msgpack.unpackb(value)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        return None
    if type(raw) is not bytes or type(state) is not bytes:
        return None
    block = parse_block(raw)
    base = Base(block, state) if isinstance(block, Block) else None
    return base if base is not None and check_base(base) else None


def peer_write(peer: NodeId, remembered: Remembered) -> Write:
    """The row of a peer."""
    record = b"" if remembered.record is None else fact_bytes(remembered.record)
    addresses = [list(address) for address in remembered.addresses[:ADDRESSES_REMEMBERED_MAX]]
    value: bytes = msgpack.packb(
        [remembered.public, remembered.epoch.counter, remembered.epoch.nonce, addresses, record]
    )
    return Write(SPACE_PEER, peer, value)


def parse_peer(value: bytes) -> Remembered | None:
    """The inverse of `peer_write`; None when the row is not one of ours."""
    try:
        public, counter, nonce, addresses, record = msgpack.unpackb(value)
        known = tuple(Address(str(host), int(port)) for host, port in addresses)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException):
        return None
    if not _has_shape(public, counter, nonce) or type(record) is not bytes:
        return None
    fact = parse_fact(record) if record else None
    return Remembered(
        PublicKey(public), Epoch(counter, nonce), known, fact if isinstance(fact, Fact) else None
    )


def load_blocks(saved: Mapping[str, Mapping[bytes, bytes]]) -> tuple[dict[NodeId, Kept], int]:
    """Chains and attics by author, and how many rows could not be read."""
    authors: dict[NodeId, Kept] = {}
    unread = 0
    for block in _parsed(saved.get(SPACE_BLOCK, {})):
        if block is None:
            unread += 1
        else:
            authors.setdefault(block.author, Kept()).chain.append(block)
    for block in _parsed(saved.get(SPACE_ATTIC, {})):
        if block is None:
            unread += 1
        else:
            authors.setdefault(block.author, Kept()).attic.append(block)
    for key, value in sorted(saved.get(SPACE_BASE, {}).items()):
        author, base = NodeId(key[:NODE_ID_BYTES]), parse_base(value)
        if base is None or base.block.author != author:
            unread += 1
        elif key == author:
            authors.setdefault(author, Kept()).base = base
        else:
            authors.setdefault(author, Kept()).spare = base
    return authors, unread


def _parsed(rows: Mapping[bytes, bytes]) -> Iterable[Block | None]:
    # Keys sort by author, then height: the order a chain is put back in.
    for key in sorted(rows):
        block = parse_block(rows[key])
        whole = isinstance(block, Block) and key[:NODE_ID_BYTES] == block.author
        yield block if whole and isinstance(block, Block) else None


def _has_shape(public: Any, counter: Any, nonce: Any) -> bool:
    return (
        type(public) is bytes and len(public) == PUBLIC_KEY_BYTES
        and type(counter) is int and counter >= 0
        and type(nonce) is bytes and len(nonce) == NONCE_BYTES
    )  # fmt: skip
