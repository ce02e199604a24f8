"""The sorting table: every letter to its desk, and what came of it back out in order.

A payload is read whole before any letter in it is acted on. What its facts and blocks bring is
gathered into one harvest: written in one transaction, told behind that write, acknowledged to the
authors who asked, and passed on as rumours to those who may not have it.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from mesh.door.judgements import Verified
from mesh.door.post import Post
from mesh.door.sightings import Sightings
from mesh.effects import BlockStored, MeshEffect
from mesh.exchange.gossip import Gossip
from mesh.exchange.intake import Harvest, Intake
from mesh.exchange.novelties import Novelty
from mesh.exchange.reconcile import Reconciler
from mesh.facts import Fact
from mesh.finding.greeter import Greeter
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, Duration, Instant
from mesh.letters.messages import (
    Accuse,
    Ack,
    BlockNews,
    FactNews,
    Further,
    Kept,
    Message,
    Ping,
    ProbeFor,
    ProbeResult,
    Stored,
    Unknown,
)
from mesh.letters.wire import decode
from mesh.rejections import Rejection
from mesh.watch.lookout import Lookout

GAP_PATIENCE: Final[Duration] = 50 * MILLISECOND
"""Datagrams overtake each other: a missing block is asked for only when it stays missing."""


@dataclass(frozen=True, slots=True)
class SortingTable:
    """Between passport control and the desks. It keeps nothing itself."""

    own: NodeId
    intake: Intake
    lookout: Lookout
    reconciler: Reconciler
    gossip: Gossip
    greeter: Greeter
    post: Post
    sightings: Sightings
    refused: Counter[Rejection | str]
    region: str

    def read(self, verified: Verified, now: Instant) -> list[MeshEffect]:
        """All letters of one payload from a proven member, or none of them."""
        messages = decode(verified.payload)
        if isinstance(messages, Rejection):
            self.refused[messages] += 1
            return []
        effects = self.lookout.heard(verified.sender, now)
        harvest = Harvest()
        for message in messages:
            effects += self._sort(message, verified, harvest, now)
        self._keep_wanted(messages, harvest)
        if harvest.gaps:
            self.reconciler.gap(verified.sender, now + GAP_PATIENCE)
        effects += self.reap(harvest, now)
        self._pass_on(harvest, verified.sender, now)
        return effects

    def introduced(self, record: Fact, sender: NodeId, now: Instant) -> list[MeshEffect]:
        """The record that `sender` has shown us for a passport."""
        harvest = Harvest()
        self.intake.fact(record, harvest)
        effects = self.reap(harvest, now)
        self._pass_on(harvest, sender, now)
        return effects

    def reap(self, harvest: Harvest, now: Instant) -> list[MeshEffect]:
        """What a letter brought: written, then told, then acknowledged to its authors."""
        effects = harvest.effects()
        for node in harvest.introduced:
            self.greeter.introduced(node, now)
        for author, position in harvest.stored.items():
            effects += self.post.letter(author, Stored(author, position), now)
        return effects

    def _sort(
        self, message: Message, letter: Verified, harvest: Harvest, now: Instant
    ) -> list[MeshEffect]:
        match message:
            case Ping() | Ack() | ProbeFor() | ProbeResult() | Accuse():
                return self._look(message, letter, now)
            case FactNews(fact, scope):
                harvest.scope = scope
                self.intake.fact(fact, harvest)
            case BlockNews(block, scope=scope):
                harvest.scope = scope
                self.intake.block(block, letter.sender, harvest)
            case Stored(author, position):
                if author == self.own and self.intake.is_ours(position):
                    return [BlockStored(letter.sender, position)]
            case Kept():
                return self.reconciler.heard_kept(letter.sender, message, now)
            case Unknown():
                self.refused["letter: of a kind we do not know"] += 1
                self.intake.novelties.met(letter.sender, Novelty.LETTER)
            case Further(_, fields):
                self.intake.novelties.met(letter.sender, Novelty.FIELD, fields)
        return []

    def _look(
        self,
        message: Ping | Ack | ProbeFor | ProbeResult | Accuse,
        letter: Verified,
        now: Instant,
    ) -> list[MeshEffect]:
        sender = letter.sender
        if isinstance(message, (Accuse, ProbeResult)) and not self.intake.counts(sender):
            self.refused["letter: what it says of others does not count here"] += 1
            return []
        match message:
            case Ping(seq, root, _, beat):
                self.lookout.heard_beat(beat, now)
                self._heard_root(sender, root, now)
                ack = self.lookout.ack(seq, now)
                return self.post.answer(sender, letter.source, ack, now, urgent=True)
            case Ack(seq, root, _, beat):
                self.lookout.heard_beat(beat, now)
                self.lookout.answered(sender, seq, now)
                self._heard_root(sender, root, now)
            case ProbeFor(seq, target):
                return self.lookout.errand(sender, seq, target, now)
            case ProbeResult(_, target, alive):
                return self.lookout.reported(target, alive, sender, now)
            case Accuse(target, epoch_counter, _, by):
                if target == self.own:
                    return self.lookout.accused_ourselves(by, sender, now)
                return self.lookout.accused(target, epoch_counter, sender, now)
        return []

    def _keep_wanted(self, messages: tuple[Message, ...], harvest: Harvest) -> None:
        """Rumours are acknowledged only where that was asked for: one death of a thousand acks."""
        if not harvest.stored:
            return
        wanted = {
            message.block.author
            for message in messages
            if isinstance(message, BlockNews) and message.wants_receipt
        }
        harvest.stored = {
            author: position for author, position in harvest.stored.items() if author in wanted
        }

    def _pass_on(self, harvest: Harvest, source: NodeId, now: Instant) -> None:
        for news, scope in harvest.news:
            if scope not in ("", self.region):
                continue  # Kept like any word that is signed; whom it is for is for them to tell.
            knows = (source, news.author)
            if isinstance(news, Fact):
                self.gossip.tell_fact(news, knows, now, scope)
            else:
                self.gossip.tell_block(news, knows, now, wants_receipt=False, scope=scope)

    def _heard_root(self, sender: NodeId, root: int, now: Instant) -> None:
        """What all that `sender` keeps adds up to."""
        self.reconciler.heard_root(sender, root, now)
        if root == self.reconciler.root:
            self.sightings.agreed(sender, now)
