"""Streams between real ends on loopback: who is let in, who is cut, and what a caller is told."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio

from mesh.effects import Address
from mesh.identity import Identity, NodeId
from node.shell import dialler as dialler_module
from node.shell import places, streams
from node.shell.dialler import Dialler
from node.shell.frames import Frame, Kind, encode
from node.shell.outcomes import Failure, StreamFailed
from node.shell.places import Cut
from node.shell.streams import ServiceRefused, StreamCounts, StreamHandler, serve
from node.shell.tls import MeshTls, pinned_context

SEED = bytes(range(32))
SERVER = Identity(b"s" * 32)
CALLER = Identity(b"c" * 32)
STRANGE_SEED = b"x" * 32


@dataclass
class Stage:
    """A running server, a dialler of a member, and the nursery of both."""

    address: Address
    counts: StreamCounts
    dialler: Dialler
    nursery: trio.Nursery
    guests: list[trio.abc.AsyncResource] = field(default_factory=list)

    async def knock(self) -> trio.SocketStream:
        """A bare connection, closed with the stage."""
        raw = await trio.open_tcp_stream(*self.address)
        self.guests.append(raw)
        return raw

    async def ask(
        self, service: str = "echo", body: bytes = b"hello", peer: Identity = SERVER
    ) -> bytes:
        return await self.dialler.call([self.address], peer.id, service, body, 5)


async def echo(peer: NodeId | None, service: str, body: bytes) -> bytes:
    if service == "no":
        raise ServiceRefused("that is not to be had")
    if service == "who":
        return peer or b"stranger"
    if service == "slow":
        await trio.sleep_forever()
    if service == "unhurried":
        await trio.sleep(0.02)
    return body


@asynccontextmanager
async def stage(handler: StreamHandler = echo) -> AsyncIterator[Stage]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = Address(*listener.socket.getsockname())
    counts = StreamCounts()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, [listener], MeshTls([SEED], SERVER).server, handler, counts)
        dialler = Dialler(MeshTls([SEED], CALLER).client, nursery)
        at = Stage(address, counts, dialler, nursery)
        try:
            yield at
        finally:
            with trio.CancelScope(shield=True):
                for guest in at.guests:
                    await trio.aclose_forcefully(guest)
        nursery.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(5):
        while not condition():
            await trio.sleep(0.005)


async def raw_member(
    at: Stage, context: ssl.SSLContext | None = None
) -> "trio.SSLStream[trio.SocketStream]":
    """A client of our own making, past its greeting: it may misbehave from here on."""
    raw = await at.knock()
    context = context or MeshTls([SEED], CALLER).client
    stream = trio.SSLStream(raw, context, https_compatible=True)
    await stream.do_handshake()
    assert await stream.receive_some(1000) == encode(Frame(0, Kind.HELLO, "", b""))
    return stream


async def assert_cut(at: Stage, stream: trio.abc.ReceiveStream, why: Cut) -> None:
    await until(lambda: at.counts.cut[why] == 1)
    with trio.fail_after(5):
        try:
            while await stream.receive_some(1000):
                pass
        except trio.BrokenResourceError:
            pass


async def test_a_member_asks_and_is_answered_and_known_by_its_key() -> None:
    async with stage() as at:
        assert await at.ask(body=b"x" * 900_000) == b"x" * 900_000
        assert await at.ask("who") == CALLER.id


async def test_one_connection_serves_all_calls_of_a_peer_also_side_by_side() -> None:
    async with stage() as at, trio.open_nursery() as nursery:
        answers: list[bytes] = []

        async def one(number: int) -> None:
            answers.append(await at.ask("unhurried", str(number).encode()))

        for number in range(100):  # more than may be in flight: the rest waits its turn
            nursery.start_soon(one, number)
        await until(lambda: len(answers) == 100)
        assert sorted(answers) == sorted(str(number).encode() for number in range(100))
        assert at.counts.accepted == 1
        assert not at.counts.cut


async def test_a_refusal_comes_with_its_sentence_and_the_line_lives_on() -> None:
    async with stage() as at:
        with pytest.raises(StreamFailed, match="not to be had") as caught:
            await at.ask("no")
        assert caught.value.cause is Failure.REFUSED
        assert await at.ask() == b"hello"
        assert at.counts.accepted == 1


async def test_a_slow_service_does_not_hold_up_its_neighbours() -> None:
    async with stage() as at:
        with pytest.raises(StreamFailed) as caught:
            await at.dialler.call([at.address], SERVER.id, "slow", b"", 0.05)
        assert caught.value.cause is Failure.DEADLINE
        assert await at.ask() == b"hello"


async def test_somebody_else_at_the_address_is_named_and_the_next_address_tried() -> None:
    async with stage() as at:
        with pytest.raises(StreamFailed) as caught:
            await at.ask(peer=CALLER)
        assert caught.value.cause is Failure.WRONG_PEER
        (dead,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        gone = Address(*dead.socket.getsockname())
        await dead.aclose()
        assert await at.dialler.call([gone, at.address], SERVER.id, "echo", b"x", 5) == b"x"
        with pytest.raises(StreamFailed) as caught:
            await at.dialler.call([gone], CALLER.id, "echo", b"x", 5)
        assert caught.value.cause is Failure.UNREACHABLE
        assert at.dialler.counts.failed[Failure.UNREACHABLE] == 1


async def test_any_member_will_do_when_no_peer_is_named() -> None:
    async with stage() as at:
        assert await at.dialler.call([at.address], None, "who", b"", 5) == CALLER.id


async def test_another_mesh_gets_in_neither_as_caller_nor_as_server() -> None:
    async with stage() as at:
        strange = MeshTls([STRANGE_SEED], CALLER)
        # It does not even take our server's certificate.
        with pytest.raises(StreamFailed) as caught:
            await Dialler(strange.client, at.nursery).call([at.address], SERVER.id, "echo", b"x", 5)
        assert caught.value.cause is Failure.HANDSHAKE
        # And when it takes anything, the server does not take *its* certificate.
        careless = strange.client
        careless.verify_mode = ssl.CERT_NONE
        with pytest.raises(StreamFailed) as caught:
            await Dialler(careless, at.nursery).call([at.address], SERVER.id, "echo", b"x", 5)
        assert caught.value.cause is Failure.NOT_LET_IN
        assert at.counts.served == 0
        await until(lambda: at.counts.cut[Cut.HANDSHAKE_FAILED] == 2)


async def test_during_a_rotation_both_secrets_open_the_door() -> None:
    both = MeshTls([STRANGE_SEED, SEED], CALLER)
    async with stage() as at:
        # The server trusts only the old secret; the caller already signs by the new one.
        with pytest.raises(StreamFailed):
            await Dialler(both.client, at.nursery).call([at.address], SERVER.id, "who", b"", 5)
        still_old = MeshTls([SEED, STRANGE_SEED], CALLER)
        answer = await Dialler(still_old.client, at.nursery).call(
            [at.address], SERVER.id, "who", b"", 5
        )
        assert answer == CALLER.id


async def test_a_joiner_pins_the_inviter_and_is_served_as_a_stranger() -> None:
    async with stage() as at:
        joiner = Dialler(pinned_context(), at.nursery)
        assert await joiner.call([at.address], SERVER.id, "who", b"", 5) == b"stranger"
        with pytest.raises(StreamFailed) as caught:
            await joiner.call([at.address], CALLER.id, "who", b"", 5)
        assert caught.value.cause is Failure.WRONG_PEER


async def test_the_dialler_dials_again_after_the_server_hung_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "IDLE_SECONDS_MAX", 0.05)
    async with stage() as at:
        assert await at.ask() == b"hello"
        (seat,) = at.dialler._seats.values()
        await until(lambda: seat.line is not None and seat.line.closed)
        assert await at.ask() == b"hello"
        assert at.counts.accepted == 2
        assert not at.counts.cut


async def test_a_server_that_dies_under_a_request_is_an_unknown_not_a_no() -> None:
    async def dies(_peer: NodeId | None, _service: str, _body: bytes) -> bytes:
        at.nursery.cancel_scope.cancel()
        await trio.sleep_forever()
        return b""

    async with trio.open_nursery() as outer:
        async with stage(dies) as at:
            dialler = Dialler(MeshTls([SEED], CALLER).client, outer)
            ended: list[StreamFailed] = []

            async def ask() -> None:
                try:
                    await dialler.call([at.address], SERVER.id, "x", b"", 5)
                except StreamFailed as failed:
                    ended.append(failed)

            outer.start_soon(ask)
            await trio.sleep_forever()
        await until(lambda: bool(ended))
        assert ended[0].cause is Failure.CUT_OFF
        outer.cancel_scope.cancel()


async def test_a_line_that_was_silent_through_a_deadline_is_dropped() -> None:
    async with stage() as at:
        await at.ask()
        with pytest.raises(StreamFailed):
            await at.dialler.call([at.address], SERVER.id, "slow", b"", 0.05)
        (seat,) = at.dialler._seats.values()
        assert seat.line is not None
        assert seat.line.closed


async def test_the_pool_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialler_module, "POOLED_LINES_MAX", 3)
    async with stage() as at:
        for number in range(6):
            host = f"127.0.0.{number + 1}"  # all of them are this machine
            address = Address(host, at.address.port)
            with contextlib.suppress(StreamFailed):  # the server listens on 127.0.0.1 alone
                await at.dialler.call([address], None, "echo", b"", 5)
        assert len(at.dialler._seats) <= 3


# Bad far ends ---------------------------------------------------------------------------------


async def test_a_caller_that_lies_about_lengths_is_cut() -> None:
    async with stage() as at:
        stream = await raw_member(at)
        await stream.send_all(b"\xff\xff\xff\xff junk")
        await assert_cut(at, stream, Cut.BAD_FRAME)
        assert await at.ask() == b"hello"  # and the others are still served


async def test_a_caller_that_answers_instead_of_asking_is_cut() -> None:
    async with stage() as at:
        stream = await raw_member(at)
        await stream.send_all(encode(Frame(1, Kind.ANSWER, "", b"")))
        await assert_cut(at, stream, Cut.NOT_A_REQUEST)


async def test_a_caller_that_floods_is_cut() -> None:
    async with stage() as at:
        stream = await raw_member(at)
        await stream.send_all(
            b"".join(encode(Frame(number, Kind.REQUEST, "slow", b"")) for number in range(33))
        )
        await assert_cut(at, stream, Cut.FLOOD)


async def test_a_frame_that_drips_is_cut_although_each_byte_is_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "FRAME_SECONDS_MAX", 0.2)
    async with stage() as at:
        stream = await raw_member(at)
        await stream.send_all((1000).to_bytes(4))
        with contextlib.suppress(trio.BrokenResourceError):
            for _ in range(30):
                await stream.send_all(b"\x94")
                await trio.sleep(0.05)
        assert at.counts.cut == {Cut.FRAME_SLOW: 1}


async def test_a_caller_that_stops_in_the_middle_of_a_frame_is_counted() -> None:
    async with stage() as at:
        stream = await raw_member(at)
        await stream.send_all(encode(Frame(1, Kind.REQUEST, "echo", b"x" * 100))[:50])
        await trio.aclose_forcefully(stream)
        await until(lambda: at.counts.broken == 1)
        assert await at.ask() == b"hello"


async def test_a_caller_that_does_not_read_its_answers_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "ANSWER_SECONDS_MAX", 0.2)
    monkeypatch.setattr(streams, "WAITING_BYTES_MAX", 10**9)
    async with stage() as at:
        stream = await raw_member(at)
        request = encode(Frame(1, Kind.REQUEST, "echo", b"x" * 900_000))
        with trio.move_on_after(2):
            try:
                for _ in range(30):
                    await stream.send_all(request)
            except trio.BrokenResourceError:
                pass
        await until(lambda: at.counts.cut[Cut.ANSWER_SLOW] == 1)
        await trio.aclose_forcefully(stream)


async def test_a_connection_that_never_shakes_hands_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "HANDSHAKE_SECONDS_MAX", 0.05)
    async with stage() as at:
        raw = await at.knock()
        await assert_cut(at, raw, Cut.HANDSHAKE_SLOW)


async def test_plain_text_on_the_port_is_cut() -> None:
    async with stage() as at:
        raw = await at.knock()
        await raw.send_all(b"GET / HTTP/1.1\r\n\r\n")
        await assert_cut(at, raw, Cut.HANDSHAKE_FAILED)


async def test_a_stranger_may_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STRANGER_SECONDS_MAX", 0.1)
    async with stage() as at:
        stream = await raw_member(at, pinned_context())
        await assert_cut(at, stream, Cut.STRANGER_STAYED)


async def test_strangers_cannot_take_the_places_of_members(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "STRANGERS_MAX", 3)
    async with stage() as at:
        assert await at.ask() == b"hello"  # a member's line is open already
        crowd = [await at.knock() for _ in range(4)]
        await assert_cut(at, crowd[3], Cut.TOO_MANY_STRANGERS)
        assert await at.ask() == b"hello"


async def test_a_bug_in_a_service_is_not_hidden() -> None:
    async def buggy(_peer: NodeId | None, _service: str, _body: bytes) -> bytes:
        raise ZeroDivisionError

    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with stage(buggy) as at:
            with contextlib.suppress(StreamFailed):
                await at.dialler.call([at.address], SERVER.id, "x", b"", 5)
            await trio.sleep_forever()


BadServer = Callable[["trio.SSLStream[trio.SocketStream]"], Awaitable[None]]


@asynccontextmanager
async def bad_server(behave: BadServer) -> AsyncIterator[tuple[Dialler, Address]]:
    context = MeshTls([SEED], SERVER).server

    async def welcome(raw: trio.SocketStream) -> None:
        stream = trio.SSLStream(raw, context, server_side=True, https_compatible=True)
        try:
            await stream.do_handshake()
            await behave(stream)
        except trio.BrokenResourceError:
            pass
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(raw)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, welcome, [listener])
        dialler = Dialler(MeshTls([SEED], CALLER).client, nursery)
        yield dialler, Address(*listener.socket.getsockname())
        nursery.cancel_scope.cancel()


HELLO = encode(Frame(0, Kind.HELLO, "", b""))


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (b"", Failure.NOT_LET_IN),
        (b"\xff\xff\xff\xff", Failure.BAD_FRAME),
        (encode(Frame(0, Kind.ANSWER, "", b"")), Failure.BAD_FRAME),
        (HELLO + b"\xff\xff\xff\xff", Failure.BAD_FRAME),
        (HELLO, Failure.CUT_OFF),
    ],
)
async def test_each_bad_server_has_its_name(words: bytes, cause: Failure) -> None:
    async def behave(stream: "trio.SSLStream[trio.SocketStream]") -> None:
        if words:
            await stream.send_all(words)
        if cause is Failure.CUT_OFF:
            await stream.receive_some(1000)

    async with bad_server(behave) as (dialler, address):
        with pytest.raises(StreamFailed) as caught:
            await dialler.call([address], SERVER.id, "x", b"", 5)
        assert caught.value.cause is cause, caught.value.detail


@pytest.mark.parametrize(
    "words",
    [
        b"\xff\xff\xff\xff",
        encode(Frame(2, Kind.ANSWER, "", b"not asked yet")),
        encode(Frame(1, Kind.REQUEST, "x", b"")),
    ],
)
async def test_a_server_that_lies_after_its_greeting_is_left(words: bytes) -> None:
    async def behave(stream: "trio.SSLStream[trio.SocketStream]") -> None:
        await stream.send_all(HELLO)
        await stream.receive_some(1000)
        await stream.send_all(words)
        await trio.sleep_forever()

    async with bad_server(behave) as (dialler, address):
        with pytest.raises(StreamFailed) as caught:
            await dialler.call([address], SERVER.id, "x", b"", 5)
        assert caught.value.cause is Failure.CUT_OFF


async def test_a_server_that_never_speaks_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialler_module, "DIAL_SECONDS_MAX", 0.2)

    async def behave(_stream: "trio.SSLStream[trio.SocketStream]") -> None:
        await trio.sleep_forever()

    async with bad_server(behave) as (dialler, address), stage() as at:
        assert await dialler.call([address, at.address], SERVER.id, "echo", b"x", 5) == b"x"
        assert dialler.counts.dialled == 2


async def test_no_address_is_no_call() -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(StreamFailed) as caught:
            await Dialler(pinned_context(), nursery).call([], SERVER.id, "x", b"", 5)
        assert caught.value.cause is Failure.NO_ADDRESS
