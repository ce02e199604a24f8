"""One author's blocks: its chain, where that begins, and what lies beside it.

Beside the chain lie the **attic** (what a later era cut off) and, while it is being told, an
**aside**: another beginning of this log. A log that was pruned cannot be followed below its base;
so when its author goes on from there after all (its disk was lost, and an old copy was all it
found), the whole other history is taken from its own beginning, put together beside the chain, and
takes the chain's place as soon as it leads further.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mesh.identity import NodeId
from mesh.logs import (
    LOG_BLOCKS_MAX,
    LOG_BYTES_MAX,
    NO_BLOCK,
    Base,
    Block,
    Era,
    check_base,
    era_in,
)

NO_ERA = Era(-1, b"")
"""Older than any: the era of a log that has no blocks."""


class Label(NamedTuple):
    """Where a block stands; labels order blocks by era, then height. At most one block has each."""

    era: Era
    height: int


class ForkPair(NamedTuple):
    """Two signed blocks with one label."""

    first: Block
    second: Block


class Lineage:
    """One author's blocks. `chain[i]` has height `first + i`; `kept` holds the chain and the
    attic."""

    __slots__ = (
        "aside", "aside_base", "base", "bytes", "chain", "fork", "kept", "labels", "mark", "spare",
    )  # fmt: skip

    def __init__(self) -> None:
        self.base: Base | None = None
        self.bytes = 0
        """Of the chain's entries."""
        self.chain: list[Block] = []
        self.kept: dict[bytes, Block] = {}
        self.labels: dict[Label, bytes] | None = None
        """Of everything kept, from the first block on that lies beside the chain. Before that the
        chain itself tells: of a thousand honest logs hardly one has an attic."""
        self.fork: ForkPair | None = None
        self.mark = 0
        self.spare: Base | None = None
        """Where a chain began that lies in the attic now: what its state says may be said nowhere
        else."""
        self.aside: list[Block] = []
        self.aside_base: Base | None = None

    def head(self) -> Label:
        return label(self.chain[-1]) if self.chain else Label(NO_ERA, -1)

    @property
    def first(self) -> int:
        """The height of the chain's first block."""
        return 0 if self.base is None else self.base.block.height

    @property
    def length(self) -> int:
        """The height of the next block."""
        return self.first + len(self.chain)

    def at(self, height: int) -> Block | None:
        """The chain's block at `height`."""
        return self.chain[height - self.first] if self.first <= height < self.length else None

    def on_chain(self, block: Block) -> bool:
        return self.at(block.height) == block

    def was(self, block: Block) -> bool:
        """Whether `block` is where this chain went before its base."""
        if self.base is None or block.height >= self.first:
            return False
        return era_in(self.base.checkpoint.eras, block.height) == block.era

    def too_long(self, block: Block) -> bool:
        """Whether the chain has no room for `block`: its author never prunes."""
        size = self.bytes + block.size
        return len(self.chain) >= LOG_BLOCKS_MAX or size > LOG_BYTES_MAX

    def hold(self, chain: Sequence[Block], base: Base | None) -> None:
        """This is the chain now; all of it is kept."""
        self.chain, self.base = list(chain), base
        self.bytes = sum(block.size for block in chain)
        self.labels = None

    def keep(self, block: Block, digest: bytes) -> None:
        self.kept[digest] = block
        if self.labels is not None:
            self.labels[label(block)] = digest

    def twin(self, block: Block) -> Block | None:
        """What is kept where `block` says it stands."""
        there = self.at(block.height)
        if there is not None and there.era == block.era:
            return there
        if self.labels is None and len(self.kept) > len(self.chain):
            self.labels = {label(kept): digest for digest, kept in self.kept.items()}
        known = None if self.labels is None else self.labels.get(label(block))
        return None if known is None else self.kept[known]

    def path_to(self, block: Block) -> tuple[list[Block], Base | None] | None:
        """From the chain, or from another beginning, up to `block`; None when a link is missing."""
        path, base = [block], self.base
        while not self._stands(path[-1]):
            before = self.kept.get(path[-1].previous)
            if before is None:
                return None
            if self.on_chain(before):
                break
            path.append(before)
        else:
            base = self.spare if path[-1].height else None
        return path[::-1], base

    def _stands(self, block: Block) -> bool:
        """Whether `block` needs nothing before it."""
        return block.height == 0 or (self.spare is not None and self.spare.block == block)

    def goes_aside(self, block: Block, base: Base | None) -> bool:
        """Whether `block` begins another history of a log that begins later here, or goes on with
        one."""
        if self.aside and block.previous == self.aside[-1].hash:
            return len(self.aside) < LOG_BLOCKS_MAX
        pruned = self.base is not None and block.height == 0
        return (base is not None or pruned) and block not in self.aside[:1]

    def put_aside(self, block: Block, base: Base | None) -> None:
        """Begin another history with `block`, or go on with one."""
        if not self.aside or block.previous != self.aside[-1].hash:
            self.aside, self.aside_base = [], base
        self.aside.append(block)

    def attic(self) -> list[Block]:
        return [block for block in self.kept.values() if not self.on_chain(block)]


def label(block: Block) -> Label:
    """Where `block` says it stands."""
    return Label(block.era, block.height)


def linked_prefix(author: NodeId, chain: Sequence[Block], base: Base | None) -> int:
    """How many blocks from the front are this author's, in order, each linked to the one before."""
    first, previous, era = 0, NO_BLOCK, NO_ERA
    if base is not None:
        if not chain or chain[0] != base.block or not check_base(base):
            return 0
        first, previous = base.block.height, base.block.previous
    for number, block in enumerate(chain):
        linked = block.height == first + number and block.previous == previous
        if not linked or block.era < era or block.author != author:
            return number
        previous, era = block.hash, block.era
    return len(chain)
