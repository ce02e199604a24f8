"""Handshakes under way: the hellos we said and the welcomes we gave, few and not for long.

Both tables are bounded and lose their oldest entry first; an entry lives for half a minute. No
round trip takes so long, but a busy machine may: where answers come when nobody knows the question
any more, everybody asks again and is busier still. Losing an entry costs its peer another hello.

To the same node the same hello is said again while it is open: were each a question of its own, a
slow node would answer them all, and two who meet once would have three sessions. And where two
hellos cross, one of them is enough: who speaks first, which the ids say, lets the other's pass.
"""

import hmac
from collections.abc import Container
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple, TypeVar

from mesh.door.handshake import (
    FIRST_COUNTERS,
    FIRST_COUNTERS_APART,
    HELLO_CORE_BYTES,
    Ephemeral,
    Hello,
    Welcome,
    agree,
    transcript_of,
    welcome_core,
    write_hello,
    write_welcome,
)
from mesh.door.passport import Papers, read_passport
from mesh.door.sessions import Session
from mesh.facts import Fact
from mesh.identity import NONCE_BYTES, Epoch, Identity, NodeId
from mesh.instant import SECOND, Duration, Instant, earliest
from mesh.kept.notary import Notary
from mesh.keys.secret import MeshKeys
from mesh.rejections import Rejection

CHALLENGES_MAX: Final = 1024
CHALLENGE_LIFE: Final[Duration] = 30 * SECOND
REPEATED_FOR: Final[Duration] = CHALLENGE_LIFE // 2
"""So long the same hello is said again; its welcome then has as long again to come."""
TIDYING: Final[Duration] = SECOND // 4


@dataclass(slots=True)
class Asked:
    """A hello of ours that waits for its welcome."""

    target: NodeId | None
    keys: MeshKeys
    share: Ephemeral
    datagram: bytes
    said_at: Instant
    expires: Instant
    told_stale: bool = False
    told_outcast: bool = False
    crossed: bool = False

    @property
    def core(self) -> bytes:
        return self.datagram[:HELLO_CORE_BYTES]


@dataclass(slots=True)
class Answered:
    """A hello that we answered, and the session that a confirmation would open."""

    hello: Hello
    passport: Fact
    welcome: bytes
    nonce: bytes
    session: Session
    expires: Instant
    told_stale: bool = False


class Accepted(NamedTuple):
    """What came of a hello of ours: a session, and the passport that was shown for it."""

    session: Session
    passport: Fact


_Entry = TypeVar("_Entry", Asked, Answered)


class Challenges:
    """Both tables, and what is drawn for them."""

    def __init__(
        self, identity: Identity, epoch: Epoch, random: Random, papers: Papers, notary: Notary
    ) -> None:
        self._identity = identity
        self._epoch = epoch
        self._random = random
        self._papers = papers
        self._notary = notary
        self._begun = 0
        # Oldest first, since every entry lives equally long.
        self._asked: dict[bytes, Asked] = {}
        self._asked_of: dict[NodeId, Asked] = {}
        self._answered: dict[bytes, Answered] = {}
        self._by_tag: dict[tuple[NodeId, bytes], Answered] = {}

    @property
    def next_expiry(self) -> Instant | None:
        """When the oldest entry may be dropped. Nobody is heard who lapsed, dropped or not; so
        those of one quarter of a second go together."""
        if not self._asked and not self._answered:
            return None
        first = earliest(_first_expiry(self._asked), _first_expiry(self._answered))
        return None if first is None else -(-first // TIDYING) * TIDYING

    def ask(self, target: NodeId | None, keys: MeshKeys, now: Instant) -> bytes:
        """A hello under `keys`, the one that is open or a new one. `target` None: whoever hears."""
        self.expire(now)
        share, _ = self._papers.at(now)
        known = None if target is None else self._asked_of.get(target)
        fresh = known is not None and now - known.said_at <= REPEATED_FOR
        if known is not None and fresh and (known.keys, known.share.share) == (keys, share):
            return known.datagram
        ours = self._drawn(now)
        hello = write_hello(keys, self._identity, self._epoch, ours, target)
        if len(self._asked) >= CHALLENGES_MAX:
            self.settle(next(iter(self._asked.values())))
        asked = Asked(target, keys, ours, hello, now, now + CHALLENGE_LIFE)
        self._asked[ours.nonce] = asked
        if target is not None:
            self._asked_of[target] = asked
        return hello

    def crosses(self, peer: NodeId) -> bool:
        """Whether a hello from `peer` may pass, since ours is on its way and we speak first. Once
        only: ours may have been lost."""
        asked = self._asked_of.get(peer)
        if asked is None or asked.crossed or not speaks_first(self._identity.id, peer):
            return False
        asked.crossed = True
        return True

    def answer(self, hello: Hello, keys: MeshKeys, now: Instant) -> Answered | Rejection:
        """The challenge to `hello`, the same one for the same hello.

        Told again (the network doubles, and strangers replay), we neither draw nor remember more.
        """
        self.expire(now)
        known = self._answered.get(hello.core)
        if known is not None:
            return known
        passport = self._checked(hello)
        if isinstance(passport, Rejection):
            return passport
        share = self._drawn(now)
        core = welcome_core(keys, self._identity, self._epoch, share, hello)
        agreed = agree(keys, self._identity.id, share, hello, transcript_of(hello.core, core))
        if agreed is None:
            return Rejection.MALFORMED
        welcome = write_welcome(keys, core, agreed.proof, share.passport)
        expires = now + CHALLENGE_LIFE
        answered = Answered(hello, passport, welcome, share.nonce, Session(agreed, now), expires)
        if len(self._answered) >= CHALLENGES_MAX:
            self.settle(next(iter(self._answered.values())))
        self._answered[hello.core] = answered
        self._by_tag[agreed.peer, agreed.tag] = answered
        return answered

    def accept(self, asked: Asked, welcome: Welcome, now: Instant) -> Accepted | Rejection:
        """The session that `welcome` opens, or why it opens none: then it proves nothing."""
        agreed = agree(
            asked.keys, self._identity.id, asked.share, welcome,
            transcript_of(asked.core, welcome.core),
        )  # fmt: skip
        if agreed is None:
            return Rejection.MALFORMED
        if not hmac.compare_digest(agreed.proof, welcome.proof):
            return Rejection.BAD_SIGNATURE
        passport = self._checked(welcome)
        if isinstance(passport, Rejection):
            return passport
        return Accepted(Session(agreed, now), passport)

    def asked(self, nonce: bytes, now: Instant) -> Asked | None:
        """Our hello with this nonce, if it still waits."""
        self.expire(now)
        return self._asked.get(nonce)

    def answered(self, peer: NodeId, tag: bytes, now: Instant) -> Answered | None:
        """Our welcome to `peer` whose session goes by `tag`, if it still waits."""
        self.expire(now)
        return self._by_tag.get((peer, tag))

    def waiting_for(self, nonce: bytes, now: Instant) -> Asked | Answered | None:
        """Whichever handshake of ours drew `nonce`."""
        self.expire(now)
        for answered in self._answered.values():
            if answered.nonce == nonce:
                return answered
        return self._asked.get(nonce)

    def settle(self, entry: Asked | Answered) -> None:
        """Done with this one, either way."""
        if isinstance(entry, Asked):
            self._asked.pop(entry.share.nonce, None)
            if entry.target is not None and self._asked_of.get(entry.target) is entry:
                del self._asked_of[entry.target]
        else:
            agreed = entry.session.agreed
            self._answered.pop(entry.hello.core, None)
            self._by_tag.pop((agreed.peer, agreed.tag), None)

    def met(self, peer: NodeId) -> None:
        """It came to us: our own hello to it is not needed any more."""
        asked = self._asked_of.get(peer)
        if asked is not None:
            self.settle(asked)

    def forget(self, peer: NodeId) -> None:
        """Drop every handshake with `peer`."""
        for asked in list(self._asked.values()):
            if asked.target == peer:
                self.settle(asked)
        for answered in list(self._answered.values()):
            if answered.hello.sender == peer:
                self.settle(answered)

    def keep_keys(self, key_ids: Container[bytes]) -> None:
        """Drop every handshake that rests on another secret than these."""
        for asked in list(self._asked.values()):
            if asked.keys.key_id not in key_ids:
                self.settle(asked)
        for answered in list(self._answered.values()):
            if answered.hello.key_id not in key_ids:
                self.settle(answered)

    def expire(self, now: Instant) -> None:
        """Drop what nobody came back for."""
        while (asked := next(iter(self._asked.values()), None)) and asked.expires <= now:
            self.settle(asked)
        while (known := next(iter(self._answered.values()), None)) and known.expires <= now:
            self.settle(known)

    def _checked(self, said: Hello | Welcome) -> Fact | Rejection:
        """The passport that goes with what was `said`: stating this share, signed by this node."""
        passport = read_passport(said.passport)
        if passport is None or not passport.is_of(said.sender, said.epoch, said.share):
            return Rejection.MALFORMED
        return passport.fact if self._notary.vouches(passport.fact) else Rejection.BAD_SIGNATURE

    def _drawn(self, now: Instant) -> Ephemeral:
        first_counter = self._begun % FIRST_COUNTERS * FIRST_COUNTERS_APART
        self._begun += 1
        share, passport = self._papers.at(now)
        return Ephemeral(share, passport, self._random.randbytes(NONCE_BYTES), first_counter)


def _first_expiry(table: dict[bytes, _Entry]) -> Instant | None:
    first = next(iter(table.values()), None)
    return None if first is None else first.expires


def speaks_first(one: NodeId, other: NodeId) -> bool:
    """Whether `one` is the first to greet of the two; by one bit of both ids the smaller or the
    greater, so that no node has to greet everybody."""
    return (one < other) == ((one[-1] ^ other[-1]) & 1 == 0)
