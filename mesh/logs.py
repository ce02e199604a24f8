"""Logs: one author each, append-only, hash-linked, signed per block.

A **block** is one group commit: several entries under one signature, because verifying one
signature per entry would cost a peer twenty times as much. A **receipt** is one entry with its
path to the block's Merkle root and the signed header, so a grant can be proven offline to someone
who has never seen the log.

Heights run on across **eras**. An era ends only when its author could not prove that nothing was
lost; the next era's opening block names, by its link, the block it continues from. Whatever the
old era had above that point is *cut off*: kept for audit, and no longer part of the chain. Two
signed blocks at one (author, era, height) are therefore never innocent; they prove a fork.

Entries are opaque here, with one exception. The bytes that were signed are the bytes that are kept
and compared; nothing is ever re-encoded to be checked.

The exception is the **checkpoint**: a block of one entry, in which the author signs the hash of
what all before it comes to (its *state*), and which eras there were. A log may begin at such a
block: with the state beside it, nothing before it is needed. What a state says is opaque too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeAlias

import msgpack

from mesh.identity import Identity, NodeId, PublicKey, id_of, verify

BLOCK_TAG: Final = b"hf1.block"
HASH_BYTES: Final = 32
NO_BLOCK: Final = bytes(HASH_BYTES)
"""The link of a first block: there is nothing before it."""

BLOCK_ENTRIES_MAX: Final = 256
ENTRY_BYTES_MAX: Final = 16 * 1024
BLOCK_BYTES_MAX: Final = 256 * 1024
"""Of all entries of one block. The proof of a fork is two blocks, and travels in one frame of a
stream beside a digest; one that did not fit would keep whoever lacks it from ever getting it."""


ERAS_MAX: Final = 64
"""Per log in a digest and in a checkpoint, the newest. A node that lost more continuity than that
is sent whole."""
CHECKPOINT_KIND: Final = "checkpoint"
STATE_BYTES_MAX: Final = 768 * 1024
"""Of the state beside a checkpoint. It travels alone in one frame of a stream, with its block."""


LOG_BLOCKS_MAX: Final = 131_072
LOG_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of entries in one log from where it begins. An honest author prunes long before; of one that
never does, no more is kept."""


class Era(NamedTuple):
    """A stretch of a log without doubt in it: the epoch it opened in, and that start's nonce."""

    counter: int
    nonce: bytes


Levels: TypeAlias = list[list[bytes]]
"""A Merkle tree, from its leaves to its root."""
EraStart: TypeAlias = tuple[Era, int]
"""An era, and the height of its first block."""


class Position(NamedTuple):
    """Where a block stands in its author's log, and what it is."""

    era: Era
    height: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """One signed group of entries.

    Invariants (see `check_block`): `signature` covers the header; `root` is the Merkle root of
    `entries`; 1 ≤ len(entries) ≤ BLOCK_ENTRIES_MAX; height 0 has `previous == NO_BLOCK`.
    """

    public: PublicKey
    era: Era
    height: int
    previous: bytes
    root: bytes
    signature: bytes
    entries: tuple[bytes, ...]
    _hash: bytes = field(default=b"", init=False, repr=False, compare=False)
    """Reckoned when first asked for, and then kept: what is frozen cannot change it."""

    @property
    def author(self) -> NodeId:
        return id_of(self.public)

    @property
    def hash(self) -> bytes:
        if not self._hash:
            object.__setattr__(self, "_hash", header_hash(header_bytes(self)))
        return self._hash

    @property
    def size(self) -> int:
        """Bytes of its entries."""
        return sum(map(len, self.entries))

    @property
    def position(self) -> Position:
        return Position(self.era, self.height, self.hash)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One entry, provably in its author's log: the header as signed, and the path to its root.

    `path` lists (sibling hash, whether the sibling stands on the left), leaf to root.
    """

    public: PublicKey
    header: bytes
    signature: bytes
    entry: bytes
    path: tuple[tuple[bytes, bool], ...]


class Checkpoint(NamedTuple):
    """What a checkpoint says to whoever keeps the log.

    `state`: the hash of the state before this block. `eras`: those up to here, ascending.
    `begins`: the height at which, by its author's word, this log may begin: what lies before is
    held by enough others, or by nobody who could be waited for.
    """

    state: bytes
    eras: tuple[EraStart, ...]
    begins: int


@dataclass(frozen=True, slots=True)
class Base:
    """Where a log begins that has been pruned: a checkpoint, and the state that it signs."""

    block: Block
    state: bytes

    @property
    def checkpoint(self) -> Checkpoint:
        said = read_checkpoint(self.block)
        assert said is not None, "a log was made to begin at a block that is no checkpoint"
        return said


def era_in(eras: Sequence[EraStart], height: int) -> Era | None:
    """The era of the block at `height`; None below the oldest that is listed."""
    found = None
    for era, first in eras:
        if first <= height:
            found = era
    return found


def check_base(base: Base) -> bool:
    """Whether this block says that its log may begin with this state. Not whether it is signed."""
    said = read_checkpoint(base.block)
    return (
        said is not None
        and len(base.state) <= STATE_BYTES_MAX
        and said.state == state_hash(base.state)
    )


def state_hash(state: bytes) -> bytes:
    """What a checkpoint says of `state`."""
    return sha256(b"hf1.state" + state).digest()


def read_checkpoint(block: Block) -> Checkpoint | None:
    """What `block` says if it is a checkpoint. Its author signed it, and may have signed
    nonsense: then it is none."""
    if len(block.entries) != 1 or not is_checkpoint(block.entries[0]):
        return None  # nearly all
    try:
        kind, state, eras, begins, *_ = msgpack.unpackb(block.entries[0])
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        return None
    if kind != CHECKPOINT_KIND or type(state) is not bytes or len(state) != HASH_BYTES:
        return None
    if type(begins) is not int or not 0 <= begins <= block.height:
        return None
    starts = _era_starts(eras)
    if starts is None or starts[-1][0] != block.era or starts[-1][1] >= block.height:
        return None
    return Checkpoint(state, starts, begins)


def is_checkpoint(entry: bytes) -> bool:
    """Whether this entry means to be a checkpoint."""
    return entry.startswith(_CHECKPOINT_HEAD, 1)


_CHECKPOINT_HEAD: Final[bytes] = msgpack.packb(CHECKPOINT_KIND)
"""How the entry of a checkpoint goes on behind its first byte."""


def _era_starts(plain: Any) -> tuple[EraStart, ...] | None:
    if type(plain) is not list or not 1 <= len(plain) <= ERAS_MAX:
        return None
    starts: list[EraStart] = []
    for row in plain:
        if type(row) is not list or len(row) != 2 or type(row[0]) is not list or len(row[0]) != 2:
            return None
        (counter, nonce), first = row
        if type(counter) is not int or type(nonce) is not bytes or type(first) is not int:
            return None
        start = (Era(counter, nonce), first)
        if min(counter, first) < 0 or (starts and not _follows(start, starts[-1])):
            return None
        starts.append(start)
    return tuple(starts)


def _follows(later: EraStart, earlier: EraStart) -> bool:
    return later[0] > earlier[0] and later[1] > earlier[1]


def seal_block(
    identity: Identity, era: Era, height: int, previous: bytes, entries: Sequence[bytes],
    levels: Levels | None = None,
) -> Block:  # fmt: skip
    """Sign `entries` as the block at `height` of `era`, linked to `previous`. `levels`: the tree
    over them, of whoever needs it for more than this."""
    if not 1 <= len(entries) <= BLOCK_ENTRIES_MAX:
        raise ValueError(f"a block carries 1 to {BLOCK_ENTRIES_MAX} entries, not {len(entries)}")
    if sum(map(len, entries)) > BLOCK_BYTES_MAX:
        raise ValueError(f"a block carries at most {BLOCK_BYTES_MAX} bytes of entries")
    root = (levels or merkle_levels(entries))[-1][0]
    header = _header(identity.public, era, height, previous, root, len(entries))
    signature = identity.sign(BLOCK_TAG, header)
    block = Block(identity.public, era, height, previous, root, signature, tuple(entries))
    object.__setattr__(block, "_hash", header_hash(header))  # as it would reckon it
    return block


def check_block(block: Block) -> bool:
    """Whether the block is whole and its author signed it. Says nothing about its place."""
    if not 1 <= len(block.entries) <= BLOCK_ENTRIES_MAX or block.height < 0:
        return False
    if any(len(entry) > ENTRY_BYTES_MAX for entry in block.entries):
        return False
    if sum(map(len, block.entries)) > BLOCK_BYTES_MAX:
        return False
    if len(block.previous) != HASH_BYTES or merkle_root(block.entries) != block.root:
        return False
    return verify(block.public, BLOCK_TAG, header_bytes(block), block.signature)


def header_bytes(block: Block) -> bytes:
    """What the signature covers: author, era, height, link and Merkle root."""
    return _header(
        block.public, block.era, block.height, block.previous, block.root, len(block.entries)
    )


def _header(
    public: PublicKey, era: Era, height: int, previous: bytes, root: bytes, count: int
) -> bytes:
    packed: bytes = msgpack.packb([public, era.counter, era.nonce, height, previous, root, count])
    return packed


def header_hash(header: bytes) -> bytes:
    """The hash by which the next block links to this header."""
    return sha256(b"hf1.head" + header).digest()


def receipt_for(block: Block, index: int) -> Receipt:
    """Proof that entry `index` stands in `block`."""
    path = merkle_path(block.entries, index)
    return Receipt(block.public, header_bytes(block), block.signature, block.entries[index], path)


def check_receipt(receipt: Receipt) -> Position | None:
    """Where the entry stands, or None when the proof fails. Needs nothing but the receipt."""
    if not verify(receipt.public, BLOCK_TAG, receipt.header, receipt.signature):
        return None
    read = _read_header(receipt.header)
    if read is None or read[0] != receipt.public:
        return None
    _public, era, height, root = read
    digest = _leaf(receipt.entry)
    for sibling, on_the_left in receipt.path:
        digest = _node(sibling, digest) if on_the_left else _node(digest, sibling)
    if digest != root:
        return None
    return Position(era, height, header_hash(receipt.header))


def _read_header(header: bytes) -> tuple[bytes, Era, int, bytes] | None:
    """(author's key, era, height, root). Its author signed it, and may have signed nonsense."""
    try:
        public, counter, nonce, height, previous, root, count = msgpack.unpackb(header)
    except (ValueError, TypeError):
        return None
    if any(type(number) is not int or number < 0 for number in (counter, height, count)):
        return None
    if any(type(part) is not bytes for part in (public, nonce, previous, root)):
        return None
    return public, Era(counter, nonce), height, root


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle root over `leaves` (at least one)."""
    return merkle_levels(leaves)[-1][0]


def merkle_levels(leaves: Sequence[bytes]) -> Levels:
    """The tree over `leaves` (at least one). An odd node is carried up, never doubled."""
    # RFC 6962 §2.1 keeps leaves and inner nodes apart by a prefix byte; so do we.
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    levels = [level]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
        levels.append(level)
    return levels


def merkle_path(leaves: Sequence[bytes], index: int) -> tuple[tuple[bytes, bool], ...]:
    """The siblings from leaf `index` up to the root: (hash, whether it stands on the left)."""
    return _path_through(merkle_levels(leaves), index)


def _path_through(levels: Levels, index: int) -> tuple[tuple[bytes, bool], ...]:
    path: list[tuple[bytes, bool]] = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append((level[sibling], sibling < index))
        index //= 2
    return tuple(path)


def _leaf(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
