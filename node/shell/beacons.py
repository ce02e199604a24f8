"""Beacons on the air: one small datagram to everyone near, on every interface at once.

Every agent of a machine must hear every beacon, whatever its own port, and none may ever take a
datagram meant for one agent alone. So the **ears** on port 4653 are bound to the *group* address
and to each *broadcast* address, never to a host's own: the kernel hands a copy of a broadcast or
multicast datagram to every matching socket, and a unicast datagram to port 4653 matches only the
agent whose own port that is. All ears are opened shared (SO_REUSEADDR).

There is one multicast ear per interface, and it refuses groups that others joined
(IP_MULTICAST_ALL off): so each beacon is heard once per interface, and we know by which.

Beacons leave through the agent's own socket, so that their source *is* the address to answer.
"""

import contextlib
import errno
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from node.shell.interfaces import Interface

BEACON_PORT: Final = 4653
BEACON_GROUP: Final = "239.255.46.53"
BEACON_HOPS_MAX: Final = 1
_IP_MULTICAST_ALL: Final = 49  # Linux; Python has no name for it


class Trouble(Enum):
    """What keeps discovery from working in full. None of it keeps the agent from working."""

    NO_NETWORK = "no network"
    MULTICAST_REFUSED = "multicast refused"
    BROADCAST_REFUSED = "broadcast refused"
    BEACON_PORT_TAKEN = "beacon port taken"
    NO_SUCH_INTERFACE = "no such interface"
    MDNS_UNUSABLE = "mDNS unusable"


@dataclass(frozen=True, slots=True)
class NetworkWarning:
    """One thing that `doctor` should tell, and what to do about it."""

    trouble: Trouble
    interface: str
    sentence: str
    hint: str


@dataclass(slots=True)
class AirCounts:
    """Beacons of one interface since the start."""

    sent: int = 0
    heard: int = 0
    echoes: int = 0
    """Our own, come back: proof that the way out works."""
    failed: Counter[str] = field(default_factory=Counter)
    """Sends that failed, by the system's name for it (ENETUNREACH, EPERM, …)."""


@dataclass(frozen=True, slots=True)
class Ear:
    """One open socket that hears beacons of one interface."""

    interface: str
    listening: socket.socket


def open_ears(interfaces: Sequence[Interface]) -> tuple[list[Ear], list[NetworkWarning]]:
    """Open every ear that can be opened; say which can't and why."""
    ears: list[Ear] = []
    warnings: list[NetworkWarning] = []
    broadcasts: set[str] = set()
    joined: set[int] = set()
    for interface in interfaces:
        if interface.broadcast is not None and interface.broadcast not in broadcasts:
            broadcasts.add(interface.broadcast)
            _try_ear(_broadcast_ear, interface, ears, warnings)
        if interface.multicast and interface.index not in joined:
            joined.add(interface.index)
            _try_ear(_multicast_ear, interface, ears, warnings)
    if all(interface.loopback for interface in interfaces):
        warnings.append(_NO_NETWORK)
    return ears, warnings


def missing(seen: Sequence[Interface], wanted: Sequence[str]) -> list[NetworkWarning]:
    """What to say of interfaces that were asked for by name and are not there."""
    there = {interface.name for interface in seen}
    return [
        NetworkWarning(
            Trouble.NO_SUCH_INTERFACE,
            name,
            f"the interface {name} is not there, or has no IPv4 address",
            "`ip address` lists them; name others with --interface, or bring it up",
        )
        for name in dict.fromkeys(wanted)
        if name not in there
    ]


def shout(
    mouth: socket.socket,
    datagram: bytes,
    interfaces: Sequence[Interface],
    counts: dict[str, AirCounts],
) -> list[NetworkWarning]:
    """Send one beacon to everyone near, on every interface, and count. Never raises OSError."""
    warnings: list[NetworkWarning] = []
    for interface in interfaces:
        counted = counts.setdefault(interface.name, AirCounts())
        if interface.broadcast is not None:
            to = (interface.broadcast, BEACON_PORT)
            problem = _send(mouth, datagram, to, counted)
            if problem in (errno.EACCES, errno.EPERM):
                warnings.append(_refused(Trouble.BROADCAST_REFUSED, interface, problem))
        if interface.multicast:
            problem = _send_to_group(mouth, datagram, interface, counted)
            if problem in (errno.EACCES, errno.EPERM):
                warnings.append(_refused(Trouble.MULTICAST_REFUSED, interface, problem))
    return warnings


def prepare_mouth(mouth: socket.socket) -> None:
    """Allow a socket to shout, and keep other agents' groups out of it."""
    mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, BEACON_HOPS_MAX)
    mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
    _only_own_groups(mouth)


def _try_ear(
    opener: Callable[[Interface], socket.socket],
    interface: Interface,
    ears: list[Ear],
    warnings: list[NetworkWarning],
) -> None:
    try:
        ears.append(Ear(interface.name, opener(interface)))
    except OSError as error:
        warnings.append(_deaf(interface, error, multicast=opener is _multicast_ear))


def _broadcast_ear(interface: Interface) -> socket.socket:
    assert interface.broadcast is not None
    return _shared_socket(interface.broadcast)


def _multicast_ear(interface: Interface) -> socket.socket:
    ear = _shared_socket(BEACON_GROUP)
    try:
        _only_own_groups(ear)
        ear.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _group_on(interface, BEACON_GROUP)
        )
    except OSError:
        ear.close()
        raise
    return ear


def _shared_socket(host: str) -> socket.socket:
    shared = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        shared.setblocking(False)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform != "linux":
            # Elsewhere SO_REUSEADDR alone does not share. On Linux it does, between users too.
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind((host, BEACON_PORT))
    except OSError:
        shared.close()
        raise
    return shared


def _only_own_groups(receiver: socket.socket) -> None:
    # By default Linux hands a socket what *any* socket of the machine has joined.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # an old or emulated kernel: we hear some twice
            receiver.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)


def _group_on(interface: Interface, group: str) -> bytes:
    """A `struct ip_mreqn`: the group, our address, and the interface's number (which decides)."""
    return struct.pack(
        "=4s4si", socket.inet_aton(group), socket.inet_aton(interface.address), interface.index
    )


def _send_to_group(
    mouth: socket.socket, datagram: bytes, interface: Interface, counted: AirCounts
) -> int:
    try:
        mouth.setsockopt(
            socket.IPPROTO_IP,
            socket.IP_MULTICAST_IF,
            _group_on(interface, "0.0.0.0"),  # noqa: S104
        )
    except OSError as error:
        counted.failed[error_name(error)] += 1
        return error.errno or 0
    return _send(mouth, datagram, (BEACON_GROUP, BEACON_PORT), counted)


def _send(mouth: socket.socket, datagram: bytes, to: tuple[str, int], counted: AirCounts) -> int:
    """0, or the number of what went wrong."""
    try:
        mouth.sendto(datagram, to)
    except OSError as error:
        counted.failed[error_name(error)] += 1
        return error.errno or 0
    counted.sent += 1
    return 0


def error_name(error: OSError) -> str:
    """The system's name for a failure, such as ENETUNREACH."""
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def _deaf(interface: Interface, error: OSError, *, multicast: bool) -> NetworkWarning:
    name = error_name(error)
    if error.errno == errno.EADDRINUSE:
        return NetworkWarning(
            Trouble.BEACON_PORT_TAKEN,
            interface.name,
            f"another program keeps UDP port {BEACON_PORT} to itself: no beacon is heard on "
            f"{interface.name}",
            f"find it with `ss -ulpn sport = :{BEACON_PORT}`; until then join by invite or seed",
        )
    trouble = Trouble.MULTICAST_REFUSED if multicast else Trouble.BROADCAST_REFUSED
    return NetworkWarning(
        trouble,
        interface.name,
        f"{trouble.value} on {interface.name} ({name}): beacons sent that way are not heard",
        "one way in is enough; else join by invite or seed",
    )


def _refused(trouble: Trouble, interface: Interface, number: int) -> NetworkWarning:
    name = errno.errorcode.get(number, str(number))
    return NetworkWarning(
        trouble,
        interface.name,
        f"{trouble.value} on {interface.name} ({name}): our beacons do not leave that way",
        f"let UDP port {BEACON_PORT} through the firewall, or join by invite or seed",
    )


_NO_NETWORK: Final = NetworkWarning(
    Trouble.NO_NETWORK,
    "",
    "no network interface besides loopback is up",
    "plug in a cable or join a Wi-Fi; the agent looks again every few seconds",
)
