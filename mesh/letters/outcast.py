"""OUTCAST: the answer to the hello of a node that is kept out, instead of a welcome.

Whoever is kept out is heard by nobody, and so would never learn it: it would stand open on its own
screen, and promise memory that is somebody else's to promise by now. So it is told, by the one that
keeps it out and under that one's own signature, which covers the mesh and the addressee: it stands
for itself, whoever carries it, and can be turned against nobody else. It is signed as a thing of
its own and not as a fact, for a fact that its author keeps on no board would look to it, when it
comes back, like a word that its disk forgot.

What the word says is not ours to read (`node/core/trust/revoking.py`); nor whether it counts.
"""

import struct
from dataclasses import dataclass
from typing import Final

from mesh.identity import Identity, NodeId, PublicKey, id_of, verify
from mesh.keys.secret import MeshKeys
from mesh.letters.datagram import (
    DATAGRAM_BYTES_MAX,
    HEADER_BYTES,
    TAG_BYTES,
    Header,
    Kind,
    tagged,
    untagged,
    write_header,
)
from mesh.rejections import Rejection

OUTCAST_TAG: Final = b"hf1.outcast"
# to, nonce of the hello that it answers, key, signature
_OUTCAST: Final = struct.Struct(">16s16s32s64s")
_WORD_AT: Final = HEADER_BYTES + _OUTCAST.size
WORD_BYTES_MAX: Final = DATAGRAM_BYTES_MAX - _WORD_AT - TAG_BYTES


@dataclass(frozen=True, slots=True)
class Notice:
    """`author` says to `to` that it keeps it out; `word`: by whose word, and why."""

    to: NodeId
    echo: bytes
    public: PublicKey
    signature: bytes
    word: bytes

    @property
    def author(self) -> NodeId:
        return id_of(self.public)


def sign_word(identity: Identity, mesh_id: bytes, to: NodeId, word: bytes) -> bytes:
    """Our signature under what we say to a node that we keep out."""
    return identity.sign(OUTCAST_TAG, mesh_id + to + word)


def proves(notice: Notice, mesh_id: bytes) -> bool:
    """Whether its author said this, in this mesh, to whom it says."""
    message = mesh_id + notice.to + notice.word
    return verify(notice.public, OUTCAST_TAG, message, notice.signature)


def write_outcast(keys: MeshKeys, notice: Notice) -> bytes:
    """The datagram, no larger than the hello that it answers."""
    core = write_header(Kind.OUTCAST, keys.key_id, notice.author)
    body = _OUTCAST.pack(notice.to, notice.echo, notice.public, notice.signature)
    return tagged(keys.handshake, core + body + notice.word)


def read_outcast(keys: MeshKeys, header: Header, datagram: bytes) -> Notice | Rejection:
    """What we are told. The signature is not yet checked: see `proves`."""
    if len(datagram) <= _WORD_AT + TAG_BYTES:
        return Rejection.TOO_SHORT
    content = untagged(keys.handshake, datagram)
    if content is None:
        return Rejection.BAD_TAG
    to, echo, public, signature = _OUTCAST.unpack_from(content, HEADER_BYTES)
    notice = Notice(NodeId(to), echo, PublicKey(public), signature, content[_WORD_AT:])
    return notice if notice.author == header.sender else Rejection.MALFORMED
