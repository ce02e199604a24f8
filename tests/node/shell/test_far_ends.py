"""Far ends that lie, drip, flood or fall silent: callers that are cut, servers that are left."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from mesh.effects import Address
from mesh.identity import NodeId
from node.shell.streams import dialler as dialler_module
from node.shell.streams import places
from node.shell.streams import serving as streams
from node.shell.streams.dialler import Dialler
from node.shell.streams.frames import Frame, Kind, encode
from node.shell.streams.outcomes import Failure, StreamFailed
from node.shell.streams.places import Cut
from node.shell.streams.tls import MeshTls, pinned_context
from tests.node.shell.stage import (
    CALLER,
    SEED,
    SERVER,
    assert_cut,
    raw_member,
    stage,
    until,
)


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
