"""The machine's network interfaces, as far as a beacon and an address are concerned.

One `Interface` per address, IPv4 and IPv6. Read afresh when the kernel says that something moved
(and every so often, where it says nothing), because cables, Wi-Fi and VPNs come and go; two
readings of an unchanged machine are equal.

An IPv6 address is not ours to use before the link has been asked whether somebody else has it
(RFC 4862): until then it is left out, and the end of that question is a change like any other. A
link-local one means something only beside the name of its interface, and is written so:
`fe80::1%eth0`. It is good for hearing and answering on that link, and is never told to others.

Behind a bridge of containers nothing is found by link-local addresses; but each container that
starts brings one, and if it counted as a change a busy host would call out at each.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, if_nametoindex
from typing import Final

import psutil

from node.probes.addresses import KINDS_BY_USE, kind_of, read_marks
from node.probes.sources import Roots, read_text

LOOPBACK: Final = "127.0.0.1"
LOOPBACK_BROADCAST: Final = "127.255.255.255"
LOOPBACK_KIND: Final = "loopback"
BRIDGE_KIND: Final = "bridge"
IPV6_TABLE: Final = "/net/if_inet6"
TENTATIVE: Final = 0x40
DUPLICATE: Final = 0x08
"""Flags of that table (linux/if_addr.h): not asked yet, and somebody else has it."""


@dataclass(frozen=True, slots=True, order=True)
class Interface:
    """One address of an interface that is up."""

    name: str
    address: str
    index: int
    broadcast: str | None
    """Where a datagram to everyone on this link goes; None on links that have no such thing."""
    multicast: bool
    loopback: bool
    link_bits: int = 32
    """How many leading bits everyone on this link shares; all of them: nobody else is there."""
    kind: str = "other"
    """ethernet | wifi | other | tunnel | bridge | loopback"""

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4

    @property
    def link_local(self) -> bool:
        """Whether the address means something on this link alone."""
        return ipaddress.ip_address(self.address).is_link_local

    @property
    def is_for_us_alone(self) -> bool:
        """Whether nobody else could use the address if we told it."""
        return self.version == 6 and self.link_local


def unknown(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of `names` no interface of this machine has, and all that there are (up or down)."""
    present = tuple(sorted(psutil.net_if_stats()))
    return tuple(name for name in names if name not in present), present


def scan(only: tuple[str, ...] = ()) -> tuple[Interface, ...]:
    """Every usable interface, sorted; loopback among them. `only`: those with these names."""
    stats = psutil.net_if_stats()
    unsettled = unsettled_addresses(read_text(Roots().proc + IPV6_TABLE) or "")
    found = [
        interface
        for name, addresses in psutil.net_if_addrs().items()
        if name in stats and stats[name].isup and (not only or name in only)
        for address in addresses
        if address.family in (AF_INET, AF_INET6)
        and (name, address.address.partition("%")[0]) not in unsettled
        for interface in _interface(name, address.address, address.netmask, stats[name].flags)
        if not (interface.kind == BRIDGE_KIND and interface.is_for_us_alone)
    ]
    return tuple(sorted(found))


def advertised(interfaces: tuple[Interface, ...]) -> tuple[Interface, ...]:
    """Those whose addresses are told to others, likeliest first. Loopback only when alone."""
    outside = [interface for interface in interfaces if not interface.loopback]
    worth = [one for one in outside or interfaces if not one.is_for_us_alone]
    return tuple(sorted(worth, key=_likelihood))


def unsettled_addresses(table: str) -> frozenset[tuple[str, str]]:
    """(interface, address) of every IPv6 address that must not be used yet, or at all."""
    return frozenset(_unsettled(table))


def _unsettled(table: str) -> Iterator[tuple[str, str]]:
    for line in table.splitlines():
        words = line.split()
        if len(words) != 6 or len(words[0]) != 32:
            continue
        try:
            flags, packed = int(words[4], 16), bytes.fromhex(words[0])
        except ValueError:
            continue
        if flags & (TENTATIVE | DUPLICATE):
            yield words[5], str(ipaddress.IPv6Address(packed))


def _likelihood(interface: Interface) -> tuple[int, bool, int, Interface]:
    # Bridges of containers and virtual machines carry the same address on many hosts: last.
    rank = KINDS_BY_USE.index(interface.kind)
    return rank, interface.link_local, interface.version, interface


def _interface(name: str, address: str, netmask: str | None, flags: str) -> list[Interface]:
    try:
        index = if_nametoindex(name)
    except OSError:
        return []  # gone since it was listed
    words = flags.split(",")
    bare = ipaddress.ip_address(address.partition("%")[0])
    loopback = "loopback" in words or bare.is_loopback
    zoned = bare.version == 6 and bare.is_link_local
    return [
        Interface(
            name,
            f"{bare}%{name}" if zoned else str(bare),
            index,
            broadcast=_broadcast(address, netmask, loopback=loopback, words=words),
            # Loopback has its broadcast address; multicast there would only double it.
            multicast="multicast" in words and not loopback,
            loopback=loopback,
            link_bits=_link_bits(str(bare), netmask),
            kind=LOOPBACK_KIND if loopback else kind_of(name, read_marks(Roots(), name)),
        )
    ]


def _link_bits(address: str, netmask: str | None) -> int:
    if ":" in address:
        # A mask of IPv6 is not something `ipaddress` reads.
        bits = 0 if netmask is None else int(ipaddress.IPv6Address(netmask)).bit_count()
        return bits or 128
    return 32 if netmask is None else ipaddress.ip_network(f"{address}/{netmask}", False).prefixlen


def _broadcast(
    address: str, netmask: str | None, *, loopback: bool, words: list[str]
) -> str | None:
    if ":" in address:
        return None
    if loopback:
        return LOOPBACK_BROADCAST
    if netmask is None or "broadcast" not in words:
        return None
    # Computed, not read: an address added by hand (`ip address add`) has none configured, and the
    # kernel treats the last address of the subnet as its broadcast address all the same.
    network = ipaddress.ip_network(f"{address}/{netmask}", strict=False)
    return str(network.broadcast_address) if network.prefixlen <= 30 else None
