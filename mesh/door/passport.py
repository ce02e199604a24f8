"""Passports: the share that a node uses in its handshakes, under the signature of its key.

To sign every handshake, and check what the other side signed, costs more than all the rest of it,
and a mesh of N nodes shakes hands N²/2 times as it forms. So a node signs once: which half of a key
agreement (X25519) it uses in this run. The other side checks that signature once, however often
they meet; and who then makes the same keys out of both halves and both fresh nonces has shown that
it holds the private half, and so that it is the node, now.

The passport is nearly always the node's own *record*, whose signature everybody has to check
anyway. A share lives for an hour, so that whoever seizes a machine's memory can't read what it said
yesterday. A new record every hour would be news to the whole mesh; so the share that follows has a
small passport of its own, a fact on the topic "passport", which is shown in handshakes and kept
on no board.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

from mesh.facts import Fact, sign_fact, version_of
from mesh.identity import NONCE_BYTES, Epoch, Identity, NodeId
from mesh.instant import HOUR, Duration, Instant
from mesh.letters.wire import fact_bytes, parse_fact
from mesh.rejections import Rejection
from mesh.roll.record import SHARE_BYTES, TOPIC_NODE, parse_record
from mesh.shares import Share

TOPIC_PASSPORT: Final = "passport"
SHARE_AGE_MAX: Final[Duration] = HOUR
"""As long as a session's keys: a share that outlived them would give them away."""


@dataclass(frozen=True, slots=True)
class Passport:
    """What a passport states. Its signature is not yet checked: see `mesh.kept.notary`."""

    fact: Fact
    epoch: Epoch
    share: bytes

    def is_of(self, node: NodeId, epoch: Epoch, share: bytes) -> bool:
        """Whether it is the one that a handshake with these needs."""
        return (self.fact.author, self.epoch, self.share) == (node, epoch, share)


def read_passport(content: bytes) -> Passport | None:
    """The passport in `content`; None when it is none. Never raises."""
    fact = parse_fact(content)
    if isinstance(fact, Rejection):
        return None
    if fact.topic == TOPIC_NODE:
        record = parse_record(fact.body)
        if record is None or not record.share:
            return None
        return Passport(fact, Epoch(fact.epoch_counter, record.nonce), record.share)
    if fact.topic == TOPIC_PASSPORT and len(fact.body) == NONCE_BYTES + SHARE_BYTES:
        nonce, share = fact.body[:NONCE_BYTES], fact.body[NONCE_BYTES:]
        return Passport(fact, Epoch(fact.epoch_counter, nonce), share)
    return None


class Papers:
    """Our own: the share of this hour, and what we show for it."""

    def __init__(self, identity: Identity, epoch: Epoch, mesh_id: bytes, random: Random) -> None:
        self._identity = identity
        self._epoch = epoch
        self._mesh_id = mesh_id
        self._random = random
        self._drawn_at: Instant | None = None
        self._passport = b""
        self._is_record = False
        self._share = self._fresh()

    def at(self, now: Instant) -> tuple[Share, bytes]:
        """The share in force, and the passport that states it."""
        if self._drawn_at is None:
            self._drawn_at = now
        elif now - self._drawn_at > SHARE_AGE_MAX:
            self._drawn_at = now
            self._share, self._passport, self._is_record = self._fresh(), b"", False
        if not self._passport:
            self._passport = fact_bytes(self._small())
        return self._share, self._passport

    @property
    def public(self) -> bytes:
        """The public half in force: what a record of ours should state."""
        return self._share.public

    @property
    def is_record(self) -> bool:
        """Whether whoever sees our passport sees our record."""
        return self._is_record

    def carry(self, record: Fact) -> None:
        """From here on show our `record`, which states the share in force."""
        content = fact_bytes(record)
        stated = read_passport(content)
        assert stated is not None, "our own record is no passport"
        assert stated.is_of(self._identity.id, self._epoch, self.public), "of another share"
        self._passport, self._is_record = content, True

    def _fresh(self) -> Share:
        return self._identity.share(self._random.randbytes(SHARE_BYTES))

    def _small(self) -> Fact:
        version = version_of(self._epoch, 0)
        body = self._epoch.nonce + self.public
        return sign_fact(self._identity, self._mesh_id, TOPIC_PASSPORT, version, body)
