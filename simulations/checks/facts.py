"""Facts: nothing that a node is believed to have said comes from anybody else, or goes back."""

from collections.abc import Sequence
from typing import Final

from mesh.facts import Fact
from mesh.identity import NodeId
from mesh.persistence import SPACE_FORGOTTEN, Persist
from mesh.roll.record import TOPIC_NODE
from node.core.effects import Effect
from node.core.picture.topics import (
    TOPIC_FORGOTTEN,
    TOPIC_INVENTORY,
    TOPIC_KEYS,
    TOPIC_LIVE,
    TOPIC_MODELS,
    TOPIC_REVOKED,
    TOPIC_STANDING,
)
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.checks.rota import Rota
from simulations.invented.host import Host
from simulations.invented.world import World

FACTS_PER_LOOK: Final = 400
SMALL: Final = 16
"""Up to so many nodes, each board is looked at whenever it has changed."""
TOPICS: Final = (
    TOPIC_NODE, TOPIC_INVENTORY, TOPIC_LIVE, TOPIC_MODELS, TOPIC_STANDING, TOPIC_KEYS,
    TOPIC_REVOKED, TOPIC_FORGOTTEN,
)  # fmt: skip


class FactsAreTheirAuthors(Check):
    """Every fact on a board is, byte for byte, one that its author once had on its own; and on no
    board does a version go back within one life."""

    promises = ("facts",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._said: dict[tuple[NodeId, str, int], set[bytes]] = {}
        self._own: dict[tuple[str, str], Fact] = {}
        self._shown: dict[tuple[str, NodeId, str], Fact] = {}
        self._roots: dict[str, int] = {}
        self._rota = Rota(FACTS_PER_LOOK)

    def started(self, host: Host) -> None:
        for key in [key for key in self._shown if key[0] == host.name]:
            del self._shown[key]
        for name, topic in [key for key in self._own if key[0] == host.name]:
            del self._own[name, topic]

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        """What the host says of itself, as soon as it has decided to; and whom it forgets: what it
        had heard of that one goes from its board, and it may be told older words of it later."""
        for effect in effects:
            if type(effect) is Persist:
                for write in effect.writes:
                    if write.space == SPACE_FORGOTTEN:
                        self._forget(host, write.key)
        board, own = host.alive.mesh.board, self._own
        for topic in TOPICS:
            fact = board.fact(host.id, topic)
            if fact is not None and own.get((host.name, topic)) is not fact:
                own[host.name, topic] = fact
                said = self._said.setdefault((host.id, topic, fact.version), set())
                said.add(fact.body)
        if len(self.evidence.identities) <= SMALL and self._roots.get(host.name) != board.root:
            self._roots[host.name] = board.root
            for author in board.authors():
                self._look_at(host, author)

    def _forget(self, host: Host, author: bytes) -> None:
        for key in [key for key in self._shown if key[:2] == (host.name, author)]:
            del self._shown[key]

    def sometimes(self, world: World) -> None:
        up = world.up()
        places = [(host, author) for host in up for author in self.evidence.identities]
        for host, author in self._rota.turn(places):
            self._look_at(host, author)

    def _look_at(self, host: Host, author: NodeId) -> None:
        if host.id != author:
            for topic in host.alive.mesh.board.topics(author):
                self._look(host, author, topic)

    def _look(self, host: Host, author: NodeId, topic: str) -> None:
        fact = host.alive.mesh.board.fact(author, topic)
        key = (host.name, author, topic)
        shown = self._shown.get(key)
        if fact is None or fact is shown:
            return
        self._shown[key] = fact
        self.looks("facts")
        name = self.evidence.identities[author][0].name
        if fact.body not in self._said.get((author, topic, fact.version), ()):
            raise self.broken("facts", f"{host.name} believes of {name} what it never said")
        if shown is not None and fact.version < shown.version:
            raise self.broken("facts", f"{host.name} went back to an older word of {name}")
