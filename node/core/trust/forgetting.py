"""Forgetting: a dead or left member leaves every roll, and no old copy of it comes back.

A machine that is gone for good stays on everybody's roll and disk until somebody says that it will
not come back. That word is a **tombstone**: a fact of whoever says it, believed from trusted
members. It says how much was known of the dead when it was written: its newest record, and how far
its log went. Whoever knows no more than that drops the member, its facts and its log, and takes
none of them from others again. Whoever knows *more* (it lives here, it has signed something since,
its log is longer) says so with a tombstone of a higher number that is **lifted**; for what a log
proves must not be lost because somebody knew less of it. A suspect is neither: a look will tell.

Who is forgotten comes back only by itself: whoever it answers lifts its tombstone, for all.

Numbers, not clocks, order the tombstones: each new one is above all that its author has seen, the
higher one of a node counts, and only the highest of all are kept. So every member that has heard
the same keeps the same, and the oldest die everywhere by one rule. A node says all it keeps when it
adds one, once at each start, and where a lot says that it is among the few who repeat what another
has said; so they outlive their authors, and newcomers hear of them.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias

import msgspec

from mesh.effects import MeshEffect
from mesh.facts import Fact
from mesh.identity import NODE_ID_BYTES, NONCE_BYTES, NodeId, id_text, short_id
from mesh.instant import SECOND, Duration, Instant
from mesh.kept.lineage import NO_ERA, label
from mesh.persistence import SPACE_FORGOTTEN, Persist, Write
from mesh.roll.member import Liveness, Member
from mesh.roll.record import NAME_CHARS_MAX
from node.core.effects import Happened, Reply
from node.core.names import find_node
from node.core.phrases import counted, listed
from node.core.picture.knowledge import Knowledge
from node.core.picture.self_image import Statement
from node.core.picture.topics import TOPIC_FORGOTTEN
from node.core.requests import Forget, Refused

REPEATERS: Final = 16
"""About so many members say again what one has said: enough to outlive it, and a thousand nodes do
not tell each other a thousand times."""
_LOTS: Final = 1 << 16
FORGOTTEN_MAX: Final = 128
"""Tombstones that are kept. A laggard that was away for longer than so many deaths may show one of
them again; a person then forgets it again."""
REASON_CHARS_MAX: Final = 120
NUMBER_LEAP_MAX: Final = 1 << 32
"""How far above all that we know a number may be: no liar can use them up in one word."""
NUMBER_MAX: Final = 1 << 62
PLACE_MADE_EVERY: Final[Duration] = SECOND
"""At most one member makes place in this time, however many newcomers knock."""
HOLDS_NAMED_MAX: Final = 8
GONE: Final = (Liveness.DEAD, Liveness.LEFT)


class Tombstone(msgspec.Struct, frozen=True, array_like=True):
    """Who is forgotten (`gone`) or was and is welcome again; by whose word, and what it knew."""

    node: bytes
    number: int
    gone: bool
    by: bytes
    version: int
    """Of its newest record that was known; -1 for none."""
    era: int
    nonce: bytes
    height: int
    """How far its log was known: the era of its head, and its height; -1 for none."""
    name: str
    reason: str

    @property
    def rank(self) -> tuple[int, bool, bytes, int, int, bytes, int]:
        """The higher of two about one node counts; between equals, the one that is lifted."""
        known = (self.version, self.era, self.nonce, self.height)
        return (self.number, not self.gone, self.by, *known)


ForgettingEffect: TypeAlias = MeshEffect | Happened | Reply


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a node: its newest record, and its log."""

    version: int
    head: tuple[int, bytes, int]


class Forgetting:
    """Whom this node has forgotten, and who came back."""

    def __init__(self, knowledge: Knowledge, revoked: Container[NodeId] = ()) -> None:
        """`revoked`: who is kept out for good."""
        self._knowledge, self._revoked = knowledge, revoked
        self._roll = knowledge.mesh.roll
        self.kept: dict[NodeId, Tombstone] = {}
        self._place_made: Instant | None = None
        self._unsaid = False
        """Whether others should hear what is kept: said once, whatever one batch has changed."""

    def restore(self, rows: Mapping[bytes, bytes], now: Instant) -> list[ForgettingEffect]:
        """Take up what an earlier start kept, and say it again."""
        for key in sorted(rows):
            stone = msgspec.msgpack.decode(rows[key], type=Tombstone)
            self.kept[NodeId(key)] = stone
            if stone.gone and self._roll.member(NodeId(key)) is None:
                self._roll.forgotten[NodeId(key)] = None
        self._unsaid = bool(self.kept)
        effects: list[ForgettingEffect] = []
        for node in sorted(self.kept):
            effects += self.settle(node, now)
        return effects

    # A person here -------------------------------------------------------------------------------

    def ask(self, token: int, request: Forget, now: Instant) -> list[ForgettingEffect]:
        """A person here says that a node will not come back. May raise Refused."""
        node = find_node(request.node, self._nameable())
        reason = " ".join(request.reason.split())
        self._check(node, request.force, reason)
        stone = self.kept.get(node)
        if self._roll.member(node) is None and stone is not None:
            return [_told(token, stone, [])]  # told twice, forgotten once
        given_up = self._holds_of(node)
        if given_up and not request.force:
            raise self._still_owes(node, given_up)
        lost = f"; given up with it: {_named(given_up)}" if given_up else ""
        effects = self._write(node, reason or "it will not come back", lost, now)
        return [*effects, _told(token, self.kept[node], given_up)]

    def table(self) -> list[dict[str, str]]:
        """Who is forgotten, by whose word and why: for people, the newest first."""
        stones = sorted(self.kept.values(), key=lambda stone: stone.rank, reverse=True)
        return [
            {
                "id": id_text(NodeId(stone.node)), "name": stone.name,
                "by": self._knowledge.name_of(NodeId(stone.by)), "reason": stone.reason,
            }
            for stone in stones
            if stone.gone
        ]  # fmt: skip

    # The roll ------------------------------------------------------------------------------------

    def make_place(self, newcomer: NodeId, now: Instant) -> list[ForgettingEffect]:
        """The roll is full and `newcomer` has proven itself: who was gone longest and owes nobody
        anything makes place, and the newcomer's next hello finds it."""
        made = self._place_made
        if made is not None and now - made < PLACE_MADE_EVERY:
            return []
        self._place_made = now
        owners = {owner for owner, _ in self._knowledge.holds().values()}
        gone = [
            one
            for one in self._roll.members()
            if one.liveness in GONE and one.id not in owners and one.id not in self._revoked
        ]
        if not gone:
            sentence = (
                f"{short_id(newcomer)} found no place: the roll is full, and nobody on it is both "
                "gone and free of holds; `holdfast forget NODE --force` for one that is"
            )
            return [Happened("peer.refused", sentence, newcomer)]
        longest = min(gone, key=lambda one: -1 if one.last_heard is None else one.last_heard)
        return self._write(longest.id, f"to make place for {short_id(newcomer)}", "", now)

    def settle(self, node: NodeId, now: Instant) -> list[ForgettingEffect]:
        """Something is new about `node`: its tombstone, or what the roll says of it."""
        stone, member = self.kept.get(node), self._roll.member(node)
        if stone is None or not stone.gone or node in self._revoked:
            return []  # who is revoked is kept out already, and its log kept as a proof
        if member is None or member.public is None:
            self._roll.forgotten[node] = None
            return []
        if member.liveness is Liveness.ALIVE:
            return self._lift(stone, "it has come back by itself")
        if self._knows_more(member, stone):
            return self._lift(stone, "more is known of it here than when it was forgotten")
        if member.liveness is Liveness.SUSPECT:
            return []
        return self._strike(stone, "", now)

    # What members say ----------------------------------------------------------------------------

    def learned(self, fact: Fact, now: Instant) -> list[ForgettingEffect]:
        """Somebody has said something."""
        of_others = fact.topic == TOPIC_FORGOTTEN and fact.author != self._knowledge.us
        return self.heard(fact.author, fact.body, now) if of_others else []

    def heard(self, author: NodeId, body: bytes, now: Instant) -> list[ForgettingEffect]:
        """What a member says of others. Only a trusted one is believed, and only what is new."""
        if not self._roll.counts(author):
            return []
        try:
            told = msgspec.msgpack.decode(body, type=tuple[Tombstone, ...])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []
        effects: list[ForgettingEffect] = []
        for stone in told[:FORGOTTEN_MAX]:
            if self._is_sound(stone):
                effects += self._take(stone, now)
        return effects

    def _is_sound(self, told: Tombstone) -> bool:
        whole = len(told.node) == len(told.by) == NODE_ID_BYTES
        counted_on = 0 < told.number <= min(self._top + NUMBER_LEAP_MAX, NUMBER_MAX)
        in_place = -1 <= told.height < 1 << 63 and -1 <= told.era < 1 << 63
        short = len(told.name) <= NAME_CHARS_MAX and len(told.reason) <= REASON_CHARS_MAX
        short = short and (told.name + told.reason).isprintable()
        said = len(told.nonce) in (0, NONCE_BYTES) and -1 <= told.version < 1 << 63
        return whole and counted_on and in_place and short and said

    def _take(self, stone: Tombstone, now: Instant) -> list[ForgettingEffect]:
        node = NodeId(stone.node)
        held = self.kept.get(node)
        if held is not None and held.rank >= stone.rank:
            return []
        rows = self._keep(stone)
        if node not in self.kept:
            return []  # older than all that are kept
        effects: list[ForgettingEffect] = [Persist(rows)]
        if node == self._knowledge.us:
            effects += self._lift(stone, "it is here") if stone.gone else []
        elif stone.gone:
            effects += self.settle(node, now)
        elif node in self._roll.forgotten:
            del self._roll.forgotten[node]
            effects.append(self._returned(stone))
        self._unsaid = self._unsaid or self._repeats(node)
        return effects

    # ---------------------------------------------------------------------------------------------

    @property
    def _top(self) -> int:
        return max((stone.number for stone in self.kept.values()), default=0)

    def _write(self, node: NodeId, reason: str, lost: str, now: Instant) -> list[ForgettingEffect]:
        """A tombstone of our own."""
        known = self._known(node)
        stone = Tombstone(
            node, self._top + 1, True, self._knowledge.us, known.version, *known.head,
            self._knowledge.name_of(node), reason,
        )  # fmt: skip
        rows = self._keep(stone)
        self._unsaid = True
        return [Persist(rows), *self._strike(stone, lost, now)]

    def _strike(self, stone: Tombstone, lost: str, now: Instant) -> list[ForgettingEffect]:
        node = NodeId(stone.node)
        who = f"{stone.name} ({short_id(node)})"
        detail = f"{who} is forgotten, says {self._by(stone)}: {stone.reason}{lost}"
        row = Write(SPACE_FORGOTTEN, node, msgspec.msgpack.encode(stone))
        effects = self._knowledge.mesh.forget(node, row, detail, now)
        self._knowledge.forget(node)
        return [*effects]

    def _lift(self, stone: Tombstone, why: str) -> list[ForgettingEffect]:
        node = NodeId(stone.node)
        lifted = msgspec.structs.replace(
            stone, number=self._top + 1, gone=False, by=self._knowledge.us, reason=why
        )
        self._roll.forgotten.pop(node, None)
        self._unsaid = True
        return [Persist(self._keep(lifted)), self._returned(lifted)]

    def _returned(self, stone: Tombstone) -> Happened:
        node = NodeId(stone.node)
        sentence = f"{stone.name} ({short_id(node)}) is not forgotten any more, says "
        return Happened("peer.returned", f"{sentence}{self._by(stone)}: {stone.reason}", node)

    def _keep(self, stone: Tombstone) -> tuple[Write, ...]:
        """Keep it, and only the highest of all: the rows that change."""
        node = NodeId(stone.node)
        self.kept[node] = stone
        rows = {node: Write(SPACE_FORGOTTEN, node, msgspec.msgpack.encode(stone))}
        while len(self.kept) > FORGOTTEN_MAX:
            lowest = min(self.kept, key=lambda one: (self.kept[one].number, one))
            del self.kept[lowest]
            self._roll.forgotten.pop(lowest, None)
            rows[lowest] = Write(SPACE_FORGOTTEN, lowest, None)
        return tuple(rows.values())

    def statement(self) -> Statement | None:
        """What others should hear now, if there is anything that they have not been told."""
        if not self._unsaid:
            return None
        self._unsaid = False
        stones = tuple(self.kept[node] for node in sorted(self.kept))
        return Statement(TOPIC_FORGOTTEN, msgspec.msgpack.encode(stones))

    def _repeats(self, node: NodeId) -> bool:
        """Whether what is said of `node` is said again by us: a lot, drawn for each anew."""
        lot = int.from_bytes(sha256(self._knowledge.us + node).digest()[:2], "big")
        return lot * (len(self._roll.members()) + 1) < REPEATERS * _LOTS

    def _by(self, stone: Tombstone) -> str:
        return self._knowledge.name_of(NodeId(stone.by))

    def _known(self, node: NodeId) -> _Known:
        member, head = self._roll.member(node), self._knowledge.mesh.chains.head(node)
        version = member.fact.version if member is not None and member.fact is not None else -1
        place = (NO_ERA, -1) if head is None else label(head)
        return _Known(version, (place[0].counter, place[0].nonce, place[1]))

    def _knows_more(self, member: Member, stone: Tombstone) -> bool:
        known = self._known(member.id)
        log = known.head > (stone.era, stone.nonce, stone.height)
        return log or known.version > stone.version

    def _check(self, node: NodeId, force: bool, reason: str) -> None:
        member = self._roll.member(node)
        if node == self._knowledge.us:
            raise Refused("bad_request", "that is this node itself", "`holdfast leave` leaves")
        if len(reason) > REASON_CHARS_MAX or (force and not reason):
            sentence = f"a reason has 1 to {REASON_CHARS_MAX} characters; everybody will read it"
            raise Refused("bad_request", sentence, "write --reason TEXT")
        if node in self._revoked:
            sentence = "it is revoked, for good: it is not heard, and its log is kept as a proof"
            raise Refused("refused", sentence)
        if member is None:
            return
        if member.liveness is Liveness.ALIVE:
            sentence = f"{member.name} answers: whoever is there is not forgotten"
            raise Refused("refused", sentence, "`holdfast peers revoke` keeps a machine out")
        if member.liveness is Liveness.SUSPECT:
            sentence = f"{member.name} may only be slow: it is looked at again"
            raise Refused("refused", sentence, "ask again once `holdfast peers` calls it dead")

    def _still_owes(self, node: NodeId, holds: list[bytes]) -> Refused:
        name = self._knowledge.name_of(node)
        sentence = (
            f"the log of {name} shows {counted(len(holds), 'live hold')} ({_named(holds)}), and "
            "ours may be the last copy of it"
        )
        hint = "`--force --reason TEXT` gives them up; should it come back, it brings its own log"
        return Refused("refused", sentence, hint)

    def _holds_of(self, node: NodeId) -> list[bytes]:
        held = self._knowledge.holds().items()
        return sorted(hold for hold, (owner, _) in held if owner == node)

    def _nameable(self) -> dict[NodeId, str]:
        forgotten = {node: stone.name for node, stone in self.kept.items() if stone.gone}
        members = {member.id: member.name for member in self._roll.members()}
        return {**forgotten, **self._knowledge.names(), **members}


def _named(holds: list[bytes]) -> str:
    more = len(holds) - HOLDS_NAMED_MAX
    names = [hold.hex()[:12] for hold in holds[:HOLDS_NAMED_MAX]]
    return listed([*names, *([f"{more} more"] if more > 0 else [])])


def _told(token: int, stone: Tombstone, given_up: list[bytes]) -> Reply:
    body = {
        "id": id_text(NodeId(stone.node)), "name": stone.name, "reason": stone.reason,
        "given_up": [hold.hex() for hold in given_up],
    }  # fmt: skip
    return Reply(token, ok=True, body=body)
