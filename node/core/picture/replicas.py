"""Replicas: the books of every author, folded from the logs we keep.

The fold has no clock and one code for everyone, so two peers that keep the same log have the same
books. Our own books are the ledger's; these are everybody else's. A log that does not fold is
frozen where it stopped and named: nothing is placed on what cannot be added up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.books import Books
from ledger.proving.beginnings import books_from
from mesh.identity import NodeId
from mesh.logs import Base, Block


@dataclass(slots=True)
class Replica:
    """One author's books, and why they stopped, if they did."""

    books: Books
    problem: str | None = None


@dataclass(slots=True)
class Replicas:
    """Every other author's books."""

    _replicas: dict[NodeId, Replica] = field(default_factory=dict)

    def extend(self, author: NodeId, blocks: Iterable[Block]) -> str | None:
        """Fold `blocks` onto the author's books. A sentence when they do not add up."""
        replica = self._replicas.setdefault(author, Replica(Books()))
        for block in blocks:
            if replica.problem is not None:
                break
            refusal = replica.books.apply_block(block)
            if refusal is not None:
                replica.problem = f"block {block.height} does not fold: {refusal.value}"
        return replica.problem

    def rebuild(self, author: NodeId, chain: Iterable[Block], base: Base | None) -> str | None:
        """Fold again from where the log begins: a new era cut the old tail off."""
        books = Books() if base is None else books_from(base)
        if books is None:
            problem = "the state that its log begins with is not the state of any books"
            self._replicas[author] = Replica(Books(), problem)
            return problem
        self._replicas[author] = Replica(books)
        return self.extend(author, chain)

    def freeze(self, author: NodeId, problem: str) -> None:
        """Believe nothing more of this author's log."""
        self._replicas.setdefault(author, Replica(Books())).problem = problem

    def forget(self, author: NodeId) -> None:
        """Keep none of this author's books."""
        self._replicas.pop(author, None)

    def books(self, author: NodeId) -> Books | None:
        """The author's books as far as they fold; None when we keep none."""
        replica = self._replicas.get(author)
        return None if replica is None else replica.books

    def problem(self, author: NodeId) -> str | None:
        """Why the author's log is frozen, or None."""
        replica = self._replicas.get(author)
        return None if replica is None else replica.problem

    def authors(self) -> list[NodeId]:
        """Everyone whose books we keep, in a fixed order."""
        return sorted(self._replicas)
