"""The bulletin: what happens, as events that a person or a log may want to know.

Each has a kind from the catalogue, a sentence, and whom it is about; how many there were of each
kind is counted. Nothing is decided here.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from mesh.identity import NodeId, id_text
from mesh.logs import Block
from mesh.persistence import SPACE_ASK, Persist, Write
from node.core.effects import Effect, Event
from node.core.knowledge import Knowledge


class Bulletin:
    """Says what happened, with names."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self.counts: Counter[str] = Counter()

    def event(
        self, kind: str, sentence: str, node: NodeId | None = None, hold: bytes | None = None
    ) -> Event:
        """One event, counted."""
        self.counts[kind] += 1
        body: dict[str, Any] = {}
        if node is not None:
            body |= {"node": self._knowledge.name_of(node), "id": id_text(node)}
        if hold is not None:
            body["hold"] = hold.hex()
        return Event(kind, sentence, body)

    def frozen(self, author: NodeId, problem: str) -> Event:
        """An author's log does not add up."""
        sentence = f"{self._knowledge.name_of(author)}: {problem}"
        return self.event("ledger.frozen", sentence, node=author)

    def new_era(self, author: NodeId) -> Event:
        """An author's log was cut and goes on."""
        sentence = f"{self._knowledge.name_of(author)} began a new era of its log"
        return self.event("ledger.new_era", sentence, node=author)

    def forked(self, author: NodeId, first: Block) -> Event:
        """An author signed two histories."""
        sentence = (
            f"{self._knowledge.name_of(author)} signed two different blocks at height "
            f"{first.height}: its log is frozen and nothing is placed there"
        )
        return self.event("ledger.fork", sentence, node=author)

    def cut_off(self, rows: Mapping[bytes, bytes]) -> list[Effect]:
        """Requests that a crash of ours cut off: named, so that they can be asked about, and
        forgotten."""
        effects: list[Effect] = []
        for hold in sorted(rows):
            owner = self._knowledge.name_of(NodeId(rows[hold]))
            sentence = (
                f"a request to {owner} was under way when this agent stopped; if it was granted, "
                f"`holdfast holds` shows {hold.hex()[:12]}"
            )
            effects.append(self.event("request.unknown", sentence, hold=hold))
            effects.append(Persist((Write(SPACE_ASK, hold, None),)))
        return effects
