"""One bounded question over HTTP to a server on this machine.

Not a library's client, on purpose: the whole exchange has one deadline (a server that sends a byte
every second keeps a client's timeout from ever firing), the answer has one limit, nothing is
followed to another place, and no proxy that the environment names is asked.
"""

import socket
from collections.abc import Callable
from typing import Any, Final

import msgspec

from mesh.instant import SECOND, Instant

LOOPBACK: Final = "127.0.0.1"
ANSWER_SECONDS_MAX: Final = 1.0
"""Of the whole exchange. These servers answer such questions from memory, in milliseconds."""
ANSWER_BYTES_MAX: Final = 1024 * 1024
"""llama.cpp's /props carries the chat template: some ten thousand bytes."""
HEAD_BYTES_MAX: Final = 16 * 1024

Clock = Callable[[], Instant]


class NoAnswer(Exception):
    """Nothing that can be read came back in time. The text says how it failed."""


def ask(port: int, path: str, clock: Clock, host: str = LOOPBACK) -> Any:
    """The JSON behind `GET path`. Raises NoAnswer."""
    request = f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: application/json\r\n\r\n"
    try:
        answer = _exchange(host, port, request.encode("ascii"), clock)
    except OSError as error:
        raise NoAnswer(f"no answer at port {port}: {error.strerror or error}") from error
    try:
        return msgspec.json.decode(body_of(answer))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NoAnswer(f"the answer at port {port} is no JSON") from error


def _exchange(host: str, port: int, request: bytes, clock: Clock) -> bytes:
    deadline = clock() + int(ANSWER_SECONDS_MAX * SECOND)
    with socket.create_connection((host, port), ANSWER_SECONDS_MAX) as stream:
        stream.settimeout(ANSWER_SECONDS_MAX)
        stream.sendall(request)
        pieces: list[bytes] = []
        length = 0
        while length <= ANSWER_BYTES_MAX + HEAD_BYTES_MAX:
            left = (deadline - clock()) / SECOND
            if left <= 0:
                raise NoAnswer(f"no whole answer at port {port} within {ANSWER_SECONDS_MAX:g} s")
            stream.settimeout(left)
            piece = stream.recv(65536)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            length += len(piece)
            if is_whole(pieces[0] if len(pieces) == 1 else b"".join(pieces)):
                return b"".join(pieces)
    raise NoAnswer(f"the answer at port {port} is longer than {ANSWER_BYTES_MAX} bytes")


def is_whole(answer: bytes) -> bool:
    """Whether all that the head announced is there: some servers keep the line open."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    announced = _header(head, b"content-length")
    if not separator or announced is None or not announced.isdigit() or len(announced) > 12:
        return False
    return len(body) >= int(announced)


def body_of(answer: bytes) -> bytes:
    """What an HTTP answer carries. Raises NoAnswer when it is no answer, or not a 200."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if not separator or len(words) < 2 or not words[0].startswith(b"HTTP/1."):
        raise NoAnswer("the answer is no HTTP")
    if words[1] != b"200":
        raise NoAnswer(f"the answer is {words[1][:8].decode('ascii', 'replace')}")
    if (_header(head, b"transfer-encoding") or b"").lower() == b"chunked":
        return _joined(body)
    return body


def _header(head: bytes, wanted: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        name, separator, value = line.partition(b":")
        if separator and name.strip().lower() == wanted:
            return value.strip()
    return None


def _joined(body: bytes) -> bytes:
    """A chunked body: a length in hex, so many bytes, an empty line; 0 ends it."""
    pieces: list[bytes] = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            raise NoAnswer("the answer's chunks cannot be read") from None
        if length <= 0:
            return b"".join(pieces)
        pieces.append(rest[:length])
        body = rest[length + 2 :]
    raise NoAnswer("the answer's chunks do not end")
