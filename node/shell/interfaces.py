"""The machine's network interfaces, as far as a beacon and an address are concerned.

IPv4 only, for now: one `Interface` per address. Read afresh every few seconds, because cables,
Wi-Fi and VPNs come and go; two readings of an unchanged machine are equal.
"""

import ipaddress
from dataclasses import dataclass
from socket import AF_INET, if_nametoindex
from typing import Final

import psutil

LOOPBACK: Final = "127.0.0.1"
LOOPBACK_BROADCAST: Final = "127.255.255.255"
VIRTUAL_NAMES: Final = ("docker", "virbr", "br-", "veth", "vmnet", "cni", "podman", "lxc", "lxd")


@dataclass(frozen=True, slots=True, order=True)
class Interface:
    """One IPv4 address of an interface that is up."""

    name: str
    address: str
    index: int
    broadcast: str | None
    """Where a datagram to everyone on this link goes; None on links that have no such thing."""
    multicast: bool
    loopback: bool
    link_bits: int = 32
    """How many leading bits of `address` everyone on this link shares; 32: nobody else is there."""


def unknown(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of `names` no interface of this machine has, and all that there are (up or down)."""
    present = tuple(sorted(psutil.net_if_stats()))
    return tuple(name for name in names if name not in present), present


def scan(only: tuple[str, ...] = ()) -> tuple[Interface, ...]:
    """Every usable interface, sorted; loopback among them. `only`: those with these names."""
    stats = psutil.net_if_stats()
    found = [
        interface
        for name, addresses in psutil.net_if_addrs().items()
        if name in stats and stats[name].isup and (not only or name in only)
        for address in addresses
        if address.family == AF_INET
        for interface in _interface(name, address.address, address.netmask, stats[name].flags)
    ]
    return tuple(sorted(found))


def advertised(interfaces: tuple[Interface, ...]) -> tuple[str, ...]:
    """The addresses to tell others, likeliest first. Loopback only when there is nothing else."""
    outside = [interface for interface in interfaces if not interface.loopback]
    ranked = sorted(outside or interfaces, key=lambda interface: (_rank(interface), interface))
    return tuple(interface.address for interface in ranked)


def _rank(interface: Interface) -> int:
    # Bridges of containers and virtual machines carry the same address on many hosts.
    if interface.name.startswith(VIRTUAL_NAMES):
        return 2
    if ipaddress.ip_address(interface.address).is_link_local:
        return 1
    return 0


def _interface(name: str, address: str, netmask: str | None, flags: str) -> list[Interface]:
    try:
        index = if_nametoindex(name)
    except OSError:
        return []  # gone since it was listed
    words = flags.split(",")
    loopback = "loopback" in words or address.startswith("127.")
    return [
        Interface(
            name,
            address,
            index,
            broadcast=_broadcast(address, netmask, loopback=loopback, words=words),
            # Loopback has its broadcast address; multicast there would only double it.
            multicast="multicast" in words and not loopback,
            loopback=loopback,
            link_bits=_link_bits(address, netmask),
        )
    ]


def _link_bits(address: str, netmask: str | None) -> int:
    return 32 if netmask is None else ipaddress.ip_network(f"{address}/{netmask}", False).prefixlen


def _broadcast(
    address: str, netmask: str | None, *, loopback: bool, words: list[str]
) -> str | None:
    if loopback:
        return LOOPBACK_BROADCAST
    if netmask is None or "broadcast" not in words:
        return None
    # Computed, not read: an address added by hand (`ip address add`) has none configured, and the
    # kernel treats the last address of the subnet as its broadcast address all the same.
    network = ipaddress.ip_network(f"{address}/{netmask}", strict=False)
    return str(network.broadcast_address) if network.prefixlen <= 30 else None
