"""Shares: one side's half of a key agreement (X25519), fresh for every handshake.

The key is kept as long as the handshake is open, because to make it costs as much as to use it.
"""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey


class Share:
    """A private half and its public one."""

    public: bytes
    """32 bytes, to be sent to the far end."""

    def __init__(self, private_bytes: bytes) -> None:
        """`private_bytes`: 32 fresh random bytes."""
        self._key = X25519PrivateKey.from_private_bytes(private_bytes)
        self.public = self._key.public_key().public_bytes_raw()

    def agree(self, public: bytes) -> bytes | None:
        """The 32 bytes that only the two ends can know; None when the far end's half is void.

        A void one is one of the few points that make every secret zero (RFC 7748 §6.1).
        """
        try:
            return self._key.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError:
            return None
