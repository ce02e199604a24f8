"""A place in a file, read forward through a window of fixed size.

A vocabulary is most of a GGUF header: 400,000 strings in 9 MB, of which we want only the count. So
strings are stepped over by their lengths inside the window, and the window is all the memory used.
"""

import struct
from typing import Final

from placement.memory.headers.tensors import HeaderError, Problem, Read

WINDOW_BYTES: Final = 256 * 1024
TAKE_BYTES_MAX: Final = 1024 * 1024
"""Of one piece that is kept: the longest chat templates are a tenth of it."""
HEADER_BYTES_MAX: Final = 256 * 1024 * 1024
"""Of a whole header: ten times the largest vocabulary in use with all its merges."""


class Window:
    """Reads numbers and bytes one after the other. Raises HeaderError where the file ends."""

    def __init__(self, read: Read, little_endian: bool = True) -> None:
        self._read = read
        self._start = 0
        self._buffer = b""
        self._at = 0
        order = "<" if little_endian else ">"
        self._u32 = struct.Struct(f"{order}I")
        self._u64 = struct.Struct(f"{order}Q")

    @property
    def position(self) -> int:
        """Bytes from the start of the file to what comes next."""
        return self._start + self._at

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        if length > TAKE_BYTES_MAX:
            raise HeaderError(Problem.OVER_LIMIT, f"one field of {length} bytes")
        self._reach(length)
        piece = self._buffer[self._at : self._at + length]
        self._at += length
        return piece

    def skip(self, length: int) -> None:
        """Step over `length` bytes, without reading what is not in the window yet."""
        at = self.position + length
        if at > HEADER_BYTES_MAX:
            raise HeaderError(Problem.OVER_LIMIT, f"the header is longer than {HEADER_BYTES_MAX} B")
        self._go(at)

    def u32(self) -> int:
        number: int = self._u32.unpack(self.take(4))[0]
        return number

    def u64(self) -> int:
        number: int = self._u64.unpack(self.take(8))[0]
        return number

    def skip_strings(self, count: int) -> None:
        """Step over `count` strings, each a length of 8 bytes and so many bytes."""
        length_at = self._u64.unpack_from
        while count:
            self._reach(8)
            buffer, at = self._buffer, self._at
            last = len(buffer) - 8
            while count and at <= last:
                at += 8 + length_at(buffer, at)[0]
                count -= 1
            self.skip(at - self._at)

    def _reach(self, length: int) -> None:
        """Have `length` bytes in the window."""
        if len(self._buffer) - self._at >= length:
            return
        start = self.position
        if start + length > HEADER_BYTES_MAX:
            raise HeaderError(Problem.OVER_LIMIT, f"the header is longer than {HEADER_BYTES_MAX} B")
        buffer = self._read(start, max(length, WINDOW_BYTES))
        if len(buffer) < length:
            sentence = f"the file ends at byte {start + len(buffer)}, inside its header"
            raise HeaderError(Problem.CUT_SHORT, sentence)
        self._start, self._buffer, self._at = start, buffer, 0

    def _go(self, position: int) -> None:
        at = position - self._start
        if at <= len(self._buffer):
            self._at = at
        else:
            self._start, self._buffer, self._at = position, b"", 0
