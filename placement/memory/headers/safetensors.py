"""A safetensors header: eight bytes of length, then JSON: name → type, shape, place.

Source: the format's own page (huggingface/safetensors README). The data must be covered by its
tensors without a gap and without an overlap, so the sum of their sizes is the size of the data.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from placement.memory.headers.tensors import (
    DIMENSIONS_MAX,
    TENSOR_NAME_BYTES_MAX,
    TENSORS_MAX,
    HeaderError,
    Problem,
    Read,
    TensorInfo,
    check_apart,
    count_elements,
)

HEADER_BYTES_MAX: Final = 100_000_000
"""The format's own limit."""
METADATA_KEYS_MAX: Final = 4096

BITS: Final[Mapping[str, int]] = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "I64": 64, "I32": 32,
    "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64,
}  # fmt: skip
"""Of one element. A type that is not here is believed about its place, which says its bytes."""


class _Entry(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """Everything that a safetensors file says of itself."""

    metadata: Mapping[str, str]
    tensors: tuple[TensorInfo, ...]
    data_offset: int


def read_safetensors(read: Read, size: int | None = None) -> SafetensorsHeader:
    """The header of the file behind `read`. `size`: of the whole file where it is known. Raises
    HeaderError."""
    front = read(0, 8)
    if len(front) < 8:
        raise HeaderError(Problem.CUT_SHORT, "the file ends inside its first 8 bytes")
    length: int = struct.unpack("<Q", front)[0]
    if length > HEADER_BYTES_MAX:
        raise HeaderError(Problem.OTHER_FORMAT, "it does not begin with the length of a header")
    if size is not None and 8 + length > size:
        raise HeaderError(Problem.CUT_SHORT, f"a header of {length} bytes in a file of {size}")
    text = read(8, length)
    if len(text) < length:
        raise HeaderError(
            Problem.CUT_SHORT, f"the file ends at byte {8 + len(text)}, in its header"
        )
    metadata, entries = _decode(text)
    tensors = tuple(_tensor(name, entry) for name, entry in entries.items())
    _check_places(entries, None if size is None else size - 8 - length)
    return SafetensorsHeader(metadata, tensors, 8 + length)


def _decode(text: bytes) -> tuple[dict[str, str], dict[str, _Entry]]:
    if text[:1] != b"{":
        raise HeaderError(Problem.OTHER_FORMAT, "its header is not a JSON object")
    try:
        raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        if len(raw) > TENSORS_MAX:
            raise HeaderError(Problem.OVER_LIMIT, f"{len(raw)} tensors are announced")
        metadata = raw.pop("__metadata__", None)
        entries = {name: msgspec.json.decode(row, type=_Entry) for name, row in raw.items()}
        words = {} if metadata is None else msgspec.json.decode(metadata, type=dict[str, str])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise HeaderError(Problem.MALFORMED, f"its header cannot be read: {error}") from None
    except RecursionError:
        raise HeaderError(Problem.OVER_LIMIT, "its header is nested too deep") from None
    if len(words) > METADATA_KEYS_MAX:
        raise HeaderError(Problem.OVER_LIMIT, f"{len(words)} words beside the tensors")
    return words, entries


def _tensor(name: str, entry: _Entry) -> TensorInfo:
    if not 0 < len(name.encode("utf-8", "replace")) <= TENSOR_NAME_BYTES_MAX:
        raise HeaderError(Problem.OVER_LIMIT, f"a tensor's name of {len(name)} letters")
    if len(entry.shape) > DIMENSIONS_MAX:
        raise HeaderError(Problem.OVER_LIMIT, f"tensor {name!r} has {len(entry.shape)} dimensions")
    start, end = entry.data_offsets
    if min((0, *entry.shape)) < 0 or start < 0 or end < start:
        raise HeaderError(Problem.MALFORMED, f"tensor {name!r} has a negative size")
    shape = tuple(entry.shape)
    elements = count_elements(name, shape)
    bits = BITS.get(entry.dtype)
    if bits is not None and elements * bits != (end - start) * 8:
        sentence = f"tensor {name!r}: {end - start} bytes for {elements} elements of {entry.dtype}"
        raise HeaderError(Problem.CONTRADICTORY, sentence)
    return TensorInfo(name, entry.dtype, shape, elements, end - start)


def _check_places(entries: Mapping[str, _Entry], data: int | None) -> None:
    places = [(*entry.data_offsets, name) for name, entry in entries.items()]
    check_apart(places)
    covered = sum(end - start for start, end, _ in places)
    last = max((end for _, end, _ in places), default=0)
    if data is not None and last > data:
        raise HeaderError(Problem.CUT_SHORT, f"{last} bytes of tensors in {data} bytes of data")
    if covered != last or (data is not None and data != last):
        raise HeaderError(Problem.CONTRADICTORY, "its tensors do not cover its data")
