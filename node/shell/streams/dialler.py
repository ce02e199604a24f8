"""Calling peers: one pooled connection per peer, many requests side by side on it.

A peer's addresses are tried in order, each with a short head start before the next (as RFC 8305
has it), and the first at which *that peer* answers is kept; somebody else at the address (a lease
handed on, a copied configuration) is named and passed over. The link is trusted only after the
server's first word: under TLS 1.3 our handshake is done before the server has looked at our
certificate.

Nothing is sent twice. A request that was written and not answered ends as `StreamFailed`, and
whoever asked decides, by the request id inside it, whether to ask again.

A connection that was silent through a whole deadline is dropped: a machine that lost its power
sends no goodbye, and the next call should not wait on the same dead line.
"""

import ssl
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from mesh.effects import Address
from mesh.identity import NodeId, short_id
from node.shell.streams.frames import (
    BODY_BYTES_MAX,
    REQUEST_ID_MAX,
    Frame,
    FrameError,
    FrameParser,
    Kind,
    encode,
)
from node.shell.streams.outcomes import DialCounts, Failure, StreamFailed
from node.shell.streams.tls import DialContext, let_go, peer_of

POOLED_LINES_MAX: Final = 64
ADDRESSES_TRIED_MAX: Final = 8
HEAD_START_SECONDS: Final = 0.25
"""Of one address before the next: most answer within it, and a dead one costs no more than it."""
DIAL_SECONDS_MAX: Final = 3
"""For connection, handshake and the server's first word, per address."""
IDLE_SECONDS_MAX: Final = 20
"""Shorter than the server's patience: we hang up first, so no request crosses its hanging up."""
LINGER_SECONDS: Final = 2
"""Of a line that served nothing but the mesh's own reconciling: that is over with its answer. Where
everybody asks somebody who has just come, it is a hundred lines of 100 KB at either end."""
MESH_SERVICES: Final = "mesh."
IN_FLIGHT_REQUESTS_MAX: Final = 32
"""As many as the server allows."""
READ_BYTES: Final = 64 * 1024

Stream = trio.SSLStream[trio.abc.Stream]
LineKey = NodeId | Address
Dial = Callable[[Address], Awaitable[trio.abc.Stream]]
"""Opens a connection to an address, with nothing said on it yet. Raises OSError."""


Timed = Callable[[NodeId, int, int, float], None]
"""(peer, bytes of the answer, bytes of the request, seconds from the first to the last)."""


async def dial_tcp(address: Address) -> trio.abc.Stream:
    """A TCP connection of this machine."""
    return await trio.open_tcp_stream(*address)


class Dialler:
    """Calls peers. `nursery` keeps the connections; when it ends, so do they."""

    def __init__(
        self, context: ssl.SSLContext, nursery: trio.Nursery, dial: Dial = dial_tcp,
        others: Sequence[ssl.SSLContext] = (), timed: Timed | None = None,
    ) -> None:  # fmt: skip
        """`others`: what else we may come with, where `context` is not let in. `timed` hears how
        much each answered request to a named peer has moved, and in how long."""
        self.counts = DialCounts()
        self._timed = timed
        self._open = dial
        self._contexts = (context, *others)
        self._nursery = nursery
        self._seats: OrderedDict[LineKey, _Seat] = OrderedDict()

    def renew(self, context: ssl.SSLContext, others: Sequence[ssl.SSLContext] = ()) -> None:
        """Other secrets are in force: connections from here on rest on these."""
        self._contexts = (context, *others)
        for seat in self._seats.values():
            if seat.idle and seat.line is not None:
                seat.line.hang_up()

    async def call(
        self,
        addresses: Sequence[Address],
        peer: NodeId | None,
        service: str,
        body: bytes,
        deadline_s: float,
    ) -> bytes:
        """Ask `service` of `peer` and return the answer. Raises StreamFailed.

        Without a `peer` any member at the first address is asked; whom to trust is then the
        context's affair alone.
        """
        try:
            answer = await self._within(addresses, peer, service, body, deadline_s)
        except StreamFailed as failed:
            self.counts.failed[failed.cause] += 1
            raise
        self.counts.answered += 1
        return answer

    async def _within(
        self,
        addresses: Sequence[Address],
        peer: NodeId | None,
        service: str,
        body: bytes,
        deadline_s: float,
    ) -> bytes:
        if not addresses:
            raise StreamFailed(Failure.NO_ADDRESS, "no address is known")
        seat = self._seat(peer if peer is not None else addresses[0])
        began = trio.current_time()
        with trio.move_on_after(deadline_s):
            async with seat.dialling:
                if seat.line is None or seat.line.closed:
                    seat.line = await self._dial(addresses, peer)
                line = seat.line
            answer, seconds = await line.ask(service, body)
            if self._timed is not None and peer is not None:
                self._timed(peer, len(answer), len(body), seconds)
            return answer
        if seat.line is not None and seat.line.heard_at < began:
            seat.line.hang_up()
        raise StreamFailed(Failure.DEADLINE, f"no answer within {deadline_s:g} s")

    def _seat(self, key: LineKey) -> "_Seat":
        seat = self._seats.pop(key, None) or _Seat()
        self._seats[key] = seat  # the most recently used stands last
        if len(self._seats) > POOLED_LINES_MAX:
            self._make_room()
        return seat

    def _make_room(self) -> None:
        for key, seat in self._seats.items():
            if seat.idle:
                if seat.line is not None:
                    seat.line.hang_up()
                del self._seats[key]
                return
        # All are busy: one too many for a while harms less than hanging up on a caller.

    def where(self, key: LineKey) -> Address:
        """At which address the line that answered `key` last was opened."""
        line = self._seats[key].line
        assert line is not None, "it has answered"
        return line.address

    async def _dial(self, addresses: Sequence[Address], peer: NodeId | None) -> "_Line":
        failures: dict[Address, StreamFailed] = {}
        won: list[_Line] = []
        tried = list(dict.fromkeys(addresses))[:ADDRESSES_TRIED_MAX]

        async def attempt(address: Address, over: trio.Event) -> None:
            self.counts.dialled += 1
            try:
                stream = await self._connect(address, peer)
                won.append(_Line(stream, address))
                race.cancel_scope.cancel()
            except StreamFailed as failed:
                failures[address] = failed
            over.set()

        try:
            async with trio.open_nursery() as race:
                for address in tried:
                    over = trio.Event()
                    race.start_soon(attempt, address, over)
                    with trio.move_on_after(HEAD_START_SECONDS):
                        await over.wait()
            if won:
                line = won.pop(0)
                self._nursery.start_soon(line.run)
                return line
        finally:
            for late in won:  # it answered as well, or after its caller had gone
                await late.drop()
        told = [failures[address] for address in tried]
        furthest = max(told, key=lambda failed: failed.cause)
        raise StreamFailed(furthest.cause, "; ".join(failed.detail for failed in told))

    async def _connect(self, address: Address, peer: NodeId | None) -> Stream:
        *first, last = self._contexts
        for context in first:
            try:
                return await _connect(self._open, address, context, peer)
            except StreamFailed as failed:
                if failed.cause not in (Failure.HANDSHAKE, Failure.NOT_LET_IN):
                    raise
        return await _connect(self._open, address, last, peer)


@dataclass(slots=True)
class _Seat:
    """One peer's place in the pool."""

    dialling: trio.Lock = field(default_factory=trio.Lock)
    line: "_Line | None" = None

    @property
    def idle(self) -> bool:
        quiet = self.line is None or not self.line.waiting
        return quiet and not self.dialling.locked()


@dataclass(slots=True)
class _Waiting:
    """One request on its way: `done` is set when `answer` or a failure is known."""

    done: trio.Event = field(default_factory=trio.Event)
    answer: Frame | None = None
    done_at: float = 0.0


class _Line:
    """One open connection, past its greeting."""

    def __init__(self, stream: Stream, address: Address) -> None:
        self.address = address
        self.closed = False
        self.heard_at = trio.current_time()
        self.waiting: dict[int, _Waiting] = {}
        self._stream = stream
        self._writing = trio.Lock()
        self._places = trio.Semaphore(IN_FLIGHT_REQUESTS_MAX)
        self._last_id = 0
        self._patience: float = LINGER_SECONDS
        self._scope = trio.CancelScope()

    async def ask(self, service: str, body: bytes) -> tuple[bytes, float]:
        """One request, one answer, and the seconds from the first byte of one to the last of the
        other. Raises StreamFailed; cancelling forgets the answer."""
        if len(body) > BODY_BYTES_MAX:
            raise StreamFailed(Failure.TOO_LONG, f"the request has {len(body)} bytes")
        if not service.startswith(MESH_SERVICES):
            self._patience = IDLE_SECONDS_MAX
        async with self._places:
            self._last_id = self._last_id % REQUEST_ID_MAX + 1
            number = self._last_id
            waiting = self.waiting[number] = _Waiting()
            began = trio.current_time()
            try:
                await self._write(Frame(number, Kind.REQUEST, service, body))
                await waiting.done.wait()
            finally:
                del self.waiting[number]
        if waiting.answer is None:
            raise StreamFailed(Failure.CUT_OFF, "the connection ended before the answer")
        if waiting.answer.kind is Kind.REFUSED:
            raise StreamFailed(Failure.REFUSED, waiting.answer.body.decode(errors="replace"))
        return waiting.answer.body, waiting.done_at - began

    async def run(self) -> None:
        """Hand out answers until the far end closes, lies, or nobody needs us any more."""
        try:
            with self._scope:
                await self._listen()
        except (trio.BrokenResourceError, trio.ClosedResourceError, FrameError):
            pass  # told to those who wait, below
        finally:
            self.closed = True
            for waiting in self.waiting.values():
                waiting.done.set()
            await _drop(self._stream)
            if not self._writing.locked():  # else somebody has yet to learn of it, in the stream
                let_go(self._stream)

    def hang_up(self) -> None:
        """End the connection; requests under way fail as cut off."""
        self.closed = True
        self._scope.cancel()

    async def drop(self) -> None:
        """End a line on which nothing was said."""
        await _drop(self._stream)
        let_go(self._stream)

    async def _listen(self) -> None:
        parser = FrameParser()
        while True:
            data = b""
            with trio.move_on_after(self._patience) as patience:
                data = bytes(await self._stream.receive_some(READ_BYTES))
            if patience.cancelled_caught and self.waiting:
                continue  # a slow service; its caller has a deadline of its own
            if not data:
                return
            self.heard_at = trio.current_time()
            for frame in parser.feed(data):
                if not self._hand_out(frame):
                    return

    def _hand_out(self, frame: Frame) -> bool:
        """False when the far end says what a server has no business saying."""
        if frame.kind not in (Kind.ANSWER, Kind.REFUSED) or frame.id > self._last_id:
            return False
        waiting = self.waiting.get(frame.id)
        if waiting is not None and not waiting.done.is_set():
            waiting.answer, waiting.done_at = frame, self.heard_at
            waiting.done.set()
        return True  # an answer that nobody waits for any more is late, not wrong

    async def _write(self, frame: Frame) -> None:
        if self.closed:
            raise StreamFailed(Failure.CUT_OFF, "the connection ended before the request")
        async with self._writing:
            whole = False
            try:
                await self._stream.send_all(encode(frame))
                whole = True
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise StreamFailed(Failure.CUT_OFF, "the connection broke") from error
            finally:
                if not whole:
                    self.hang_up()  # half a frame is out: nothing sensible can follow it


async def _connect(
    dial: Dial, address: Address, context: ssl.SSLContext, peer: NodeId | None
) -> Stream:
    where = address.text
    reached = False
    with trio.move_on_after(DIAL_SECONDS_MAX):
        try:
            raw = await dial(address)
        except OSError as error:
            raise StreamFailed(Failure.UNREACHABLE, f"{where}: {_why(error)}") from error
        reached = True
        label = context.label if isinstance(context, DialContext) else None
        stream: Stream = trio.SSLStream(raw, context, server_hostname=label, https_compatible=True)
        greeted = False
        try:
            await _greet(stream, where, peer)
            greeted = True
            return stream
        finally:
            if not greeted:
                await _drop(stream)
                let_go(stream)
    cause = Failure.SILENT if reached else Failure.UNREACHABLE
    raise StreamFailed(cause, f"{where}: no word within {DIAL_SECONDS_MAX} s")


async def _greet(stream: Stream, where: str, peer: NodeId | None) -> None:
    try:
        await stream.do_handshake()
    except (trio.BrokenResourceError, ssl.SSLError) as error:
        why = _why(error.__cause__ or error)
        raise StreamFailed(Failure.HANDSHAKE, f"{where}: {why}") from error
    found = peer_of(stream)
    if found is None or (peer is not None and found != peer):
        who = "somebody without a node key" if found is None else short_id(found)
        raise StreamFailed(Failure.WRONG_PEER, f"{where}: {who} answers there")
    await _hear_hello(stream, where)


async def _hear_hello(stream: Stream, where: str) -> None:
    parser = FrameParser()
    frames: list[Frame] = []
    while not frames:
        try:
            data = bytes(await stream.receive_some(READ_BYTES))
            frames = parser.feed(data)
        except FrameError as error:
            raise StreamFailed(Failure.BAD_FRAME, f"{where}: {error}") from error
        except (trio.BrokenResourceError, ssl.SSLError) as error:
            why = _why(error.__cause__ or error)
            raise StreamFailed(Failure.NOT_LET_IN, f"{where}: {why}") from error
        if not data:
            raise StreamFailed(Failure.NOT_LET_IN, f"{where}: closed before its first word")
    if [frame.kind for frame in frames] != [Kind.HELLO] or parser.partial:
        raise StreamFailed(Failure.BAD_FRAME, f"{where}: its first word is no greeting")


async def _drop(stream: Stream) -> None:
    with trio.CancelScope(shield=True):
        await trio.aclose_forcefully(stream.transport_stream)


def _why(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text or type(error).__name__
