"""The gate: our own port, and everything that arrives at it or leaves from it as a datagram.

An agent owns one port number: TCP for streams and UDP for datagrams, in IPv4 and in IPv6. The TCP
listeners are bound first, and it is they that make the number exclusive: the UDP sockets may have
to be opened shared (an agent whose own port is the beacon port lives beside everybody's ears), and
two shared sockets on one port would steal each other's datagrams in silence.

Nothing that the network does raises here. What could not be sent is counted by the system's name
for it, what is too long is counted and dropped, and what keeps discovery from working is a
`NetworkWarning` for `doctor`. Only a port that is taken stops us, before anything has begun.
"""

import errno
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, Self

import trio

from mesh.effects import Address
from mesh.letters.datagram import DATAGRAM_BYTES_MAX
from node.shell.datagrams.beacons import (
    BEACON_PORT,
    AirCounts,
    Ear,
    NetworkWarning,
    error_name,
    missing,
    open_ears,
    shout,
)
from node.shell.datagrams.interfaces import Interface, scan
from node.shell.datagrams.link_news import LinkNews
from node.shell.datagrams.sockets import (
    ABSENT,
    EVERYWHERE,
    IP_PKTINFO,
    SystemAddress,
    address_of,
    bind_tcp,
    bind_udp,
    counterpart,
    system_address,
)

DRAIN_DATAGRAMS_MAX: Final = 64
"""Per wake-up: enough to keep up with a burst, few enough to let the other tasks run."""
FREE_PORT_TRIES_MAX: Final = 20
SAME_PORT_TRIES_MAX: Final = 11
SAME_PORT_EVERY_S: Final = 0.1
ROADS_REMEMBERED_MAX: Final = 4096
"""Addresses whose socket is known: a few per member of the largest mesh."""
_NOTES_BYTES: Final = socket.CMSG_SPACE(12)

Deliver = Callable[[bytes, Address], None]
Changed = Callable[[tuple[Interface, ...]], None]


class PortTaken(Exception):
    """Our port can't be had. `sentence` says why, `hint` what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(f"{sentence}; {hint}")
        self.sentence = sentence
        self.hint = hint


class _NoAddress(Exception):
    """Told to send to what is none."""


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
    """Our port. Open it, hand `listeners` to the stream server, and `run` it in the nursery."""

    def __init__(
        self, listening: Sequence[socket.socket], own: Sequence[socket.socket],
        only: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Use `Gate.open`."""
        self._only = only
        self.listeners = tuple(
            trio.SocketListener(trio.socket.from_stdlib_socket(one)) for one in listening
        )
        self.port: int = own[0].getsockname()[1]
        self.counts = GateCounts()
        self.interfaces: tuple[Interface, ...] = ()
        self._own = {6 if one.family == socket.AF_INET6 else 4: one for one in own}
        self._roads: dict[Address, tuple[socket.socket, SystemAddress]] = {}
        self._shared = self.port == BEACON_PORT
        self._deaf: list[NetworkWarning] = []
        self._mute: list[NetworkWarning] = []

    @classmethod
    async def open(cls, port: int, host: str = EVERYWHERE, only: tuple[str, ...] = ()) -> Self:
        """Take `port` (0: any free one) for TCP and UDP. Raises PortTaken.

        `only`: the names of the interfaces to speak on; none means all.
        """
        tries = FREE_PORT_TRIES_MAX if port == 0 else SAME_PORT_TRIES_MAX
        for left in reversed(range(tries)):
            try:
                listening, own = _take(port, host)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not left:
                    raise _taken(port, error) from error
                if port != 0:
                    # Perhaps it is still our own: a program that was just being started when we
                    # closed it has a copy up to its first step.
                    await trio.sleep(SAME_PORT_EVERY_S)
            else:
                return cls(listening, own, only)
        raise AssertionError("the last try returns or raises")

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
            for own in self._own.values():
                nursery.start_soon(self._receive, own, None, deliver)
            await self._follow_interfaces(deliver, changed)

    def send(self, to: Address, datagram: bytes) -> None:
        """Put one datagram on the wire, now or never. Failures are counted."""
        assert len(datagram) <= DATAGRAM_BYTES_MAX, "the core builds none this long"
        try:
            mouth, where = self._roads.get(to) or self._road_to(to)
            mouth.sendto(datagram, where)
        except OSError as error:
            self.counts.send_failed[error_name(error)] += 1
            return
        except _NoAddress:
            # A name would make the socket call a resolver, and wait for it.
            self.counts.send_failed["not an address"] += 1
            return
        self.counts.sent += 1

    def broadcast(self, datagram: bytes) -> None:
        """One beacon to everyone near, on every interface of the last scan."""
        assert len(datagram) <= DATAGRAM_BYTES_MAX, "the core builds none this long"
        if not self.interfaces:
            self.interfaces = self.scan()  # the first beacon does not wait for the first scan
        self._mute = shout(self._own, datagram, self.interfaces, self.counts.air)

    def close(self) -> None:
        """Let go of the UDP port. The listeners belong to the stream server."""
        for own in self._own.values():
            if own.fileno() >= 0:  # closing twice is fine
                trio.lowlevel.notify_closing(own)
                own.close()

    async def _follow_interfaces(self, deliver: Deliver, changed: Changed) -> None:
        with LinkNews.open() as news:
            while True:
                seen = self.interfaces = self.scan()
                self._roads.clear()  # an interface may have come back under another number
                ears, deaf = open_ears(seen)
                self._deaf = [*deaf, *missing(seen, self._only)]
                changed(seen)
                try:
                    async with trio.open_nursery() as nursery:
                        for ear in ears:
                            nursery.start_soon(self._receive, ear.listening, ear, deliver)
                        while scan(self._only) == seen:
                            await news.wait()
                        nursery.cancel_scope.cancel()
                finally:
                    _close_ears(ears)

    def _road_to(self, to: Address) -> tuple[socket.socket, SystemAddress]:
        found = system_address(to)
        if found is None:
            raise _NoAddress
        family, where = found
        mouth = self._own.get(6 if family == socket.AF_INET6 else 4)
        if mouth is None:
            raise OSError(errno.EAFNOSUPPORT, "this system has no IPv6")
        if len(self._roads) >= ROADS_REMEMBERED_MAX:
            del self._roads[next(iter(self._roads))]
        self._roads[to] = mouth, where
        return mouth, where

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
        return datagram, address_of(sender), True
    datagram, notes, _, sender = source.recvmsg(DATAGRAM_BYTES_MAX + 1, _NOTES_BYTES)
    for level, kind, data in notes:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO) and len(data) >= 12:
            # struct in_pktinfo: interface number, our address that was meant, address in the header
            return datagram, address_of(sender), data[4:8] == data[8:12]
    return datagram, address_of(sender), True


def _take(port: int, host: str) -> tuple[list[socket.socket], list[socket.socket]]:
    """The port, four times over: the listening sockets, and those for datagrams. All or none."""
    with ExitStack() as undo:
        listening, own = [bind_tcp(host, port)], list[socket.socket]()
        undo.callback(listening[0].close)
        port = listening[0].getsockname()[1]
        shared = port == BEACON_PORT
        own.append(bind_udp(host, port, shared=shared))
        undo.callback(own[0].close)
        other = counterpart(host)
        if other is not None and _has(other):
            listening.append(bind_tcp(other, port))
            undo.callback(listening[1].close)
            own.append(bind_udp(other, port, shared=shared))
        undo.pop_all()
    return listening, own


def check_free(port: int, host: str) -> None:
    """Raises PortTaken when somebody has `port`; whoever is just leaving it is waited for by
    `Gate.open`, and not here."""
    try:
        listening, own = _take(port, host)
    except OSError as error:
        raise _taken(port, error) from error
    for one in (*listening, *own):
        one.close()


def _has(host: str) -> bool:
    """Whether this system speaks the IP version of `host`."""
    try:
        bind_tcp(host, 0).close()
    except OSError as error:
        if error.errno in ABSENT:
            return False
        raise
    return True


def _taken(port: int, error: OSError) -> PortTaken:
    if error.errno == errno.EADDRINUSE and port == 0:
        return PortTaken("no port is free for both TCP and UDP", "name one with --port")
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"port {port} is taken by another program (perhaps another agent)",
            "name another with --port, or stop that program",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortTaken(f"we may not use port {port}", "name one above 1023 with --port")
    return PortTaken(f"port {port} can't be opened: {error.strerror}", "name another with --port")
