"""Beacons on the air: one small datagram to everyone near, on every interface at once.

Every agent of a machine must hear every beacon, whatever its own port, and none may ever take a
datagram meant for one agent alone. So the **ears** on port 4653 are bound to the *group* address
and to each *broadcast* address, never to a host's own: the kernel hands a copy of a broadcast or
multicast datagram to every matching socket, and a unicast datagram to port 4653 matches only the
agent whose own port that is. All ears are opened shared (SO_REUSEADDR).

There is one multicast ear per interface and IP version, and it refuses groups that others joined
(IP_MULTICAST_ALL off): so each beacon is heard once per interface and way, and we know by which.
IPv6 has no broadcast; its group is one of this link alone, and what comes by it comes from a
link-local address, which is as good an address to answer as any.

Beacons leave through the agent's own socket, so that their source *is* the address to answer.
"""

import errno
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from node.shell.datagrams.interfaces import Interface
from node.shell.datagrams.sockets import SystemAddress, bind_shared, join, only_own_groups, speak_on

BEACON_PORT: Final = 4653
BEACON_GROUP: Final = "239.255.46.53"
"""Of the block that organisations use as they like (RFC 2365)."""
BEACON_GROUP_6: Final = "ff12::8000:4653"
"""This link only, assigned by nobody, of the numbers that hosts may pick (RFC 4291, RFC 3307)."""


class Trouble(Enum):
    """What keeps discovery from working in full. None of it keeps the agent from working."""

    NO_NETWORK = "no network"
    MULTICAST_REFUSED = "multicast refused"
    BROADCAST_REFUSED = "broadcast refused"
    BEACON_PORT_TAKEN = "beacon port taken"
    NO_SUCH_INTERFACE = "no such interface"
    MDNS_UNUSABLE = "mDNS unusable"
    SEED_UNKNOWN = "seed unknown"


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


class Way(NamedTuple):
    """One way to everyone near: a subnet's broadcast address, or a group on one interface."""

    interface: Interface
    host: str
    group: bool

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.interface.version


Mouths: TypeAlias = Mapping[int, socket.socket]
"""Our own sockets, by IP version."""


def ways_out(interfaces: Sequence[Interface]) -> list[Way]:
    """Every way there is, each once: two addresses of one interface share its groups."""
    found: dict[tuple[int, str], Way] = {}
    for interface in interfaces:
        if interface.broadcast is not None:
            way = Way(interface, interface.broadcast, group=False)
            found.setdefault((0, way.host), way)
        if interface.multicast:
            group = BEACON_GROUP if interface.version == 4 else BEACON_GROUP_6
            found.setdefault((interface.index, group), Way(interface, group, group=True))
    return [*found.values()]


def open_ears(interfaces: Sequence[Interface]) -> tuple[list[Ear], list[NetworkWarning]]:
    """Open every ear that can be opened; say which can't and why."""
    ears: list[Ear] = []
    warnings: list[NetworkWarning] = []
    for way in ways_out(interfaces):
        try:
            ears.append(Ear(way.interface.name, _open_ear(way)))
        except OSError as error:
            warnings.append(_deaf(way, error))
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
            f"the interface {name} is not there, or has no IP address",
            "`ip address` lists them; name others with --interface, or bring it up",
        )
        for name in dict.fromkeys(wanted)
        if name not in there
    ]


def shout(
    mouths: Mouths,
    datagram: bytes,
    interfaces: Sequence[Interface],
    counts: dict[str, AirCounts],
) -> list[NetworkWarning]:
    """Send one beacon to everyone near, on every interface, and count. Never raises OSError."""
    warnings: list[NetworkWarning] = []
    for way in ways_out(interfaces):
        mouth = mouths.get(way.version)
        if mouth is None:
            continue  # IPv6 has come since we started: our port is not open there
        counted = counts.setdefault(way.interface.name, AirCounts())
        problem = _send(mouth, datagram, way, counted)
        if problem in (errno.EACCES, errno.EPERM):
            warnings.append(_refused(way, problem))
    return warnings


def _open_ear(way: Way) -> socket.socket:
    zone = way.interface.index if way.version == 6 else 0
    ear = bind_shared(way.host, BEACON_PORT, zone)
    if not way.group:
        return ear
    try:
        only_own_groups(ear)
        join(ear, way.host, way.interface)
    except OSError:
        ear.close()
        raise
    return ear


def _send(mouth: socket.socket, datagram: bytes, way: Way, counted: AirCounts) -> int:
    """0, or the number of what went wrong."""
    to: SystemAddress = (way.host, BEACON_PORT)
    if way.version == 6:
        to = (way.host, BEACON_PORT, 0, way.interface.index)
    try:
        if way.group:
            speak_on(mouth, way.interface)
        mouth.sendto(datagram, to)
    except OSError as error:
        counted.failed[error_name(error)] += 1
        return error.errno or 0
    counted.sent += 1
    return 0


def error_name(error: OSError) -> str:
    """The system's name for a failure, such as ENETUNREACH."""
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def _deaf(way: Way, error: OSError) -> NetworkWarning:
    name, interface = error_name(error), way.interface.name
    if error.errno == errno.EADDRINUSE:
        return NetworkWarning(
            Trouble.BEACON_PORT_TAKEN,
            interface,
            f"another program keeps UDP port {BEACON_PORT} to itself: no beacon is heard on "
            f"{interface}",
            f"find it with `ss -ulpn sport = :{BEACON_PORT}`; until then join by invite or seed",
        )
    return NetworkWarning(
        _trouble(way),
        interface,
        f"{_named(way)} on {interface} ({name}): beacons sent that way are not heard",
        "one way in is enough; else join by invite or seed",
    )


def _refused(way: Way, number: int) -> NetworkWarning:
    name = errno.errorcode.get(number, str(number))
    return NetworkWarning(
        _trouble(way),
        way.interface.name,
        f"{_named(way)} on {way.interface.name} ({name}): our beacons do not leave that way",
        f"let UDP port {BEACON_PORT} through the firewall, or join by invite or seed",
    )


def _trouble(way: Way) -> Trouble:
    return Trouble.MULTICAST_REFUSED if way.group else Trouble.BROADCAST_REFUSED


def _named(way: Way) -> str:
    return f"IPv6 {_trouble(way).value}" if way.version == 6 else _trouble(way).value


_NO_NETWORK: Final = NetworkWarning(
    Trouble.NO_NETWORK,
    "",
    "no network interface besides loopback is up",
    "plug in a cable or join a Wi-Fi; the agent looks again every few seconds",
)
