"""Serving streams: requests from members (and joiners) over mutual TLS.

Everyone on the wire may connect, so a connection is a stranger until its handshake is done, and may
stay one: a joiner shows no certificate. Strangers and half-open handshakes share a part of the
places, and a stranger's whole visit is short, so that they can't keep members out.

A far end that breaks a rule is **cut**: the connection is closed without a word, and the reason is
counted. The rules are deadlines (handshake, the rest of a frame, idleness, reading our answers) and
bounds (connections, requests in flight, frame length). A member that is only slow runs into none.

Requests of one connection are served side by side and answered in the order they are done.
"""

import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

import trio

from mesh.identity import NodeId
from node.shell.streams.frames import (
    BODY_BYTES_MAX,
    FRAME_BYTES_MAX,
    Frame,
    FrameError,
    FrameParser,
    Kind,
    encode,
)
from node.shell.streams.places import Cut, CutOff, Places, source_of
from node.shell.streams.tls import let_go, peer_of

IN_FLIGHT_REQUESTS_MAX: Final = 32
WAITING_BYTES_MAX: Final = 8 * 1024 * 1024
"""Answers of one connection that its far end has not taken off our hands."""
STRANGER_REQUESTS_MAX: Final = 2
STRANGER_FRAME_BYTES_MAX: Final = 4 * 1024
"""A stranger has a token of a few bytes to show, and nothing else."""
HANDSHAKE_SECONDS_MAX: Final = 10
FRAME_SECONDS_MAX: Final = 20
"""From a frame's first byte to its last: a full frame at 50 KB/s."""
ANSWER_SECONDS_MAX: Final = 20
"""For the far end to take one answer off our hands."""
IDLE_SECONDS_MAX: Final = 30
STRANGER_SECONDS_MAX: Final = 20
"""A stranger's whole visit: enough to prove a token and receive a secret."""
READ_BYTES: Final = 64 * 1024

Stream = trio.SSLStream[trio.abc.Stream]
StreamHandler = Callable[[NodeId | None, str, bytes], Awaitable[bytes]]
"""(who, service, body) → answer. `who` is None for a stranger: offer nothing but the joining."""


class ServiceRefused(Exception):
    """Raised by a handler: the request is answered with this sentence instead."""


@dataclass(slots=True)
class StreamCounts:
    """What the stream server saw since the start, for `doctor`."""

    accepted: int = 0
    served: int = 0
    refused: int = 0
    broken: int = 0
    """Connections that the far end or the network ended in the middle of something."""
    strange: int = 0
    """Frames of kinds that we do not know, from later versions: passed over."""
    cut: Counter[Cut] = field(default_factory=Counter)


async def serve(
    listeners: Sequence[trio.abc.Listener[trio.abc.Stream]],
    context: ssl.SSLContext,
    handler: StreamHandler,
    counts: StreamCounts,
) -> None:
    """Serve `handler` on `listeners` until cancelled; they are closed then."""
    await Server(context, handler, counts).serve(listeners)


@dataclass(slots=True)
class Server:
    """Everybody who is connected, and the secrets by which they were let in."""

    context: ssl.SSLContext
    handler: StreamHandler
    counts: StreamCounts
    places: Places = field(default_factory=Places)
    generation: int = 0
    """Moves when other secrets are in force: who was let in before may have no right to be here."""
    _open: "dict[_Connection, None]" = field(default_factory=dict)

    async def serve(self, listeners: Sequence[trio.abc.Listener[trio.abc.Stream]]) -> None:
        """Until cancelled; the listeners are closed then."""
        async with AsyncExitStack() as closing:
            for listener in listeners:
                await closing.enter_async_context(listener)
            await trio.serve_listeners(self.welcome, list(listeners))

    def renew(self, context: ssl.SSLContext) -> None:
        """Other secrets are in force. Who is connected is answered what it has asked, and must
        then be let in anew."""
        self.context = context
        self.generation += 1
        for connection in self._open:
            connection.end_if_done()

    async def welcome(self, raw: trio.abc.Stream) -> None:
        """One connection, from accept to close."""
        self.counts.accepted += 1
        try:
            with self.places.connection():
                await self._converse(raw)
        except* CutOff as cuts:
            self.counts.cut[_first(cuts).why] += 1
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            self.counts.broken += 1
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(raw)

    async def _converse(self, raw: trio.abc.Stream) -> None:
        stream: Stream = trio.SSLStream(raw, self.context, server_side=True, https_compatible=True)
        try:
            await self._let_in(stream, source_of(raw))
        finally:
            let_go(stream)

    async def _let_in(self, stream: Stream, source: str | None) -> None:
        with self.places.stranger(source):
            peer = await _shake_hands(stream)
            if peer is None:
                with _by(trio.current_time() + STRANGER_SECONDS_MAX, Cut.STRANGER_STAYED):
                    await self._listen(_Connection(self, stream, None))
                return
        with self.places.member(peer):
            await self._listen(_Connection(self, stream, peer))

    async def _listen(self, connection: "_Connection") -> None:
        self._open[connection] = None
        try:
            await connection.run()
        finally:
            del self._open[connection]


class _Connection:
    """One far end, and what it has asked."""

    def __init__(self, server: Server, stream: Stream, peer: NodeId | None) -> None:
        self._server = server
        self._stream = stream
        self._peer = peer
        self._parser = FrameParser(FRAME_BYTES_MAX if peer else STRANGER_FRAME_BYTES_MAX)
        self._requests_max = IN_FLIGHT_REQUESTS_MAX if peer else STRANGER_REQUESTS_MAX
        self._frame_deadline = 0.0
        self._writing = trio.Lock()
        self._in_flight = 0
        self._waiting = 0
        self._generation = server.generation
        self._scope = trio.CancelScope()

    def end_if_done(self) -> None:
        """Hang up, if the secrets have changed since we let it in and nothing is under way."""
        if self._generation != self._server.generation and not self._in_flight:
            self._scope.cancel()

    async def run(self) -> None:
        """Until the far end closes, falls idle, or is cut."""
        with self._scope:
            await self._converse()

    async def _converse(self) -> None:
        async with trio.open_nursery() as nursery:
            await self._write(Frame(0, Kind.HELLO, "", b""))
            while (data := await self._read()) is not None:
                if self._generation != self._server.generation:
                    continue  # we only wait for what was asked before
                for frame in self._frames(data):
                    self._begin(frame, nursery)
            nursery.cancel_scope.cancel()

    async def _read(self) -> bytes | None:
        """The next bytes; None at the end of the stream or of our patience with an idle one."""
        if self._parser.partial:
            # One deadline for the whole frame: else a byte now and then would hold the place.
            with _by(self._frame_deadline, Cut.FRAME_SLOW):
                data = bytes(await self._stream.receive_some(READ_BYTES))
            if not data:
                self._server.counts.broken += 1  # it stopped in the middle of a frame
            return data or None
        while True:
            with trio.move_on_after(IDLE_SECONDS_MAX):
                return bytes(await self._stream.receive_some(READ_BYTES)) or None
            if self._in_flight == 0:
                return None

    def _frames(self, data: bytes) -> list[Frame]:
        begun_before = self._parser.partial
        try:
            frames = self._parser.feed(data)
        except FrameError as error:
            raise CutOff(Cut.BAD_FRAME) from error
        self._server.counts.strange += self._parser.strange
        self._parser.strange = 0
        if frames or not begun_before:
            self._frame_deadline = trio.current_time() + FRAME_SECONDS_MAX
        return frames

    def _begin(self, frame: Frame, nursery: trio.Nursery) -> None:
        if frame.kind is not Kind.REQUEST:
            raise CutOff(Cut.NOT_A_REQUEST)
        if self._in_flight >= self._requests_max:
            raise CutOff(Cut.FLOOD)
        self._in_flight += 1
        nursery.start_soon(self._serve, frame)

    async def _serve(self, frame: Frame) -> None:
        try:
            with self._server.places.request(len(frame.body)):
                body = await self._server.handler(self._peer, frame.service, frame.body)
            _check_size(body)
            answer = Frame(frame.id, Kind.ANSWER, "", body)
            self._server.counts.served += 1
        except ServiceRefused as refusal:
            answer = Frame(frame.id, Kind.REFUSED, "", str(refusal).encode())
            self._server.counts.refused += 1
        self._waiting += len(answer.body)
        if self._waiting > WAITING_BYTES_MAX:
            raise CutOff(Cut.TOO_MUCH)
        await self._write(answer)
        self._waiting -= len(answer.body)
        self._in_flight -= 1
        self.end_if_done()

    async def _write(self, frame: Frame) -> None:
        with _by(trio.current_time() + ANSWER_SECONDS_MAX, Cut.ANSWER_SLOW):
            async with self._writing:
                await self._stream.send_all(encode(frame))


def _check_size(answer: bytes) -> None:
    """Refused when no frame holds it: how much there is to say is not ours alone to choose, since
    the asker's question and other members' words make it up. So it is no fault of ours."""
    if len(answer) > BODY_BYTES_MAX:
        raise ServiceRefused(f"the answer has {len(answer)} bytes: more than a frame holds")


@contextmanager
def _by(deadline: float, why: Cut) -> Iterator[None]:
    """Cut the connection when the block is not done by `deadline`, on trio's clock."""
    with trio.CancelScope(deadline=deadline) as scope:
        yield
    if scope.cancelled_caught:
        raise CutOff(why)


async def _shake_hands(stream: Stream) -> NodeId | None:
    with _by(trio.current_time() + HANDSHAKE_SECONDS_MAX, Cut.HANDSHAKE_SLOW):
        try:
            await stream.do_handshake()
        except (trio.BrokenResourceError, ssl.SSLError) as error:
            raise CutOff(Cut.HANDSHAKE_FAILED) from error
    return peer_of(stream)


def _first(cuts: BaseExceptionGroup[CutOff]) -> CutOff:
    error: BaseException = cuts
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, CutOff)
    return error
