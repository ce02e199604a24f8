"""The record: what a node says about its own whereabouts, as a fact on the topic "node".

Only this, signed by its subject, gives a node its addresses, its name, or its leave. The body is a
MessagePack map with one-letter keys; keys we do not know are ignored, so that a newer version can
say more. It must fit one datagram beside its signature, hence the limits.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, NamedTuple, TypeGuard

import msgpack

from mesh.effects import Address
from mesh.identity import NONCE_BYTES

TOPIC_NODE: Final = "node"
RECORD_BYTES_MAX: Final = 640
"""Of the body. With key, signature, topic and envelope the whole fact stays under a datagram."""
RECORDS_REMEMBERED_MAX: Final = 2048
"""Every record is heard several times, from several mouths, and read once."""
NAME_CHARS_MAX: Final = 63
ADDRESSES_MAX: Final = 16
HOST_CHARS_MAX: Final = 63
HOSTS_REMEMBERED_MAX: Final = 8192
"""Of a thousand members with a few addresses each, whether they are addresses."""
EVERYBODY: Final = "255.255.255.255"
SHARE_BYTES: Final = 32
WORD_CHARS_MAX: Final = 31
"""Of an address's kind, a region and a version."""


class Endpoint(NamedTuple):
    """One address a node says it listens on, and what sort of interface it belongs to."""

    host: str
    port: int
    kind: str

    @property
    def address(self) -> Address:
        return Address(self.host, self.port)


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What a node says of itself. `nonce` is its epoch's: it tells a clone from a relapse.

    `share`: the public half that it uses in handshakes (`mesh/door/passport.py`); empty for none.
    """

    name: str
    endpoints: tuple[Endpoint, ...]
    region: str
    version: str
    nonce: bytes
    left: bool = False
    share: bytes = field(default=b"", repr=False)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it may be written to. What else it says it is at is for others to understand."""
        return tuple(one.address for one in self.endpoints if is_one_machines(one.host))


@lru_cache(HOSTS_REMEMBERED_MAX)
def is_one_machines(host: str) -> bool:
    """Whether a letter to `host`, an address that somebody else told us, reaches one machine at
    most: no name, which would send us asking; no group, no broadcast; no zone, which is ours."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if address.is_multicast or address.is_unspecified or host == EVERYBODY:
        return False
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped is None and not address.is_link_local
    return True


def record_body(record: NodeRecord) -> bytes:
    """The fact's body. Endpoints that do not fit are left out, last first."""
    endpoints = record.endpoints[:ADDRESSES_MAX]
    body = _pack(record, endpoints)
    while len(body) > RECORD_BYTES_MAX and endpoints:
        endpoints = endpoints[:-1]
        body = _pack(record, endpoints)
    if parse_record(body) is None:
        raise ValueError(f"name {record.name!r} or region {record.region!r} cannot be announced")
    return body


@lru_cache(RECORDS_REMEMBERED_MAX)
def parse_record(body: bytes) -> NodeRecord | None:
    """The record in `body`, or None when it is not one. Never raises."""
    if len(body) > RECORD_BYTES_MAX:
        return None
    try:
        plain = msgpack.unpackb(body, max_map_len=32, max_array_len=ADDRESSES_MAX)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        return None
    return _record(plain) if type(plain) is dict else None


def _record(plain: dict[Any, Any]) -> NodeRecord | None:
    endpoints = _endpoints(plain.get("a"))
    nonce, left, share = plain.get("e"), plain.get("l"), plain.get("s", b"")
    name, region, version = plain.get("n"), plain.get("r"), plain.get("v")
    if endpoints is None or type(left) is not bool:
        return None
    if type(nonce) is not bytes or len(nonce) != NONCE_BYTES:
        return None
    if type(share) is not bytes or len(share) not in (0, SHARE_BYTES):
        return None
    if not _is_text(name, NAME_CHARS_MAX) or not name:
        return None
    if not _is_text(region, WORD_CHARS_MAX) or not _is_text(version, WORD_CHARS_MAX):
        return None
    return NodeRecord(name, endpoints, region, version, nonce, left, share)


def _endpoints(plain: Any) -> tuple[Endpoint, ...] | None:
    if type(plain) is not list or len(plain) > ADDRESSES_MAX:
        return None
    endpoints = tuple(_endpoint(item) for item in plain)
    whole = tuple(endpoint for endpoint in endpoints if endpoint is not None)
    return whole if len(whole) == len(endpoints) else None


def _endpoint(plain: Any) -> Endpoint | None:
    if type(plain) is not list or len(plain) < 3:
        return None
    host, port, kind = plain[:3]
    if type(port) is not int or not 0 < port < 65536:
        return None
    if not (_is_text(host, HOST_CHARS_MAX) and host and _is_text(kind, WORD_CHARS_MAX)):
        return None
    return Endpoint(host, port, kind)


def _is_text(value: Any, chars_max: int) -> TypeGuard[str]:
    return type(value) is str and len(value) <= chars_max and (not value or value.isprintable())


def _pack(record: NodeRecord, endpoints: tuple[Endpoint, ...]) -> bytes:
    packed: bytes = msgpack.packb(
        {
            "n": record.name, "a": [list(endpoint) for endpoint in endpoints],
            "r": record.region, "v": record.version, "e": record.nonce, "l": record.left,
            "s": record.share,
        }
    )  # fmt: skip
    return packed
