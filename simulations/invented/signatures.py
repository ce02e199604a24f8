"""Stand-in signatures: what a night can afford.

Checking one Ed25519 signature costs as much as several simulated events, so most nights sign with
BLAKE2b instead. The stand-in is a keyed hash whose key is the *public* key: nobody in a world knows
how to forge it, because nobody in a world computes it but the owner's `sign`; whoever sets out to
can. It keeps what the core relies on: another key, another tag, another message or a bent signature
is refused, and signing is arithmetic.

Key agreement has its stand-in too: what both ends can make of their two public halves, and anyone
who overhears them as well.

A stand-in key names itself, so real keys are still judged by Ed25519 in the same process, and both
schemes may live side by side.
"""

import hashlib
from typing import Final

from mesh.identity import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    Identity,
    PublicKey,
    check_with,
    ed25519,
    id_of,
)
from mesh.shares import Share

STAND_IN: Final = "stand-in"
ED25519: Final = "ed25519"
SCHEMES: Final = (STAND_IN, ED25519)

_MARK: Final = b"stand-in"
"""How a stand-in key begins. A real one does so once in 2⁶⁴."""


class StandIn(Identity):
    """A node's key in a world: as `Identity`, but cheap, and worth nothing outside."""

    def __init__(self, private_bytes: bytes) -> None:
        """`private_bytes`: 32 bytes, as for a real key."""
        size = PUBLIC_KEY_BYTES - len(_MARK)
        self.public = PublicKey(_MARK + hashlib.blake2b(private_bytes, digest_size=size).digest())
        self.id = id_of(self.public)

    def sign(self, tag: bytes, message: bytes) -> bytes:
        """64 bytes over `tag` and `message`; check with `mesh.identity.verify`."""
        return _signature(self.public, bytes([len(tag)]) + tag + message)

    def share(self, private_bytes: bytes) -> Share:
        """As `Identity.share`, without the arithmetic and without the secrecy."""
        return StandInShare(private_bytes)


class StandInShare(Share):
    """One end's half of an agreement in a world."""

    def __init__(self, private_bytes: bytes) -> None:
        self.public = hashlib.blake2b(private_bytes, digest_size=PUBLIC_KEY_BYTES).digest()

    def agree(self, public: bytes) -> bytes | None:
        """The same 32 bytes at both ends; None when the far end's half is void."""
        if len(public) != PUBLIC_KEY_BYTES or public == bytes(PUBLIC_KEY_BYTES):
            return None
        both = min(self.public, public) + max(self.public, public)
        return hashlib.blake2b(both, digest_size=PUBLIC_KEY_BYTES).digest()


def identity(private_bytes: bytes, scheme: str) -> Identity:
    """A node's key under `scheme`. From the first stand-in on, this process takes them."""
    if scheme == ED25519:
        return Identity(private_bytes)
    if scheme != STAND_IN:
        raise ValueError(f"there is no scheme {scheme!r}: {', '.join(SCHEMES)}")
    check_with(_either)
    return StandIn(private_bytes)


def _either(public: PublicKey, signed: bytes, signature: bytes) -> bool:
    if public.startswith(_MARK):
        return _signature(public, signed) == signature
    return ed25519(public, signed, signature)


def _signature(public: PublicKey, signed: bytes) -> bytes:
    return hashlib.blake2b(signed, digest_size=SIGNATURE_BYTES, key=public).digest()
