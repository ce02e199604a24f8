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

A chain may begin at a **base** (mesh/logs.py): a checkpoint with its state, in place of all before.
The checkpoint lists the eras, so what is gone can still be told apart: a block whose era is the one
that the list has at its height was part of the chain, and is nothing new; any other was cut off.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from mesh.identity import NodeId
from mesh.kept.filed import Filed, Offered
from mesh.kept.lineage import (
    NO_ERA,
    ForkPair,
    Label,
    Lineage,
    label,
    linked_prefix,
)
from mesh.logs import NO_BLOCK, Base, Block, Era, check_base, check_block

__all__ = ["NO_ERA", "Chains", "Filed", "ForkPair", "Label", "Offered", "is_fork"]

ROOT_MODULUS = 1 << 64


class Chains:
    """All logs. Which authors may have one at all is the caller's business."""

    def __init__(self, attic_blocks_max: int) -> None:
        self._attic_max = attic_blocks_max
        self._logs: dict[NodeId, Lineage] = {}
        self.root = 0
        self.closed = False
        """Nothing more is taken in of others' logs: there is no room to keep it."""

    # Reading -----------------------------------------------------------------------------------

    def authors(self) -> tuple[NodeId, ...]:
        """Whose logs we keep, sorted."""
        return tuple(sorted(self._logs))

    def chain(self, author: NodeId) -> tuple[Block, ...]:
        """The accepted chain, from its first height on."""
        log = self._logs.get(author)
        return tuple(log.chain) if log else ()

    def chain_from(self, author: NodeId, height: int) -> Sequence[Block]:
        """The accepted chain from `height` on, as far as it is kept."""
        log = self._logs.get(author)
        return log.chain[max(0, height - log.first) :] if log else ()

    def base(self, author: NodeId) -> Base | None:
        """Where the chain begins, if that is not at height 0."""
        log = self._logs.get(author)
        return log.base if log else None

    def spare(self, author: NodeId) -> Base | None:
        """Where a chain began that lies in the attic now."""
        log = self._logs.get(author)
        return log.spare if log else None

    def aside(self, author: NodeId) -> Sequence[Block]:
        """Another beginning of this log, as far as it has been told."""
        log = self._logs.get(author)
        return log.aside if log else ()

    def aside_base(self, author: NodeId) -> Base | None:
        """Where that other beginning is, if not at height 0."""
        log = self._logs.get(author)
        return log.aside_base if log else None

    def first(self, author: NodeId) -> int:
        """The height at which the chain begins."""
        log = self._logs.get(author)
        return log.first if log else 0

    def attic(self, author: NodeId) -> tuple[Block, ...]:
        """What is kept beside the chain, by height and era."""
        log = self._logs.get(author)
        return tuple(sorted(log.attic(), key=_by_height)) if log else ()

    def __contains__(self, author: NodeId) -> bool:
        return author in self._logs

    def length(self, author: NodeId) -> int:
        """The height of the next block: how many there have been."""
        log = self._logs.get(author)
        return log.length if log else 0

    def block(self, author: NodeId, height: int) -> Block | None:
        """The accepted block at `height`."""
        log = self._logs.get(author)
        return log.at(height) if log else None

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
        """Whether this very block is in the chain or the attic, or was in the chain."""
        log = self._logs.get(block.author)
        return log is not None and (block.hash in log.kept or log.was(block))

    # Writing -----------------------------------------------------------------------------------

    def offer(self, block: Block, *, just_signed: bool = False) -> Filed:
        """Take `block` if it is whole and has a place. The cheap questions come first.

        `just_signed`: by ourselves, a moment ago; then its signature needs no second look.
        """
        log = self._logs.get(block.author) or Lineage()
        digest = block.hash
        if log.fork is not None:
            return Filed(Offered.FROZEN)
        if log.aside and log.goes_aside(block, None):
            return self._set_aside(log, block, None)
        if digest in log.kept:
            return Filed(Offered.KNOWN)
        if block.previous not in log.kept and log.goes_aside(block, None):
            return self._set_aside(log, block, None)
        if log.was(block):
            return Filed(Offered.KNOWN)
        if not just_signed and not check_block(block):
            return Filed(Offered.BAD)
        return self._place(log, block, digest)

    def prove_fork(self, first: Block, second: Block) -> Filed:
        """Freeze an author on the evidence of two blocks, wherever our own copy ends."""
        author = first.author
        log = self._logs.get(author) or Lineage()
        if log.fork is not None:
            return Filed(Offered.FROZEN)
        if not is_fork(first, second):
            return Filed(Offered.BAD)
        fresh = tuple(block for block in (first, second) if block.hash not in log.kept)
        return self._freeze(author, log, ForkPair(first, second), fresh)

    def offer_base(self, base: Base) -> Filed:
        """Take a chain that begins at `base`, if ours cannot be continued to there."""
        block = base.block
        log = self._logs.get(block.author) or Lineage()
        if log.fork is not None or block.hash in log.kept or block.previous in log.kept:
            return self.offer(block)  # needs no state: we have what leads to it
        if not check_base(base) or not check_block(block):
            return Filed(Offered.BAD)
        if label(block) > log.head():
            return self._leap(log, [block], base)
        return (
            self._set_aside(log, block, base)
            if log.goes_aside(block, base)
            else Filed(Offered.KNOWN)
        )

    def prune(self, author: NodeId, base: Base) -> Filed:
        """Let the chain begin at `base`, one of its own blocks."""
        log = self._logs[author]
        assert log.at(base.block.height) == base.block, "a log is pruned at one of its own blocks"
        assert check_base(base), "a log is pruned at a state that its author signed"
        gone = tuple(log.chain[: base.block.height - log.first])
        for block in gone:
            del log.kept[block.hash]
        log.hold(log.chain[len(gone) :], base)
        return Filed(
            Offered.PRUNED, log.length, put_away=gone, first=log.first, moved=True, base=base
        )

    def restore(
        self, author: NodeId, chain: Sequence[Block], attic: Iterable[Block],
        base: Base | None = None, spare: Base | None = None,
    ) -> int:  # fmt: skip
        """Put back what the disk kept; how many blocks had no place is returned.

        Signatures were checked before they were written, and the journal guards its own pages.
        """
        log = Lineage()
        whole = linked_prefix(author, chain, base)
        misplaced = len(chain) - whole
        log.hold(chain[:whole], base if whole else None)
        log.spare = spare
        for block in chain[:whole]:
            log.keep(block, block.hash)
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

    def rebase(self, author: NodeId, chain: Sequence[Block], base: Base | None = None) -> Filed:
        """Make `chain` the accepted one, whatever the labels say: its author has decided so."""
        whole = linked_prefix(author, chain, base)
        assert whole == len(chain), "a log was rebased onto broken links"
        log = self._logs.get(author) or Lineage()
        common = 0
        while common < len(chain) and log.on_chain(chain[common]):
            common += 1
        return self._replace(author, log, chain, base, common, Offered.CUT)

    def forget(self, author: NodeId) -> Filed:
        """Drop this log: the roll has forgotten its author. What was in it, as lost and revived."""
        attic, log = self.attic(author), self._logs.pop(author, None)
        self.root = (self.root - (log.mark if log else 0)) % ROOT_MODULUS
        return Filed(Offered.CUT, lost=tuple(log.chain) if log else (), revived=attic)

    # The workings ------------------------------------------------------------------------------

    def _place(self, log: Lineage, block: Block, digest: bytes) -> Filed:
        author = block.author
        twin = log.twin(block)
        if twin is not None:
            return self._freeze(author, log, ForkPair(twin, block), (block,))
        verdict = _fits(log, block)
        if verdict is not None:
            return Filed(verdict)
        if label(block) > log.head():
            if log.too_long(block):
                return Filed(Offered.OVERLONG)
            return self._advance(author, log, block, digest)
        if len(log.kept) - len(log.chain) >= self._attic_max:
            return Filed(Offered.FULL)
        log.keep(block, digest)
        return Filed(Offered.STALE_ERA, attic=(block,))

    def _advance(self, author: NodeId, log: Lineage, block: Block, digest: bytes) -> Filed:
        found = log.path_to(block)
        if found is None:
            return Filed(Offered.GAP)  # it goes on from what lies in the attic without its root
        gained, base = tuple(found[0]), found[1]
        start = gained[0].height
        if base != log.base:
            return self._leap(log, gained, base)
        lost = tuple(log.chain[start - log.first :])
        log.keep(block, digest)
        log.chain[start - log.first :] = gained
        log.bytes += sum(one.size for one in gained) - sum(one.size for one in lost)
        self._logs[author] = log
        self._reckon(author, log)
        offered = Offered.CUT if lost else Offered.APPENDED
        return Filed(offered, start, gained, lost, gained[:-1], lost, first=log.first)

    def _set_aside(self, log: Lineage, block: Block, base: Base | None) -> Filed:
        """`block` belongs to another history of this log, which counts once it leads further."""
        if not check_block(block):
            return Filed(Offered.BAD)
        twin = log.twin(block)
        if twin is not None and twin.hash != block.hash:
            return self._freeze(block.author, log, ForkPair(twin, block), (block,))
        log.put_aside(block, base)
        if label(block) <= log.head():
            return Filed(Offered.ASIDE)
        return self._leap(log, log.aside, log.aside_base)

    def _leap(self, log: Lineage, chain: Sequence[Block], base: Base | None) -> Filed:
        """The chain begins somewhere else now. Whatever of ours was cut off before that goes to the
        attic: it may be the only copy there is."""
        return self._replace(chain[0].author, log, chain, base, 0, Offered.LEAPT)

    def _replace(
        self, author: NodeId, log: Lineage, chain: Sequence[Block], base: Base | None,
        common: int, offered: Offered,
    ) -> Filed:  # fmt: skip
        """`chain` is the chain now; its first `common` blocks were in it already."""
        fresh = tuple(chain[common:])
        revived = tuple(b for b in fresh if b.hash in log.kept and not log.on_chain(b))
        old, left = log.chain, log.base
        for block in fresh:
            log.keep(block, block.hash)
        log.hold(chain, base)
        log.aside, log.aside_base = [], None
        put_away, lost = self._part(log, [block for block in old if not log.on_chain(block)])
        spare = left if left is not None and left.block in lost[:1] else None
        log.spare = spare or log.spare
        self._logs[author] = log
        self._reckon(author, log)
        start = fresh[0].height if fresh else log.length
        return Filed(
            offered, start, fresh, lost, revived, lost, None, put_away,
            log.first, base != left, base, spare,
        )  # fmt: skip

    def _part(
        self, log: Lineage, gone: Sequence[Block]
    ) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
        """(for the archive, for the attic) of blocks that are no longer on the chain."""
        put_away = tuple(block for block in gone if log.was(block))
        for block in put_away:
            del log.kept[block.hash]
        lost = [block for block in gone if not log.was(block)]
        room = max(0, self._attic_max - (len(log.kept) - len(log.chain) - len(lost)))
        for block in lost[room:]:
            del log.kept[block.hash]
        return put_away, tuple(lost[:room])

    def _freeze(
        self, author: NodeId, log: Lineage, pair: ForkPair, fresh: tuple[Block, ...]
    ) -> Filed:
        log.fork = pair
        for block in fresh:
            log.kept[block.hash] = block
        self._logs[author] = log
        self._reckon(author, log)
        return Filed(Offered.FORK, attic=fresh, fork=pair)

    def _reckon(self, author: NodeId, log: Lineage) -> None:
        mark = _mark(author, log)
        self.root = (self.root - log.mark + mark) % ROOT_MODULUS
        log.mark = mark


def is_fork(first: Block, second: Block) -> bool:
    """Whether one author really signed both, for one place."""
    if first.author != second.author or label(first) != label(second):
        return False
    return first.hash != second.hash and check_block(first) and check_block(second)


def check_chains(chains: Chains) -> None:
    """The invariants: chains are linked from where they begin, and the root is their sum."""
    total = 0
    for author in chains.authors():
        chain = chains.chain(author)
        linked = linked_prefix(author, chain, chains.base(author))
        assert linked == len(chain), "an accepted chain has a broken link"
        log = chains._logs[author]  # noqa: SLF001 - the invariant is about the inside
        assert log.bytes == sum(block.size for block in chain), "a log's size is miscounted"
        total += _mark(author, log)
    assert total % ROOT_MODULUS == chains.root, "the logs' root does not match their heads"


def _fits(log: Lineage, block: Block) -> Offered | None:
    """Why the block has no place, or None when it has one."""
    if block.height == 0:
        return None if block.previous == NO_BLOCK else Offered.BAD
    parent = log.kept.get(block.previous)
    if parent is None:
        behind = block.height < log.first and label(block) < log.head()
        return Offered.BEHIND if behind else Offered.GAP
    in_order = parent.height + 1 == block.height and parent.era <= block.era
    return None if in_order else Offered.BAD


def _mark(author: NodeId, log: Lineage) -> int:
    if log.fork is not None:
        message = b"hf1.frozen" + author
    elif log.chain:
        message = b"hf1.heads" + author + log.chain[-1].hash
    else:
        return 0
    return int.from_bytes(hashlib.sha256(message).digest()[:8], "big")


def _by_height(block: Block) -> tuple[int, Era, bytes]:
    return (block.height, block.era, block.hash)
