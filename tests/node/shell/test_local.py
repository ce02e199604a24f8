"""The local door, through real Unix sockets."""

import json
import os
import socket
import stat
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from node.shell.disk.state import StateError
from node.shell.telling import local
from node.shell.telling.local import (
    Body,
    LocalHandler,
    Progress,
    TurnedAway,
    open_door,
    parse_line,
    serve_local,
)

AWAY: Counter[TurnedAway] = Counter()


async def echo(request: Body, progress: Progress) -> tuple[bool, Body]:
    for number in range(request.get("steps", 0)):
        await progress({"step": number})
    return not request.get("refuse"), {"you said": request}


@asynccontextmanager
async def serving(path: Path, handler: LocalHandler = echo) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_local, path, handler, open_door, AWAY)
        with trio.fail_after(5):
            while not path.exists():  # noqa: ASYNC240 - the file is the event
                await trio.sleep(0.005)
        yield
        nursery.cancel_scope.cancel()


async def talk(path: Path, data: bytes, answers: int) -> list[Body]:
    async with await trio.open_unix_socket(path) as stream:
        await stream.send_all(data)
        return await read(stream, answers)


async def read(stream: trio.SocketStream, answers: int) -> list[Body]:
    kept = b""
    with trio.fail_after(5):
        while kept.count(b"\n") < answers:
            data = await stream.receive_some()
            assert data, f"closed after {kept!r}"
            kept += data
    return [json.loads(line) for line in kept.splitlines()]


async def test_a_request_gets_its_progress_and_then_its_answer(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    async with serving(path):
        lines = await talk(path, b'{"steps": 2}\n', 3)
        assert lines[:2] == [{"progress": {"step": 0}}, {"progress": {"step": 1}}]
        assert lines[2] == {"ok": {"you said": {"steps": 2}}}
    assert not path.exists()


async def test_requests_sent_ahead_are_answered_in_order(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    async with serving(path):
        data = b"".join(b'{"n": %d}\n' % number for number in range(50))
        lines = await talk(path, data + b'{"refuse": 1}\n', 51)
        assert [line["ok"]["you said"]["n"] for line in lines[:50]] == list(range(50))
        assert "refused" in lines[50]


@pytest.mark.parametrize("line", [b"", b"nonsense", b"[]", b"1", b'{"a":', b"\xff", b"[" * 100_000])
async def test_a_line_that_is_no_request_is_refused_and_the_next_one_served(
    tmp_path: Path, line: bytes
) -> None:
    path = tmp_path / "agent.sock"
    async with serving(path):
        lines = await talk(path, line + b'\n{"n": 1}\n', 2 if line else 1)
        assert lines[-1] == {"ok": {"you said": {"n": 1}}}
        if line:
            assert lines[0]["refused"].keys() == {"code", "sentence", "hint"}


async def test_a_line_without_an_end_is_refused_and_the_door_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LINE_BYTES_MAX", 1000)
    path = tmp_path / "agent.sock"
    async with serving(path):
        for data in (b"x" * 5000, b"x" * 5000 + b"\n"):
            (line,) = await talk(path, data, 1)
            assert line["refused"]["code"] == "too-long"


async def test_who_leaves_takes_the_request_back(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    begun, taken_back = trio.Event(), trio.Event()

    async def slow(_request: Body, _progress: Progress) -> tuple[bool, Body]:
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            taken_back.set()
        return True, {}

    async with serving(path, slow):
        stream = await trio.open_unix_socket(path)
        await stream.send_all(b"{}\n")
        await begun.wait()
        await stream.aclose()
        with trio.fail_after(5):
            await taken_back.wait()


async def test_who_does_not_read_loses_the_connection_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "WRITE_SECONDS_MAX", 0.1)
    path = tmp_path / "agent.sock"
    async with serving(path), await trio.open_unix_socket(path) as deaf:
        await deaf.send_all(b'{"n": "%s"}\n' % (b"x" * 900_000))
        await trio.sleep(0.3)
        assert await talk(path, b"{}\n", 1) == [{"ok": {"you said": {}}}]
        with trio.fail_after(5):
            while await deaf.receive_some():
                pass


async def test_a_crowd_at_the_door_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "CONNECTIONS_MAX", 2)
    path = tmp_path / "agent.sock"
    async with (
        serving(path),
        await trio.open_unix_socket(path) as one,
        await trio.open_unix_socket(path) as two,
    ):
        for stream in (one, two):
            await stream.send_all(b"{}\n")
            await read(stream, 1)
        async with await trio.open_unix_socket(path) as three:
            with trio.fail_after(5):
                (answer,) = await read(three, 1)
                assert answer["refused"]["code"] == "busy"
                assert await three.receive_some() == b""
    assert AWAY[TurnedAway.CROWDED] == 1


async def test_a_line_that_is_begun_and_not_finished_ends_the_visit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LINE_SECONDS_MAX", 0.1)
    path = tmp_path / "agent.sock"
    before = AWAY[TurnedAway.SLOW_LINE]
    async with serving(path), await trio.open_unix_socket(path) as stream:
        await stream.send_all(b"{}\n")
        await read(stream, 1)
        await trio.sleep(0.2)  # between two lines it may think
        await stream.send_all(b"{}\n{")
        await read(stream, 1)
        with trio.fail_after(5):
            assert await stream.receive_some() == b""
    assert AWAY[TurnedAway.SLOW_LINE] == before + 1


async def test_the_door_is_for_this_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        listener = open_door(tmp_path / "agent.sock")
    finally:
        assert os.umask(before) == 0  # and our umask is as it was
    mode = (tmp_path / "agent.sock").stat().st_mode
    await listener.aclose()
    assert stat.S_IMODE(mode) == 0o600


async def test_a_dead_agents_socket_is_replaced_and_a_living_ones_is_not(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = open_door(path)
    with pytest.raises(StateError, match="another agent answers"):
        open_door(path)
    await listener.aclose()


async def test_a_file_in_the_way_is_named_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    path.write_text("mine")
    with pytest.raises(StateError, match="not a socket"):
        open_door(path)
    assert path.read_text() == "mine"


async def test_a_path_too_long_for_a_socket_is_named_with_its_length(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="allows 107"):
        open_door(tmp_path / ("x" * 100) / "agent.sock")


async def test_a_bug_in_a_handler_is_not_hidden(tmp_path: Path) -> None:
    async def buggy(_request: Body, _progress: Progress) -> tuple[bool, Body]:
        raise ZeroDivisionError

    path = tmp_path / "agent.sock"
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with serving(path, buggy), await trio.open_unix_socket(path) as stream:
            await stream.send_all(b"{}\n")
            await trio.sleep_forever()


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_line_is_an_object_or_nothing(line: bytes) -> None:
    assert parse_line(line) is None or isinstance(parse_line(line), dict)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
)
def test_every_json_object_is_understood(value: object) -> None:
    parsed = parse_line(json.dumps(value).encode(errors="surrogatepass"))
    assert parsed is None or parsed == value
