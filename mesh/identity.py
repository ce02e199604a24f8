"""Who a node is: an Ed25519 key, and the hash of its public half.

The id *is* the key, so a name or an address can change hands and an identity cannot. Signatures
carry a tag that says what kind of thing was signed, so a signed fact can never be passed off as a
signed block (domain separation).
"""

import base64
import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, NewType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mesh.shares import Share

NodeId = NewType("NodeId", bytes)
"""16 bytes: the front of SHA-256 over the raw public key."""

PublicKey = NewType("PublicKey", bytes)
"""32 bytes: a raw Ed25519 public key."""

NODE_ID_BYTES: Final = 16
PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
NONCE_BYTES: Final = 16
IDS_REMEMBERED_MAX: Final = 8192
"""Twice as many as there may be peers."""


class Epoch(NamedTuple):
    """One start of an agent: a counter above every one seen, and bits drawn at that start.

    Ordered by `counter` alone. The same counter with another nonce is not an order but a clone.
    The nonce doubles as the *session* that requests to this node must name.
    """

    counter: int
    nonce: bytes


class Identity:
    """A node's private key. Signing is arithmetic: Ed25519 needs no dice (RFC 8032 §5.1.6)."""

    def __init__(self, private_bytes: bytes) -> None:
        """`private_bytes`: the 32 raw bytes of an Ed25519 private key."""
        self._key = Ed25519PrivateKey.from_private_bytes(private_bytes)
        self.public = PublicKey(self._key.public_key().public_bytes_raw())
        self.id = id_of(self.public)

    @property
    def private_key(self) -> Ed25519PrivateKey:
        """The key itself, for the one use that needs it: the TLS leaf."""
        return self._key

    def sign(self, tag: bytes, message: bytes) -> bytes:
        """64 bytes over `tag` and `message`; check with `verify` under the same tag."""
        return self._key.sign(_tagged(tag, message))

    def share(self, private_bytes: bytes) -> Share:
        """Our half of a key agreement, grown from 32 fresh random bytes."""
        return Share(private_bytes)


def verify(public: PublicKey, tag: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `public` signed `message` under `tag`. Malformed keys and signatures are False."""
    if len(public) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    return _check(public, _tagged(tag, message), signature)


Check = Callable[[PublicKey, bytes, bytes], bool]
"""(key, signed bytes, signature) → whether that key signed them."""


def ed25519(public: PublicKey, signed: bytes, signature: bytes) -> bool:
    """The check of the product."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


_check: Check = ed25519


def check_with(check: Check) -> None:
    """Let `check` judge signatures in this process. For the simulator alone, which lives thousands
    of nights and can't spend 90 µs on each signature; nothing that a user can set leads here."""
    global _check  # noqa: PLW0603 - one process, one judge
    _check = check


@lru_cache(IDS_REMEMBERED_MAX)
def id_of(public: PublicKey) -> NodeId:
    """The node id that this public key stands for. Asked of every fact and block, many times."""
    return NodeId(hashlib.sha256(public).digest()[:NODE_ID_BYTES])


@lru_cache(IDS_REMEMBERED_MAX)
def id_text(node: NodeId) -> str:
    """A node id as people read it: 26 lower-case base32 characters."""
    return base64.b32encode(node).decode().rstrip("=").lower()


def short_id(node: NodeId) -> str:
    """The first eight characters of `id_text`, for tables. Never a key to look anything up by."""
    return id_text(node)[:8]


def parse_id(text: str) -> NodeId:
    """The inverse of `id_text`. Raises ValueError on anything that is not a whole id."""
    cleaned = text.strip().upper()
    try:
        raw = base64.b32decode(cleaned + "=" * (-len(cleaned) % 8))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a node id") from error
    if len(raw) != NODE_ID_BYTES or id_text(NodeId(raw)) != cleaned.lower():
        raise ValueError(f"{text!r} is not a node id: 26 base32 characters are")
    return NodeId(raw)


def _tagged(tag: bytes, message: bytes) -> bytes:
    # A length byte keeps ("ab", "c") and ("a", "bc") apart.
    return bytes([len(tag)]) + tag + message
