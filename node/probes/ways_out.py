"""Ways out: by which interface this machine reaches the world, and whose network that really is.

The kernel is asked which of our addresses it would use towards an address of the documentation
range (RFC 5737, RFC 3849): connecting a UDP socket sends nothing, and the answer minds every table
and rule that a VPN may have added, which /proc/net/route alone does not show.

WSL2: in NAT mode Linux has an address of its own behind Windows; in mirrored mode it has those of
Windows, and an interface called `loopback0` beside them (Microsoft, "Accessing network applications
with WSL"; github.com/microsoft/WSL).
"""

import ipaddress
import socket
import sys
from typing import Final

from node.core.picture.evidence import WSL_MIRRORED, WSL_NAT, WSL_UNKNOWN
from node.probes.addresses import InterfaceAddress
from node.probes.sources import Roots, exists, read_word

NOWHERE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that belong to nobody. Nothing is sent there."""
ANY_PORT: Final = 9
WSL_NETWORK: Final = ipaddress.ip_network("172.16.0.0/12")
"""Out of which Windows gives its Linux an address in NAT mode."""


def platform() -> str:
    """`linux`, `darwin` or what else Python calls it."""
    return sys.platform


def own_address_outwards() -> str:
    """The address with which this machine goes outside; "" when there is no way."""
    for family, nowhere in NOWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asked:
                asked.connect((nowhere, ANY_PORT))
                return str(asked.getsockname()[0]).partition("%")[0]
        except OSError:
            continue  # no route in this version of IP, or none of it at all
    return ""


def interface_of(host: str, addresses: tuple[InterfaceAddress, ...]) -> str:
    """The name of the interface that has this address; "" when none has."""
    return next((found.interface for found in addresses if found.host == host), "")


def wsl_mode(roots: Roots, addresses: tuple[InterfaceAddress, ...]) -> str:
    """nat | mirrored | unknown; "" where this is no WSL2."""
    release = (read_word(f"{roots.proc}/sys/kernel/osrelease") or "").lower()
    if "microsoft" not in release:
        return ""
    if exists(f"{roots.sys}/class/net/loopback0"):
        return WSL_MIRRORED
    own = [ipaddress.ip_address(found.host) for found in addresses if found.interface == "eth0"]
    behind = any(address.version == 4 and address in WSL_NETWORK for address in own)
    return WSL_NAT if behind else WSL_UNKNOWN
