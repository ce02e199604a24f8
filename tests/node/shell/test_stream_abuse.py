"""Those who mean harm at the stream port: what each of them gets, and that others are served."""

import contextlib

import pytest
import trio

from node.shell.streams import places
from node.shell.streams import serving as streams
from node.shell.streams.frames import FRAME_BYTES_MAX, Frame, Kind, encode
from node.shell.streams.outcomes import StreamFailed
from node.shell.streams.places import (
    CONNECTIONS_PER_MEMBER_MAX,
    STRANGERS_PER_SOURCE_MAX,
    Cut,
    Places,
)
from node.shell.streams.tls import MeshTls, pinned_context
from tests.node.shell.stage import (
    CALLER,
    SEED,
    assert_cut,
    raw_member,
    stage,
    until,
)


async def test_one_address_cannot_take_the_places_of_all_strangers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = "192.0.2.1"
    monkeypatch.setattr(streams, "source_of", lambda _raw: source)
    async with stage() as at:
        for _ in range(STRANGERS_PER_SOURCE_MAX):
            await at.knock()
        await until(lambda: at.counts.accepted == STRANGERS_PER_SOURCE_MAX)
        await assert_cut(at, await at.knock(), Cut.TOO_MANY_OF_SOURCE)
        source = "192.0.2.2"
        assert await at.ask() == b"hello"


async def test_one_address_cannot_make_us_shake_hands_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "source_of", lambda _raw: "192.0.2.1")
    monkeypatch.setattr(places, "HANDSHAKES_BURST", 5)
    monkeypatch.setattr(places, "HANDSHAKES_PER_SECOND", 1)
    async with stage() as at:
        for number in range(6):
            await trio.aclose_forcefully(await at.knock())
            await until(lambda number=number: at.counts.cut.total() == number + 1)
        assert at.counts.cut[Cut.TOO_OFTEN] == 1
        assert at.counts.cut[Cut.HANDSHAKE_FAILED] == 5


async def test_one_member_cannot_take_all_places() -> None:
    async with stage() as at:
        for _ in range(CONNECTIONS_PER_MEMBER_MAX):
            await raw_member(at)
        context = MeshTls([SEED], CALLER).client
        raw = trio.SSLStream(await at.knock(), context, https_compatible=True)
        await raw.do_handshake()
        await assert_cut(at, raw, Cut.TOO_MANY_OF_MEMBER)


async def test_a_stranger_may_say_no_more_than_a_token() -> None:
    async with stage() as at:
        stream = await raw_member(at, pinned_context())
        await stream.send_all(encode(Frame(1, Kind.REQUEST, "echo", bytes(5_000))))
        await assert_cut(at, stream, Cut.BAD_FRAME)
        stream = await raw_member(at, pinned_context())
        asked = [encode(Frame(number, Kind.REQUEST, "slow", b"")) for number in range(3)]
        await stream.send_all(b"".join(asked))
        await assert_cut(at, stream, Cut.FLOOD)


async def test_requests_that_are_kept_have_an_end_in_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "IN_FLIGHT_BYTES_MAX", 100_000)
    async with stage() as at:
        stream = await raw_member(at)
        asked = [encode(Frame(number, Kind.REQUEST, "slow", bytes(30_000))) for number in range(4)]
        await stream.send_all(b"".join(asked))
        await assert_cut(at, stream, Cut.TOO_MUCH)
        assert await at.ask() == b"hello"


async def test_answers_that_nobody_takes_have_an_end_in_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "WAITING_BYTES_MAX", 2_000_000)
    async with stage() as at:
        stream = await raw_member(at)
        request = encode(Frame(1, Kind.REQUEST, "echo", bytes(900_000)))
        with trio.move_on_after(2):
            try:
                for _ in range(20):
                    await stream.send_all(request)
            except trio.BrokenResourceError:
                pass
        await until(lambda: at.counts.cut[Cut.TOO_MUCH] == 1)


async def test_what_was_taken_is_given_back() -> None:
    rooms = Places()
    for _ in range(3):
        with rooms.connection(), rooms.stranger("192.0.2.1"), rooms.request(10):
            assert (rooms.connections, rooms.strangers, rooms.in_flight_bytes) == (1, 1, 10)
    assert (rooms.connections, rooms.strangers, rooms.in_flight_bytes) == (0, 0, 0)
    assert not rooms._strangers_of


async def test_what_no_frame_holds_is_refused_both_ways_and_the_connection_lives() -> None:
    async def wordy(_who: object, _service: str, body: bytes) -> bytes:
        return body * 1_000

    async with stage(wordy) as at:
        with pytest.raises(StreamFailed, match="more than a frame holds"):
            await at.ask(body=bytes(1_100))
        with pytest.raises(StreamFailed, match="too long"):
            await at.ask(body=bytes(FRAME_BYTES_MAX))
        assert await at.ask(body=b"x") == b"x" * 1_000
        assert at.counts.refused == 1


async def test_there_is_an_end_to_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "CONNECTIONS_MAX", 2)
    async with stage() as at:
        one, two = await raw_member(at), await raw_member(at)
        with pytest.raises(StreamFailed):
            await at.ask()
        assert at.counts.cut[Cut.TOO_MANY] == 1
        await trio.aclose_forcefully(one)
        await trio.aclose_forcefully(two)
        with trio.fail_after(5):  # and places that were left are given again
            while True:
                with contextlib.suppress(StreamFailed):
                    assert await at.ask() == b"hello"
                    break
