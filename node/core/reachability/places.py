"""Places: on which of a machine's networks an address lies.

IPv6 link-local addresses lie on every interface; only the zone behind the percent sign says which.
"""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from node.core.picture.evidence import Airway

NETWORKS_REMEMBERED_MAX: Final = 4096

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

SHARED_BY_CARRIERS: Final = ipaddress.ip_network("100.64.0.0/10")
"""RFC 6598; Tailscale gives its nodes addresses out of it."""
TAILSCALE_SIX: Final = ipaddress.ip_network("fd7a:115c:a1e0::/48")
DOCKER_DEFAULT: Final = ipaddress.ip_network("172.17.0.0/16")
"""docker0 unless somebody chose otherwise; other bridges follow from 172.18 up."""


def airway_of(host: str, airways: Sequence[Airway]) -> Airway | None:
    """The interface on whose network `host` is; the narrowest network wins. None: none of them."""
    address, zone = _read(host)
    if address is None:
        return None
    if zone:
        return next((airway for airway in airways if airway.name == zone), None)
    best: tuple[int, Airway] | None = None
    for airway in airways:
        for text in airway.networks:
            network = network_of(text)
            if network is None or address.version != network.version or address not in network:
                continue
            if best is None or network.prefixlen > best[0]:
                best = network.prefixlen, airway
    return None if best is None else best[1]


def shared_network(here: Sequence[Airway], there: Sequence[Airway]) -> tuple[Airway, Airway] | None:
    """A link that two machines seem to be on together: the same network under both."""
    for one in here:
        for other in there:
            if any(_same(a, b) for a in one.networks for b in other.networks):
                return one, other
    return None


def is_tailscale(host: str) -> bool:
    """Whether this is an address that Tailscale gives out."""
    address, _ = _read(host)
    if address is None:
        return False
    return address in (SHARED_BY_CARRIERS if address.version == 4 else TAILSCALE_SIX)


def host_of(text: str) -> str:
    """The host in HOST:PORT, [HOST]:PORT or ADDRESS/BITS."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    bare = text.partition("/")[0]
    return bare.partition(":")[0] if bare.count(":") == 1 else bare


@lru_cache(NETWORKS_REMEMBERED_MAX)
def network_of(text: str) -> IpNetwork | None:
    """The network of `192.168.1.7/24`; None when that is no such thing."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(NETWORKS_REMEMBERED_MAX)
def _read(host: str) -> tuple[IpAddress | None, str]:
    bare, _, zone = host.partition("%")
    try:
        return ipaddress.ip_address(bare), zone
    except ValueError:
        return None, ""


def _same(one: str, other: str) -> bool:
    here, there = network_of(one), network_of(other)
    if here is None or here != there:
        return False
    alone = here.prefixlen == here.max_prefixlen
    return not alone and not here.is_link_local and not here.is_loopback
