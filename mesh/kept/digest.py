"""Digests: what two machines keep, compared by name.

A **digest** names, in a few bytes each, every fact and every log that its sender keeps. A log is
named by its *eras*: where each began, how long the chain is, and the hash of its head. Two chains
without a fork agree exactly as far as their eras do, because a block is fixed by its (era, height);
so the last common height needs no search. Where labels agree and heads do not, somebody forked, and
everything is sent so that the receiver can prove it.

To name everything of a thousand authors takes a quarter of a megabyte, and nearly all of it is the
same on both sides. So a question names most authors by one **mark** each: what all we keep of the
author adds up to. Where the marks differ, the answer names that author in full.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from mesh.identity import NodeId
from mesh.kept.board import Board, supersedes
from mesh.kept.chains import NO_ERA, ROOT_MODULUS, Chains, Label
from mesh.logs import ERAS_MAX, Base, Block, Era, EraStart, era_in

Cursor: TypeAlias = tuple[int, int, bytes, bytes]
"""(height, era counter, era nonce, hash): behind which block of our own log to go on."""
BEGINNING: Final[Cursor] = (-1, 0, b"", b"")
NOTHING: Final = (-1, 0)
"""The mark of a fact that is not there."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A log in a few bytes. `eras`: (era, height of its first block), ascending."""

    eras: tuple[tuple[Era, int], ...] = ()
    length: int = 0
    head: bytes = b""
    forked: bool = False

    @property
    def label(self) -> Label:
        return Label(self.eras[-1][0] if self.eras else NO_ERA, self.length - 1)

    def era_at(self, height: int) -> Era | None:
        """The era of the block at `height`; None below the oldest era that is listed."""
        return era_in(self.eras, height)


@dataclass(frozen=True, slots=True)
class Digest:
    """Everything (or everything that differs) on a board and in the chains, by name.

    `marks`: in a question, the authors of whom it says no more than this; in an answer, those that
    it names in full (and of whom what it does not name is lacking).
    """

    facts: Mapping[tuple[NodeId, str], tuple[int, int]]
    logs: Mapping[NodeId, Summary]
    marks: Mapping[NodeId, int] = field(default_factory=dict)

    def authors(self) -> list[NodeId]:
        """Everyone who is named, sorted."""
        return sorted({author for author, _ in self.facts} | {*self.logs} | {*self.marks})


# Comparing -------------------------------------------------------------------------------------


def summarise(chains: Chains, author: NodeId) -> Summary:
    """Our copy of `author`'s log in a few bytes."""
    head = chains.head(author)
    length, forked = chains.length(author), chains.fork(author) is not None
    eras = _eras(chains.chain(author), chains.base(author))
    return Summary(eras, length, b"" if head is None else head.hash, forked)


def summarise_aside(chains: Chains, author: NodeId) -> Summary:
    """As much as we were told of another beginning of `author`'s log."""
    aside = chains.aside(author)
    if not aside:
        return Summary()
    return Summary(_eras(aside, chains.aside_base(author)), aside[-1].height + 1, aside[-1].hash)


def _eras(chain: Sequence[Block], base: Base | None) -> tuple[EraStart, ...]:
    eras = [] if base is None else list(base.checkpoint.eras)
    at = 0
    while at < len(chain):
        era = chain[at].era
        if not eras or eras[-1][0] != era:
            eras.append((era, chain[at].height))
        at = bisect_right(chain, era, lo=at, key=lambda block: block.era)
    return tuple(eras[-ERAS_MAX:])


def digest_of(board: Board, chains: Chains) -> Digest:
    """All we keep, by name."""
    return named(board, chains, marks_of(board, chains))


def brief(board: Board, chains: Chains, in_full: Iterable[NodeId]) -> Digest:
    """All we keep: the authors `in_full` by name, all others by a mark."""
    full = named(board, chains, in_full)
    marks = marks_of(board, chains)
    for author in in_full:
        marks.pop(author, None)
    return Digest(full.facts, full.logs, marks)


def named(board: Board, chains: Chains, authors: Iterable[NodeId]) -> Digest:
    """All we keep of `authors`, by name."""
    facts: dict[tuple[NodeId, str], tuple[int, int]] = {}
    logs: dict[NodeId, Summary] = {}
    for author in sorted(authors):
        for topic in board.topics(author):
            facts[author, topic] = mark_on(board, author, topic)
        if author in chains:
            logs[author] = summarise(chains, author)
    return Digest(facts, logs)


def marks_of(board: Board, chains: Chains) -> dict[NodeId, int]:
    """Per author, what all we keep of it adds up to; the root is the sum of these."""
    marks = dict(board.sums())
    for author, mark in chains.marks():
        marks[author] = (marks.get(author, 0) + mark) % ROOT_MODULUS
    return marks


def common_height(mine: Summary, theirs: Summary) -> int:
    """How many blocks from the front the two chains share, told by their eras alone."""
    top = min(mine.length, theirs.length)
    listed = [summary.eras[0][1] for summary in (mine, theirs) if summary.eras]
    low = max(listed, default=0)
    turns = sorted({low, *(first for _, first in (*mine.eras, *theirs.eras) if low < first < top)})
    for turn in turns:
        if turn < top and mine.era_at(turn) != theirs.era_at(turn):
            return 0 if turn == low else turn
    return top if low < top or low == 0 else 0


def start_for(chains: Chains, author: NodeId, theirs: Summary) -> int | None:
    """From which height the other side needs our copy; None when it needs nothing of it."""
    mine = summarise(chains, author)
    if mine.forked or theirs.forked or mine.head == theirs.head or mine.label < theirs.label:
        return None
    common = common_height(mine, theirs)
    last = chains.block(author, common - 1)
    if common == theirs.length and last is not None and last.hash != theirs.head:
        return 0  # same labels, other blocks: the receiver will find the fork
    return common


def lacking(digest: Digest, board: Board, chains: Chains) -> Digest:
    """What of `digest` is newer than ours, in terms of what *we* have.

    Of an author told by a mark that is not ours, we name all that we have.
    """
    facts = {
        key: mark_on(board, *key)
        for key, shown in digest.facts.items()
        if supersedes(shown, mark_on(board, *key))
    }
    logs = {}
    for author, theirs in digest.logs.items():
        mine = summarise(chains, author)
        fork_news = theirs.forked and not mine.forked
        newer = not mine.forked and mine.head != theirs.head and theirs.label >= mine.label
        if fork_news or newer:
            logs[author] = mine
    ours = marks_of(board, chains)
    told = digest.marks.items()
    differ = {author: ours.get(author, 0) for author, mark in told if ours.get(author, 0) != mark}
    full = named(board, chains, differ)
    return Digest({**facts, **full.facts}, {**logs, **full.logs}, differ)


def beyond(chains: Chains, author: NodeId, shown: Summary, after: Cursor) -> Iterator[Block]:
    """All we keep of `author`'s log that its own chain, as `shown`, does not account for."""
    kept = (*chains.chain(author), *chains.attic(author))
    for block in sorted(kept, key=cursor_of):
        accounted = block.height < shown.length and shown.era_at(block.height) == block.era
        if cursor_of(block) > after and not accounted:
            yield block


def cursor_of(block: Block) -> Cursor:
    return (block.height, block.era.counter, block.era.nonce, block.hash)


def mark_on(board: Board, author: NodeId, topic: str) -> tuple[int, int]:
    """(version, stamp) of what is pinned there, or the mark of nothing."""
    return board.mark(author, topic) or NOTHING
