"""Reading: what others' logs say of rights that concerns us, for our own books.

Rights are given by one log and taken by another. What a peer gave us we take only when we can show
the whole way that it has come: for whatever the giver itself took, the log of whoever gave it that
must say so too, in our own replica, and so on back to an issuer. Not because the giver might lie,
but because somebody on that way may lose its disk: whoever has the rights must then have the proof.
"""

from ledger.books import Books
from ledger.books.rights import RightsRow, Side, by_name
from ledger.observations import RightsTold
from mesh.identity import NodeId
from mesh.roll.membership import Trust
from node.core.picture.knowledge import Knowledge


class Reading:
    """Remembers whose gifts wait for the rest of their story."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._stalled: dict[NodeId, None] = {}

    def all(self) -> list[RightsTold]:
        """As `of`, of every log: our books may have forgotten, or not have listened."""
        told = [self._of(author) for author in self._knowledge.replicas.authors()]
        ours, us = self._knowledge.ledger.books, self._knowledge.us
        if ours.rights and (gone := self._gone()):
            told.append(RightsTold(us, self._knowledge.log_position(us), gone=gone))
        return [one for one in told if one is not None]

    def of(self, author: NodeId) -> list[RightsTold]:
        """What is new in the log of `author`, and in those that waited for it."""
        authors = dict.fromkeys([author, *self._stalled])
        told = [self._of(one) for one in authors]
        return [one for one in told if one is not None]

    def _of(self, author: NodeId) -> RightsTold | None:
        knowledge = self._knowledge
        books = knowledge.replicas.books(author)
        self._stalled.pop(author, None)
        if books is None or not books.rights or not self._counts(author):
            return None
        theirs = tuple(
            (row, books.rights[row])
            for row in sorted(books.rights, key=by_name)
            if row.party == knowledge.us and self._is_news(author, row, books.rights[row])
        )
        known = knowledge.ledger.later.escrow.governed
        governed = tuple(key for key in sorted(books.entitled) if key not in known)
        gone = self._gone()
        if not (theirs or governed or gone):
            return None
        head = knowledge.log_position(author)
        return RightsTold(author, head, theirs, governed, gone)

    def _gone(self) -> tuple[NodeId, ...]:
        """Who was revoked, and is not barred in our books yet."""
        ours = self._knowledge.ledger.books
        revoked = sorted(self._knowledge.mesh.roll.revoked)
        return tuple(node for node in revoked if not ours.is_barred(node))

    def _counts(self, author: NodeId) -> bool:
        member = self._knowledge.mesh.roll.member(author)
        trusted = member is not None and member.trust is Trust.TRUSTED
        return trusted and self._knowledge.replicas.problem(author) is None

    def _is_news(self, author: NodeId, row: RightsRow, total: int) -> bool:
        ours = self._knowledge.ledger.books
        match row.side:
            case Side.TAKEN:
                return total > ours.rights.get(row._replace(side=Side.GIVEN, party=author), 0)
            case Side.GIVEN:
                taken = ours.rights.get(row._replace(side=Side.TAKEN, party=author), 0)
                if total <= taken or ours.is_barred(author):
                    return False
                if self._is_shown(author, row.principal, row.sort):
                    return True
                self._stalled[author] = None
            case _:
                pass  # what it issued, took back or gave up for lost is no affair of ours
        return False

    def _is_shown(self, holder: NodeId, principal: str, sort: str) -> bool:
        """Whether we keep, for all that `holder` took, the word of whoever gave it; and for theirs
        in turn."""
        passed: dict[NodeId, None] = {}
        way = [holder]
        while way:
            node = way.pop()
            if node in passed:
                continue
            passed[node] = None
            books = self._knowledge.books(node)
            for giver, total in [] if books is None else _taken(books, principal, sort):
                if not self._vouches(giver, node, principal, sort, total):
                    return False
                way.append(giver)
        return True

    def _vouches(
        self, giver: NodeId, taker: NodeId, principal: str, sort: str, total: int
    ) -> bool:  # fmt: skip
        gone = self._knowledge.ledger.books.is_barred(giver)
        if gone or (
            giver != self._knowledge.us and self._knowledge.mesh.roll.member(giver) is None
        ):
            return True  # it is gone for good, or forgotten: nobody keeps its log any more
        books = self._knowledge.books(giver)
        gave = RightsRow(principal, sort, Side.GIVEN, taker)
        return books is not None and books.rights.get(gave, 0) >= total


def _taken(books: Books, principal: str, sort: str) -> list[tuple[NodeId, int]]:
    return [
        (NodeId(row.party), books.rights[row])
        for row in sorted(books.rights, key=by_name)
        if row[:3] == (principal, sort, Side.TAKEN)
    ]
