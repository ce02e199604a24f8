"""The middle of the mesh: start here.

A datagram is judged by the **gate** (passport control); what it lets through is read whole or not
at all (`wire`), and each letter goes to its desk: pings and accusations to the **lookout**, facts
and blocks through the **intake** to the **board** and the **chains**, and news of them on to
**gossip**. What rumours leave unequal is found by roots and settled by the **reconciler** over
streams. Who is who stands on the **roll**; whom we still seek is known to the **greeter**; what we
say of ourselves is signed by the **voice**.

Doors: `start`, `receive`, `wake`, `serve`, `answered`, and what the agent says through us
(`publish`, `append`, `rebase_own`, `set_addresses`, `seed`, `hint`, `rise`, `stop`). Every door
takes `now` and returns effects, whose order is a promise. `next_wake` is always current.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Final

from mesh.arrivals import Arrivals
from mesh.config import MeshConfig
from mesh.door.gate import Gate
from mesh.door.passport import TOPIC_PASSPORT
from mesh.door.post import Post
from mesh.door.sightings import Sightings
from mesh.door.strangers import Strangers
from mesh.effects import Address, Answer, Broadcast, FactLearned, MeshEffect, Send
from mesh.exchange.gossip import Gossip
from mesh.exchange.intake import Intake
from mesh.exchange.novelties import Novelties
from mesh.exchange.parcels import Item
from mesh.exchange.reconcile import SERVICE_PUSH, SERVICE_SYNC, Reconciler
from mesh.exchange.voice import Voice
from mesh.facts import Fact
from mesh.finding.beaconing import Beaconing
from mesh.finding.greeter import Greeter
from mesh.identity import Epoch, Identity, NodeId
from mesh.instant import MILLISECOND, Instant, earliest
from mesh.kept.board import Board
from mesh.kept.chains import Chains
from mesh.kept.filed import Offered
from mesh.keys.keyring import Keyring
from mesh.letters.messages import FactNews
from mesh.letters.wire import block_bytes
from mesh.logs import Base, Block
from mesh.persistence import Persist, Write
from mesh.rejections import Rejection
from mesh.roll.admission import Admission
from mesh.roll.membership import Roll
from mesh.roll.record import TOPIC_NODE, Endpoint, NodeRecord
from mesh.roll.restoring import restore_logs, restore_members
from mesh.roll.storage import forgotten_writes, writes_for
from mesh.sorting import SortingTable
from mesh.watch.fitness import LATE
from mesh.watch.lookout import Footing, Lookout

LOOKED_AROUND_MAX: Final = 256
"""Pings that one question of a person may cause."""

FAREWELLS_AFTER: Final = (80 * MILLISECOND, 240 * MILLISECOND)
"""Good-bye is said three times. At a fifth of all datagrams lost one in 125 misses it then, and
hears it as a rumour from the others."""


class Mesh:
    """One node's mesh, over all runs of this process."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that makes a node
        self, identity: Identity, name: str, epoch: Epoch, keys: Keyring, config: MeshConfig,
        random: Random, saved: Mapping[str, Mapping[bytes, bytes]], port: int, region: str = "",
        version: str = "", admission: Admission | None = None,
    ) -> None:  # fmt: skip
        """`saved`: the journal's spaces as loaded (peers, blocks, attic); `port`: UDP and TCP.

        `random` must be unpredictable in production: session keys are drawn from it.
        """
        self.id = identity.id
        self.epoch = epoch
        self.rejections: Counter[Rejection | str] = Counter()
        self.roll = Roll(self.id, name, config, admission)
        self.roll.admission.restore(saved)
        self.board = Board(keys.mesh_id, config.topics_per_author_max)
        self.chains = Chains(config.attic_blocks_max)
        self.sightings = Sightings()
        self.strangers = Strangers()
        self._identity, self._keys, self._config, self._random = identity, keys, config, random
        self._port = port
        self._running = False
        self._farewells: tuple[Instant, ...] = ()
        self._last_input: Instant = 0
        self._planned: Instant | None = None
        """What `next_wake` said, as long as nothing has come of it."""
        self._intake = Intake(self.id, self.roll, self.board, self.chains, self.rejections)
        record = NodeRecord(name, (), region, version, epoch.nonce)
        self._voice = Voice(identity, keys.mesh_id, record, self.board, self._intake)
        highest = restore_members(saved, self.roll, self.board, self.rejections)
        restore_logs(saved, self.id, self.roll, self.chains, self.rejections)
        gate = Gate(identity, epoch, keys, random, highest, self.board.notary)
        gate.bar(self.roll.revoked, self.roll.words)
        self._post = Post(gate, self.roll, self.sightings)
        self._greeter = Greeter(self.id, config, self.roll, self._post)
        self._gossip = Gossip(self.id, config, random, Gate.payload_bytes_max)
        self._beaconing = Beaconing(config, random)
        self._reconciler = Reconciler(
            self.id, config, self.roll, self.board, self.chains, self._intake, self.rejections
        )
        self._lookout = Lookout(
            self.id, keys.mesh_id, config, random, self.roll, self._post, self._greeter,
            self._reconciler, self.sightings, self.rejections,
        )  # fmt: skip
        self._table = SortingTable(
            self.id, self._intake, self._lookout, self._reconciler, self._gossip,
            self._greeter, self._post, self.sightings, self.rejections, region,
        )  # fmt: skip
        self._arrivals = Arrivals(
            self.id, self.roll, self.board, self.sightings, self._post,
            self._greeter, self._beaconing, self._reconciler, self._lookout, self._voice,
            self._intake, self._table, self.rejections,
        )  # fmt: skip
        self._voice.rise(epoch, gate.papers)

    # Reading -----------------------------------------------------------------------------------

    @property
    def novelties(self) -> Novelties:
        """What peers of later versions said that we passed over."""
        return self._intake.novelties

    @property
    def root(self) -> int:
        """All that we keep, in 64 bits: equal roots are equal boards and chains."""
        return self._reconciler.root

    def has_session(self, peer: NodeId) -> bool:
        """Whether we share keys with `peer` just now."""
        return self._post.gate.has_session(peer)

    @property
    def next_wake(self) -> Instant | None:
        """When `wake` next has something to do."""
        if not self._running:
            return None
        self._planned = earliest(
            self._post.gate.next_wake, self._greeter.next_wake, self._lookout.next_wake,
            self._gossip.next_wake, self._beaconing.next_wake, self._reconciler.next_wake,
            self._arrivals.twins.next_wake,
        )  # fmt: skip
        return self._planned

    def footing(self, now: Instant) -> Footing:
        """How far our own word about others may be trusted."""
        return self._lookout.footing(now)

    def look_around(self, now: Instant) -> list[MeshEffect]:
        """Ping everyone in reach, because a person wants to know now; but not a thousand."""
        effects: list[MeshEffect] = []
        for member in self._post.within_reach()[:LOOKED_AROUND_MAX]:
            effects += self._lookout.ping(member.id, now)
        return effects

    def revoke(
        self, node: NodeId, detail: str, word: bytes, said: Fact | None, now: Instant
    ) -> list[MeshEffect]:
        """Hear `node` no more, and keep none of its words in sight, or our roots would differ for
        ever; its log stays on disk as a proof. It is shown what we `said`, then told `word`."""
        changes = [*self._post.parting(node, said, now), *self.roll.revoke(node, detail, word)]
        self._post.gate.hang_up(node)
        self._greeter.gone(node, now)
        self.board.clear(node)
        self.chains.forget(node)
        return [*changes, *(self._due(now) if self._running else ())]

    def forget(self, node: NodeId, row: Write, detail: str, now: Instant) -> list[MeshEffect]:
        """Strike `node` from the roll, and what we keep of it from memory and disk; `row`, which
        says so, is written together with that. It comes back by itself or not at all."""
        rows = (row, *forgotten_writes(node, self.chains.forget(node)))
        changes = self.roll.forget(node, detail)
        self._post.gate.forget(node)
        self._greeter.gone(node, now)
        self._reconciler.gone(node)
        self.board.clear(node)
        due = self._due(now) if self._running else []
        return [Persist(rows), *changes, *due]

    def judge(self, node: NodeId) -> list[MeshEffect]:
        """A person has changed their mind about `node`."""
        changes = self.roll.judge(node)
        return [*self._written(), *changes]

    def _written(self) -> list[MeshEffect]:
        writes = self.roll.admission.written()
        return [Persist(writes)] if writes else []

    def streamed(self, peer: NodeId, now: Instant) -> None:
        """`peer`, whose key the stream has proven, asks something over it."""
        if self.roll.member(peer) is not None:  # a guest under a key of the moment is no peer
            self.sightings.streamed(peer, now)

    # Beginning and end -------------------------------------------------------------------------

    def start(self, now: Instant, addresses: Sequence[tuple[str, int, str]]) -> list[MeshEffect]:
        """Go among people: say where we are, call out, greet everyone we remember."""
        self._running = True
        self._farewells = ()
        fact = self._stand_at(_endpoints(addresses))
        self._gossip.tell_fact(fact, (), now)
        self._lookout.begin(now)
        self._beaconing.start(now)
        self._greeter.everyone(now)
        return [*self._written(), FactLearned(fact), *self._due(now)]

    def seed(self, addresses: Iterable[Address], now: Instant) -> list[MeshEffect]:
        """Somebody of the mesh may be at these addresses."""
        self._greeter.seeds(addresses, now)
        return self._due(now) if self._running else []

    def hint(self, node: NodeId, addresses: Iterable[Address], now: Instant) -> list[MeshEffect]:
        """An unsigned word, believed for nothing, that `node` may be at these addresses."""
        if refused := self._greeter.hint(node, addresses, now):
            self.rejections["unsigned hint: too many at once"] += refused
        return self._due(now) if self._running else []

    def suspect_twin(self, addresses: Iterable[Address], now: Instant) -> list[MeshEffect]:
        """Another run of ours was at these addresses: is it there now?"""
        return self._arrivals.twins.knock(addresses, now)

    def set_addresses(
        self, addresses: Sequence[tuple[str, int, str]], now: Instant
    ) -> list[MeshEffect]:
        """Our interfaces have changed, perhaps without changing what we tell of them."""
        before, endpoints = self._voice.endpoints, _endpoints(addresses)
        self._beaconing.start(now)
        self._greeter.around(now, lost_some=any(one not in endpoints for one in before))
        told = [] if endpoints == before else self._tell(self._stand_at(endpoints), now)
        return [*told, *self._due(now)] if self._running else told

    def rise(self, epoch: Epoch, now: Instant) -> list[MeshEffect]:
        """Go on in a higher epoch: we were shown that this one is not our newest."""
        assert epoch.counter > self.epoch.counter, "an epoch can only rise"
        self.epoch = epoch
        highest = self._post.gate.epochs()
        notary = self.board.notary
        self._post.gate = Gate(self._identity, epoch, self._keys, self._random, highest, notary)
        self._post.gate.bar(self.roll.revoked, self.roll.words)
        self._voice.rise(epoch, self._post.gate.papers)
        self._reconciler.rise()
        effects: list[MeshEffect] = []
        for fact in self._voice.say_again():
            effects += self._tell(fact, now)
        self._greeter.everyone(now)
        return effects + self._due(now)

    def change_keys(self, keys: Keyring, now: Instant) -> list[MeshEffect]:
        """From here on these secrets open the mesh, and we speak under the first of them."""
        assert keys.mesh_id == self._keys.mesh_id, "other secrets, but the same mesh"
        self._keys = keys
        spoke_with = dict(self._post.gate.open_sessions)
        self._post.gate.change_keys(keys, now)
        for peer in spoke_with:
            if not self._post.gate.has_session(peer):
                self._greeter.at_once(peer, now)
        self._beaconing.start(now)
        return self._due(now) if self._running else []

    def stop(self, now: Instant) -> list[MeshEffect]:
        """Say good-bye to everyone in reach. Only our own signed word makes us LEFT.

        It is said again at `next_farewell`, by `farewell`: who misses it would have to find out
        by our silence, and take us for dead.
        """
        fact = self._voice.say_record(self._voice.endpoints, left=True)
        self._running = False
        self._beaconing.stop()
        self._farewells = tuple(now + after for after in FAREWELLS_AFTER)
        return [FactLearned(fact), *self._say_good_bye(now)]

    @property
    def next_farewell(self) -> Instant | None:
        """When to say good-bye once more; None: enough was said."""
        return self._farewells[0] if self._farewells else None

    def farewell(self, now: Instant) -> list[Send]:
        """Good-bye once more."""
        self._farewells = tuple(at for at in self._farewells if at > now)
        return [effect for effect in self._say_good_bye(now) if isinstance(effect, Send)]

    def unsent(self, now: Instant) -> None:
        """This machine could not send for want of a way: its own trouble before anyone else's."""
        self._lookout.unsent(now)

    def _say_good_bye(self, now: Instant) -> list[MeshEffect]:
        fact = self._voice.record
        assert fact is not None, "who leaves has said where it was"
        effects: list[MeshEffect] = []
        for member in self._post.within_reach():
            effects += self._post.letter(member.id, FactNews(fact), now)
        return effects

    # What the agent says -----------------------------------------------------------------------

    def publish(self, topic: str, body: bytes, now: Instant) -> list[MeshEffect]:
        """State `body` on `topic`, to everyone."""
        assert topic not in (TOPIC_NODE, TOPIC_PASSPORT), "these are the mesh's own"
        return self._tell(self._voice.say(topic, body), now)

    def append(self, block: Block, now: Instant, wants_custody: bool = True) -> list[MeshEffect]:
        """Our log goes on. `wants_custody`: peers are asked to say when they have stored it."""
        filed = self.chains.offer(block, just_signed=True)
        assert filed.offered in (Offered.APPENDED, Offered.CUT), (
            f"our own block at height {block.height} was refused: {filed.offered.value}"
        )
        effects: list[MeshEffect] = [Persist(writes_for(self.id, filed))]
        if not self._gossip.tell_block(block, (), now, wants_receipt=wants_custody):
            effects += self._hand_out(block, now) if wants_custody else []
        return effects

    def rebase_own(self, chain: Sequence[Block], base: Base | None) -> list[MeshEffect]:
        """Recovery chose this as our log. Others hear of it with the next era's first block."""
        filed = self.chains.rebase(self.id, chain, base)
        writes = writes_for(self.id, filed)
        return [Persist(writes)] if writes else []

    # The world ---------------------------------------------------------------------------------

    def receive(self, datagram: bytes, source: Address, now: Instant) -> list[MeshEffect]:
        """One datagram. Rubbish is counted and changes nothing."""
        if now - self._last_input > LATE:  # else it is for `wake` to notice
            self._forgive_lag(now)
        self._last_input, self._planned = now, None
        judged = self._post.gate.judge(datagram, source, now)
        if isinstance(judged, Rejection):
            self.rejections[judged] += 1
            self.strangers.refused(source.host, judged, now)
            return []
        return self._arrivals.act_on(judged, source, now)

    def wake(self, now: Instant) -> list[MeshEffect]:
        """Whatever is due."""
        self._forgive_lag(now)
        self._last_input, self._planned = now, None
        return self._due(now) if self._running else []

    def serve(
        self, token: int, peer: NodeId, service: str, body: bytes, now: Instant
    ) -> list[MeshEffect]:
        """A stream request from `peer`, whose key the stream has proven."""
        if service == SERVICE_SYNC:
            parcel = self._reconciler.serve_sync(peer, body)
            return [Answer(token, b"" if parcel is None else parcel)]
        if service == SERVICE_PUSH:
            effects, answer = self._reconciler.serve_push(peer, body, now, self._table.reap)
            return [*effects, Answer(token, answer)]
        self.rejections["stream: a service that the mesh does not offer"] += 1
        return [Answer(token, b"")]

    def answered(self, call_id: int, body: bytes | None, now: Instant) -> list[MeshEffect]:
        """One of our `Call`s came back, or failed (`body` None)."""
        return self._reconciler.answered(call_id, body, now, self._table.reap)

    # ---------------------------------------------------------------------------------------------

    def _due(self, now: Instant) -> list[MeshEffect]:
        effects: list[MeshEffect] = list(self._post.gate.wake(now))
        if self._beaconing.due(now):
            effects.append(Broadcast(self._post.gate.beacon(self._port)))
        effects += [*self._greeter.wake(now), *self._arrivals.twins.wake(now)]
        effects += self._lookout.wake(now)
        if self._gossip.is_due(now):
            reach = [member.id for member in self._post.within_reach()]
            for telling in self._gossip.wake(now, reach):
                effects += self._post.payload(telling.to, telling.payload, now)
        return effects + self._reconciler.wake(now)

    def _stand_at(self, endpoints: tuple[Endpoint, ...]) -> Fact:
        self._greeter.stand_at(endpoint.address for endpoint in endpoints)
        return self._voice.say_record(endpoints, left=False)

    def _tell(self, fact: Fact, now: Instant) -> list[MeshEffect]:
        self._gossip.tell_fact(fact, (), now)
        return [FactLearned(fact)]

    def _hand_out(self, block: Block, now: Instant) -> list[MeshEffect]:
        """A block too big for a rumour, and somebody waits for a copy: push it to a few."""
        reach = [member.id for member in self._post.within_reach()]
        few = self._random.sample(reach, min(self._config.gossip_fanout, len(reach)))
        item = [Item("block", (block_bytes(block),))] if few else []
        return [said for peer in few for said in self._reconciler.push(peer, item, now)]

    def _forgive_lag(self, now: Instant) -> None:
        planned = self._planned or self.next_wake  # nobody has slept without asking
        if planned is not None and now > planned:
            self._lookout.late(now - planned, now)


def _endpoints(addresses: Sequence[tuple[str, int, str]]) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(*address) for address in addresses)
