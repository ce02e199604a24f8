"""Headers to read: the kept files, and some made by hand to be wrong in one way."""

import json
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from placement.memory.headers.tensors import HeaderError, Problem, Read

DATA = Path(__file__).parents[3] / "data" / "headers"
SIZES: dict[str, dict[str, int]] = json.loads((DATA / "sizes.json").read_text())


def over(content: bytes) -> Read:
    """A `Read` over bytes at hand."""
    return lambda offset, length: content[offset : offset + length]


def text(value: str | bytes) -> bytes:
    """A GGUF string."""
    content = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(content)) + content


def key(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def tensor(name: str, shape: Iterable[int], kind: int = 0, offset: int = 0) -> bytes:
    sizes = tuple(shape)
    return (
        text(name)
        + struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)
        + struct.pack("<IQ", kind, offset)
    )


def gguf(
    keys: Iterable[bytes] = (),
    tensors: Iterable[bytes] = (),
    version: int = 3,
    counts: tuple[int, int] | None = None,
) -> bytes:
    """A GGUF file without its data. `counts`: what it announces, where that is a lie."""
    keys, tensors = list(keys), list(tensors)
    announced = counts or (len(tensors), len(keys))
    return b"".join([b"GGUF", struct.pack("<IQQ", version, *announced), *keys, *tensors])


def safetensors(header: Any, data: int = 0) -> bytes:
    """A safetensors file: `header` as JSON (or bytes as they are), and so many bytes of data."""
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(content)) + content + bytes(data)


def problem_of(parse: Callable[[], object]) -> Problem | None:
    """Why a header is refused; None when it is believed. Anything else that is raised goes on."""
    try:
        parse()
    except HeaderError as error:
        return error.problem
    return None
