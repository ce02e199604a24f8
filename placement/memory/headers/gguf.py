"""A GGUF header: key-values and the table of tensors, versions 2 and 3, both byte orders.

Layout (ggml/docs/gguf.md): magic `GGUF`, version u32, number of tensors u64, number of key-values
u64; each key-value a string, a type and a value; each tensor a name, its dimensions (the innermost
first), a type and an offset into the data, which begins at the next multiple of
`general.alignment`. A string is a length of 8 bytes and its bytes; an array is the type of its
elements, their number, and they.

A file written on a big-endian machine differs in nothing but its byte order, and says so only by
a version that looks absurd when read the other way.

Long arrays (a vocabulary) are stepped over and only counted. See `window.py`.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final, TypeAlias

from placement.memory.headers.ggml_types import FILE_TYPES, GGML_TYPES
from placement.memory.headers.tensors import (
    TENSOR_NAME_BYTES_MAX,
    TENSORS_MAX,
    HeaderError,
    Problem,
    Read,
    TensorInfo,
    check_apart,
    count_elements,
)
from placement.memory.headers.window import TAKE_BYTES_MAX, Window

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
KEYS_MAX: Final = 4096
KEY_BYTES_MAX: Final = 1024
DIMENSIONS_MAX: Final = 4
ARRAY_DEPTH_MAX: Final = 4
ARRAY_ELEMENTS_MAX: Final = 4 * 1024 * 1024
"""Over all arrays of a header: eight times the largest vocabulary with its merges and scores."""
NESTED_ARRAYS_MAX: Final = 65_536
"""Arrays inside an array, each of which has to be looked at."""
KEPT_NUMBERS_MAX: Final = 4096
"""Elements of an array of numbers that is kept: one per layer, of models yet to come."""
KEPT_STRINGS_MAX: Final = 64
KEPT_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of all strings that are kept together; the rest is counted only."""
ALIGNMENT_DEFAULT: Final = 32
ALIGNMENT_MAX: Final = 1024 * 1024

STRING: Final = 8
ARRAY: Final = 9
NUMBERS: Final = {
    0: ("u8", "B"), 1: ("i8", "b"), 2: ("u16", "H"), 3: ("i16", "h"), 4: ("u32", "I"),
    5: ("i32", "i"), 6: ("f32", "f"), 7: ("bool", "?"), 10: ("u64", "Q"), 11: ("i64", "q"),
    12: ("f64", "d"),
}  # fmt: skip
"""Type number → its name, and its letter in `struct`."""


@dataclass(frozen=True, slots=True)
class Elided:
    """A value that was stepped over: how many elements (of a string: bytes) of which type."""

    type: str
    count: int


Scalar: TypeAlias = int | float | bool | str
Value: TypeAlias = Scalar | list[Scalar] | Elided


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """Everything that a GGUF file says of itself."""

    version: int
    little_endian: bool
    values: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    """Where the first tensor's bytes begin."""

    @property
    def architecture(self) -> str | None:
        """`general.architecture`, as in "llama"."""
        name = self.values.get("general.architecture")
        return name if isinstance(name, str) and name else None

    @property
    def file_type(self) -> str | None:
        """What most of it is said to be stored as, as in "Q4_K_M"."""
        number = self.values.get("general.file_type")
        return FILE_TYPES.get(number) if isinstance(number, int) else None

    def plain(self) -> dict[str, Scalar | list[Scalar]]:
        """The key-values as arithmetic wants them (`gguf_kv`): without what was stepped over, but
        with `{architecture}.vocab_size`, counted from the vocabulary where no key says it."""
        plain = {
            key: value
            for key, value in self.values.items()
            if not isinstance(value, Elided) and not _is_strange(value)
        }
        vocabulary = self.values.get("tokenizer.ggml.tokens")
        key = f"{self.architecture}.vocab_size"
        if key not in plain and isinstance(vocabulary, Elided):
            plain[key] = vocabulary.count
        elif key not in plain and isinstance(vocabulary, list):
            plain[key] = len(vocabulary)
        return plain


def _is_strange(value: Value) -> bool:
    if isinstance(value, list):
        return any(_is_strange(entry) for entry in value)
    return isinstance(value, float) and not isfinite(value)


def read_gguf(read: Read, size: int | None = None) -> GgufHeader:
    """The header of the file behind `read`. `size`: of the whole file where it is known, to see
    that no tensor lies beyond its end. Raises HeaderError."""
    little_endian, version = _version(read(0, 8))
    window = Window(read, little_endian)
    window.skip(8)
    tensor_count, key_count = window.u64(), window.u64()
    if tensor_count > TENSORS_MAX or key_count > KEYS_MAX:
        sentence = f"{tensor_count} tensors and {key_count} keys are announced"
        raise HeaderError(Problem.OVER_LIMIT, sentence)
    values = _Values(window, little_endian).read(key_count)
    alignment = _alignment(values)
    rows = [_tensor(window) for _ in range(tensor_count)]
    data_offset = -(-window.position // alignment) * alignment
    _check_places(rows, data_offset, alignment, size)
    return GgufHeader(version, little_endian, values, tuple(row for row, _ in rows), data_offset)


def _version(front: bytes) -> tuple[bool, int]:
    if front[:4] != MAGIC:
        raise HeaderError(Problem.OTHER_FORMAT, "it does not begin with GGUF")
    if len(front) < 8:
        raise HeaderError(Problem.CUT_SHORT, "the file ends inside its first 8 bytes")
    for little_endian, order in ((True, "<I"), (False, ">I")):
        version: int = struct.unpack(order, front[4:])[0]
        if version in VERSIONS:
            return little_endian, version
    version = struct.unpack("<I", front[4:])[0]
    raise HeaderError(Problem.OTHER_VERSION, f"GGUF version {version}; 2 and 3 are understood")


class _Values:
    """Reads the key-values; counts what it keeps and what it steps over."""

    def __init__(self, window: Window, little_endian: bool) -> None:
        self._window = window
        self._order = "<" if little_endian else ">"
        self._kept = 0
        self._elements = 0

    def read(self, count: int) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for _ in range(count):
            key = _name(self._window, KEY_BYTES_MAX, "a key")
            if key in values:
                raise HeaderError(Problem.CONTRADICTORY, f"the key {key!r} is said twice")
            values[key] = self._value(self._window.u32(), key)
        return values

    def _value(self, kind: int, key: str) -> Value:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            return self._array(key, depth=1)
        return self._numbers(kind, 1, key)[0]

    def _string(self) -> str | Elided:
        length = self._window.u64()
        if length > TAKE_BYTES_MAX or self._kept + length > KEPT_BYTES_MAX:
            self._window.skip(length)
            return Elided("string", length)
        self._kept += length
        return self._window.take(length).decode("utf-8", "replace")

    def _array(self, key: str, depth: int) -> list[Scalar] | Elided:
        kind, count = self._window.u32(), self._window.u64()
        self._elements += count
        if self._elements > ARRAY_ELEMENTS_MAX:
            raise HeaderError(Problem.OVER_LIMIT, f"{key!r} is an array of {count} elements")
        if kind == ARRAY:
            if depth >= ARRAY_DEPTH_MAX or count > NESTED_ARRAYS_MAX:
                raise HeaderError(Problem.OVER_LIMIT, f"{key!r} nests too many arrays, or too deep")
            for _ in range(count):
                self._array(key, depth + 1)
            return Elided("array", count)
        if kind == STRING:
            return self._strings(count)
        if count > KEPT_NUMBERS_MAX or depth > 1:
            self._window.skip(count * struct.calcsize(_letter(kind, key)))
            return Elided(NUMBERS[kind][0], count)
        return self._numbers(kind, count, key)

    def _strings(self, count: int) -> list[Scalar] | Elided:
        if count > KEPT_STRINGS_MAX:
            self._window.skip_strings(count)
            return Elided("string", count)
        strings = [self._string() for _ in range(count)]
        kept: list[Scalar] = [string for string in strings if isinstance(string, str)]
        return kept if len(kept) == count else Elided("string", count)

    def _numbers(self, kind: int, count: int, key: str) -> list[Scalar]:
        form = f"{self._order}{count}{_letter(kind, key)}"
        return list(struct.unpack(form, self._window.take(struct.calcsize(form))))


def _letter(kind: int, key: str) -> str:
    if kind not in NUMBERS:
        raise HeaderError(Problem.MALFORMED, f"{key!r} has a value of no known type ({kind})")
    return NUMBERS[kind][1]


def _name(window: Window, most: int, what: str) -> str:
    length = window.u64()
    if not 0 < length <= most:
        raise HeaderError(Problem.OVER_LIMIT, f"{what} of {length} bytes")
    try:
        return window.take(length).decode("utf-8")
    except UnicodeDecodeError:
        raise HeaderError(Problem.MALFORMED, f"{what} that is no UTF-8") from None


def _alignment(values: Mapping[str, Value]) -> int:
    alignment = values.get("general.alignment", ALIGNMENT_DEFAULT)
    power_of_two = isinstance(alignment, int) and alignment > 0 and not alignment & (alignment - 1)
    if not power_of_two or not isinstance(alignment, int) or alignment > ALIGNMENT_MAX:
        raise HeaderError(Problem.MALFORMED, f"general.alignment is {alignment!r}")
    return alignment


def _tensor(window: Window) -> tuple[TensorInfo, int]:
    """The next tensor, and its offset into the data."""
    name = _name(window, TENSOR_NAME_BYTES_MAX, "a tensor's name")
    dimensions = window.u32()
    if dimensions > DIMENSIONS_MAX:
        raise HeaderError(Problem.OVER_LIMIT, f"tensor {name!r} has {dimensions} dimensions")
    shape = tuple(window.u64() for _ in range(dimensions))
    kind, offset = window.u32(), window.u64()
    if 0 in shape:
        raise HeaderError(Problem.MALFORMED, f"tensor {name!r} has a dimension of 0")
    elements = count_elements(name, shape)
    known = GGML_TYPES.get(kind)
    if known is None:
        return TensorInfo(name, f"type {kind}", shape, elements, None), offset
    row = shape[0] if shape else 1
    if row % known.block_elements:
        sentence = f"tensor {name!r}: a row of {row} is no whole number of {known.name} blocks"
        raise HeaderError(Problem.CONTRADICTORY, sentence)
    size = elements // known.block_elements * known.block_bytes
    return TensorInfo(name, known.name, shape, elements, size), offset


def _check_places(
    rows: list[tuple[TensorInfo, int]], data_offset: int, alignment: int, size: int | None
) -> None:
    if len({tensor.name for tensor, _ in rows}) < len(rows):
        raise HeaderError(Problem.CONTRADICTORY, "two tensors have one name")
    check_apart([(offset, offset + (row.bytes or 0), row.name) for row, offset in rows])
    for tensor, offset in rows:
        if offset % alignment:
            raise HeaderError(Problem.MALFORMED, f"tensor {tensor.name!r} lies off the alignment")
        end = data_offset + offset + (tensor.bytes or 0)
        if size is not None and end > size:
            sentence = f"tensor {tensor.name!r} ends at byte {end} of a file of {size} bytes"
            raise HeaderError(Problem.CUT_SHORT, sentence)
