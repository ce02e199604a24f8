"""What we say by mDNS, and what we make of what others say.

An mDNS record is signed by nobody: a stranger may put any name, port, property and address there,
in our mesh's name too. So nothing in a record is believed. It can only point at addresses worth a
hello, and only at such as are on a link of ours: mDNS never leaves a link, so whoever really heard
us is on one, and nobody can make us knock on doors elsewhere. Who answers must prove who it is.

We say our node id, our port, and the id of our mesh's key, as a beacon does; no name, no hardware.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice
from typing import Final

from mesh.effects import Address
from mesh.identity import NodeId, id_text, parse_id
from node.core.picture.reports import Found
from node.shell.datagrams.interfaces import Interface, advertised

SERVICE_TYPE: Final = "_holdfast._udp.local."
KEY_PROPERTY: Final = b"key"
ADDRESSES_PER_NODE_MAX: Final = 4
"""Addresses on links that we share. One is the rule; a laptop on its dock has two."""
ADDRESSES_LOOKED_AT_MAX: Final = 64
ADDRESSES_SAID_MAX: Final = 16


class Ignored(Enum):
    """Why a record was of no use to us."""

    NO_NODE = "mDNS: the name is no node's"
    OURSELVES = "mDNS: our own record"
    OTHER_MESH = "mDNS: of another mesh, or of none"
    NO_PORT = "mDNS: no usable port"
    NOT_ON_OUR_LINKS = "mDNS: no address on a link of ours"
    TOO_MANY = "mDNS: too many nodes"


@dataclass(frozen=True, slots=True)
class Standpoint:
    """Who looks at a record, and from where."""

    node: NodeId
    key_id: bytes
    port: int
    links: tuple[Interface, ...]


def links_for_mdns(seen: Iterable[Interface]) -> tuple[Interface, ...]:
    """The interfaces that mDNS makes sense on. On loopback everyone hears beacons anyway."""
    return tuple(link for link in seen if link.multicast and not link.loopback)


def said_addresses(links: tuple[Interface, ...]) -> list[str]:
    """Our addresses as a record has them: the likeliest, should there be very many. Link-local
    ones are in it, since a record does not leave the link either."""
    return [_bare(one.address) for one in _ranked(links)[:ADDRESSES_SAID_MAX]]


def service_name(node: NodeId) -> str:
    """The name under which a node is announced."""
    return f"{id_text(node)}.{SERVICE_TYPE}"


def service_properties(key_id: bytes) -> dict[bytes, bytes]:
    """All that is said besides id, port and addresses."""
    return {KEY_PROPERTY: key_id.hex().encode()}


def node_named(name: str) -> NodeId | None:
    """Whose record it claims to be."""
    text = name.removesuffix("." + SERVICE_TYPE)
    try:
        node = parse_id(text)
    except ValueError:
        return None
    # Exactly as we write it: two spellings of one id would be two names for one node.
    return node if service_name(node) == name else None


def judge(
    name: str,
    port: int | None,
    packed_addresses: Iterable[bytes],
    properties: Mapping[bytes, bytes | None],
    us: Standpoint,
) -> Found | Ignored:
    """What a record is good for, seen from `us`."""
    node = node_named(name)
    if node is None:
        return Ignored.NO_NODE
    if node == us.node:
        return Ignored.OURSELVES
    if properties.get(KEY_PROPERTY) != service_properties(us.key_id)[KEY_PROPERTY]:
        return Ignored.OTHER_MESH
    if port is None or not 0 < port < 65536:
        return Ignored.NO_PORT
    near = _near(packed_addresses, port, us)
    return Found(node, near) if near else Ignored.NOT_ON_OUR_LINKS


def _near(packed_addresses: Iterable[bytes], port: int, us: Standpoint) -> tuple[Address, ...]:
    # In our own order, bridges of containers last: they carry the same address on many machines.
    links = _ranked(us.links)
    ours = {_bare(link.address) for link in links}
    near: list[tuple[int, str]] = []
    for packed in islice(packed_addresses, ADDRESSES_LOOKED_AT_MAX):
        host = ip_address(packed) if len(packed) in (4, 16) else None
        if host is None or (port == us.port and str(host) in ours):
            continue
        for at, link in enumerate(links):
            if _is_on(link, host):
                near.append((at, f"{host}%{link.name}" if link.is_for_us_alone else str(host)))
                if not link.is_for_us_alone:
                    break  # A link-local one may be on any link: it has no other way to say.
    hosts = dict.fromkeys(host for _, host in sorted(near))
    return tuple(Address(host, port) for host in islice(hosts, ADDRESSES_PER_NODE_MAX))


def _ranked(links: tuple[Interface, ...]) -> list[Interface]:
    return [*advertised(links), *sorted(link for link in links if link.is_for_us_alone)]


def _bare(address: str) -> str:
    return address.partition("%")[0]


def _is_on(link: Interface, host: IPv4Address | IPv6Address) -> bool:
    network = ip_network(f"{_bare(link.address)}/{link.link_bits}", strict=False)
    if host.version != network.version or host not in network:
        return False
    # The first and the last address of a link mean everybody on it, or any router: a hello there
    # would be a shout.
    shared = network.max_prefixlen - network.prefixlen > 1
    return not shared or host not in (network.network_address, network.broadcast_address)
