"""The agent: mesh, ledger and placement composed, still without I/O. Start here.

Doors in: `receive` a datagram, `wake` when a deadline is reached, `ask` for a surface, `serve` a
peer's stream request, `answered` for our own, `report` from the probes. One kind of thing out: a
list of effects, whose order is a promise. After each batch of inputs the shell calls `seal`, which
signs what the batch wrote into one block; nothing is granted before that block is on disk.

What arrives is sorted by topic: facts go to the picture, our neighbours' log blocks to the
replicas, commands to the books. What leaves the ledger as `Append` becomes a durable block and a
rumour before any `Reply` behind it goes out.
"""

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any, Final

from ledger import effects as books_effects
from ledger.observations import Fenced, Observation, OwnLogSeen, PeersKnown
from ledger.owner.standings import CLOSED, QUARANTINED
from mesh import effects as mesh_effects
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, Instant, earliest
from mesh.logs import Position
from mesh.machine import Mesh
from mesh.persistence import SPACE_ASK, Persist
from mesh.rejections import Rejection
from node.core import answers, counter, health
from node.core.asked import asked
from node.core.birth import Birth
from node.core.bulletin import Bulletin
from node.core.copies import Copies
from node.core.effects import Doubt, Effect, Happened, KeepKeys, Look, Reply, TellBooks
from node.core.errands import SERVICE_LEDGER, ErrandEffect, Errands, ToOurBooks
from node.core.gangs.gang import Record
from node.core.history import History
from node.core.picture.knowledge import Knowledge
from node.core.picture.reports import Report, hosts_of
from node.core.picture.self_image import SelfImage, Statement
from node.core.pruning import Pruning
from node.core.reachability.surveying import Surveying
from node.core.reported import reported
from node.core.requests import Refused, Request
from node.core.rights.door import RightsDoor
from node.core.selves import SayGoodBye, Selves, SelvesEffect, Suspect, last_word
from node.core.trust.belonging import Belonging, BelongingEffect
from node.core.trust.inviting import Inviting
from node.core.trust.revoking import Bar, keep_out
from node.core.trust.rotating import SERVICE_KEYS, NewKeys, Rotating, RotatingEffect
from node.core.usage.attribution import Attribution

SERVICE_QUERY: Final = "query"
SERVICE_JOIN: Final = "join"
FOR_THE_SHELL: Final = (
    mesh_effects.Send, mesh_effects.Broadcast, mesh_effects.Call, mesh_effects.Answer, Persist,
)  # fmt: skip
"""What the mesh asks of the world, and not of us."""
IN_DOUBT: Final = (CLOSED, QUARANTINED)
"""Standings in which nothing may vouch for what is on our disk."""


class Agent:
    """One node of Holdfast. Owned by one task; it touches nothing but its own memory."""

    def __init__(self, birth: Birth, random: Random) -> None:
        self.birth = birth
        self.identity = birth.identity
        self._random = random
        self.mesh = Mesh(
            birth.identity, birth.name, birth.epoch, birth.keys, birth.mesh_config, random,
            birth.saved, birth.port, birth.region, birth.version, birth.admission,
        )  # fmt: skip
        self.ledger = birth.books(self.mesh.chains, random)
        self.knowledge = Knowledge(self.identity.id, birth.name, self.mesh, self.ledger, birth.keys)
        self.pruning = Pruning(self.knowledge, History(birth.saved, birth.history_for))
        self.image = SelfImage()
        self.inviting = Inviting(birth.keys.mesh_id, birth.boot, random)
        self.errands = Errands(self.identity, self.knowledge, random)
        self.rotating = Rotating(self.knowledge)
        self.belonging = Belonging(self.knowledge)
        self.revoking = self.belonging.revoking
        self.bulletin = Bulletin(self.knowledge)
        self.attribution = Attribution(self.knowledge, self.bulletin, self.errands, self._to_books)
        word = partial(health.doctor, self.knowledge)
        self.surveying = Surveying(self.knowledge, birth.as_told, word)
        self._started: Instant = 0
        self.addresses: tuple[mesh_effects.Address, ...] = ()
        self._copies = Copies(self.knowledge)
        self.rights = RightsDoor(self, self._copies, random)
        self.selves = Selves(self.knowledge, self.bulletin, birth.fingerprint)
        self._sure = True
        """Whether our log has told all that it ever said since this start."""

    # Doors in ----------------------------------------------------------------------------------

    def start(self, now: Instant, addresses: tuple[tuple[str, int, str], ...]) -> list[Effect]:
        """The first effects: the mesh, then the books. What is written is signed in the end."""
        self._started = now
        self.addresses = hosts_of(addresses)
        self.knowledge.refold()
        effects = self.from_policy(self.belonging.restore(self.birth.saved, now), now)
        effects += self.from_mesh(self.mesh.start(now, addresses), now)
        if self.birth.seeds:
            effects += self.from_mesh(self.mesh.seed(self.birth.seeds, now), now)
        effects += self.from_books(self.ledger.boot(now), now)
        effects += self.from_policy(self.selves.restore(self.birth), now)
        self._copies.begin()
        effects += self._to_books(self._copies.known, now)
        saved = self.birth.saved
        effects += self.from_errands(self.errands.restore(saved, now), now)
        effects += self.attribution.restore(saved, now)
        effects += self.inviting.restore(saved, now)
        effects += self.bulletin.cut_off(saved.get(SPACE_ASK, {}), self.errands.kept.in_line)
        for statement in self.image.begun(self.knowledge):
            effects += self.publish(statement, now)
        return effects + self._publish_standing(now) + self.seal(now)

    def receive(self, datagram: bytes, source: mesh_effects.Address, now: Instant) -> list[Effect]:
        """One datagram as it came off the wire."""
        return self.from_mesh(self.mesh.receive(datagram, source, now), now)

    def wake(self, now: Instant) -> list[Effect]:
        """A deadline is reached (or passed: nothing breaks when we are late)."""
        self.knowledge.now = now  # who waits for a quarantine looks again, and counts its seconds
        effects = self.from_mesh(self.mesh.wake(now), now)
        effects += self.from_books(self.ledger.wake(now), now)
        effects += self.from_errands(self.errands.wake(now), now)
        effects += [*self.inviting.wake(now), *self.rights.wake(now)]
        effects += [*self.bulletin.watch(now), *self.pruning.history.wake(now)]
        effects += self.from_policy(self.belonging.watch(now), now)
        return effects + self._publish_standing(now)

    def ask(self, token: int, request: Request, now: Instant) -> list[Effect]:
        """A surface asks; `token` comes back with every Progress and the one Reply."""
        self.knowledge.now = now
        # What is asked in the same batch as it was granted must see books and log agree; and what
        # was sealed for that goes out whatever becomes of the request.
        effects = self.seal(now)
        try:
            return effects + asked(self, token, request, now)
        except Refused as refused:
            return [*effects, Reply(token, ok=False, body=refused.body)]

    def cancel(self, token: int, now: Instant) -> list[Effect]:
        """Whoever asked under `token` is gone."""
        self.surveying.cancel(token)
        return self.from_errands(self.errands.cancel(token, now), now)

    def serve(
        self, token: int, peer: NodeId | None, service: str, body: bytes, now: Instant
    ) -> list[Effect]:
        """A stream request from `peer` (None: someone without a certificate, who may only join)."""
        if service == SERVICE_JOIN:
            return [*self.inviting.redeem(token, body, self.knowledge.keys, now)]
        if peer is None or peer in self.mesh.roll.revoked:
            strange = "stream: a stranger asked for what is for members"
            self.mesh.rejections[strange if peer is None else Rejection.REVOKED] += 1
            return [mesh_effects.Answer(token, b"")]
        self.mesh.streamed(peer, now)
        if (told := self.surveying.serve(service, body, now)) is not None:
            return [mesh_effects.Answer(token, told)]
        if service == SERVICE_QUERY:
            return [mesh_effects.Answer(token, self.query(body, now))]
        if service == SERVICE_LEDGER:
            return self.from_errands(self.errands.came(token, peer, body), now)
        if service == SERVICE_KEYS:
            return self.from_policy(self.rotating.came(token, peer, body), now)
        return self.from_mesh(self.mesh.serve(token, peer, service, body, now), now)

    def answered(self, call: int, body: bytes | None, now: Instant) -> list[Effect]:
        """The answer to one of our stream requests, or None: there was none in time."""
        self.knowledge.now = now
        if call in self.rights.moving.asked:
            return self.rights.answered(call, body, now)
        if call in self.rotating.calls:
            return self.from_policy(self.rotating.answered(call, body), now)
        if (told := self.surveying.answered(call, body, now)) is not None:
            return [*told]
        effects = self.errands.answered(call, body, now)
        if effects is None:
            return self.from_mesh(self.mesh.answered(call, body, now), now)
        return self.from_errands(effects, now)

    def report(self, report: Report, now: Instant) -> list[Effect]:
        """News from the shell and its probes."""
        return reported(self, report, now) + self._publish_standing(now)

    def seal(self, now: Instant) -> list[Effect]:
        """End of a batch: sign what it wrote, and what its answers made us write in turn."""
        effects: list[Effect] = []
        while sealed := self.ledger.seal(now):
            effects += self.from_books(sealed, now)
        return effects + self.publish(self.belonging.forgetting.statement(), now)

    def vouches_for(self, head: Position | None) -> bool:
        """Whether a continuity marker may say that `head`, just made durable, is all there is.

        Not in quarantine; and not between its end and the moment when the block that says so is
        on disk: a crash there must find no proof, or the next start would skip the quarantine
        and with it what the peers had told us. Nor when a peer has proven that this disk forgot
        a start, nor for a copy of another machine's log.
        """
        doubted = self.selves.in_doubt or self.ledger.standing[0] in IN_DOUBT
        return head is not None and not doubted and head.era == self.ledger.books.era

    def stop(self, now: Instant, *, leaving: bool) -> list[Effect]:
        """The last words of a clean stop. `leaving`: say goodbye, signed, to everyone.

        A mere restart says nothing: who has left is no longer waited for when copies of a log are
        gathered, and a machine that is back in a minute should be.
        """
        effects = self.from_books(self.ledger.put_away(now), now)
        return effects + self.from_mesh(self.mesh.stop(now), now) if leaving else effects

    @property
    def next_wake(self) -> Instant | None:
        """When `wake` is next wanted."""
        return earliest(
            self.mesh.next_wake, self.ledger.next_wake, self.errands.next_wake,
            self.inviting.next_wake, self.rights.next_wake,
        )  # fmt: skip

    # The sorting table: what the mesh tells ------------------------------------------------------

    def from_mesh(self, effects: Sequence[mesh_effects.MeshEffect], now: Instant) -> list[Effect]:
        out: list[Effect] = []
        for effect in effects:
            if isinstance(effect, FOR_THE_SHELL):  # nearly all: asked first, and at once
                out.append(effect)
                continue
            match effect:
                case mesh_effects.FactLearned(fact):
                    self.knowledge.fact_learned(fact, now)
                    told = [*self.rotating.learned(fact), *self.belonging.learned(fact, now)]
                    out += self.from_policy(told, now)
                    out += self.attribution.learned(fact, now)
                    out += self.publish(self.image.told_back(fact, self.knowledge), now)
                case mesh_effects.LogExtended(author, blocks):
                    out += self.bulletin.extended(author, blocks, now)
                    out += self._read(author, now)
                case mesh_effects.LogCut(author, chain, base):
                    out += self.bulletin.cut(author, chain, base, now)
                    out += self._read(author, now)
                case mesh_effects.ForkProven(author, first, _):
                    out.append(self.bulletin.forked(author, first))
                case mesh_effects.OwnLogAhead(peer, blocks, bases):
                    out += self._to_books(OwnLogSeen(peer, blocks, bases), now)
                case mesh_effects.PeerAnsweredForOurLog(peer):
                    out += self._told_of_copies(self._copies.answered(peer), now)
                case mesh_effects.BlockStored(peer, position):
                    out += self.from_errands(self.errands.stored(peer, position, now), now)
                case mesh_effects.EpochBehind() | mesh_effects.TwinSeen():
                    out += self.from_policy(self.selves.heard(effect), now)
                case mesh_effects.PeerChanged(peer, change, detail):
                    out.append(self.bulletin.peer(peer, change, detail))
                    out += self.attribution.changed(change, now)
                    out += self._changed(peer, change, now)
                case mesh_effects.RollFull() | mesh_effects.KeptOut():
                    out += self.from_policy(self.belonging.heard(effect, now), now)
                case mesh_effects.OurselvesChanged(change, detail):
                    out.append(self.bulletin.event(f"mesh.{change.name.lower()}", detail))
        return out

    def _read(self, author: NodeId, now: Instant) -> list[Effect]:
        """The log of `author` says something new: of gangs, of rights, or where it may begin."""
        out: list[Effect] = [*self.pruning.after(author, now)]
        out += self.from_errands(self.errands.read_of_gangs(), now)
        return out + self.rights.read(author, now)

    def _changed(self, peer: NodeId, change: mesh_effects.PeerChange, now: Instant) -> list[Effect]:
        if change is mesh_effects.PeerChange.FORGOTTEN:
            self.errands.gone(peer)
        out = self._told_of_copies(self._copies.changed(peer), now)
        return out + self.from_policy(self.belonging.changed(peer, change, now), now)

    def _told_of_copies(self, known: PeersKnown | None, now: Instant) -> list[Effect]:
        if known is None:
            return []
        return self._to_books(known, now) + self.rights.opened(now)

    # What the books ask --------------------------------------------------------------------------

    def _to_books(self, seen: Observation, now: Instant) -> list[Effect]:
        return self.from_books(self.ledger.report(seen, now), now)

    def from_books(
        self, effects: Sequence[books_effects.LedgerEffect], now: Instant
    ) -> list[Effect]:
        out: list[Effect] = []
        for effect in effects:
            match effect:
                case books_effects.Append(block):
                    out += self.from_mesh(self.mesh.append(block, now), now)
                    out += [*self.bulletin.written(block), *self.pruning.after(block.author, now)]
                case books_effects.Rebase(chain, base):
                    self.errands.new_era()
                    out += self.from_mesh(self.mesh.rebase_own(chain, base), now)
                case books_effects.Reply(token, answer) if token in self.rights.moving.asked:
                    out += self.rights.replied(token, answer, now)
                case books_effects.Reply(token, answer):
                    out += self.from_errands(self.errands.replied(token, answer, now), now)
                case books_effects.Fence(hold, lapsed):
                    out += self._fence(hold, lapsed, now)
                case books_effects.StandingChanged(state, reason):
                    sentence = f"{state}: {reason}" if reason else state
                    out.append(self.bulletin.event("standing", sentence))
                    out += self._stands(state, now)
                case books_effects.Alarm(code, sentence, hold):
                    out.append(self.bulletin.event(f"alarm.{code}", sentence, hold=hold))
                case books_effects.Described(hold, work):
                    out += self.attribution.described(hold, work)
                case Persist():
                    out.append(effect)
        return out

    def _fence(self, hold: bytes, lapsed: bool, now: Instant) -> list[Effect]:
        # We kill only what we started, and this agent starts nothing: what runs under a hold was
        # started by hand. Given back, it becomes foreign use and is seen as such by the next look;
        # but a lease that ran out over a sleep keeps its room until the watched process is gone.
        if lapsed and self.errands.still_runs(hold):
            return [Look("a lease ran out over work that goes on")]
        out = self.from_errands(self.errands.fenced(hold), now)
        out += self._to_books(Fenced(hold, gone=True), now)
        return [*out, Look("a grant ended")]

    def _stands(self, state: str, now: Instant) -> list[Effect]:
        if state in IN_DOUBT:
            self._sure = False
            return [Doubt()]
        out = self.from_errands(self.errands.take_up_gangs(now, sure=self._sure), now)
        # What was read while nothing could be written is read again.
        out += self.from_errands(self.errands.read_of_gangs(), now)
        return out + self.rights.read(None, now)

    def from_errands(self, effects: Sequence[ErrandEffect], now: Instant) -> list[Effect]:
        out: list[Effect] = []
        for effect in effects:
            if isinstance(effect, ToOurBooks):
                out += self.rights.to_books(effect, now)
            elif isinstance(effect, Record):
                # Signed before anything behind it is sent: the intent stands before the first hold.
                step = self.ledger.report(effect.news, now)
                out += [*self.from_books(step, now), *self.seal(now)]
                out += self.from_errands(self.errands.recorded(effect.key, now), now)
            else:
                out.append(effect)
        return out

    def from_policy(
        self, effects: Sequence[RotatingEffect | BelongingEffect | SelvesEffect], now: Instant
    ) -> list[Effect]:
        out: list[Effect] = []
        for effect in effects:
            if isinstance(effect, NewKeys):  # on disk before anybody hears of it
                out.append(KeepKeys(effect.keys))
                out.append(self.bulletin.event("keys.changed", effect.sentence, node=effect.by))
                out += self.from_mesh(self.mesh.change_keys(effect.keys, now), now)
                out += self.publish(self.image.keys_are(effect.keys), now)
            elif isinstance(effect, Bar):
                out += keep_out(self, effect, now)
            elif isinstance(effect, Suspect):
                out += self.from_mesh(self.mesh.suspect_twin(effect.addresses, now), now)
            elif isinstance(effect, SayGoodBye):
                said = self.mesh.stop(now)
                out.append(last_word(said, self.birth.epoch))
                out += self.from_mesh(said, now)
            elif isinstance(effect, TellBooks):
                out += self._to_books(effect.seen, now)
            elif isinstance(effect, Happened):
                out.append(self.bulletin.event(effect.kind, effect.sentence, node=effect.node))
            elif isinstance(effect, mesh_effects.Learned):
                out += self.from_mesh([effect], now)
            else:
                out.append(effect)
        return out

    # What surfaces ask ---------------------------------------------------------------------------

    def query(self, body: bytes, now: Instant) -> bytes:
        """A peer's read-only question (`--peer`), answered from our replica: one JSON line."""
        self.knowledge.now = now
        return counter.query(self.knowledge, body, self.about(now))

    def about(self, now: Instant) -> dict[str, Any]:
        uptime = now - self._started
        footing = self.mesh.footing(now)
        return answers.ourselves(self.birth, self.knowledge.keys, uptime, self.addresses, footing)

    # What we say of ourselves --------------------------------------------------------------------

    def publish(self, statement: Statement | None, now: Instant) -> list[Effect]:
        """Say something of ourselves, if there is something new to say."""
        if statement is None:
            return []
        return self.from_mesh(self.mesh.publish(statement.topic, statement.body, now), now)

    def _publish_standing(self, now: Instant) -> list[Effect]:
        state, reason, opens_at = self.ledger.standing
        left = None if opens_at is None else max(0, opens_at - now) // MILLISECOND
        return self.publish(self.image.stands(state, reason, left), now)
