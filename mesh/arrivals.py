"""Arrivals: what follows from what passport control has found.

The gate says what a datagram proves and changes nothing else. Here that becomes a member who was
met, a run that is told it is over, a clone that is named (of ourselves: `twins.py`); and what a
proven peer wrote goes on to the sorting table.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from mesh.door.judgements import (
    CloneSeen,
    Established,
    HeardBeacon,
    Judgement,
    LowerEpoch,
    Respond,
    ToldOutcast,
    ToldStale,
    TurnedAway,
    Verified,
)
from mesh.door.post import Post
from mesh.door.sightings import Sightings
from mesh.effects import (
    Address,
    FactLearned,
    KeptOut,
    MeshEffect,
    PeerChange,
    PeerChanged,
    RollFull,
    Send,
)
from mesh.exchange.intake import Harvest, Intake, peer_writes
from mesh.exchange.reconcile import Reconciler
from mesh.exchange.voice import Voice
from mesh.facts import Fact
from mesh.finding.beaconing import Beaconing
from mesh.finding.greeter import Greeter
from mesh.finding.twins import Twins
from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant
from mesh.kept.board import Board
from mesh.letters.messages import FactNews
from mesh.letters.wire import encode, fact_bytes, parse_fact
from mesh.persistence import Persist, Write
from mesh.rejections import Rejection
from mesh.roll.membership import Liveness, Roll
from mesh.roll.record import TOPIC_NODE
from mesh.sorting import SortingTable
from mesh.watch.lookout import Lookout

CLONES_TOLD_MAX: Final = 256
SAID_AGAIN_EVERY: Final[Duration] = 30 * SECOND
"""Half of a mesh comes back at once, and all hear of one new record; longer than that takes. Each
further one is checked and passed on by everybody, who are slow then as it is: at 5 s a split of 128
healed slower than its halves could read what they said of themselves."""


class Arrivals:
    """Acts on every judgement of the gate, for one node."""

    def __init__(  # noqa: PLR0913, PLR0917 - every desk that a newcomer passes
        self, own: NodeId, roll: Roll, board: Board, sightings: Sightings,
        post: Post, greeter: Greeter, beaconing: Beaconing, reconciler: Reconciler,
        lookout: Lookout, voice: Voice, intake: Intake, table: SortingTable,
        rejections: "Counter[Rejection | str]",
    ) -> None:  # fmt: skip
        self._own = own
        self._roll, self._board, self._sightings = roll, board, sightings
        self._post, self._greeter, self._beaconing = post, greeter, beaconing
        self._reconciler, self._lookout, self._voice = reconciler, lookout, voice
        self._intake, self._table, self._rejections = intake, table, rejections
        self.twins = Twins(greeter)
        self._clones_told: dict[tuple[NodeId, bytes], None] = {}
        self._said_again_at: Instant | None = None

    def act_on(self, judged: Judgement, source: Address, now: Instant) -> list[MeshEffect]:
        """Whatever `judged`, come from `source`, has to change or to answer."""
        match judged:
            case HeardBeacon():
                return self._hear_beacon(judged, now)
            case Respond(datagram, claimed):
                self._sightings.knocked(claimed, now)
                self._greeter.greeted_by(claimed, now)
                return [Send(source, datagram, urgent=True)]
            case Established():
                return self._meet(judged, now)
            case LowerEpoch():
                return self._show_later(judged)
            case ToldStale(record):
                return self._told_stale(record, now)
            case CloneSeen():
                return self._name_clone(judged, now)
            case TurnedAway(datagram):
                self._rejections[Rejection.REVOKED] += 1
                return [Send(source, datagram, urgent=True)]
            case ToldOutcast(author, word):
                return self._told_outcast(author, word)
            case Verified():
                if self._roll.admits(judged.sender):
                    returns = self._was_dead(judged.sender)
                    effects = self._table.read(judged, now)
                    return effects + self._say_again(now) if returns else effects
                self._rejections[Rejection.TABLE_FULL] += 1
                return []

    def _hear_beacon(self, beacon: HeardBeacon, now: Instant) -> list[MeshEffect]:
        if beacon.node == self._own:
            return self.twins.knock((beacon.address,), now)
        member = self._roll.member(beacon.node)
        self._sightings.beacon(beacon.node, beacon.address.host, now)
        known = member is not None and beacon.epoch_counter <= member.epoch.counter
        if known and self._post.gate.has_session(beacon.node):
            self._beaconing.known_face()
            return []
        if member is None:
            self._beaconing.new_face(now)
        changes = self._roll.hint(beacon.node, beacon.address)
        self._greeter.sign_of(beacon.node, now)
        return [*changes, *self._greeter.wake(now)]

    def _meet(self, met: Established, now: Instant) -> list[MeshEffect]:
        before, returns = self._roll.member(met.peer), self._was_dead(met.peer)
        row = peer_writes(before) if before else ()
        changes = self._roll.greeted(met.peer, met.public, met.epoch, met.address, now)
        if changes is None:
            self._rejections[Rejection.TABLE_FULL] += 1
            self._post.gate.forget(met.peer)
            return [RollFull(met.peer)]
        if any(change.change is PeerChange.VERIFIED for change in changes):
            self._beaconing.new_face(now)
        self._beaconing.known_face()
        self._greeter.met(met.peer, met.address, now)
        self._table.gossip.met(now)
        self._sightings.met(met.peer, now)
        if met.took is not None:
            self._reconciler.tempo.answered(met.took)
        self._reconciler.met(met.peer, now)
        effects = [*self._remember(met.peer, row), *changes]
        if met.passport.topic == TOPIC_NODE:
            effects += self._table.introduced(met.passport, met.peer, now)
        respond = self._post.gate.respond(met, self._first_letters(met.peer), now)
        effects += [Send(met.address, respond, urgent=True), *self._lookout.heard(met.peer, now)]
        if met.letters:
            said = Verified(met.peer, met.epoch, met.letters, met.address)
            effects += self._table.read(said, now)
        if returns:
            effects += self._say_again(now)
        return effects + self._reconciler.wake(now)

    def _was_dead(self, peer: NodeId) -> bool:
        member = self._roll.member(peer)
        return member is not None and member.liveness is Liveness.DEAD

    def _say_again(self, now: Instant) -> list[MeshEffect]:
        """One who was dead to us is back, so we are likely to have been dead to it, and to others
        around it. A new record of ours is news to them all, and news of the dead earn a hello."""
        said = self._said_again_at
        if self._voice.has_left or (said is not None and now - said < SAID_AGAIN_EVERY):
            return []
        self._said_again_at = now
        record = self._voice.say_record(self._voice.endpoints, left=False)
        self._table.gossip.tell_fact(record, (), now)
        return [FactLearned(record)]

    def _first_letters(self, peer: NodeId) -> bytes:
        """What `peer` should know at once: our root, its log as we keep it, and our record, unless
        we have just shown that for a passport."""
        kept = self._reconciler.kept_of(peer)
        record = self._voice.record
        if record is None or self._post.gate.papers.is_record:
            return encode((kept,))
        return encode((FactNews(record), kept))

    def _remember(self, peer: NodeId, row: Sequence[Write]) -> list[MeshEffect]:
        """The peer's row, if meeting it has changed it; and its pin, if it has just got one."""
        member = self._roll.member(peer)
        writes = tuple(peer_writes(member)) if member else ()
        pins = self._roll.admission.written()
        rows = (*pins, *(writes if writes != tuple(row) else ()))
        return [Persist(rows)] if rows else []

    def _show_later(self, late: LowerEpoch) -> list[MeshEffect]:
        self._rejections[Rejection.LOWER_EPOCH] += 1
        fact = self._board.fact(late.peer, TOPIC_NODE)
        if fact is None or fact.epoch_counter <= late.claimed.counter:
            return []
        datagram = self._post.gate.stale(late, fact_bytes(fact))
        return [] if datagram is None else [Send(late.source, datagram, urgent=True)]

    def _told_stale(self, record: bytes, now: Instant) -> list[MeshEffect]:
        fact = parse_fact(record)
        if not isinstance(fact, Fact) or fact.author != self._own:
            self._rejections[Rejection.MALFORMED] += 1
            return []
        if not self._board.notary.vouches(fact):
            self._rejections[Rejection.BAD_SIGNATURE] += 1
            return []
        harvest = Harvest()
        self._intake.fact(fact, harvest)
        return self._table.reap(harvest, now)

    def _told_outcast(self, author: NodeId, word: bytes) -> list[MeshEffect]:
        if not self._roll.would_count(author):
            self._rejections["outcast: by a node whose word does not count here"] += 1
            return []
        return [KeptOut(author, word)]

    def _name_clone(self, clone: CloneSeen, now: Instant) -> list[MeshEffect]:
        self._rejections[Rejection.CLONED] += 1
        if clone.peer == self._own:
            return self.twins.seen(clone)
        if self._roll.is_on_record(clone.peer, clone.epoch):
            self._post.gate.follow(clone.peer, clone.epoch)
            self._greeter.sign_of(clone.peer, now)
        shown = self._show_other_run(clone)
        key = (clone.peer, clone.epoch.nonce)
        if key in self._clones_told or len(self._clones_told) >= CLONES_TOLD_MAX:
            return shown
        self._clones_told[key] = None
        detail = f"a second machine at {clone.source.host} shows the same identity"
        return [*shown, PeerChanged(clone.peer, PeerChange.CLONED, detail)]

    def _show_other_run(self, clone: CloneSeen) -> list[MeshEffect]:
        # A disk that forgot its first start spends that start's counter again and looks like a
        # clone to everyone. Its own signature on the other run tells it to rise above both.
        fact = self._board.fact(clone.peer, TOPIC_NODE)
        if fact is None or fact.epoch_counter != clone.known.counter:
            return []
        late = LowerEpoch(
            clone.peer, clone.epoch, clone.known, clone.source, clone.echo, clone.key_id
        )
        datagram = self._post.gate.stale(late, fact_bytes(fact))
        return [] if datagram is None else [Send(clone.source, datagram, urgent=True)]
