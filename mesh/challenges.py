"""Handshakes under way: the hellos we said and the welcomes we gave, few and not for long.

Both tables are bounded and lose their oldest entry first; an entry lives for half a minute. No
round trip takes so long, but a busy machine may: where answers come when nobody knows the question
any more, everybody asks again and is busier still. Losing an entry costs its peer another hello.
"""

import hmac
from collections.abc import Container
from dataclasses import dataclass
from itertools import takewhile
from random import Random
from typing import Final, NamedTuple, TypeVar

from mesh.facts import Fact
from mesh.handshake import (
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
from mesh.identity import NONCE_BYTES, Epoch, Identity, NodeId
from mesh.instant import SECOND, Duration, Instant, earliest
from mesh.notary import Notary
from mesh.passport import Papers, read_passport
from mesh.rejections import Rejection
from mesh.secret import MeshKeys
from mesh.sessions import Session

CHALLENGES_MAX: Final = 1024
CHALLENGE_LIFE: Final[Duration] = 30 * SECOND
TIDYING: Final[Duration] = SECOND // 4


@dataclass(slots=True)
class Asked:
    """A hello of ours that waits for its welcome."""

    target: NodeId | None
    keys: MeshKeys
    share: Ephemeral
    core: bytes
    said_at: Instant
    expires: Instant
    told_stale: bool = False


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
        """A new hello under `keys`. `target` None: whoever hears it."""
        self.expire(now)
        share = self._drawn(now)
        hello = write_hello(keys, self._identity, self._epoch, share, target)
        if len(self._asked) >= CHALLENGES_MAX:
            self._asked.pop(next(iter(self._asked)))
        self._asked[share.nonce] = Asked(
            target, keys, share, hello[:HELLO_CORE_BYTES], now, now + CHALLENGE_LIFE
        )
        return hello

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
        else:
            agreed = entry.session.agreed
            self._answered.pop(entry.hello.core, None)
            self._by_tag.pop((agreed.peer, agreed.tag), None)

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
        for asked in _lapsed(self._asked, now):
            self.settle(asked)
        for answered in _lapsed(self._answered, now):
            self.settle(answered)

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


def _lapsed(table: dict[bytes, _Entry], now: Instant) -> list[_Entry]:
    return list(takewhile(lambda entry: entry.expires <= now, table.values()))


def _first_expiry(table: dict[bytes, _Entry]) -> Instant | None:
    first = next(iter(table.values()), None)
    return None if first is None else first.expires
