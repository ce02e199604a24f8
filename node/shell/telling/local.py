"""The local door: a Unix socket for the command, and only for this user.

    in    one request per line, a JSON object
    out   {"progress": …} as often as there is news, then {"ok": …} or {"refused": …}

Requests of one connection are served one after the other. Who closes the connection before the
answer takes the request back: the handler is cancelled. (So a client keeps its writing side open
until it has its answer.)

The file's mode is the only lock on this door: it is bound under a umask that leaves it 0600, inside
a folder that is ours alone. A socket left over by an agent that died is replaced, but only if
nobody answers at it.
"""

import math
import os
import socket
import stat
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

from node.shell.disk.state import StateError, explained
from node.shell.telling.events import encode_json

LINE_BYTES_MAX: Final = 1024 * 1024
PATH_BYTES_MAX: Final = 107
"""What a Unix socket's address holds: `sun_path` less its closing zero."""
CONNECTIONS_MAX: Final = 64
BACKLOG_CONNECTIONS: Final = 32
HURRIED_SECONDS_MAX: Final = 1
"""For the one word that is said to those for whom there is no room."""
WAITING_REQUESTS_MAX: Final = 16
"""Lines of one connection that were sent before the ones ahead of them were answered."""
WRITE_SECONDS_MAX: Final = 30
LINE_SECONDS_MAX: Final = 30
"""From a line's first byte to its last. Between two, a client may think as it likes."""
READ_BYTES: Final = 64 * 1024

Body = dict[str, Any]
Progress = Callable[[Body], Awaitable[None]]
LocalHandler = Callable[[Body, Progress], Awaitable[tuple[bool, Body]]]
"""(request, progress) → (whether it is granted, body)."""
DoorOpener = Callable[[Path], trio.abc.Listener[trio.abc.Stream]]
"""Binds and listens. Raises StateError."""


def refusal(code: str, sentence: str, hint: str) -> Body:
    """The body of a refusal that this door itself gives."""
    return {"code": code, "sentence": sentence, "hint": hint}


class TurnedAway(Enum):
    """Why a client was not served."""

    CROWDED = "too many connections"
    TOO_LONG = "a line too long"
    SLOW_LINE = "a line was begun and not finished"
    MALFORMED = "a line that is no JSON object"
    NOT_READ = "our answers were not read"


async def serve_local(
    path: Path, handler: LocalHandler, opener: DoorOpener, turned_away: Counter[TurnedAway]
) -> None:
    """Serve `handler` at `path` until cancelled; the socket file is gone then.

    Raises StateError when the door can't be opened. Call it with the folder's lock held.
    """
    listener = opener(path)
    door = _Door(handler, turned_away)
    try:
        async with listener:
            await trio.serve_listeners(door.welcome, [listener])
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def open_door(path: Path) -> trio.SocketListener:
    """Bind and listen, 0600. Raises StateError."""
    length = len(os.fsencode(path))
    if length > PATH_BYTES_MAX:
        raise StateError(
            f"the path {path} has {length} bytes, and a Unix socket allows {PATH_BYTES_MAX}",
            "name a shorter state folder with --state",
        )
    with explained(f"opening the local socket {path}"):
        _remove_stale(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.setblocking(False)
            # Between bind and a chmod anyone could connect; so it is born closed to others.
            before = os.umask(0o177)
            try:
                listening.bind(os.fspath(path))
            finally:
                os.umask(before)
            listening.listen(BACKLOG_CONNECTIONS)
        except OSError:
            listening.close()
            raise
    return trio.SocketListener(trio.socket.from_stdlib_socket(listening))


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise StateError(f"{path} is not a socket", "move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.setblocking(False)
        try:
            knocking.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass  # its queue is full: somebody is there, and busy
    raise StateError(
        f"another agent answers at {path}", "stop it, or name another folder with --state"
    )


class _Left(Exception):
    """The visitor went away, or stopped reading."""


class _Slow(_Left):
    """It stopped reading."""


class _Door:
    """Counts who is inside."""

    def __init__(self, handler: LocalHandler, turned_away: Counter[TurnedAway]) -> None:
        self._handler = handler
        self._turned_away = turned_away
        self._inside = 0

    async def welcome(self, stream: trio.abc.Stream) -> None:
        """One connection, from accept to close."""
        async with stream:
            if self._inside >= CONNECTIONS_MAX:
                self._turned_away[TurnedAway.CROWDED] += 1
                with suppress(_Left):
                    await _say(stream, {"refused": _CROWDED}, HURRIED_SECONDS_MAX)
                return
            self._inside += 1
            try:
                await _Visit(stream, self._handler, self._turned_away).run()
            except* _Left:
                pass  # its request is taken back
            finally:
                self._inside -= 1


class _Visit:
    """One client: a task that reads its lines, and one that answers them in order."""

    def __init__(
        self, stream: trio.abc.Stream, handler: LocalHandler, turned_away: Counter[TurnedAway]
    ) -> None:
        self._stream = stream
        self._handler = handler
        self._turned_away = turned_away

    async def run(self) -> None:
        """Until the client closes."""
        send, receive = trio.open_memory_channel[bytes | None](WAITING_REQUESTS_MAX)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._answer_all, receive, nursery.cancel_scope)
            if await self._read_lines(send):
                nursery.cancel_scope.cancel()

    async def _read_lines(self, lines: trio.MemorySendChannel[bytes | None]) -> bool:
        """Pass on each line. True at the client's close, or in the middle of a line that is slow;
        False (and None sent) at a line too long.

        A client that sends many requests ahead is simply not read until there is room, and its
        close is then seen late: what it asked was served in the meantime.
        """
        kept = bytearray()
        deadline = math.inf
        while True:
            data = await self._read(deadline)
            if not data:
                return True
            begun = bool(kept)
            kept += data
            *whole, rest = kept.split(b"\n")
            kept = rest
            for line in whole:
                await lines.send(bytes(line) if len(line) <= LINE_BYTES_MAX else None)
            if whole or not begun:
                deadline = trio.current_time() + LINE_SECONDS_MAX if kept else math.inf
            if len(kept) > LINE_BYTES_MAX:
                await lines.send(None)
                return False

    async def _read(self, deadline: float) -> bytes | bytearray:
        """The next bytes; none at the client's close, or at `deadline`, on trio's clock."""
        with trio.CancelScope(deadline=deadline) as scope:
            try:
                return await self._stream.receive_some(READ_BYTES)
            except trio.BrokenResourceError:
                return b""
        assert scope.cancelled_caught, "a read ends with bytes, or is cancelled"
        self._turned_away[TurnedAway.SLOW_LINE] += 1
        return b""

    async def _answer_all(
        self, lines: trio.MemoryReceiveChannel[bytes | None], visit: trio.CancelScope
    ) -> None:
        async for line in lines:
            if line is None:
                self._turned_away[TurnedAway.TOO_LONG] += 1
                await self._say({"refused": _TOO_LONG})
                break
            if line.strip():
                await self._answer(line)
        visit.cancel()

    async def _answer(self, line: bytes) -> None:
        request = parse_line(line)
        if request is None:
            self._turned_away[TurnedAway.MALFORMED] += 1
            await self._say({"refused": _MALFORMED})
            return
        granted, body = await self._handler(request, self._progress)
        await self._say({"ok" if granted else "refused": body})

    async def _progress(self, body: Body) -> None:
        await self._say({"progress": body})

    async def _say(self, value: Body) -> None:
        try:
            await _say(self._stream, value, WRITE_SECONDS_MAX)
        except _Slow:
            self._turned_away[TurnedAway.NOT_READ] += 1
            raise


async def _say(stream: trio.abc.Stream, value: Body, seconds_max: float) -> None:
    try:
        with trio.fail_after(seconds_max):
            await stream.send_all(encode_json(value) + b"\n")
    except trio.BrokenResourceError as error:
        raise _Left from error
    except trio.TooSlowError as error:
        raise _Slow from error


def parse_line(line: bytes) -> Body | None:
    """The JSON object on one line; None when there is no such thing."""
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


_MALFORMED: Final = refusal(
    "malformed", "that line is not a JSON object", "send one JSON object per line"
)
_CROWDED: Final = refusal(
    "busy", f"{CONNECTIONS_MAX} programs talk to this agent already", "end some, then try again"
)
_TOO_LONG: Final = refusal(
    "too-long", f"a request may have {LINE_BYTES_MAX} bytes", "send one JSON object per line"
)
