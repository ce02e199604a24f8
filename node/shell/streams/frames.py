"""Frames on a stream: a length, then one MessagePack list. Bytes in, frames out; no socket.

    length (4 bytes, big-endian) | [request id, kind, service, body]

The length is believed only up to its limit, and checked before anything is kept. A frame parses
whole or the stream is over: after one fault a parser refuses to go on, because nothing behind a
wrong length means anything.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

import msgpack

FRAME_BYTES_MAX: Final = 1024 * 1024
LENGTH_BYTES: Final = 4
SERVICE_BYTES_MAX: Final = 64
FIELDS_MAX: Final = 16
"""Four that we know; those behind them are a later version's, and are passed over."""
REQUEST_ID_MAX: Final = 2**32 - 1
_WRAPPING_BYTES_MAX: Final = 96
"""What list, id, kind, service and body header add to a body at most."""
BODY_BYTES_MAX: Final = FRAME_BYTES_MAX - _WRAPPING_BYTES_MAX


class Kind(IntEnum):
    """What a frame is."""

    REQUEST = 0
    ANSWER = 1
    REFUSED = 2
    """The service said no; the body is a sentence."""
    HELLO = 3
    """The server's first word. Under TLS 1.3 a dialler's handshake ends before the server has
    looked at its certificate, so until this comes nothing is settled."""


class Fault(Enum):
    """Why a stream of bytes is not a stream of frames."""

    TOO_LONG = "longer than a frame may be"
    EMPTY = "a frame of no bytes"
    NOT_MESSAGEPACK = "not MessagePack"
    NOT_A_FRAME = "not a list of id, kind, service and body"


class FrameError(Exception):
    """The far end does not speak our language. `fault` says how."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Frame:
    """One request or one answer. An answer carries the id of its request."""

    id: int
    kind: Kind
    service: str
    body: bytes


def encode(frame: Frame) -> bytes:
    """The bytes of one frame. A body beyond BODY_BYTES_MAX is our own bug."""
    assert len(frame.body) <= BODY_BYTES_MAX, f"a body of {len(frame.body)} bytes for one frame"
    assert len(frame.service.encode()) <= SERVICE_BYTES_MAX
    assert 0 <= frame.id <= REQUEST_ID_MAX
    packed: bytes = msgpack.packb([frame.id, int(frame.kind), frame.service, frame.body])
    return len(packed).to_bytes(LENGTH_BYTES) + packed


class FrameParser:
    """Takes bytes as they come, gives frames as they are complete."""

    def __init__(self, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._frame_bytes_max = frame_bytes_max
        self.strange = 0
        """Frames of kinds that we do not know, from a later version: passed over."""
        self._kept = bytearray()
        self._fault: Fault | None = None

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._kept)

    def feed(self, data: bytes | bytearray) -> list[Frame]:
        """The frames that `data` completes. Raises FrameError, from then on always.

        Frames before the fault in one piece of data are lost with it: the stream is over anyway.
        """
        if self._fault is not None:
            raise FrameError(self._fault)
        self._kept += data
        try:
            return self._take_all()
        except FrameError as error:
            self._fault = error.fault
            self._kept.clear()
            raise

    def _take_all(self) -> list[Frame]:
        frames: list[Frame] = []
        start = 0
        while len(self._kept) - start >= LENGTH_BYTES:
            length = int.from_bytes(self._kept[start : start + LENGTH_BYTES])
            self._check_length(length)
            end = start + LENGTH_BYTES + length
            if len(self._kept) < end:
                break
            frame = _parse(bytes(self._kept[start + LENGTH_BYTES : end]))
            start = end
            if frame is None:
                self.strange += 1
            else:
                frames.append(frame)
        del self._kept[:start]
        return frames

    def _check_length(self, length: int) -> None:
        if length > self._frame_bytes_max:
            raise FrameError(Fault.TOO_LONG)
        if length == 0:
            raise FrameError(Fault.EMPTY)


def _parse(packed: bytes) -> Frame | None:
    """The frame; None when it is one of a kind that only later versions know."""
    try:
        values = msgpack.unpackb(
            packed,
            max_array_len=FIELDS_MAX,
            max_map_len=0,
            max_ext_len=0,
            max_str_len=SERVICE_BYTES_MAX,
            max_bin_len=FRAME_BYTES_MAX,
        )
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise FrameError(Fault.NOT_MESSAGEPACK) from error
    if type(values) is not list or [type(value) for value in values[:4]] != _FIELDS:
        raise FrameError(Fault.NOT_A_FRAME)
    number, kind, service, body = values[:4]
    if not 0 <= number <= REQUEST_ID_MAX:
        raise FrameError(Fault.NOT_A_FRAME)
    if kind not in _KINDS:
        return None
    return Frame(number, Kind(kind), service, body)


_FIELDS: Final = [int, int, str, bytes]
_KINDS: Final = tuple(int(kind) for kind in Kind)
