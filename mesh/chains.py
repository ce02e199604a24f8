"""The logs of all authors, each as its accepted chain and its attic.

Theory. What an author ever signed forms a tree: a block's link names its parent, an honest era is
a line in it, and a new era branches off wherever its author's recovery began. We keep every block
whose parent we keep, so all kept blocks reach down to height 0. The **accepted chain** is the path
to the best head: newest era first, greatest height second. All else is the **attic**. Two machines
that were told the same blocks, in whatever order, therefore accept the same chain.

Eras are ordered by (counter, nonce): after a rolled-back disk an author may honestly use a counter
twice, and then the nonce has to decide, the same way everywhere. Two blocks at one (era, height)
are never honest: the pair is a proof, the author's log is frozen as it stands, and its share of the
state root becomes a constant, so that machines which froze at different heads still agree.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from mesh.identity import NodeId
from mesh.logs import NO_BLOCK, Block, Era, check_block

ROOT_MODULUS = 1 << 64
NO_ERA = Era(-1, b"")
"""Older than any: the era of a log that has no blocks."""


class Offered(Enum):
    """What became of a block that was offered."""

    APPENDED = "continues the chain"
    CUT = "a new era continues below the old head"
    STALE_ERA = "belongs to a branch that was cut off; filed in the attic"
    KNOWN = "already kept"
    GAP = "its parent is not kept: ask for the range"
    FORK = "a second block at one era and height: frozen"
    FROZEN = "its author's log is frozen"
    BAD = "not whole, not signed, or not in its place"
    FULL = "the author's attic has no room"


class Label(NamedTuple):
    """Where a block stands; labels order blocks by era, then height. At most one block has each."""

    era: Era
    height: int


class ForkPair(NamedTuple):
    """Two signed blocks with one label."""

    first: Block
    second: Block


@dataclass(frozen=True, slots=True)
class Filed:
    """What an offer changed: `gained` entered the accepted chain at `start`, `lost` left it there.

    `revived` are those of `gained` that lay in the attic before; `attic` is what was put there.
    """

    offered: Offered
    start: int = 0
    gained: tuple[Block, ...] = ()
    lost: tuple[Block, ...] = ()
    revived: tuple[Block, ...] = ()
    attic: tuple[Block, ...] = ()
    fork: ForkPair | None = None


class _Log:
    """One author's blocks. `chain[i]` has height i; `kept` holds the chain and the attic."""

    __slots__ = ("chain", "fork", "kept", "labels", "mark")

    def __init__(self) -> None:
        self.chain: list[Block] = []
        self.kept: dict[bytes, Block] = {}
        self.labels: dict[Label, bytes] | None = None
        """Of everything kept, from the first block on that lies beside the chain. Before that the
        chain itself tells: of a thousand honest logs hardly one has an attic."""
        self.fork: ForkPair | None = None
        self.mark = 0

    def head(self) -> Label:
        return label(self.chain[-1]) if self.chain else Label(NO_ERA, -1)

    def on_chain(self, block: Block) -> bool:
        return block.height < len(self.chain) and self.chain[block.height] == block

    def keep(self, block: Block, digest: bytes) -> None:
        self.kept[digest] = block
        if self.labels is not None:
            self.labels[label(block)] = digest

    def twin(self, block: Block) -> Block | None:
        """What is kept where `block` says it stands."""
        if block.height < len(self.chain) and self.chain[block.height].era == block.era:
            return self.chain[block.height]
        if self.labels is None and len(self.kept) > len(self.chain):
            self.labels = {label(kept): digest for digest, kept in self.kept.items()}
        known = None if self.labels is None else self.labels.get(label(block))
        return None if known is None else self.kept[known]

    def attic(self) -> list[Block]:
        return [block for block in self.kept.values() if not self.on_chain(block)]


class Chains:
    """All logs. Which authors may have one at all is the caller's business."""

    def __init__(self, attic_blocks_max: int) -> None:
        self._attic_max = attic_blocks_max
        self._logs: dict[NodeId, _Log] = {}
        self.root = 0

    # Reading -----------------------------------------------------------------------------------

    def authors(self) -> tuple[NodeId, ...]:
        """Whose logs we keep, sorted."""
        return tuple(sorted(self._logs))

    def chain(self, author: NodeId) -> tuple[Block, ...]:
        """The accepted chain, height 0 first."""
        log = self._logs.get(author)
        return tuple(log.chain) if log else ()

    def attic(self, author: NodeId) -> tuple[Block, ...]:
        """What is kept beside the chain, by height and era."""
        log = self._logs.get(author)
        return tuple(sorted(log.attic(), key=_by_height)) if log else ()

    def __contains__(self, author: NodeId) -> bool:
        return author in self._logs

    def length(self, author: NodeId) -> int:
        log = self._logs.get(author)
        return len(log.chain) if log else 0

    def block(self, author: NodeId, height: int) -> Block | None:
        """The accepted block at `height`."""
        log = self._logs.get(author)
        return log.chain[height] if log and 0 <= height < len(log.chain) else None

    def head(self, author: NodeId) -> Block | None:
        return self.block(author, self.length(author) - 1)

    def fork(self, author: NodeId) -> ForkPair | None:
        """The proof that froze this log, if it is frozen."""
        log = self._logs.get(author)
        return log.fork if log else None

    def marks(self) -> Iterator[tuple[NodeId, int]]:
        """Each author, and its log's share of the root."""
        return ((author, log.mark) for author, log in self._logs.items())

    def is_alone(self, author: NodeId) -> bool:
        """Whether we keep nothing of this log beside its chain."""
        log = self._logs.get(author)
        return log is None or (log.fork is None and len(log.kept) == len(log.chain))

    def has(self, block: Block) -> bool:
        """Whether this very block is in the chain or the attic."""
        log = self._logs.get(block.author)
        return log is not None and block.hash in log.kept

    # Writing -----------------------------------------------------------------------------------

    def offer(self, block: Block, *, just_signed: bool = False) -> Filed:
        """Take `block` if it is whole and has a place. The cheap questions come first.

        `just_signed`: by ourselves, a moment ago; then its signature needs no second look.
        """
        log = self._logs.get(block.author) or _Log()
        digest = block.hash
        if log.fork is not None:
            return Filed(Offered.FROZEN)
        if digest in log.kept:
            return Filed(Offered.KNOWN)
        if not just_signed and not check_block(block):
            return Filed(Offered.BAD)
        return self._place(log, block, digest)

    def prove_fork(self, first: Block, second: Block) -> Filed:
        """Freeze an author on the evidence of two blocks, wherever our own copy ends."""
        author = first.author
        log = self._logs.get(author) or _Log()
        if log.fork is not None:
            return Filed(Offered.FROZEN)
        if not is_fork(first, second):
            return Filed(Offered.BAD)
        fresh = tuple(block for block in (first, second) if block.hash not in log.kept)
        return self._freeze(author, log, ForkPair(first, second), fresh)

    def restore(self, author: NodeId, chain: Sequence[Block], attic: Iterable[Block]) -> int:
        """Put back what the disk kept; how many blocks had no place is returned.

        Signatures were checked before they were written, and the journal guards its own pages.
        """
        log = _Log()
        whole = _linked_prefix(author, chain)
        misplaced = len(chain) - whole
        for block in chain[:whole]:
            log.keep(block, block.hash)
        log.chain = list(chain[:whole])
        for block in sorted(attic, key=_by_height):
            if block.author != author:
                misplaced += 1
                continue
            twin = log.twin(block)
            if twin is not None and twin.hash != block.hash:
                log.fork = ForkPair(twin, block)
            log.keep(block, block.hash)
        self._logs[author] = log
        self._reckon(author, log)
        return misplaced

    def rebase(self, author: NodeId, chain: Sequence[Block]) -> Filed:
        """Make `chain` the accepted one, whatever the labels say: its author has decided so."""
        assert _linked_prefix(author, chain) == len(chain), "a log was rebased onto broken links"
        log = self._logs.get(author) or _Log()
        common = 0
        while common < min(len(chain), len(log.chain)) and chain[common] == log.chain[common]:
            common += 1
        revived = tuple(block for block in chain[common:] if block.hash in log.kept)
        lost = tuple(log.chain[common:])
        for block in chain[common:]:
            log.keep(block, block.hash)
        log.chain = list(chain)
        self._logs[author] = log
        self._reckon(author, log)
        return Filed(Offered.CUT, common, tuple(chain[common:]), lost, revived, lost)

    def forget(self, author: NodeId) -> Filed:
        """Drop this log: the roll has forgotten its author. What was in it, as lost and revived."""
        attic, log = self.attic(author), self._logs.pop(author, None)
        self.root = (self.root - (log.mark if log else 0)) % ROOT_MODULUS
        return Filed(Offered.CUT, lost=tuple(log.chain) if log else (), revived=attic)

    # The workings ------------------------------------------------------------------------------

    def _place(self, log: _Log, block: Block, digest: bytes) -> Filed:
        author = block.author
        twin = log.twin(block)
        if twin is not None:
            return self._freeze(author, log, ForkPair(twin, block), (block,))
        verdict = _fits(log, block)
        if verdict is not None:
            return Filed(verdict)
        if label(block) > log.head():
            return self._advance(author, log, block, digest)
        if len(log.kept) - len(log.chain) >= self._attic_max:
            return Filed(Offered.FULL)
        log.keep(block, digest)
        return Filed(Offered.STALE_ERA, attic=(block,))

    def _advance(self, author: NodeId, log: _Log, block: Block, digest: bytes) -> Filed:
        path = [block]
        while path[-1].height > 0 and not log.on_chain(log.kept[path[-1].previous]):
            path.append(log.kept[path[-1].previous])
        gained = tuple(reversed(path))
        start = gained[0].height
        lost = tuple(log.chain[start:])
        log.keep(block, digest)
        log.chain[start:] = gained
        self._logs[author] = log
        self._reckon(author, log)
        offered = Offered.CUT if lost else Offered.APPENDED
        return Filed(offered, start, gained, lost, gained[:-1], lost)

    def _freeze(self, author: NodeId, log: _Log, pair: ForkPair, fresh: tuple[Block, ...]) -> Filed:
        log.fork = pair
        for block in fresh:
            log.kept[block.hash] = block
        self._logs[author] = log
        self._reckon(author, log)
        return Filed(Offered.FORK, attic=fresh, fork=pair)

    def _reckon(self, author: NodeId, log: _Log) -> None:
        mark = _mark(author, log)
        self.root = (self.root - log.mark + mark) % ROOT_MODULUS
        log.mark = mark


def label(block: Block) -> Label:
    """Where `block` says it stands."""
    return Label(block.era, block.height)


def is_fork(first: Block, second: Block) -> bool:
    """Whether one author really signed both, for one place."""
    if first.author != second.author or label(first) != label(second):
        return False
    return first.hash != second.hash and check_block(first) and check_block(second)


def check_chains(chains: Chains) -> None:
    """The invariants: chains are linked from height 0, and the root is their sum."""
    total = 0
    for author in chains.authors():
        chain = chains.chain(author)
        assert _linked_prefix(author, chain) == len(chain), "an accepted chain has a broken link"
        log = chains._logs[author]  # noqa: SLF001 - the invariant is about the inside
        total += _mark(author, log)
    assert total % ROOT_MODULUS == chains.root, "the logs' root does not match their heads"


def _fits(log: _Log, block: Block) -> Offered | None:
    """Why the block has no place, or None when it has one."""
    if block.height == 0:
        return None if block.previous == NO_BLOCK else Offered.BAD
    parent = log.kept.get(block.previous)
    if parent is None:
        return Offered.GAP
    in_order = parent.height + 1 == block.height and parent.era <= block.era
    return None if in_order else Offered.BAD


def _linked_prefix(author: NodeId, chain: Sequence[Block]) -> int:
    """How many blocks from the front are this author's, in order, each linked to the one before."""
    previous, era = NO_BLOCK, NO_ERA
    for height, block in enumerate(chain):
        linked = block.height == height and block.previous == previous
        if not linked or block.era < era or block.author != author:
            return height
        previous, era = block.hash, block.era
    return len(chain)


def _mark(author: NodeId, log: _Log) -> int:
    if log.fork is not None:
        message = b"hf1.frozen" + author
    elif log.chain:
        message = b"hf1.heads" + author + log.chain[-1].hash
    else:
        return 0
    return int.from_bytes(hashlib.sha256(message).digest()[:8], "big")


def _by_height(block: Block) -> tuple[int, Era, bytes]:
    return (block.height, block.era, block.hash)
