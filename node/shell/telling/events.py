"""Telling what happens: a line for people on a terminal, one JSON object per line otherwise.

Sentences may hold what strangers chose (a peer's name, an error's text). On a terminal every
control character is shown instead of sent, so nobody can repaint somebody's screen or forge a line.

The wall clock is read here and printed; nothing ever computes with it.
"""

import datetime as dt
import json
import sys
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

KIND_WIDTH_CHARACTERS: Final = 22


def wall_time() -> dt.datetime:
    """The date and time, for people to read."""
    return dt.datetime.now(dt.UTC)


class Output(Protocol):
    """What an event is written to: a stream of text, or one that is rolled."""

    def write(self, text: str, /) -> int: ...
    def flush(self) -> None: ...
    def isatty(self) -> bool: ...


class EventWriter:
    """Writes events to one stream. A stream that has gone away ends the telling, not the agent."""

    def __init__(
        self,
        stream: Output | None = None,
        *,
        pretty: bool | None = None,
        wall: Callable[[], dt.datetime] = wall_time,
    ) -> None:
        """`pretty` defaults to whether the stream is a terminal; the stream to stderr."""
        self._stream: Output = stream if stream is not None else sys.stderr
        self._pretty = self._stream.isatty() if pretty is None else pretty
        self._wall = wall
        self.lost = 0
        """Events that could not be written."""

    def write(self, kind: str, sentence: str, body: dict[str, Any]) -> None:
        """Tell one event. `kind` is in the catalogue; `body` is JSON-able."""
        at = self._wall()
        line = (
            pretty_line(at, kind, sentence) if self._pretty else json_line(at, kind, sentence, body)
        )
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # a closed pipe; a closed file
            self.lost += 1


def pretty_line(at: dt.datetime, kind: str, sentence: str) -> str:
    """`12:30:01  peer.alive  mac-studio is alive`, in local time."""
    clock = at.astimezone().strftime("%H:%M:%S")
    return f"{clock}  {harmless(kind):<{KIND_WIDTH_CHARACTERS}}  {harmless(sentence)}"


def json_line(at: dt.datetime, kind: str, sentence: str, body: dict[str, Any]) -> str:
    """One JSON object, without a line break in it. Bytes are written as base64."""
    stamp = at.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    event = {"at": stamp, "kind": kind, "sentence": sentence, "body": body}
    return encode_json(event).decode()


def encode_json(value: dict[str, Any]) -> bytes:
    """One line of JSON. Text that is no Unicode (a file's name may be such) is escaped."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def harmless(text: str) -> str:
    """`text` with every control and direction character spelled out instead of obeyed."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
