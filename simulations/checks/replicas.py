"""G3, G4, G6: what is kept of somebody else's log."""

from typing import Final

from ledger.books import Books
from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant
from mesh.logs import Block
from simulations.checks.archive import Reading
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.checks.rota import Rota
from simulations.invented.host import Host
from simulations.invented.world import World

FORK_SEEN_AFTER: Final[Duration] = 40 * SECOND
"""T of G6: two pauses of a futile sync (10 s each), two deadlines of a call (5 s each), slack."""
PAIRS_PER_LOOK: Final = 64
"""Keeper and author. A small mesh is looked at whole, a large one by turns."""


class CopiesAreTrue(Check):
    """Every copy is a prefix of what its author published, links and signatures included; and what
    its keeper believes of the author is what the copy folds to."""

    promises = ("G3", "G4")

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._rota = Rota(PAIRS_PER_LOOK)
        self._seen: dict[tuple[str, NodeId], bytes] = {}
        self._folds: dict[NodeId, tuple[Books, dict[bytes, bytes]]] = {}

    def ended(self, host: Host, how: str) -> None:
        for key in [key for key in self._seen if key[0] == host.name]:
            del self._seen[key]

    def sometimes(self, world: World) -> None:
        pairs = [(keeper, author) for keeper in world.up() for author in self.evidence.identities]
        for keeper, author in self._rota.turn(pairs):
            if keeper.id != author:
                self._look(keeper, author)

    def _look(self, keeper: Host, author: NodeId) -> None:
        agent = keeper.alive
        head = agent.mesh.chains.head(author)
        key = (keeper.name, author)
        if head is None or self._seen.get(key) == head.hash:
            return
        self._seen[key] = head.hash
        self.looks("G3")
        self.looks("G4")
        chain = tuple(self.evidence.archive.whole_log(agent.mesh.chains.chain(author)))
        self._check_published(keeper, author, chain)
        if agent.mesh.chains.fork(author) is not None:
            return  # It has stopped believing the log, with proof.
        believed = agent.knowledge.replicas.books(author)
        if believed is None or believed.state_hash() != self._state_at(author, chain):
            name = self.evidence.identities[author][0].name
            raise self.broken("G4", f"{keeper.name}'s books of {name} are not what its log says")

    def _check_published(self, keeper: Host, author: NodeId, chain: tuple[Block, ...]) -> None:
        known = self.evidence.archive.of(author).durable
        name = self.evidence.identities[author][0].name
        previous = None
        for height, block in enumerate(chain):
            digest = block.hash
            linked = block.height == height and (previous is None or block.previous == previous)
            if not linked or digest not in known:
                sentence = f"block {height} of {keeper.name}'s copy of {name}'s log is none of its"
                raise self.broken("G3", sentence)
            previous = digest

    def _state_at(self, author: NodeId, chain: tuple[Block, ...]) -> bytes:
        """What `chain` folds to, by a fold of our own that goes on where it can."""
        head = chain[-1].hash
        books, known = self._folds.get(author, (Books(), {}))
        if head not in known:
            above = books.height + 1
            goes_on = above <= len(chain) and (not above or chain[above - 1].hash == books.head)
            if not goes_on:
                books, above = Books(), 0
            for block in chain[above:]:
                refusal = books.apply_block(block)
                if refusal is not None:
                    raise self.broken("G4", f"a kept log does not fold: {refusal.value}")
            known[head] = books.state_hash()
            self._folds[author] = (books, known)
        return known[head]


class ForksAreSeen(Check):
    """G6: once one honest node has proof of a fork, everyone connected with it has it in time T."""

    promises = ("G6",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._since: dict[tuple[NodeId, str, str], Instant] = {}

    def sometimes(self, world: World) -> None:
        forked = [
            author
            for author, published in self.evidence.archive.published.items()
            if published.twins is not None
        ]
        for author in forked:
            self._look(world, author)

    def _look(self, world: World, author: NodeId) -> None:
        self.looks("G6")
        others = [host for host in world.up() if host.id != author]
        aware = [host for host in others if host.alive.mesh.chains.fork(author) is not None]
        waiting: dict[tuple[NodeId, str, str], Instant] = {}
        for knows in aware:
            reach = self.evidence.circumstances.within_reach(knows)
            for other in others:
                if other.name in reach and other.alive.mesh.chains.fork(author) is None:
                    key = (author, knows.name, other.name)
                    waiting[key] = since = self._since.get(key, world.now)
                    if world.now - since > FORK_SEEN_AFTER:
                        sentence = f"{other.name} has not heard of the fork that {knows.name} knows"
                        raise self.broken("G6", sentence)
        self._since = {key: at for key, at in self._since.items() if key[0] != author} | waiting


class TwinsAreNoticed(Check):
    """G6: two blocks of one author at one place, kept by two connected nodes, freeze it."""

    promises = ("G6",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._keepers: dict[bytes, dict[str, int]] = {}
        self._since: dict[tuple[NodeId, str, str], Instant] = {}

    def kept(self, host: Host, reading: Reading) -> None:
        if len(self.evidence.identities.get(reading.block.author, [])) > 1:
            self._keepers.setdefault(reading.hash, {})[host.name] = host.life

    def sometimes(self, world: World) -> None:
        for author, published in self.evidence.archive.published.items():
            if published.twins is not None:
                self._look(world, author, published.twins)

    def _look(self, world: World, author: NodeId, twins: tuple[bytes, bytes]) -> None:
        one, two = (self._with(world, digest) for digest in twins)
        for here in one:
            reach = self.evidence.circumstances.within_reach(here)
            for there in two:
                if here is there or there.name not in reach:
                    continue
                key = (author, here.name, there.name)
                seen = any(host.alive.mesh.chains.fork(author) for host in (here, there))
                since = self._since.setdefault(key, world.now)
                if not seen and world.now - since > FORK_SEEN_AFTER:
                    sentence = f"{here.name} and {there.name} keep two histories of one author"
                    raise self.broken("G6", sentence)

    def _with(self, world: World, digest: bytes) -> list[Host]:
        keepers = self._keepers.get(digest, {})
        up = [world.hosts[name] for name, life in keepers.items() if world.hosts[name].life == life]
        return [host for host in up if host.agent is not None]
