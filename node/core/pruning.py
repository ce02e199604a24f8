"""Pruning: when our copy of a log is made to begin later.

An author says in its checkpoints from where on its log may begin (`ledger/owner/checkpointing.py`).
Whoever folded the log up to there has reckoned the state that stands for all before; so every node
prunes when it has folded that word, and all keep the same.
"""

from mesh.identity import NodeId
from mesh.instant import Instant
from mesh.logs import Base
from mesh.persistence import Persist
from mesh.roll.storage import writes_for
from node.core.history import History
from node.core.picture.knowledge import Knowledge


class Pruning:
    """Puts away what logs no longer begin with."""

    def __init__(self, knowledge: Knowledge, history: History) -> None:
        self._knowledge = knowledge
        self.history = history
        knowledge.ledger.checkpointer.company = knowledge.live_others

    def after(self, author: NodeId, now: Instant) -> list[Persist]:
        """The log of `author` has grown: let our copy begin later, if it says so."""
        base = self._prunable(author)
        if base is None:
            return []
        chains, ledger = self._knowledge.mesh.chains, self._knowledge.ledger
        proofs = ledger.prune(base) if author == self._knowledge.us else []
        writes = writes_for(author, chains.prune(author, base))
        return [*proofs, Persist(writes), *self.history.put_away(writes, now)]

    def _prunable(self, author: NodeId) -> Base | None:
        books, chains = self._knowledge.books(author), self._knowledge.mesh.chains
        if books is None or not books.milestones:
            return None
        begins = books.milestones[-1].begins
        if begins <= chains.first(author) or self._knowledge.replicas.problem(author) is not None:
            return None
        at = [one for one in books.milestones if one.height == begins]
        block = chains.block(author, begins)
        return Base(block, at[0].state) if at and block is not None else None
