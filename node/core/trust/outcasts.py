"""Outcasts: ids that are kept out, and under which something still speaks.

A machine that was revoked, or whose promises went over to a successor, may come back: an old disk
is put in again, somebody forgot to switch it off. It is refused by everybody and told by nobody,
and goes on as it was, alone. So whoever is near it says so, with its address, until a person has
stopped it. What it shows is not proven, for nothing of it is read: an address can be forged, and
nothing is decided by this.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mesh.identity import NodeId, short_id
from mesh.instant import MINUTE, SECOND, Duration, Instant
from node.core.effects import Happened
from node.core.picture.knowledge import Knowledge
from node.core.trust.revoking import Revocation

LOOK_EVERY: Final[Duration] = SECOND
RECENT: Final[Duration] = MINUTE
"""Who has been silent for so long has been stopped; a beacon comes more often."""


@dataclass(slots=True)
class Outcasts:
    """Of whom this was said, on one node."""

    _knowledge: Knowledge
    _kept: Mapping[NodeId, Revocation]
    _told: dict[NodeId, None] = field(default_factory=dict)
    _look_at: Instant = 0

    def look(self, now: Instant) -> list[Happened]:
        """Who speaks now, and did not before."""
        if now < self._look_at:
            return []
        self._look_at = now + LOOK_EVERY
        told, self._told = self._told, {}
        events, sentences = [], []
        for node in sorted(self._kept):
            heard = self._knowledge.mesh.roll.revoked.get(node)
            if heard is None or now - heard[1] > RECENT:
                continue
            self._told[node] = None
            sentence = self._sentence(node, heard[0].text)
            sentences.append(sentence)
            if node not in told:
                events.append(Happened("peer.outcast", sentence, node))
        self._knowledge.outcasts = sentences
        return events

    def _sentence(self, node: NodeId, source: str) -> str:
        name = self._knowledge.name_of(node)
        shown = short_id(node) if name == short_id(node) else f"{name} ({short_id(node)})"
        return (
            f"something at {source} still speaks as {shown}, which is kept out "
            f"({self._kept[node].reason}): it is heard by nobody; stop it there"
        )
