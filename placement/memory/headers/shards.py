"""Models in several files: each file has a header of its own, and together they must be one model.

A split GGUF tells its place in keys (`split.no`, `split.count`, `split.tensors.count`); its other
key-values are in the first file alone. Safetensors in several files come with an index that says
which tensor is where. The index is a claim: what counts is what the files' own headers hold.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from placement.memory.headers.gguf import GgufHeader
from placement.memory.headers.safetensors import SafetensorsHeader
from placement.memory.headers.tensors import HeaderError, Problem, TensorInfo

SHARDS_MAX: Final = 1024
INDEX_BYTES_MAX: Final = 64 * 1024 * 1024
INDEX_TENSORS_MAX: Final = 1 << 20
FILE_NAME_CHARS_MAX: Final = 255

_SPLIT_NAME: Final = re.compile(r"(?P<front>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")


def split_names(name: str) -> tuple[str, ...]:
    """The names of all files of the split GGUF that `name` belongs to; `name` alone if it is
    whole. Raises HeaderError when the name says something impossible."""
    found = _SPLIT_NAME.fullmatch(name)
    if found is None:
        return (name,)
    number, count = int(found["number"]), int(found["count"])
    if not 1 <= number <= count or count > SHARDS_MAX:
        raise HeaderError(Problem.MALFORMED, f"{name!r} is part {number} of {count}")
    return tuple(f"{found['front']}-{part:05}-of-{count:05}.gguf" for part in range(1, count + 1))


def join_gguf(parts: Sequence[GgufHeader]) -> GgufHeader:
    """One header over all parts of a split GGUF, given in their order. Raises HeaderError."""
    first = parts[0]
    count = first.values.get("split.count", 1)
    if count != len(parts):
        sentence = f"it says that it is {count} files, and there are {len(parts)}"
        raise HeaderError(Problem.CONTRADICTORY, sentence)
    for number, part in enumerate(parts):
        if len(parts) > 1 and part.values.get("split.no") != number:
            sentence = f"file {number + 1} says that it is another: {part.values.get('split.no')}"
            raise HeaderError(Problem.CONTRADICTORY, sentence)
    tensors = tuple(tensor for part in parts for tensor in part.tensors)
    announced = first.values.get("split.tensors.count", len(tensors))
    if announced != len(tensors) or len({tensor.name for tensor in tensors}) != len(tensors):
        sentence = f"{announced} tensors are announced; the files hold {len(tensors)}"
        raise HeaderError(Problem.CONTRADICTORY, sentence)
    return replace(first, tensors=tensors)


@dataclass(frozen=True, slots=True)
class Index:
    """`model.safetensors.index.json`: tensor → file. `total_size` is whatever somebody wrote."""

    total_size: int | None
    files: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Every file it names, once, in order."""
        return tuple(sorted(dict.fromkeys(self.files.values())))


class _Metadata(msgspec.Struct):
    total_size: int | float | None = None


class _Index(msgspec.Struct):
    weight_map: dict[str, str]
    metadata: _Metadata | None = None


def read_index(text: bytes) -> Index:
    """The index. Raises HeaderError."""
    if len(text) > INDEX_BYTES_MAX:
        raise HeaderError(Problem.OVER_LIMIT, f"an index of {len(text)} bytes")
    try:
        read = msgspec.json.decode(text, type=_Index)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise HeaderError(Problem.MALFORMED, f"the index cannot be read: {error}") from None
    except RecursionError:
        raise HeaderError(Problem.OVER_LIMIT, "the index is nested too deep") from None
    names = dict.fromkeys(read.weight_map.values())
    if len(read.weight_map) > INDEX_TENSORS_MAX or len(names) > SHARDS_MAX:
        raise HeaderError(Problem.OVER_LIMIT, f"{len(read.weight_map)} tensors, {len(names)} files")
    for name in names:
        if not _is_plain_name(name):
            raise HeaderError(Problem.MALFORMED, f"the index names {name[:80]!r} as a file")
    size = None if read.metadata is None else read.metadata.total_size
    return Index(int(size) if size is not None else None, read.weight_map)


def _is_plain_name(name: str) -> bool:
    # An index must not lead out of its own folder.
    return (
        0 < len(name) <= FILE_NAME_CHARS_MAX
        and "/" not in name
        and "\\" not in name
        and "\0" not in name
        and name not in (".", "..")
    )


def join_safetensors(
    index: Index, headers: Mapping[str, SafetensorsHeader]
) -> tuple[TensorInfo, ...]:
    """The tensors that the index names, out of the files' own headers. Raises HeaderError."""
    tables = {
        name: {tensor.name: tensor for tensor in header.tensors} for name, header in headers.items()
    }
    found: list[TensorInfo] = []
    for tensor, file in index.files.items():
        table = tables.get(file)
        if table is None:
            raise HeaderError(Problem.CUT_SHORT, f"the file {file!r} is missing")
        if tensor not in table:
            raise HeaderError(Problem.CONTRADICTORY, f"{file!r} does not hold {tensor[:80]!r}")
        found.append(table[tensor])
    return tuple(found)
