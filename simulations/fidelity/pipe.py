"""Connections between invented machines: TCP as its users know it, late and breakable.

Bytes arrive in order or not at all. A cut holds them up, as retransmission does, and a mended one
lets them through; a window bounds what is under way, so a reader that does not read stops its
writer. A process that dies breaks its connections; a machine that loses its power says nothing, and
whoever waits for it waits until its own patience ends. trio's own contract for streams
(`trio.testing.check_half_closeable_stream`) is put to these.
"""

import errno
import operator
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import trio

from mesh.effects import Address
from mesh.instant import MILLISECOND, SECOND, Duration
from simulations.fidelity.air import PORT, Air, Station

WINDOW_BYTES: Final = 64 * 1024
SEGMENT_BYTES: Final = 16 * 1024
READ_BYTES: Final = 64 * 1024
BACKLOG_CONNECTIONS: Final = 32
RETRY: Final[Duration] = 200 * MILLISECOND
"""How often a cut way is tried again."""
KNOCK_SECONDS: Final = 1.0
LOOPBACK_DELAY: Final[Duration] = MILLISECOND // 20


class _Reset:
    """Behind the last byte of a process that died: there is nobody any more."""


RESET: Final = _Reset()
Segment = bytes | _Reset | None
"""Bytes; the end of them (None); or a reset."""


@dataclass(slots=True)
class _Link:
    """What both directions of a connection share."""

    broken: bool = False
    changed: trio.Event = field(default_factory=trio.Event)

    def ring(self) -> None:
        """Something changed: whoever waits looks again."""
        self.changed.set()
        self.changed = trio.Event()

    def snap(self) -> None:
        """It is broken, and both ends find out."""
        self.broken = True
        self.ring()


class _Flow:
    """One direction of a connection: bytes from one station's process to another's."""

    def __init__(self, air: Air, source: Station, target: Station, link: _Link) -> None:
        self._air = air
        self._source = source
        self._target = target
        self._life = target.life
        self._link = link
        self._flying: deque[Segment] = deque()
        """Under way, in order."""
        self._afloat = 0
        self.read = bytearray()
        self.ended = False
        """The last byte has arrived and been told so."""
        self.deaf = False
        """The reader has closed: what is written now breaks the connection."""

    @property
    def room(self) -> int:
        """How many bytes more may be under way or unread."""
        return WINDOW_BYTES - self._afloat - len(self.read)

    def push(self, segment: Segment) -> None:
        """One segment leaves."""
        self._flying.append(segment)
        if isinstance(segment, bytes):
            self._afloat += len(segment)
        if len(self._flying) == 1:
            self._set_out()

    def _set_out(self) -> None:
        if self._source is self._target:
            self._air.later(LOOPBACK_DELAY, self._arrive)
            return
        late = self._air.network.stream(self._source.name, self._target.name)
        if late is None:
            self._air.later(0, self._link.snap)
        else:
            self._air.later(late, self._arrive)

    def _arrive(self) -> None:
        if self._air.network.is_cut(self._source.name, self._target.name):
            self._air.later(RETRY, self._arrive)
        elif self._link.broken or not self._source.powered or not self._target.powered:
            self._flying.clear()  # nobody is there, not even to say that nobody is there
        elif self._target.life != self._life:
            self._link.snap()  # somebody else is there now, and knows nothing of us
        else:
            self._take(self._flying.popleft())
            if self._flying:
                self._set_out()

    def _take(self, segment: Segment) -> None:
        if isinstance(segment, _Reset) or (self.deaf and segment is not None):
            self._link.snap()
            return
        if segment is None:
            self.ended = True
        else:
            self._afloat -= len(segment)
            self._air.trace("segment", self._target.name, len(segment).to_bytes(4))
            self.read += segment
        self._link.ring()


class Pipe(trio.abc.HalfCloseableStream):
    """One end of a connection."""

    def __init__(self, station: Station, outward: _Flow, inward: _Flow, link: _Link) -> None:
        self._station = station
        self._out = outward
        self._in = inward
        self._link = link
        self._closed = False
        self._finished = False
        self._sending = False
        self._receiving = False
        station.ends.append(self)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Returns when all of it is under way."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending")
        if self._finished and not self._closed:
            raise trio.ClosedResourceError("the end was sent already")
        self._sending = True
        try:
            await trio.lowlevel.checkpoint()
            self._check_sending()
            rest = bytes(data)
            while rest:
                await self._until_room()
                piece = rest[: min(SEGMENT_BYTES, self._out.room)]
                rest = rest[len(piece) :]
                self._out.push(piece)
        finally:
            self._sending = False

    async def wait_send_all_might_not_block(self) -> None:
        """Returns when a little more may be sent."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending")
        self._sending = True
        try:
            await trio.lowlevel.checkpoint()
            self._check_sending()
            await self._until_room()
        finally:
            self._sending = False

    async def send_eof(self) -> None:
        """Nothing more will be sent. Twice is fine."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending")
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError("closed")
        self._finish()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Some bytes, at least one; none at the end."""
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving")
        self._receiving = True
        try:
            await trio.lowlevel.checkpoint()
            return await self._receive(READ_BYTES if max_bytes is None else max_bytes)
        finally:
            self._receiving = False

    async def aclose(self) -> None:
        """Let go of both directions. The far end reads what is under way, then the end; or it is
        reset, if we leave bytes of its unread."""
        if not self._closed:
            self._closed = True
            if self._in.read:
                self._out.push(RESET)
            self._finish()
            self._in.deaf = True
            if self in self._station.ends:
                self._station.ends.remove(self)
            self._link.ring()
        await trio.lowlevel.checkpoint()

    def break_off(self) -> None:
        """The process at this end is gone. What it sent still arrives, and then a reset; its own
        hands get nothing done any more."""
        if not self._closed:
            self._closed = self._finished = True
            self._out.push(RESET)
            self._link.ring()

    def snap(self) -> None:
        """Somebody in between resets the connection."""
        self._link.snap()

    def _finish(self) -> None:
        if not self._finished:
            self._finished = True
            self._out.push(None)

    def _check_sending(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("closed")
        if self._link.broken:
            raise trio.BrokenResourceError("the connection broke")

    async def _until_room(self) -> None:
        while self._out.room <= 0:
            await self._link.changed.wait()
            self._check_sending()

    async def _receive(self, count: int) -> bytes:
        while True:
            if self._closed:
                raise trio.ClosedResourceError("closed")
            if self._in.read:
                data = bytes(self._in.read[:count])
                del self._in.read[:count]
                self._link.ring()
                return data
            if self._in.ended:
                return b""
            if self._link.broken:
                raise trio.BrokenResourceError("the connection broke")
            await self._link.changed.wait()


class Doorway(trio.abc.Listener[trio.abc.Stream]):
    """Somebody listens here, and callers wait in a line of bounded length."""

    def __init__(self, station: Station, name: str) -> None:
        self._station = station
        self._name = name
        self._closed = False
        self._into, self._waiting = trio.open_memory_channel[trio.abc.Stream](BACKLOG_CONNECTIONS)
        station.doors[name] = self

    def ring(self, stream: trio.abc.Stream) -> bool:
        """A caller is there; False when no more may wait."""
        try:
            self._into.send_nowait(stream)
        except (trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            return False
        return True

    async def accept(self) -> trio.abc.Stream:
        """The next caller."""
        return await self._waiting.receive()

    async def aclose(self) -> None:
        """Nobody listens here any more."""
        if self._station.doors.get(self._name) is self:
            del self._station.doors[self._name]
        self._into.close()
        self._waiting.close()
        await trio.lowlevel.checkpoint()


async def dial(air: Air, source: Station, to: Address) -> trio.abc.Stream:
    """A connection to whoever listens at `to`. Raises OSError; waits where nobody says no."""
    target = air.stations.get(to.host)
    if target is None:
        raise OSError(errno.ENETUNREACH, "network is unreachable")
    await _reach(air, source, target)
    await _reach(air, target, source)
    return _connect(air, source, target, "tcp" if to.port == PORT else "")


async def knock(air: Air, station: Station) -> trio.abc.Stream:
    """A connection to the local door of a machine. Raises OSError."""
    await trio.lowlevel.checkpoint()
    return _connect(air, station, station, "local")


def pair(air: Air, source: Station, target: Station) -> tuple[Pipe, Pipe]:
    """Both ends of a new connection."""
    link = _Link()
    there, back = _Flow(air, source, target, link), _Flow(air, target, source, link)
    return Pipe(source, there, back, link), Pipe(target, back, there, link)


def _connect(air: Air, source: Station, target: Station, name: str) -> trio.abc.Stream:
    door = target.doors.get(name)
    if door is not None:
        mine, theirs = pair(air, source, target)
        if door.ring(theirs):
            return mine
        source.ends.remove(mine)
        target.ends.remove(theirs)
    raise ConnectionRefusedError(errno.ECONNREFUSED, "connection refused")


async def _reach(air: Air, source: Station, target: Station) -> None:
    """One leg of a handshake; sent again for as long as nobody is heard."""
    while not target.powered or air.network.is_cut(source.name, target.name):  # noqa: ASYNC110 - TCP asks again too
        await trio.sleep(KNOCK_SECONDS)
    late = air.network.stream(source.name, target.name)
    await trio.sleep((RETRY if late is None else late) / SECOND)
