"""The secret of a mesh, and the keys that grow from it.

Everything that tells a member from a stranger derives from 32 bytes by HKDF-SHA256 under distinct,
versioned labels, so that no key can be used for another's purpose and none leads back to the
secret. The secret itself is shown as a checksummed text, and never by `repr`, so that it cannot
slip into a log by way of a traceback.

A mesh is named by its *founding* secret, and everything its members ever signed is bound to that
name. So a secret that takes over later carries the name along: its text is eight bytes longer.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mesh.keys.checked_text import Mistyped, NotThisText, read_checked, write_checked
from mesh.keys.passphrase import stretch

SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "hf1"  # noqa: S105 - how a secret begins, no secret
MESH_ID_BYTES: Final = 8
KEY_ID_BYTES: Final = 4
_LABEL: Final = b"holdfast v1 "


class NotASecret(ValueError):
    """The text is no secret at all."""


class MistypedSecret(ValueError):
    """The text is a secret with a slip in it."""


class Secret:
    """What every member of one mesh knows and nobody else does."""

    __slots__ = ("_mesh_id", "_raw")

    def __init__(self, raw: bytes, mesh_id: bytes | None = None) -> None:
        """`raw`: 32 bytes that nobody can guess; `mesh_id`: of the mesh it did not found."""
        if len(raw) != SECRET_BYTES:
            raise ValueError(f"a secret has {SECRET_BYTES} bytes, not {len(raw)}")
        if mesh_id is not None and len(mesh_id) != MESH_ID_BYTES:
            raise ValueError(f"a mesh id has {MESH_ID_BYTES} bytes, not {len(mesh_id)}")
        self._raw = raw
        self._mesh_id = mesh_id

    @classmethod
    def generate(cls, random: Random) -> "Secret":
        """A fresh secret. `random` must be a SystemRandom wherever the secret is meant to hold."""
        return cls(random.randbytes(SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> "Secret":
        """The inverse of `text`. Raises MistypedSecret or NotASecret, neither quoting the text."""
        try:
            raw = read_checked(SECRET_PREFIX, text)
        except Mistyped as slip:
            raise MistypedSecret(f"the secret is mistyped: {slip}") from None
        except NotThisText as stranger:
            raise NotASecret(f"this is not a secret: {stranger}") from None
        if len(raw) == SECRET_BYTES:
            return cls(raw)
        if len(raw) == SECRET_BYTES + MESH_ID_BYTES:
            return cls(raw[:SECRET_BYTES], raw[SECRET_BYTES:])
        raise NotASecret("this is not a secret: it has the wrong length")

    @classmethod
    def from_passphrase(cls, passphrase: str) -> "Secret":
        """The secret that a typed passphrase stands for. Raises WeakPassphrase with advice."""
        return cls(stretch(passphrase))

    @property
    def text(self) -> str:
        """The secret as people copy it. Show it once, and only to whoever asked."""
        return write_checked(SECRET_PREFIX, self._raw + (self._mesh_id or b""))

    @property
    def mesh_id(self) -> bytes:
        """Which mesh it opens: the one that it was made for, or else the one that it founded."""
        return self._mesh_id or _grow(self, b"mesh id", MESH_ID_BYTES)

    @property
    def founded(self) -> bool:
        """Whether the mesh it opens is named after it."""
        return self._mesh_id is None

    def for_mesh(self, mesh_id: bytes) -> "Secret":
        """The same secret, to take over in the mesh of that name."""
        founded = _grow(self, b"mesh id", MESH_ID_BYTES)
        return Secret(self._raw, None if mesh_id == founded else mesh_id)

    @property
    def raw(self) -> bytes:
        """The 32 bytes, for derivation."""
        return self._raw

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return False
        return (self._raw, self._mesh_id) == (other._raw, other._mesh_id)

    def __hash__(self) -> int:
        return hash((self._raw, self._mesh_id))

    def __repr__(self) -> str:
        return "Secret(hidden)"


@dataclass(frozen=True, slots=True)
class MeshKeys:
    """What grows from one secret. `mesh_id` and `key_id` are public; nothing else is."""

    mesh_id: bytes
    """8 bytes: which mesh, as facts and invites name it."""
    key_id: bytes
    """4 bytes: which secret a datagram was made under."""
    beacon_mac: bytes = field(repr=False)
    handshake: bytes = field(repr=False)
    ca_seed: bytes = field(repr=False)
    """32 bytes: the private key of the mesh's certificate authority."""


def derive(secret: Secret) -> MeshKeys:
    """All keys of the mesh that knows `secret`. The same on every machine, for ever."""
    return MeshKeys(
        mesh_id=secret.mesh_id,
        key_id=_grow(secret, b"key id", KEY_ID_BYTES),
        beacon_mac=_grow(secret, b"beacon mac", 32),
        handshake=_grow(secret, b"handshake", 32),
        ca_seed=_grow(secret, b"certificate authority", 32),
    )


def _grow(secret: Secret, purpose: bytes, length: int) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=length, salt=None, info=_LABEL + purpose)
    return kdf.derive(secret.raw)
