"""The challenge: how two nodes prove to each other that they live now, and agree on keys.

    initiator                                                     responder
    HELLO     key, epoch, X25519 share, nonce, target, passport   →
              key, epoch, share, nonce, proof, passport           ←   WELCOME
    CONFIRM   the first letters, sealed                           →

The **transcript** is the hash of the hello and of the welcome up to its proof: both ids, keys,
epochs, nonces, shares and first counters. The session's keys grow from it, from what both shares
make together (X25519), and from the mesh's handshake key: a stranger who breaks one, or a member
who knows the other, is still outside. Whose a share is, its owner's key has signed once, in the
**passport** that goes along (`passport.py`). So who has the keys of a transcript holds a share
that the node's key vouches for, and made them after the other side drew its nonce: that proves
life, not merely knowledge, and a recording of it proves nothing to anyone else. The responder shows
it by its *proof*, which grows beside the keys; the initiator by sealing its confirmation.

A hello proves nothing. It carries the mesh's tag, but it may be a recording; so it buys its sender
one welcome no larger than itself (a hello is padded to a full datagram for that), and a slot in a
bounded table. STALE is the other answer: "you speak from an earlier run than I have proven; here is
your own signature on a later one".

First counters are set apart per handshake, so that even dice that repeat themselves (a cloned
machine's, say) cannot make one run use one nonce twice.
"""

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mesh.door.sessions import SESSION_DATAGRAMS_MAX, SESSION_TAG_BYTES, Agreement
from mesh.identity import (
    NODE_ID_BYTES,
    Epoch,
    Identity,
    NodeId,
    PublicKey,
    id_of,
)
from mesh.keys.secret import MeshKeys
from mesh.letters.datagram import (
    DATAGRAM_BYTES_MAX,
    EPOCH_COUNTER_MAX,
    HEADER_BYTES,
    TAG_BYTES,
    Header,
    Kind,
    key_id_of,
    tagged,
    untagged,
    write_header,
)
from mesh.rejections import Rejection
from mesh.shares import Share

KEY_BYTES: Final = 32
FIRST_COUNTERS_APART: Final = SESSION_DATAGRAMS_MAX + 1
FIRST_COUNTERS: Final = 2**64 // FIRST_COUNTERS_APART
"""How many handshakes of one run have counters of their own: 16 million, years at full rate."""

# key, epoch counter, epoch nonce, share, nonce, target (zeros: anybody), first counter
_HELLO: Final = struct.Struct(">32sQ16s32s16s16sQ")
HELLO_CORE_BYTES: Final = HEADER_BYTES + _HELLO.size
# to, nonce of the hello, then as above
_WELCOME: Final = struct.Struct(">16s16s32sQ16s32s16sQ")
WELCOME_CORE_BYTES: Final = HEADER_BYTES + _WELCOME.size
PROOF_BYTES: Final = 16
_PASSPORT_AT: Final = WELCOME_CORE_BYTES + PROOF_BYTES
WELCOME_BYTES_MIN: Final = _PASSPORT_AT + TAG_BYTES
PASSPORT_BYTES_MAX: Final = DATAGRAM_BYTES_MAX - WELCOME_BYTES_MIN
_LENGTH: Final = struct.Struct(">H")
# to, nonce of the hello or welcome it answers
_STALE: Final = struct.Struct(">16s16s")
_STALE_CORE_BYTES: Final = HEADER_BYTES + _STALE.size
STALE_RECORD_BYTES_MAX: Final = DATAGRAM_BYTES_MAX - _STALE_CORE_BYTES - TAG_BYTES
_ANYBODY: Final = NodeId(bytes(NODE_ID_BYTES))


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """What is ours in one handshake: the share of this hour, and what is fresh each time."""

    share: Share = field(repr=False)
    passport: bytes
    nonce: bytes
    first_counter: int

    @property
    def public(self) -> bytes:
        return self.share.public


@dataclass(frozen=True, slots=True)
class Hello:
    """What an initiator says. `core` is what of it goes into the transcript."""

    sender: NodeId
    public: PublicKey
    epoch: Epoch
    share: bytes
    nonce: bytes
    target: NodeId | None
    first_counter: int
    core: bytes = field(repr=False)
    passport: bytes = field(default=b"", repr=False)

    @property
    def key_id(self) -> bytes:
        """Under which secret it was said."""
        return key_id_of(self.core)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a responder says. `core` is what of it goes into the transcript."""

    sender: NodeId
    to: NodeId
    echo: bytes
    public: PublicKey
    epoch: Epoch
    share: bytes
    nonce: bytes
    first_counter: int
    core: bytes = field(repr=False)
    proof: bytes = field(repr=False)
    passport: bytes = field(repr=False)

    @property
    def key_id(self) -> bytes:
        """Under which secret it was said."""
        return key_id_of(self.core)


@dataclass(frozen=True, slots=True)
class Stale:
    """Somebody shows us our own later record."""

    to: NodeId
    echo: bytes
    record: bytes


def write_hello(
    keys: MeshKeys, identity: Identity, epoch: Epoch, share: Ephemeral, target: NodeId | None
) -> bytes:
    """A hello, padded to a full datagram: no answer to it is larger."""
    body = _HELLO.pack(
        identity.public, epoch.counter, epoch.nonce, share.public, share.nonce,
        target or _ANYBODY, share.first_counter,
    )  # fmt: skip
    core = write_header(Kind.HELLO, keys.key_id, identity.id) + body
    content = core + _LENGTH.pack(len(share.passport)) + share.passport
    return tagged(keys.handshake, content.ljust(DATAGRAM_BYTES_MAX - TAG_BYTES, b"\0"))


def read_hello(keys: MeshKeys, header: Header, datagram: bytes) -> Hello | Rejection:
    """The hello in `datagram`. A good tag says: a member once wrote this. No more."""
    if len(datagram) != DATAGRAM_BYTES_MAX:
        return Rejection.TOO_SHORT
    content = untagged(keys.handshake, datagram)
    if content is None:
        return Rejection.BAD_TAG
    public, counter, start, share, nonce, target, first = _HELLO.unpack_from(content, HEADER_BYTES)
    (length,) = _LENGTH.unpack_from(content, HELLO_CORE_BYTES)
    begins = HELLO_CORE_BYTES + _LENGTH.size
    if length > PASSPORT_BYTES_MAX or not _names_match(header.sender, public, counter, first):
        return Rejection.MALFORMED
    return Hello(
        sender=header.sender,
        public=PublicKey(public),
        epoch=Epoch(counter, start),
        share=share,
        nonce=nonce,
        target=None if target == _ANYBODY else NodeId(target),
        first_counter=first,
        core=content[:HELLO_CORE_BYTES],
        passport=content[begins : begins + length],
    )


def welcome_core(
    keys: MeshKeys, identity: Identity, epoch: Epoch, share: Ephemeral, hello: Hello
) -> bytes:
    """What of the answer to `hello` goes into the transcript."""
    body = _WELCOME.pack(
        hello.sender, hello.nonce, identity.public, epoch.counter, epoch.nonce,
        share.public, share.nonce, share.first_counter,
    )  # fmt: skip
    return write_header(Kind.WELCOME, keys.key_id, identity.id) + body


def write_welcome(keys: MeshKeys, core: bytes, proof: bytes, passport: bytes) -> bytes:
    """The answer whose `core` is in the transcript that `proof` grew from."""
    return tagged(keys.handshake, core + proof + passport)


def read_welcome(keys: MeshKeys, header: Header, datagram: bytes) -> Welcome | Rejection:
    """The welcome in `datagram`, its proof not yet checked: that takes the hello."""
    if len(datagram) < WELCOME_BYTES_MIN:
        return Rejection.TOO_SHORT
    content = untagged(keys.handshake, datagram)
    if content is None:
        return Rejection.BAD_TAG
    to, echo, public, counter, start, share, nonce, first = _WELCOME.unpack_from(
        content, HEADER_BYTES
    )
    if not _names_match(header.sender, public, counter, first):
        return Rejection.MALFORMED
    return Welcome(
        sender=header.sender,
        to=NodeId(to),
        echo=echo,
        public=PublicKey(public),
        epoch=Epoch(counter, start),
        share=share,
        nonce=nonce,
        first_counter=first,
        core=content[:WELCOME_CORE_BYTES],
        proof=content[WELCOME_CORE_BYTES:_PASSPORT_AT],
        passport=content[_PASSPORT_AT:],
    )


def write_stale(keys: MeshKeys, sender: NodeId, to: NodeId, echo: bytes, record: bytes) -> bytes:
    """`record`, the addressee's own later word, in answer to the nonce `echo`."""
    core = write_header(Kind.STALE, keys.key_id, sender) + _STALE.pack(to, echo)
    return tagged(keys.handshake, core + record)


def read_stale(keys: MeshKeys, datagram: bytes) -> Stale | Rejection:
    """What is shown to us; whether the record is really ours is for the caller to verify."""
    if len(datagram) <= _STALE_CORE_BYTES + TAG_BYTES:
        return Rejection.TOO_SHORT
    content = untagged(keys.handshake, datagram)
    if content is None:
        return Rejection.BAD_TAG
    to, echo = _STALE.unpack_from(content, HEADER_BYTES)
    return Stale(NodeId(to), echo, content[_STALE_CORE_BYTES:])


def transcript_of(hello_core: bytes, welcome_core: bytes) -> bytes:
    """The hash of all that both sides said before they proved anything."""
    return hashlib.sha256(b"hf1.transcript" + hello_core + welcome_core).digest()


def agree(
    keys: MeshKeys, us: NodeId, share: Ephemeral, said: Hello | Welcome, transcript: bytes
) -> Agreement | None:
    """What follows from our `share` and what the far end said; None when its share is void."""
    secret = share.share.agree(said.share)
    if secret is None:
        return None
    length = 2 * KEY_BYTES + SESSION_TAG_BYTES + PROOF_BYTES
    kdf = HKDF(algorithm=SHA256(), length=length, salt=transcript, info=b"holdfast v1 session")
    grown = kdf.derive(secret + keys.handshake)
    to_responder, to_initiator = grown[:KEY_BYTES], grown[KEY_BYTES : 2 * KEY_BYTES]
    initiated = isinstance(said, Welcome)
    return Agreement(
        us=us,
        peer=said.sender,
        epoch=said.epoch,
        initiated=initiated,
        hello_nonce=share.nonce if initiated else said.nonce,
        key_id=keys.key_id,
        tag=grown[2 * KEY_BYTES : -PROOF_BYTES],
        proof=grown[-PROOF_BYTES:],
        key_out=to_responder if initiated else to_initiator,
        key_in=to_initiator if initiated else to_responder,
        first_out=share.first_counter,
        first_in=said.first_counter,
    )


def _names_match(sender: NodeId, public: bytes, counter: int, first_counter: int) -> bool:
    return (
        id_of(PublicKey(public)) == sender
        and counter <= EPOCH_COUNTER_MAX
        and first_counter % FIRST_COUNTERS_APART == 0
    )
