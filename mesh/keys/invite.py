"""An invite: where to knock, whom to find there, and a one-time token. Never the secret.

It may travel by mail or chat: who reads it later finds a token that was used or has lapsed. The
guest dials one of the addresses, checks that the far end's key is the inviter's, shows the token,
and is given the secret inside that connection.
"""

import ipaddress
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack

from mesh.effects import Address
from mesh.identity import NODE_ID_BYTES, NodeId
from mesh.keys.checked_text import Mistyped, NotThisText, read_checked, write_checked
from mesh.keys.secret import MESH_ID_BYTES

INVITE_PREFIX: Final = "hfi1"
TOKEN_BYTES: Final = 16
INVITE_ADDRESSES_MAX: Final = 8


class NotAnInvite(ValueError):
    """The text is no invite at all."""


class MistypedInvite(ValueError):
    """The text is an invite with a slip in it."""


@dataclass(frozen=True, slots=True)
class Invite:
    """One door into one mesh. `addresses` are IP addresses, the likeliest first."""

    mesh_id: bytes
    inviter: NodeId
    token: bytes = field(repr=False)
    addresses: tuple[Address, ...]

    def __post_init__(self) -> None:
        if len(self.mesh_id) != MESH_ID_BYTES or len(self.inviter) != NODE_ID_BYTES:
            raise ValueError("an invite names a mesh by 8 bytes and its inviter by 16")
        if len(self.token) != TOKEN_BYTES:
            raise ValueError(f"an invite's token has {TOKEN_BYTES} bytes")
        if not 1 <= len(self.addresses) <= INVITE_ADDRESSES_MAX:
            raise ValueError(f"an invite carries 1 to {INVITE_ADDRESSES_MAX} addresses")
        for address in self.addresses:
            ipaddress.ip_address(address.host)
            if not 0 < address.port < 1 << 16:
                raise ValueError(f"{address.port} is not a port: 1 to 65535 are")

    @property
    def text(self) -> str:
        """The invite as people copy it."""
        doors = [[_packed(address.host), address.port] for address in self.addresses]
        packed: bytes = msgpack.packb([self.mesh_id, self.inviter, self.token, doors])
        return write_checked(INVITE_PREFIX, packed)


def parse_invite(text: str) -> Invite:
    """The inverse of `Invite.text`. Raises MistypedInvite or NotAnInvite, each with a sentence."""
    try:
        content = read_checked(INVITE_PREFIX, text)
    except Mistyped as slip:
        raise MistypedInvite(f"the invite is mistyped: {slip}; copy it again, whole") from None
    except NotThisText as stranger:
        raise NotAnInvite(f"this is not an invite: {stranger}") from None
    try:
        return _invite_of(msgpack.unpackb(content))
    except (ValueError, TypeError) as error:
        raise NotAnInvite("this invite was made by a version we do not know") from error


def _invite_of(plain: Any) -> Invite:
    mesh_id, inviter, token, doors = plain
    if not all(type(part) is bytes for part in (mesh_id, inviter, token)):
        raise ValueError("mesh, inviter and token are bytes")
    return Invite(mesh_id, NodeId(inviter), token, tuple(_address_of(door) for door in doors))


def _address_of(door: Any) -> Address:
    packed, port = door
    if type(packed) is not bytes or type(port) is not int:
        raise ValueError("an address is packed bytes and a port")
    return Address(str(ipaddress.ip_address(packed)), port)


def _packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed
