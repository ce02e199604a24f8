"""Facts: what a node says about itself, signed; the newest version wins.

A fact is relayed unchanged by anyone and believed from no one but its author: the signature covers
mesh, topic, version and body, and the author's id is the hash of the key inside. Versions grow
with the author's epoch (counter << 32 | sequence), so a restart needs no saved sequence number and
an old capture can never outrank what has been heard since.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

import msgpack

from mesh.identity import Epoch, Identity, NodeId, PublicKey, id_of, verify

FACT_TAG: Final = b"hf1.fact"
SEQUENCE_BITS: Final = 32
TOPIC_CHARS_MAX: Final = 24
FACT_BODY_BYTES_MAX: Final = 64 * 1024
"""A machine with sixteen cards and two hundred tools says about 12 KiB; five times that is room."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One signed statement of `author` about itself, on one `topic`. `body` is opaque here."""

    public: PublicKey
    topic: str
    version: int
    body: bytes
    signature: bytes
    _stamp: int | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def stamp(self) -> int:
        """64 bits that stand for what is said. The signature is left out: it says nothing new."""
        if self._stamp is None:
            message = msgpack.packb([self.author, self.topic, self.version, self.body])
            digest = hashlib.sha256(b"hf1.stamp" + message).digest()
            object.__setattr__(self, "_stamp", int.from_bytes(digest[:8], "big"))
        assert self._stamp is not None, "it was reckoned just now"
        return self._stamp

    @property
    def author(self) -> NodeId:
        return id_of(self.public)

    @property
    def epoch_counter(self) -> int:
        """The author's epoch at signing."""
        return self.version >> SEQUENCE_BITS


def version_of(epoch: Epoch, sequence: int) -> int:
    """The version of the `sequence`-th statement made in `epoch`."""
    if not 0 <= sequence < 1 << SEQUENCE_BITS:
        raise ValueError(f"sequence {sequence} does not fit {SEQUENCE_BITS} bits")
    return epoch.counter << SEQUENCE_BITS | sequence


def sign_fact(identity: Identity, mesh_id: bytes, topic: str, version: int, body: bytes) -> Fact:
    """State `body` on `topic`. Raises ValueError when it is larger than any peer would take."""
    if len(body) > FACT_BODY_BYTES_MAX:
        raise ValueError(f"fact {topic!r} is {len(body)} bytes; {FACT_BODY_BYTES_MAX} is the limit")
    message = _signed_bytes(mesh_id, topic, version, body)
    return Fact(identity.public, topic, version, body, identity.sign(FACT_TAG, message))


def check_fact(fact: Fact, mesh_id: bytes) -> bool:
    """Whether the author really said this, in this mesh, within the limits."""
    if not 0 < len(fact.topic) <= TOPIC_CHARS_MAX or len(fact.body) > FACT_BODY_BYTES_MAX:
        return False
    if not 0 <= fact.version < 1 << 63:
        return False
    message = _signed_bytes(mesh_id, fact.topic, fact.version, fact.body)
    return verify(fact.public, FACT_TAG, message, fact.signature)


def _signed_bytes(mesh_id: bytes, topic: str, version: int, body: bytes) -> bytes:
    packed: bytes = msgpack.packb([mesh_id, topic, version, body])
    return packed
