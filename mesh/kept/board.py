"""The notice board: the newest fact of each author on each topic, and nothing else.

Every machine that has been told the same facts shows the same board, whatever the order and however
often it was told: `supersedes` is a total order per (author, topic), and the board keeps the
maximum. The **stamp** of a fact is 64 bits of a hash over what it says; the sum of all stamps is
the board's share of the state root, kept up to date in O(1).
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from mesh.facts import Fact
from mesh.identity import NodeId
from mesh.kept.notary import Notary

ROOT_MODULUS: Final = 1 << 64


class Pinned(Enum):
    """What became of a fact that was offered to the board."""

    NEWS = "newer than what we had"
    KNOWN = "already on the board"
    OLD = "older than what we have"
    FULL = "its author has no room for another topic"
    BAD = "not signed by its author"


def supersedes(new: tuple[int, int], old: tuple[int, int]) -> bool:
    """Whether a (version, stamp) replaces another on its author's topic.

    Honest authors never use a version twice. For one that does, the stamp decides, so that the
    boards of all machines still end up the same.
    """
    return new > old


class Board:
    """Facts by author and topic. The caller decides which authors may pin anything at all."""

    def __init__(self, mesh_id: bytes, topics_per_author_max: int) -> None:
        self.notary = Notary(mesh_id)
        self._topics_max = topics_per_author_max
        self._facts: dict[NodeId, dict[str, Fact]] = {}
        self._sums: dict[NodeId, int] = {}
        self.root = 0

    def offer(self, fact: Fact) -> Pinned:
        """Pin `fact` if it is news. The cheap questions come before the signature."""
        author = fact.author
        topics = self._facts.get(author, {})
        held = topics.get(fact.topic)
        if held == fact:
            return Pinned.KNOWN  # gossip repeats itself: no hashing for that
        mark = fact.stamp
        if held is not None:
            shown = (held.version, held.stamp)
            if shown == (fact.version, mark):
                return Pinned.KNOWN
            if not supersedes((fact.version, mark), shown):
                return Pinned.OLD
        elif len(topics) >= self._topics_max:
            return Pinned.FULL
        if not self.notary.vouches(fact):
            return Pinned.BAD
        self._pin(author, fact, held)
        return Pinned.NEWS

    def fact(self, author: NodeId, topic: str) -> Fact | None:
        """The newest that `author` said on `topic`."""
        return self._facts.get(author, {}).get(topic)

    def mark(self, author: NodeId, topic: str) -> tuple[int, int] | None:
        """(version, stamp) of what is pinned there."""
        fact = self.fact(author, topic)
        return None if fact is None else (fact.version, fact.stamp)

    def sums(self) -> Mapping[NodeId, int]:
        """Per author, what all its facts here add up to."""
        return self._sums

    def of(self, author: NodeId) -> list[Fact]:
        """Everything that `author` said, by topic."""
        return [self._facts[author][topic] for topic in self.topics(author)]

    def topics(self, author: NodeId) -> tuple[str, ...]:
        """What `author` has spoken about, sorted."""
        return tuple(sorted(self._facts.get(author, {})))

    def authors(self) -> tuple[NodeId, ...]:
        """Who has anything on the board, sorted."""
        return tuple(sorted(self._facts))

    def __iter__(self) -> Iterator[Fact]:
        """Every fact, by author and topic."""
        for author in self.authors():
            yield from self.of(author)

    def clear(self, author: NodeId) -> None:
        """Take down everything `author` said: the roll has forgotten it."""
        self.root = (self.root - self._sums.pop(author, 0)) % ROOT_MODULUS
        self._facts.pop(author, None)

    def _pin(self, author: NodeId, fact: Fact, held: Fact | None) -> None:
        change = fact.stamp - (held.stamp if held is not None else 0)
        self.root = (self.root + change) % ROOT_MODULUS
        self._sums[author] = (self._sums.get(author, 0) + change) % ROOT_MODULUS
        self._facts.setdefault(author, {})[fact.topic] = fact


def check_board(board: Board) -> None:
    """The invariant of the sum: the root is what the facts add up to."""
    total = sum(fact.stamp for fact in board) % ROOT_MODULUS
    assert total == board.root, "the board's root does not match its facts"
    for author in board.authors():
        own = sum(fact.stamp for fact in board.of(author)) % ROOT_MODULUS
        assert board.sums()[author] == own, "an author's sum does not match its facts"
