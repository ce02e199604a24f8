"""Turned away: those whom we keep out, and what they are told when they knock.

Nothing of theirs is read, whatever it is. Only to a hello they get an answer, and that is a word
(`mesh/letters/outcast.py`). Like a welcome it is no larger than the hello, which may be a
recording; and it costs one signature per node, however often it knocks. One id gets few of them:
whoever plays its hellos back can use those up, and no more comes of it than that the node hears it
from another of us, or later.
"""

from collections.abc import Mapping
from typing import Final

from mesh.door.allowance import Bucket
from mesh.door.handshake import Hello, read_hello
from mesh.door.judgements import Judgement, TurnedAway
from mesh.effects import Address, Outcasts
from mesh.identity import Identity, NodeId
from mesh.instant import Instant
from mesh.keys.secret import MeshKeys
from mesh.letters.datagram import Header, Kind
from mesh.letters.outcast import WORD_BYTES_MAX, Notice, sign_word, write_outcast
from mesh.rejections import Rejection

TOLD_PER_SECOND: Final = 1
TOLD_BURST: Final = 8
"""To one id, from wherever it seems to speak. It knocks under each of its secrets and at each of
our addresses, at doubling intervals up to ten seconds."""


class Doorman:
    """Who is kept out by one node, in one run of it."""

    def __init__(self, identity: Identity, mesh_id: bytes) -> None:
        self._identity, self._mesh_id = identity, mesh_id
        self.barred: Outcasts = {}
        self._words: Mapping[NodeId, bytes] = {}
        self._signed: dict[NodeId, bytes] = {}
        self._told: dict[NodeId, Bucket] = {}

    def bar(self, nodes: Outcasts, words: Mapping[NodeId, bytes]) -> None:
        """Whoever is in `nodes`, now or later, is not heard, and told its word in `words`."""
        self.barred, self._words = nodes, words

    def judge(
        self, keys: MeshKeys, header: Header, datagram: bytes, source: Address, now: Instant
    ) -> Judgement | Rejection:
        """A datagram under the id of somebody who is kept out."""
        self.barred[header.sender] = source, now
        word = self._words.get(header.sender, b"")
        if header.kind is not Kind.HELLO or not 0 < len(word) <= WORD_BYTES_MAX:
            return Rejection.REVOKED
        hello = read_hello(keys, header, datagram)
        if isinstance(hello, Rejection) or hello.target not in (None, self._identity.id):
            return Rejection.REVOKED
        if not self._may_tell(hello.sender, now):
            return Rejection.REVOKED
        return TurnedAway(write_outcast(keys, self._notice(hello, word)))

    def _may_tell(self, node: NodeId, now: Instant) -> bool:
        bucket = self._told.get(node)
        if bucket is None:  # as many as there are words
            bucket = self._told[node] = Bucket(TOLD_PER_SECOND, TOLD_BURST, now)
        return bucket.take(now)

    def _notice(self, hello: Hello, word: bytes) -> Notice:
        node = hello.sender
        signature = self._signed.get(node)
        if signature is None:  # a word is for good, and so is what is signed under it
            signature = self._signed[node] = sign_word(self._identity, self._mesh_id, node, word)
        return Notice(node, hello.nonce, self._identity.public, signature, word)
