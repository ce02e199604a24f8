"""The keyring: every secret that this node takes for the mesh's, one of them the primary.

A mesh that changes its secret must not fall apart on the way. So there may be several at once: all
open the door, and the **primary** is the one under which we speak ourselves. A new secret is first
installed everywhere, then used everywhere, then the old one is removed; at each step everybody
understands everybody. Which mesh it is does not change: every secret on the ring carries the id of
the founding one.

Of a secret that was removed its key id stays, public as it always was, so that a node which slept
through the change can be told so instead of being met with silence.

As text, one line each, the primary first; that is the state folder's `secret` file, and with one
secret it is what it always was:

    hf1-...
    hf1-...
    retired 0a1b2c3d
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mesh.keys.secret import KEY_ID_BYTES, MeshKeys, NotASecret, Secret, derive

KEYS_MAX: Final = 4
"""Secrets at once. A rotation needs two; each is one more that may leak."""
RETIRED_MAX: Final = 16
"""Key ids of removed secrets; the oldest gives way."""
_RETIRED: Final = "retired "


@dataclass(frozen=True, slots=True)
class Keyring:
    """Secrets and what grows from them, the primary first. A change makes another ring."""

    secrets: tuple[Secret, ...]
    keys: tuple[MeshKeys, ...]
    retired: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, *secrets: Secret, retired: Iterable[bytes] = ()) -> "Keyring":
        """The ring of these secrets, the primary first."""
        assert secrets, "a ring without a secret opens nothing"
        keys = tuple(derive(secret) for secret in secrets)
        ring = cls(secrets, keys, tuple(retired)[-RETIRED_MAX:])
        assert len({one.mesh_id for one in keys}) == 1, "one ring, one mesh"
        return ring

    @property
    def primary(self) -> MeshKeys:
        """Under which we speak."""
        return self.keys[0]

    @property
    def mesh_id(self) -> bytes:
        return self.keys[0].mesh_id

    def named(self, key_id: bytes) -> MeshKeys | None:
        """The keys that a datagram names; None: none of ours."""
        for keys in self.keys:
            if keys.key_id == key_id:
                return keys
        return None

    @property
    def founding(self) -> bytes | None:
        """The key id of the founding secret, if it is still on the ring."""
        for secret, keys in zip(self.secrets, self.keys, strict=True):
            if secret.founded:
                return keys.key_id
        return None

    @property
    def is_as_founded(self) -> bool:
        """Whether the founding secret is all there is, and ever was as far as we know."""
        return len(self.keys) == 1 and self.secrets[0].founded and not self.retired

    # Changes -----------------------------------------------------------------------------------

    def install(self, secret: Secret) -> "Keyring":
        """Take `secret` for the mesh's too. One that was retired is welcome again."""
        secret = secret.for_mesh(self.mesh_id)
        key_id = derive(secret).key_id
        if self.named(key_id) is not None:
            return self
        retired = (one for one in self.retired if one != key_id)
        return Keyring.of(*self.secrets, secret, retired=retired)

    def use(self, key_id: bytes) -> "Keyring":
        """Speak under this one from here on. It must be on the ring."""
        first = self._at(key_id)
        others = tuple(one for one in self.secrets if one is not first)
        return Keyring.of(first, *others, retired=self.retired)

    def remove(self, key_id: bytes) -> "Keyring":
        """Take it for the mesh's no longer. Not the primary, and so never the last."""
        gone = self._at(key_id)
        assert gone is not self.secrets[0], "the primary is in use"
        kept = (one for one in self.secrets if one is not gone)
        return Keyring.of(*kept, retired=(*self.retired, key_id))

    def _at(self, key_id: bytes) -> Secret:
        for secret, keys in zip(self.secrets, self.keys, strict=True):
            if keys.key_id == key_id:
                return secret
        raise AssertionError("not on the ring")

    # As text -----------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """All of it, for the state folder and for nobody else's eyes."""
        lines = [secret.text for secret in self.secrets]
        return "\n".join([*lines, *(f"{_RETIRED}{one.hex()}" for one in self.retired)])

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """The inverse. Raises MistypedSecret or NotASecret, neither quoting the text."""
        secrets: list[Secret] = []
        retired: list[bytes] = []
        for line in text.split("\n"):
            if line.startswith(_RETIRED):
                retired.append(_key_id(line.removeprefix(_RETIRED)))
            elif line.strip():
                secrets.append(Secret.parse(line))
        if not 1 <= len(secrets) <= KEYS_MAX or len(retired) > RETIRED_MAX:
            raise NotASecret(f"a keyring has between 1 and {KEYS_MAX} secrets, one in a line")
        if len({secret.mesh_id for secret in secrets}) != 1:
            raise NotASecret("the secrets of this keyring are not of one mesh")
        return cls.of(*secrets, retired=retired)


def _key_id(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != KEY_ID_BYTES:
        raise NotASecret("a retired key is named by eight hexadecimal digits")
    return raw
