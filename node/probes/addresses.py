"""The addresses of this machine, the likeliest to work first.

A node tells all of them and the one that answers a probe wins, so a wrong guess costs a moment.
Virtual bridges and tunnels come last: a container bridge's address exists on every machine that
runs containers, and means another machine on each.
"""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final

import psutil

from node.core.picture.topics import AddressFact
from node.probes.sources import Roots, exists, names_in, read_text, read_word

KINDS_BY_USE: Final = ("ethernet", "wifi", "other", "tunnel", "bridge", "loopback")
"""Best first."""

BRIDGE_PREFIXES: Final = ("br-", "cni", "docker", "flannel", "lxcbr", "lxdbr", "podman", "vboxnet")
BRIDGE_PREFIXES_MORE: Final = ("veth", "virbr", "vmnet", "vnet", "cali", "incusbr", "bridge")
TUNNEL_PREFIXES: Final = ("tailscale", "tap", "tun", "utun", "wg", "zt", "nebula", "ppp", "ipsec")
WIFI_PREFIXES: Final = ("wlan", "wlp", "wlx", "wl")

ARP_ETHERNET: Final = "1"
ARP_LOOPBACK: Final = "772"
ARP_TUNNELS: Final = ("65534", "768", "769", "776", "778", "823")
"""/sys/class/net/*/type of links without a hardware address: tun, ipip, ip6tnl, sit, gre, ip6gre"""


@dataclass(frozen=True, slots=True)
class InterfaceMarks:
    """What /sys/class/net/NAME says of an interface."""

    arp_type: str | None = None
    is_bridge: bool = False
    has_wire: bool = False
    """A bridge: whether something real is plugged into it, and not containers alone."""
    is_wireless: bool = False
    is_tun: bool = False
    device_type: str | None = None


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """One address on one interface. `broadcast`: where a beacon goes (IPv4 only)."""

    host: str
    interface: str
    kind: str
    index: int
    up: bool
    broadcast: str | None

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.host else 4

    @property
    def link_local(self) -> bool:
        """Whether it means something only beside the name of an interface."""
        return ipaddress.ip_address(self.host).is_link_local


def kind_of(name: str, marks: InterfaceMarks) -> str:
    """ethernet | wifi | loopback | bridge | tunnel | other. The kernel's word before the name's."""
    if marks.arp_type == ARP_LOOPBACK or name == "lo":
        return "loopback"
    if marks.is_bridge and marks.has_wire:
        return "ethernet"  # how hosts of virtual machines stand on their own network
    if marks.is_bridge or name.startswith(BRIDGE_PREFIXES + BRIDGE_PREFIXES_MORE):
        return "bridge"
    if marks.is_tun or marks.device_type in ("wireguard", "vxlan") or marks.arp_type in ARP_TUNNELS:
        return "tunnel"
    if name.startswith(TUNNEL_PREFIXES):
        return "tunnel"
    if marks.is_wireless or marks.device_type == "wlan" or name.startswith(WIFI_PREFIXES):
        return "wifi"
    if marks.arp_type == ARP_ETHERNET or (marks.arp_type is None and name.startswith("e")):
        return "ethernet"
    return "other"


def parse_device_type(uevent: str) -> str | None:
    """DEVTYPE in an interface's uevent."""
    lines = [line for line in uevent.splitlines() if line.startswith("DEVTYPE=")]
    return lines[0].removeprefix("DEVTYPE=") if lines else None


def ranked(addresses: tuple[InterfaceAddress, ...]) -> tuple[InterfaceAddress, ...]:
    """Best first: by kind, then one valid anywhere before link-local, IPv4 before IPv6, by name."""
    return tuple(
        sorted(
            addresses,
            key=lambda found: (
                KINDS_BY_USE.index(found.kind),
                found.link_local,
                found.version,
                found.interface,
                found.host,
            ),
        )
    )


def address_facts(addresses: tuple[InterfaceAddress, ...]) -> tuple[AddressFact, ...]:
    """What peers are told: interfaces that are up, and no IPv6 link-local address, which no other
    machine can use without naming an interface of its own."""
    return tuple(
        AddressFact(found.host, found.interface, found.kind)
        for found in ranked(addresses)
        if found.up and not (found.version == 6 and found.link_local)
    )


def read_addresses(roots: Roots) -> tuple[InterfaceAddress, ...]:
    """Every IP address of this machine, best first."""
    states = psutil.net_if_stats()
    found: list[InterfaceAddress] = []
    for name, entries in sorted(psutil.net_if_addrs().items()):
        kind = kind_of(name, read_marks(roots, name))
        up = name in states and states[name].isup
        for entry in entries:
            if entry.family in (socket.AF_INET, socket.AF_INET6):
                host = entry.address.partition("%")[0]
                broadcast = entry.broadcast if entry.family == socket.AF_INET else None
                found.append(InterfaceAddress(host, name, kind, _index(name), up, broadcast))
    return ranked(tuple(found))


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0  # it went away since it was listed


def read_marks(roots: Roots, name: str) -> InterfaceMarks:
    """What the kernel says of an interface just now."""
    folder = f"{roots.sys}/class/net/{name}"
    return InterfaceMarks(
        arp_type=read_word(f"{folder}/type"),
        is_bridge=exists(f"{folder}/bridge"),
        has_wire=any(
            exists(f"{roots.sys}/class/net/{port}/device") for port in names_in(f"{folder}/brif")
        ),
        is_wireless=exists(f"{folder}/wireless") or exists(f"{folder}/phy80211"),
        is_tun=exists(f"{folder}/tun_flags"),
        device_type=parse_device_type(read_text(f"{folder}/uevent") or ""),
    )
