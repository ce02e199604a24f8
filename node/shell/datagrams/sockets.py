"""Sockets of both families: what we bind, what we join, and what an address is to the system.

IPv4 and IPv6 have a socket each (no dual-stack ones): a broadcast is IPv4 alone, options differ by
family, and a machine without the one still has the other. Where the system has no IPv6 at all there
simply is no second socket.

A link-local IPv6 address is written with its interface, `fe80::1%eth0`; the system wants the
number, which is looked up when it is needed, since interfaces come and go.
"""

import contextlib
import errno
import socket
import struct
import sys
from typing import Final, TypeAlias

from mesh.effects import Address
from node.shell.datagrams.interfaces import LOOPBACK, Interface

EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - the mesh is meant to be reached; the secret is the door
RECEIVE_BUFFER_BYTES: Final = 1024 * 1024
LISTEN_BACKLOG_CONNECTIONS: Final = 128
HOPS_MAX: Final = 1
ABSENT: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)
"""What a system says that was built, or told, to do without IPv6."""
_IP_MULTICAST_ALL: Final = 49
_IPV6_MULTICAST_ALL: Final = 29
IP_PKTINFO: Final = 8
"""Linux; Python has no names for these (the last one before 3.14)."""

SystemAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
_PORTS: Final = range(1, 65536)


def counterpart(host: str) -> str | None:
    """What binding to `host` means in IPv6; None where that means nothing."""
    return {EVERYWHERE: "::", LOOPBACK: "::1"}.get(host)


def system_address(to: Address) -> tuple[socket.AddressFamily, SystemAddress] | None:
    """What the system calls `to`; None where it is no address. Never asks a resolver.

    Raises OSError when it names an interface that is not there.
    """
    host, percent, zone = to.host.partition("%")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return None
    if to.port not in _PORTS or bool(percent) != bool(zone):
        return None
    if family == socket.AF_INET:
        return None if percent else (family, (host, to.port))
    return family, (host, to.port, 0, _number_of(zone) if zone else 0)


def address_of(sender: tuple[str, int] | tuple[str, int, int, int]) -> Address:
    """What we call an address of the system's."""
    host, port, *more = sender
    zone = more[1] if len(more) == 2 else 0
    return Address(f"{host.partition('%')[0]}%{zone_name(zone)}" if zone else host, port)


def _number_of(zone: str) -> int:
    try:
        return socket.if_nametoindex(zone)
    except OSError as error:  # it has no number of its own in Python
        raise OSError(errno.ENODEV, f"no interface is called {zone}") from error


def zone_name(index: int) -> str:
    """The interface's name, or its number when it has gone meanwhile."""
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)


def is_literal(to: Address) -> bool:
    """Whether `to` is an address, and no name that somebody would have to look up."""
    try:
        return system_address(to) is not None
    except OSError:
        return True  # an address all right; its interface has gone


def bind_tcp(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    listening = _unbound(host, socket.SOCK_STREAM)
    try:
        # For TCP on Linux this forgives old connections only; two listeners it does not allow.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(LISTEN_BACKLOG_CONNECTIONS)
    except OSError:
        listening.close()
        raise
    return listening


def bind_udp(host: str, port: int, *, shared: bool) -> socket.socket:
    """Our own socket for datagrams, able to shout. `shared`: on everybody's beacon port."""
    own = _unbound(host, socket.SOCK_DGRAM)
    try:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        prepare_mouth(own)
        if shared:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sys.platform == "linux" and own.family == socket.AF_INET:
                own.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        own.bind((host, port))
    except OSError:
        own.close()
        raise
    return own


def bind_shared(host: str, port: int, zone: int = 0) -> socket.socket:
    """A socket that others may have opened too, on a group's or a broadcast address."""
    shared = _unbound(host, socket.SOCK_DGRAM)
    try:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform != "linux":
            # Elsewhere SO_REUSEADDR alone does not share. On Linux it does, between users too.
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind((host, port, 0, zone) if shared.family == socket.AF_INET6 else (host, port))
    except OSError:
        shared.close()
        raise
    return shared


def prepare_mouth(mouth: socket.socket) -> None:
    """Allow a socket to shout, and keep other agents' groups out of it."""
    if mouth.family == socket.AF_INET6:
        mouth.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, HOPS_MAX)
        mouth.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
    else:
        mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, HOPS_MAX)
        mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
    only_own_groups(mouth)


def only_own_groups(receiver: socket.socket) -> None:
    """Hear what this very socket has joined, not what any socket of the machine has."""
    if sys.platform == "linux":
        level, option = (
            (socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL)
            if receiver.family == socket.AF_INET6
            else (socket.IPPROTO_IP, _IP_MULTICAST_ALL)
        )
        with contextlib.suppress(OSError):  # an old or emulated kernel: we hear some twice
            receiver.setsockopt(level, option, 0)


def join(receiver: socket.socket, group: str, interface: Interface) -> None:
    """Hear `group` on `interface`. Raises OSError."""
    if receiver.family == socket.AF_INET6:
        receiver.setsockopt(
            socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
            struct.pack("=16si", socket.inet_pton(socket.AF_INET6, group), interface.index),
        )  # fmt: skip
    else:
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _request(interface, group))


def speak_on(mouth: socket.socket, interface: Interface) -> None:
    """What goes to a group from here on leaves by `interface`. Raises OSError."""
    if mouth.family == socket.AF_INET6:
        mouth.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface.index)
    else:
        nobody = "0.0.0.0"  # noqa: S104 - no group
        mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _request(interface, nobody))


def _request(interface: Interface, group: str) -> bytes:
    """A `struct ip_mreqn`: the group, our address, and the interface's number (which decides)."""
    return struct.pack(
        "=4s4si", socket.inet_aton(group), socket.inet_aton(interface.address), interface.index
    )


def _unbound(host: str, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, kind)
    made.setblocking(False)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made
