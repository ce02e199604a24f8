"""Sessions: what two proven nodes share until one of them restarts, or an hour is over.

A session has one AES-256-GCM key per direction and counts its datagrams; the counter is the nonce,
so a nonce cannot repeat, and the whole header is associated data, so nothing in it can be bent.
Both ends may open one at the same moment, and a handshake may be repeated while an older session
still carries traffic; hence up to three live sessions per peer, the newest confirmed one used for
sending. *Confirmed* means: the far end is known to have it too.

    24-byte header | 8-byte session tag | 8-byte counter | ciphertext and its 16-byte tag
"""

import struct
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mesh.door.window import ReplayWindow
from mesh.identity import Epoch, NodeId
from mesh.instant import HOUR, MINUTE, Duration, Instant
from mesh.letters.datagram import DATAGRAM_BYTES_MAX, HEADER_BYTES, Kind, write_header
from mesh.rejections import Rejection

SESSION_TAG_BYTES: Final = 8
_HEAD: Final = struct.Struct(f">{SESSION_TAG_BYTES}sQ")
SEALED_HEADER_BYTES: Final = HEADER_BYTES + _HEAD.size
AEAD_TAG_BYTES: Final = 16
PAYLOAD_BYTES_MAX: Final = DATAGRAM_BYTES_MAX - SEALED_HEADER_BYTES - AEAD_TAG_BYTES

SESSIONS_PER_PEER_MAX: Final = 3
SESSION_AGE_REKEY: Final[Duration] = HOUR
SESSION_AGE_MAX: Final[Duration] = HOUR + 10 * MINUTE
"""Ten minutes to agree on the next one; past that the old one is neither used nor heard."""
SESSION_DATAGRAMS_REKEY: Final = 2**32
SESSION_DATAGRAMS_MAX: Final = 2**40 - 1
"""The width of the counter range that `handshake.py` sets apart for each session."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a finished handshake leaves both ends with, as seen from one of them."""

    us: NodeId
    peer: NodeId
    epoch: Epoch
    """The peer's."""
    initiated: bool
    """Whether we said hello first."""
    hello_nonce: bytes
    key_id: bytes
    tag: bytes
    proof: bytes = field(repr=False)
    """What the responder shows to have the keys. It gives away nothing of them."""
    key_out: bytes = field(repr=False)
    key_in: bytes = field(repr=False)
    first_out: int
    first_in: int


class Session:
    """One agreed pair of keys with one run of one peer."""

    __slots__ = (
        "_next_out", "_window", "agreed", "confirmed", "opened_at", "silent",
    )  # fmt: skip

    def __init__(self, agreed: Agreement, now: Instant) -> None:
        self.agreed = agreed
        self.opened_at = now
        # Whoever answered a hello learns of the session by its confirmation; whoever said it
        # must first hear something in it.
        self.confirmed = not agreed.initiated
        self.silent = False  # given up for sending, after every confirmation went unanswered
        self._next_out = agreed.first_out
        self._window = ReplayWindow(agreed.first_in)

    @property
    def sent(self) -> int:
        """Datagrams sealed so far."""
        return self._next_out - self.agreed.first_out

    def is_over(self, now: Instant) -> bool:
        """Whether it may no longer be used at all."""
        sent = self._next_out - self.agreed.first_out  # as below, for every datagram
        return now - self.opened_at > SESSION_AGE_MAX or sent >= SESSION_DATAGRAMS_MAX

    def is_worn(self, now: Instant) -> bool:
        """Whether it is time to agree on the next one."""
        return now - self.opened_at > SESSION_AGE_REKEY or self.sent >= SESSION_DATAGRAMS_REKEY

    def seal(self, kind: Kind, payload: bytes) -> bytes:
        """`payload` as a datagram that only the peer can read, and only once."""
        assert len(payload) <= PAYLOAD_BYTES_MAX, f"{len(payload)} bytes do not fit a datagram"
        assert self.sent < SESSION_DATAGRAMS_MAX, "the counter would leave its session's range"
        counter = self._next_out
        self._next_out += 1
        agreed = self.agreed
        head = write_header(kind, agreed.key_id, agreed.us) + _HEAD.pack(agreed.tag, counter)
        return head + _cipher(agreed.key_out).encrypt(_nonce(counter), payload, head)

    def open(self, datagram: bytes) -> bytes | Rejection:
        """The payload, once. The order is the rule: check, authenticate, then record."""
        counter = _counter_of(datagram)
        if not self._window.would_accept(counter):
            return Rejection.REPLAYED
        payload = self._decrypted(datagram, counter)
        if payload is None:
            return Rejection.BAD_TAG
        self._window.accept(counter)
        return payload

    def _decrypted(self, datagram: bytes, counter: int) -> bytes | None:
        head, sealed = datagram[:SEALED_HEADER_BYTES], datagram[SEALED_HEADER_BYTES:]
        try:
            return _cipher(self.agreed.key_in).decrypt(_nonce(counter), sealed, head)
        except InvalidTag:
            return None


def session_tag_of(datagram: bytes) -> bytes | Rejection:
    """Which session a sealed datagram claims; TOO_SHORT when it cannot be one."""
    if len(datagram) < SEALED_HEADER_BYTES + AEAD_TAG_BYTES:
        return Rejection.TOO_SHORT
    return datagram[HEADER_BYTES : HEADER_BYTES + SESSION_TAG_BYTES]


def _counter_of(datagram: bytes) -> int:
    _tag, counter = _HEAD.unpack_from(datagram, HEADER_BYTES)
    return int(counter)


def _cipher(key: bytes) -> AESGCM:
    # Made when it is used: it takes a microsecond to make and 2.5 KB to keep, and a member of a
    # large mesh has two for each of a thousand peers, most of which it writes to twice an hour.
    return AESGCM(key)


def _nonce(counter: int) -> bytes:
    return counter.to_bytes(12, "big")


class Sessions:
    """All live sessions, by peer, the newest last."""

    def __init__(self) -> None:
        self._of_peer: dict[NodeId, list[Session]] = {}
        self.open: dict[NodeId, None] = {}
        """With whom there is one to send in."""
        self.changes = 0
        """Moves with every change of whom there is a session with: older lists are out of date."""

    def add(self, session: Session) -> None:
        """Take in a session with a peer that has just been proven.

        Sessions with an earlier run of that peer end here: that run is over.
        """
        agreed = session.agreed
        kept = [old for old in self._live(agreed.peer) if old.agreed.epoch == agreed.epoch]
        while len(kept) >= SESSIONS_PER_PEER_MAX:
            # One that the far end may never have got goes before one that works.
            kept.remove(next((old for old in kept if not old.confirmed), kept[0]))
        self._of_peer[agreed.peer] = [*kept, session]
        self._changed(agreed.peer)

    def find(self, peer: NodeId, tag: bytes, now: Instant) -> Session | None:
        """The session that `peer` calls by `tag`, unless it is over."""
        for session in self._usable(peer, now):
            if session.agreed.tag == tag:
                return session
        return None

    def best(self, peer: NodeId, now: Instant) -> Session | None:
        """The one to send in: the newest confirmed, else the newest."""
        newest: Session | None = None
        for session in reversed(self._usable(peer, now)):
            if session.confirmed and not session.silent:
                return session
            if newest is None and not session.silent:
                newest = session
        return newest

    def answers(self, peer: NodeId, hello_nonce: bytes) -> bool:
        """Whether a hello with this nonce has already become a session."""
        return any(session.agreed.hello_nonce == hello_nonce for session in self._live(peer))

    def drop_peer(self, peer: NodeId) -> None:
        """End all sessions with `peer`."""
        self._of_peer.pop(peer, None)
        self._changed(peer)

    def keep_keys(self, key_ids: Container[bytes]) -> None:
        """End every session that rests on another secret than these."""
        for peer in list(self._of_peer):
            live = self._live(peer)
            kept = [session for session in live if session.agreed.key_id in key_ids]
            if len(kept) < len(live):
                self._of_peer[peer] = kept
                self._changed(peer)
            if not kept:
                del self._of_peer[peer]

    def silence(self, session: Session, *, silent: bool) -> None:
        """Give `session` up for sending, or take it up again."""
        if session.silent is not silent:
            session.silent = silent
            self._changed(session.agreed.peer)

    def has(self, peer: NodeId) -> bool:
        """Whether there is a session to send in; one run out counts until it is asked for."""
        return peer in self.open

    def _changed(self, peer: NodeId) -> None:
        self.changes += 1
        if any(not session.silent for session in self._live(peer)):
            self.open[peer] = None
        else:
            self.open.pop(peer, None)

    def _usable(self, peer: NodeId, now: Instant) -> list[Session]:
        live = self._live(peer)
        for session in live:
            if session.is_over(now):
                return self._without_the_old(peer, now)
        return live

    def _without_the_old(self, peer: NodeId, now: Instant) -> list[Session]:
        live = [session for session in self._live(peer) if not session.is_over(now)]
        if live:
            self._of_peer[peer] = live
        else:
            del self._of_peer[peer]
        self._changed(peer)
        return live

    def _live(self, peer: NodeId) -> list[Session]:
        return self._of_peer.get(peer, [])
