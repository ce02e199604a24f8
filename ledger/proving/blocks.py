"""From entries to signed blocks, and receipts as they travel.

One block is one group commit. Entries are gathered on *pages*; a page that is full (by count or by
bytes: a block must fit the answer of a sync) is followed by another, so an entry's place, and with
it its fencing token, is known the moment it is written, long before it is signed.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from ledger.books.holds import Token
from ledger.limits import BLOCK_BYTES_MAX, PATH_MAX, PROVEN_BLOCKS_MAX
from ledger.proving.proofs import Proofs
from mesh.identity import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Identity, PublicKey
from mesh.logs import (
    BLOCK_ENTRIES_MAX,
    ENTRY_BYTES_MAX,
    HASH_BYTES,
    NO_BLOCK,
    Base,
    Block,
    Era,
    Levels,
    Receipt,
    merkle_levels,
    seal_block,
)

HEADER_BYTES_MAX = 256
_Hash: TypeAlias = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]


class ReceiptRefused(ValueError):
    """These bytes are not a receipt."""


class _Wire(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    public: Annotated[bytes, Meta(min_length=PUBLIC_KEY_BYTES, max_length=PUBLIC_KEY_BYTES)]
    header: Annotated[bytes, Meta(max_length=HEADER_BYTES_MAX)]
    signature: Annotated[bytes, Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]
    entry: Annotated[bytes, Meta(max_length=ENTRY_BYTES_MAX)]
    path: Annotated[tuple[tuple[_Hash, bool], ...], Meta(max_length=PATH_MAX)]


_decoder = msgspec.msgpack.Decoder(_Wire)


def encode_receipt(receipt: Receipt) -> bytes:
    """A receipt as it travels and is kept."""
    wire = _Wire(receipt.public, receipt.header, receipt.signature, receipt.entry, receipt.path)
    return msgspec.msgpack.encode(wire)


def decode_receipt(raw: bytes) -> Receipt:
    """Raises ReceiptRefused on anything else. Proves nothing: see `mesh.logs.check_receipt`."""
    try:
        wire = _decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ReceiptRefused(str(error)) from error
    return Receipt(PublicKey(wire.public), wire.header, wire.signature, wire.entry, wire.path)


class Pages:
    """Entries written and not yet signed, already placed."""

    def __init__(self, era: Era, height: int) -> None:
        """`height`: of the first block that these entries will make."""
        self.era = era
        self._height = height
        self._pages: list[list[bytes]] = []
        self._page: list[bytes] = []
        """The last of them, which is open."""
        self._bytes = 0
        """Of its entries."""

    @property
    def empty(self) -> bool:
        return not self._pages

    def write(self, raw: bytes) -> Token:
        """Put one encoded entry on the open page; where it will stand."""
        page, size = self._page, self._bytes + len(raw)
        if size > BLOCK_BYTES_MAX or len(page) == BLOCK_ENTRIES_MAX or not self._pages:
            self._page = page = []
            self._pages.append(page)
            size = len(raw)
        self._bytes = size
        page.append(raw)
        return Token(self.era.counter, self._height + len(self._pages) - 1, len(page) - 1)

    def sign(self, identity: Identity, previous: bytes) -> list[tuple[Block, Levels]]:
        """The pages as blocks, each linked to the one before; and the tree of each."""
        blocks: list[tuple[Block, Levels]] = []
        for number, page in enumerate(self._pages):
            levels = merkle_levels(page)
            block = seal_block(identity, self.era, self._height + number, previous, page, levels)
            blocks.append((block, levels))
            previous = block.hash
        return blocks


class Writer:
    """Our own log: what is signed, what is written on open pages, and nothing else."""

    def __init__(
        self, identity: Identity, chain: Sequence[Block], base: Base | None = None,
        proofs: Mapping[Token, bytes] | None = None,
    ) -> None:  # fmt: skip
        """`proofs`: receipts of entries that lie before the chain, for holds that live."""
        self.chain = list(chain)
        self.first = self.chain[0].height if self.chain else 0
        """The height of the chain's first block."""
        self.base = base
        self.proofs = dict(proofs or {})
        self._identity = identity
        self._pages: Pages | None = None
        self._proven: OrderedDict[int, Proofs] = OrderedDict()

    @property
    def head(self) -> bytes:
        return self.chain[-1].hash if self.chain else NO_BLOCK

    @property
    def height(self) -> int:
        """The height of the next block."""
        return self.first + len(self.chain)

    @property
    def dirty(self) -> bool:
        """Whether something is written that is not signed."""
        return self._pages is not None and not self._pages.empty

    def write(self, era: Era, raw: bytes) -> Token:
        """Write one entry; where it will stand."""
        return self._open_pages(era).write(raw)

    def seal(self) -> tuple[Block, ...]:
        """Sign everything that is written."""
        if self._pages is None:
            return ()
        signed = self._pages.sign(self._identity, self.head)
        blocks = tuple([block for block, _ in signed])
        self.chain.extend(blocks)
        self._pages = None
        for block, levels in signed:  # whoever waits for it is handed proofs in a moment
            self._remember(block.height, Proofs(block, levels))
        return blocks

    def abandon(self) -> None:
        """Forget what is written and not signed. Nobody has heard of it."""
        self._pages = None

    def before(self, base: Base) -> list[Block]:
        """The chain up to where `base` would have it begin."""
        return self.chain[: base.block.height - self.first]

    def prune(self, base: Base) -> None:
        """Let the chain begin at `base`."""
        del self.chain[: base.block.height - self.first]
        self.first, self.base = base.block.height, base

    def receipt(self, token: Token) -> bytes | None:
        """Proof of the entry at `token`, ready to travel; None when it was put away."""
        if token.height < self.first:
            return self.proofs.get(token)
        proofs = self._proven.get(token.height)
        if proofs is None:
            proofs = Proofs(self.chain[token.height - self.first])
            self._remember(token.height, proofs)
        return proofs.receipt(token.line)

    def _remember(self, height: int, proofs: Proofs) -> None:
        self._proven[height] = proofs
        if len(self._proven) > PROVEN_BLOCKS_MAX:
            self._proven.popitem(last=False)

    def _open_pages(self, era: Era) -> Pages:
        if self._pages is None:
            self._pages = Pages(era, self.height)
        assert self._pages.era == era, "an era begins on a page of its own"
        return self._pages
