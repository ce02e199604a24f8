"""The gate: our own port, and everything that arrives at it or leaves from it as a datagram.

An agent owns one port number, twice: TCP for streams and UDP for datagrams. The TCP listener is
bound first, and it is what makes the number exclusive: the UDP socket may have to be opened shared
(an agent whose own port is the beacon port lives beside everybody's ears), and two shared sockets
on one port would steal each other's datagrams in silence.

Nothing that the network does raises here. What could not be sent is counted by the system's name
for it, what is too long is counted and dropped, and what keeps discovery from working is a
`NetworkWarning` for `doctor`. Only a port that is taken stops us, before anything has begun.
"""

import errno
import socket
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import trio

from mesh.datagram import DATAGRAM_BYTES_MAX
from mesh.effects import Address
from node.shell.beacons import (
    BEACON_PORT,
    AirCounts,
    Ear,
    NetworkWarning,
    error_name,
    missing,
    open_ears,
    prepare_mouth,
    shout,
)
from node.shell.interfaces import Interface, scan

DRAIN_DATAGRAMS_MAX: Final = 64
"""Per wake-up: enough to keep up with a burst, few enough to let the other tasks run."""
RECEIVE_BUFFER_BYTES: Final = 1024 * 1024
SCAN_SECONDS: Final = 3
LISTEN_BACKLOG_CONNECTIONS: Final = 128
FREE_PORT_TRIES_MAX: Final = 20
_IP_PKTINFO: Final = 8  # Linux; Python has no name for it before 3.14
_NOTES_BYTES: Final = socket.CMSG_SPACE(12)
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - the mesh is meant to be reached; the secret is the door

Deliver = Callable[[bytes, Address], None]
Changed = Callable[[tuple[Interface, ...]], None]


class PortTaken(Exception):
    """Our port can't be had. `sentence` says why, `hint` what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(f"{sentence}; {hint}")
        self.sentence = sentence
        self.hint = hint


@dataclass(slots=True)
class GateCounts:
    """What passed the gate since the start, for `doctor`."""

    received: int = 0
    sent: int = 0
    too_long: int = 0
    misdirected: int = 0
    """Broadcasts that reached our own socket: the ears have heard them already."""
    receive_failed: Counter[str] = field(default_factory=Counter)
    send_failed: Counter[str] = field(default_factory=Counter)
    air: dict[str, AirCounts] = field(default_factory=dict)
    """Beacons by interface."""


class Gate:
    """Our port. Open it, hand `listener` to the stream server, and `run` it in the nursery."""

    def __init__(
        self, listener: trio.SocketListener, own: socket.socket, only: tuple[str, ...] = ()
    ) -> None:
        """Use `Gate.open`."""
        self._only = only
        self.listener = listener
        self.port: int = own.getsockname()[1]
        self.counts = GateCounts()
        self.interfaces: tuple[Interface, ...] = ()
        self._own = own
        self._shared = self.port == BEACON_PORT
        self._deaf: list[NetworkWarning] = []
        self._mute: list[NetworkWarning] = []

    @classmethod
    async def open(cls, port: int, host: str = EVERYWHERE, only: tuple[str, ...] = ()) -> Self:
        """Take `port` (0: any free one) for TCP and UDP. Raises PortTaken.

        `only`: the names of the interfaces to speak on; none means all.
        """
        for _ in range(FREE_PORT_TRIES_MAX):
            listening = _bind_tcp(host, port)
            try:
                own = _bind_udp(host, listening.getsockname()[1])
            except OSError as error:
                listening.close()
                if port == 0 and error.errno == errno.EADDRINUSE:
                    continue  # free for TCP, taken for UDP: draw another
                raise _taken(port, error) from error
            return cls(trio.SocketListener(trio.socket.from_stdlib_socket(listening)), own, only)
        raise PortTaken("no port is free for both TCP and UDP", "name one with --port")

    @property
    def warnings(self) -> tuple[NetworkWarning, ...]:
        """What keeps discovery from working in full just now."""
        return (*self._deaf, *self._mute)

    def scan(self) -> tuple[Interface, ...]:
        """The interfaces we speak on, as they are now."""
        return scan(self._only)

    async def run(self, deliver: Deliver, changed: Changed) -> None:
        """Hear everything until cancelled: datagrams go to `deliver`, new scans to `changed`.

        The port stays open behind it, so that a good-bye can still be said; then `close`.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receive, self._own, None, deliver)
            await self._follow_interfaces(deliver, changed)

    def send(self, to: Address, datagram: bytes) -> None:
        """Put one datagram on the wire, now or never. Failures are counted."""
        assert len(datagram) <= DATAGRAM_BYTES_MAX, "the core builds none this long"
        if not is_literal(to):
            # A name would make the socket call a resolver, and wait for it.
            self.counts.send_failed["not an address"] += 1
            return
        try:
            self._own.sendto(datagram, to)
        except OSError as error:
            self.counts.send_failed[error_name(error)] += 1
            return
        self.counts.sent += 1

    def broadcast(self, datagram: bytes) -> None:
        """One beacon to everyone near, on every interface of the last scan."""
        assert len(datagram) <= DATAGRAM_BYTES_MAX, "the core builds none this long"
        if not self.interfaces:
            self.interfaces = self.scan()  # the first beacon does not wait for the first scan
        self._mute = shout(self._own, datagram, self.interfaces, self.counts.air)

    def close(self) -> None:
        """Let go of the UDP port. The listener belongs to the stream server."""
        if self._own.fileno() >= 0:  # closing twice is fine
            trio.lowlevel.notify_closing(self._own)
            self._own.close()

    async def _follow_interfaces(self, deliver: Deliver, changed: Changed) -> None:
        while True:
            seen = self.interfaces = self.scan()
            ears, deaf = open_ears(seen)
            self._deaf = [*deaf, *missing(seen, self._only)]
            changed(seen)
            try:
                async with trio.open_nursery() as nursery:
                    for ear in ears:
                        nursery.start_soon(self._receive, ear.listening, ear, deliver)
                    await _until_different(seen, self._only)
                    nursery.cancel_scope.cancel()
            finally:
                _close_ears(ears)

    async def _receive(self, source: socket.socket, ear: Ear | None, deliver: Deliver) -> None:
        while True:
            await trio.lowlevel.wait_readable(source)
            for _ in range(DRAIN_DATAGRAMS_MAX):
                try:
                    datagram, sender, for_us = _read(source, whole=ear is None and self._shared)
                except BlockingIOError:
                    break
                except OSError as error:
                    self.counts.receive_failed[error_name(error)] += 1
                    break
                if for_us:
                    self._pass(datagram, sender, ear, deliver)
                else:
                    self.counts.misdirected += 1

    def _pass(self, datagram: bytes, sender: Address, ear: Ear | None, deliver: Deliver) -> None:
        if len(datagram) > DATAGRAM_BYTES_MAX:
            self.counts.too_long += 1
            return
        if ear is not None:
            counted = self.counts.air.setdefault(ear.interface, AirCounts())
            if self._is_own(sender):
                counted.echoes += 1
                return
            counted.heard += 1
        self.counts.received += 1
        deliver(datagram, sender)

    def _is_own(self, sender: Address) -> bool:
        return sender.port == self.port and any(
            interface.address == sender.host for interface in self.interfaces
        )


async def _until_different(seen: tuple[Interface, ...], only: tuple[str, ...]) -> None:
    # The kernel could tell us (netlink); asking costs 0.2 ms and works on every system.
    while scan(only) == seen:  # noqa: ASYNC110 - there is no event to wait for
        await trio.sleep(SCAN_SECONDS)


def _close_ears(ears: Sequence[Ear]) -> None:
    for ear in ears:
        trio.lowlevel.notify_closing(ear.listening)
        ear.listening.close()


def _read(source: socket.socket, *, whole: bool) -> tuple[bytes, Address, bool]:
    """One datagram, who sent it, and whether it was meant for one receiver alone.

    `whole` asks the kernel where it was sent to; only our own socket on the beacon port needs that.
    """
    if not whole:
        datagram, sender = source.recvfrom(DATAGRAM_BYTES_MAX + 1)
        return datagram, Address(*sender), True
    datagram, notes, _, sender = source.recvmsg(DATAGRAM_BYTES_MAX + 1, _NOTES_BYTES)
    for level, kind, data in notes:
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO) and len(data) >= 12:
            # struct in_pktinfo: interface number, our address that was meant, address in the header
            return datagram, Address(*sender), data[4:8] == data[8:12]
    return datagram, Address(*sender), True


def _bind_tcp(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        # For TCP on Linux this forgives old connections only; two listeners it does not allow.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(LISTEN_BACKLOG_CONNECTIONS)
    except OSError as error:
        listening.close()
        raise _taken(port, error) from error
    return listening


def _bind_udp(host: str, port: int) -> socket.socket:
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        own.setblocking(False)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        prepare_mouth(own)
        if port == BEACON_PORT:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sys.platform == "linux":
                own.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        own.bind((host, port))
    except OSError:
        own.close()
        raise
    return own


def is_literal(to: Address) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, to.host)
    except (OSError, ValueError):
        return False
    return 0 < to.port < 65536


def _taken(port: int, error: OSError) -> PortTaken:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"port {port} is taken by another program (perhaps another agent)",
            "name another with --port, or stop that program",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortTaken(f"we may not use port {port}", "name one above 1023 with --port")
    return PortTaken(f"port {port} can't be opened: {error.strerror}", "name another with --port")
