"""Knowledge: all that this node knows about the mesh, as of now, read from one place.

Names, sessions, addresses, books and ages of every node; and the picture that decisions look at.
It changes only when the mesh learns something, and is asked by every surface.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from ledger.books import Books
from ledger.books.holds import LiveHold
from ledger.commands import TTL_MAX, Answer, Outcome
from ledger.leases import holder_span, owner_span
from ledger.lifecycle import HoldState
from ledger.machine import Ledger
from mesh.effects import Address
from mesh.facts import Fact
from mesh.identity import NodeId, short_id
from mesh.instant import MILLISECOND, Duration, Instant
from mesh.keys.keyring import Keyring
from mesh.logs import Base, Block, Position
from mesh.machine import Mesh
from mesh.roll.membership import Liveness, Member, Trust
from node.core.picture.company import Company
from node.core.picture.ends import Ends
from node.core.picture.grants import Grant
from node.core.picture.idling import TOPIC_USE, IdleFact, Idling, UseFact, decode_use
from node.core.picture.past import TOPIC_HISTORY
from node.core.picture.replicas import Replicas
from node.core.picture.reports import ShellNews
from node.core.picture.throughputs import TOPIC_THROUGHPUT, Timings
from node.core.picture.topics import (
    TOPIC_INVENTORY,
    TOPIC_LIVE,
    TOPIC_MODELS,
    TOPIC_STANDING,
    Inventory,
    Live,
    Standing,
    decode_inventory,
    decode_live,
    decode_standing,
)
from node.core.picture.view import Picture, Sources
from placement.judging.columns import Prepared, prepare, redraw
from placement.view import ClusterView

TOPICS = (
    TOPIC_INVENTORY,
    TOPIC_LIVE,
    TOPIC_MODELS,
    TOPIC_STANDING,
    TOPIC_THROUGHPUT,
    TOPIC_USE,
    TOPIC_HISTORY,
)
NO_NEWS = ShellNews((), {}, ())
GRANTS_REMEMBERED_MAX = 1024


@dataclass(slots=True)
class Knowledge:
    """One node's knowledge of the mesh. `us` is the node that knows."""

    us: NodeId
    our_name: str
    mesh: Mesh
    ledger: Ledger
    keys: Keyring
    replicas: Replicas = field(default_factory=Replicas)
    timings: Timings = field(default_factory=Timings)
    ends: Ends = field(default_factory=Ends)
    news: ShellNews = NO_NEWS
    seen: Live | None = None
    """Our last look at this machine; what we published may be older, while it says the same."""
    seen_at: Instant | None = None
    idling: Idling = field(default_factory=Idling)
    running: Mapping[bytes, tuple[int, ...]] = field(default_factory=dict)
    """Hold of ours → the processes that our last look found under it."""
    lease_ends: dict[bytes, tuple[Instant, Duration]] = field(default_factory=dict)
    """Leases that we carry up to a latest end: when that is, and how long they last in all."""
    outcasts: Sequence[str] = ()
    """Sentences about ids that are kept out, and under which something speaks."""
    kept_out: str = ""
    """That we ourselves are, in a sentence; "" while nobody said so."""
    contests: Sequence[str] = ()
    """Sentences about pools of ours that another node says are its own."""
    now: Instant = 0
    """Of the last input; ages are counted to it."""
    granted: OrderedDict[bytes, Grant] = field(default_factory=OrderedDict)
    """What we were granted lately, and how: an owner's answer outruns its log."""
    _heard_at: dict[NodeId, dict[str, Instant]] = field(default_factory=dict)
    """When we last heard what, by author and topic; "log" is one."""
    _picture: Picture = field(default_factory=Picture)
    _prepared: Prepared | None = None
    company: Company = field(init=False)

    def __post_init__(self) -> None:
        self.company = Company(self.mesh.roll)

    # Learning ------------------------------------------------------------------------------------

    def refold(self) -> None:
        """At birth: fold every log that the disk kept."""
        for author in self.mesh.chains.authors():
            if author != self.us:
                chains = self.mesh.chains
                self.replicas.rebuild(author, chains.chain(author), chains.base(author))

    def fact_learned(self, fact: Fact, now: Instant) -> None:
        self._heard(fact.author, fact.topic, now)

    def log_extended(self, author: NodeId, blocks: tuple[Block, ...], now: Instant) -> str | None:
        self._heard(author, "log", now)
        return self.replicas.extend(author, blocks)

    def log_cut(
        self, author: NodeId, chain: tuple[Block, ...], base: Base | None, now: Instant
    ) -> str | None:
        self._heard(author, "log", now)
        return self.replicas.rebuild(author, chain, base)

    def _heard(self, author: NodeId, topic: str, now: Instant) -> None:
        self._heard_at.setdefault(author, {})[topic] = now

    def remember_grant(
        self, answer: Answer, owner: NodeId, state: HoldState, now: Instant,
        since: Instant | None = None, ends_at: int | None = None,
    ) -> None:  # fmt: skip
        """We hold this, whatever our copy of the owner's log says so far. `since`: of what may be
        a carried lease, when we first sent what was answered. `ends_at`: of what is planned, by the
        wall."""
        until = None if since is None else since + holder_span(TTL_MAX)
        before = self.granted.get(answer.id)
        receipts = answer.receipts or (() if before is None else before.receipts)
        receipts = () if until is None else receipts
        if ends_at is None and before is not None and answer.outcome is Outcome.POSTED:
            ends_at = before.ends_at  # it is confirmed, and lasts as long as was said
        self.granted[answer.id] = Grant(
            owner, state, answer.remaining, now, until, receipts, ends_at
        )
        while len(self.granted) > GRANTS_REMEMBERED_MAX:
            self.granted.popitem(last=False)

    def believed(self, hold: bytes, now: Instant) -> tuple[bytes, ...]:
        """Receipts of a lease that we may still rely on. An owner in quarantine takes them for
        true; so nobody shows what is over, though it would be believed."""
        grant = self.granted.get(hold)
        if grant is None or grant.believed_until is None or now >= grant.believed_until:
            return ()
        return grant.receipts

    def forget(self, node: NodeId) -> None:
        """`node` is on no roll any more: nothing it said, kept or granted is known here."""
        self.outcast(node)
        self._heard_at.pop(node, None)

    def outcast(self, node: NodeId) -> None:
        """`node` is heard no more, and nothing counts that it granted."""
        self.replicas.forget(node)
        for hold in [hold for hold, grant in self.granted.items() if grant.owner == node]:
            del self.granted[hold]

    # About nodes ---------------------------------------------------------------------------------

    def members(self) -> list[Member]:
        """Everyone who counts: identity pinned, policy satisfied. We ourselves are not listed."""
        return [m for m in self.mesh.roll.members() if m.trust is Trust.TRUSTED]

    def names(self) -> dict[NodeId, str]:
        """Name by id, ourselves included."""
        return {self.us: self.our_name, **{m.id: m.name for m in self.members()}}

    def name_of(self, node: NodeId) -> str:
        """A node's name; the front of its id when it has not told us one."""
        if node == self.us:
            return self.our_name
        member = self.mesh.roll.member(node)
        return member.name if member is not None else short_id(node)

    def session_of(self, owner: NodeId) -> bytes | None:
        """The session that a command to `owner` must name, as far as we know."""
        if owner == self.us:
            return self.ledger.session
        member = self.mesh.roll.member(owner)
        return member.epoch.nonce if member is not None and member.met else None

    def addresses_of(self, node: NodeId) -> tuple[Address, ...]:
        """Where to dial it: the address that answered last first."""
        member = self.mesh.roll.member(node)
        return () if member is None else member.addresses

    def liveness_of(self, node: NodeId) -> str:
        if node == self.us:
            return Liveness.ALIVE.value
        member = self.mesh.roll.member(node)
        if member is None or member.liveness is None:
            return "unknown"
        return member.liveness.value

    def live_others(self) -> int:
        """How many live members the mesh has besides us."""
        return sum(1 for member in self.members() if member.liveness is Liveness.ALIVE)

    def books(self, author: NodeId) -> Books | None:
        return self.ledger.books if author == self.us else self.replicas.books(author)

    def log_position(self, author: NodeId) -> Position | None:
        head = self.mesh.chains.head(author)
        return None if head is None else head.position

    def fates(self) -> dict[bytes, str]:
        """How the holds and gangs that are over ended, as far as we know: a word, and on whom."""
        told: dict[bytes, str] = {}
        for author in (self.us, *self.replicas.authors()):
            books, name = self.books(author), self.name_of(author)
            if books is not None:
                over = [gang for gang in books.gangs.values() if not gang.live]
                told |= {gang.id: f"the gang that {name} asked for has ended" for gang in over}
                told |= {hold.id: f"{hold.state.value} on {name}" for hold in books.ended.values()}
        return told

    def gangs(self) -> set[bytes]:
        """Every gang that stands or is being formed, as far as we know."""
        known = [self.books(author) for author in (self.us, *self.replicas.authors())]
        return {gang.id for books in known if books for gang in books.gangs.values() if gang.live}

    def holds(self) -> dict[bytes, tuple[NodeId, HoldState]]:
        """Every live hold we know of → its owner, and where it stands."""
        known = {
            hold.id: (owner, hold.state)
            for owner in (self.us, *self.replicas.authors())
            if (books := self.books(owner)) is not None
            for hold in books.live_holds()
        }
        known |= {
            plan.id: (owner, plan.state)
            for owner in (self.us, *self.replicas.authors())
            if (books := self.books(owner)) is not None
            for plan in books.plans.values()
        }
        for hold, grant in self.granted.items():
            books = self.books(grant.owner)
            logged = HoldState.ABSENT if books is None else books.state_of(hold)
            # Our copy of a log may be one block behind the answer: with the hold, without the post.
            if logged is HoldState.ABSENT or (logged.live and grant.state is HoldState.POSTED):
                known[hold] = (grant.owner, grant.state)
        return known

    def remaining(self, owner: NodeId, hold: LiveHold) -> Duration | None:
        """How long `hold` still has: by our own clock, or by its owner's word less what has passed
        since. None where its owner has given us none: only an owner counts."""
        if owner == self.us:
            return self.ledger.remaining(hold.id, self.now)
        grant = self.granted.get(hold.id)
        if grant is None or grant.state is not hold.state:
            return None
        return grant.remaining(self.now, self.ledger.later.calendar.wall(self.now))

    # About facts ---------------------------------------------------------------------------------

    def fact(self, node: NodeId, topic: str) -> Fact | None:
        return self.mesh.board.fact(node, topic)

    def inventory(self, node: NodeId) -> Inventory | None:
        """What a node is, as it last said."""
        fact = self.fact(node, TOPIC_INVENTORY)
        try:
            return None if fact is None else decode_inventory(fact.body)
        except msgspec.MsgspecError:
            return None

    def live(self, node: NodeId) -> Live | None:
        """How a node is doing: of ourselves our last look, of others what they last published."""
        if node == self.us and self.seen is not None:
            return self.seen
        fact = self.fact(node, TOPIC_LIVE)
        try:
            return None if fact is None else decode_live(fact.body)
        except msgspec.MsgspecError:
            return None

    def use(self, node: NodeId) -> UseFact | None:
        """Which holds of a node stand unused, as it last said."""
        fact = self.fact(node, TOPIC_USE)
        try:
            return None if fact is None else decode_use(fact.body)
        except msgspec.MsgspecError:
            return None

    def idle(self, owner: NodeId, hold: LiveHold) -> IdleFact | None:
        """How long a hold has stood unused: by our count, or by its owner's word and its age."""
        if owner == self.us:
            return self.idling.fact_of(hold.id, self.held_for(hold), self.now)
        told = self.use(owner)
        fact = None if told is None else told.idle.get(hold.id.hex())
        age = self.age(owner, TOPIC_USE)
        if fact is None or age is None:
            return fact
        passed = age // MILLISECOND
        return IdleFact(fact.held_ms + passed, fact.idle_ms + passed, fact.percent)

    def held_for(self, hold: LiveHold) -> Duration | None:
        """How long a booking of ours has run, over all our starts; None for what is renewed."""
        left = self.ledger.remaining(hold.id, self.now)
        if not hold.is_booking or left is None:
            return None
        return max(0, owner_span(hold.term) - left)

    def standing(self, node: NodeId) -> Standing | None:
        fact = self.fact(node, TOPIC_STANDING)
        try:
            return None if fact is None else decode_standing(fact.body)
        except msgspec.MsgspecError:
            return None

    def opens_in(self, node: NodeId) -> Duration | None:
        """Until `node` changes its standing: its own count less what has passed since we heard."""
        standing = self.standing(node)
        if standing is None or standing.remaining_ms is None:
            return None
        passed = self.age(node, TOPIC_STANDING) or 0
        return max(0, standing.remaining_ms * MILLISECOND - passed)

    def age(self, node: NodeId, topic: str) -> Duration | None:
        """How long ago we heard it; None when it came from our disk, from an earlier start.

        A log that did not grow is heard as well: its author said that we keep all of it.
        """
        heard = self._heard_at.get(node, {}).get(topic)
        agreed = self.mesh.sightings.agreed_at(node) if topic == "log" else None
        newest = max((at for at in (heard, agreed) if at is not None), default=None)
        return None if newest is None else self.now - newest

    def ages_ms(self) -> dict[str, dict[str, int | None]]:
        """Name → topic → age in milliseconds, for people; never part of a decision."""
        return {
            name: {
                topic: None if (age := self.age(node, topic)) is None else age // MILLISECOND
                for topic in (*TOPICS, "log")
                if self._says(node, topic)
            }
            for node, name in sorted(self.names().items())
        }

    def _says(self, node: NodeId, topic: str) -> bool:
        if topic == "log":
            return self.log_position(node) is not None
        return self.fact(node, topic) is not None

    # The picture ---------------------------------------------------------------------------------

    def view(self) -> ClusterView:
        """The frozen picture of now."""
        return self._picture.draw([self._sources(node) for node in sorted(self.names())])

    def prepared(self) -> Prepared:
        """The picture with its columns laid out, kept until the picture changes."""
        view = self.view()
        if self._prepared is None:
            self._prepared = prepare(view)
        elif self._prepared.view is not view:
            self._prepared = redraw(self._prepared, view)
        return self._prepared

    def _sources(self, node: NodeId) -> Sources:
        return Sources(
            node=node,
            name=self.name_of(node),
            liveness=self.liveness_of(node),
            record=self.fact(node, "node"),
            inventory=self.fact(node, TOPIC_INVENTORY),
            live=self.fact(node, TOPIC_LIVE),
            standing=self.fact(node, TOPIC_STANDING),
            log=self.log_position(node),
            books=self.books(node),
            problem=self.replicas.problem(node),
            models=self.fact(node, TOPIC_MODELS),
            throughput=self.fact(node, TOPIC_THROUGHPUT),
            past=self.fact(node, TOPIC_HISTORY),
        )


def liveness_by_name(knowledge: Knowledge) -> Mapping[str, str]:
    """Name → liveness, for tests and status lines."""
    return {name: knowledge.liveness_of(node) for node, name in sorted(knowledge.names().items())}
