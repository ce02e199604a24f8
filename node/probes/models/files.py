"""One model on disk: a GGUF file, safetensors, a folder of either, or a bare config.json.

Only headers are read, by position, from plain files: a name may as well belong to a pipe or a
device, which is refused instead of waited for.
"""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from placement.memory.headers.gguf import GgufHeader, read_gguf
from placement.memory.headers.safetensors import SafetensorsHeader, read_safetensors
from placement.memory.headers.shards import (
    INDEX_BYTES_MAX,
    SHARDS_MAX,
    join_gguf,
    join_safetensors,
    read_index,
    split_names,
)
from placement.memory.headers.tensors import HeaderError, Problem, Read, TensorInfo

CONFIG_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of a config.json; the longest in use (quantised per layer) are 100 kB."""
CONFIG_DEPTH_MAX: Final = 32
FOLDER_NAMES_MAX: Final = 4096
INDEX: Final = "model.safetensors.index.json"
CONFIG: Final = "config.json"
PACKED: Final = "quantised: several weights share one stored number, so they are not counted here"
PROJECTOR_MARK: Final = "mmproj"
"""In the name of a GGUF file that holds the eyes of a model and not the model."""


class ModelError(Exception):
    """It cannot be told what this is. `problem`: a word of `Problem`, or not_found, not_a_file,
    unreadable, several_models."""

    def __init__(self, problem: str, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.problem = problem
        self.hint = hint


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One model as its files describe it. None: they do not say.

    `gguf_kv` and `config` are what arithmetic starts from; at most one is there.
    """

    format: str
    """gguf | safetensors | config"""
    files: tuple[str, ...]
    tensors: tuple[TensorInfo, ...] | None
    gguf_kv: Mapping[str, Any] | None = None
    config: Mapping[str, Any] | None = None
    file_type: str | None = None
    beside: tuple[str, ...] = ()
    """Files that belong to it and are no weights of it: projectors, adapters."""
    notes: tuple[str, ...] = ()


def read_model(place: Path) -> FoundModel:
    """What lies at `place`. Raises ModelError."""
    try:
        mode = place.stat().st_mode
    except OSError as error:
        raise ModelError("not_found", f"{place}: {_why(error)}") from error
    if stat.S_ISDIR(mode):
        return _folder(place)
    if place.name == INDEX or place.suffix == ".safetensors":
        return _safetensors(place)
    if place.suffix == ".json":
        return FoundModel("config", (str(place),), None, config=read_config(place))
    return _gguf(place)


def _folder(folder: Path) -> FoundModel:
    names = _names(folder)
    weights = [name for name in names if name.endswith(".safetensors")]
    if INDEX in names or weights:
        return _safetensors(folder / (INDEX if INDEX in names else weights[0]))
    ggufs = [name for name in names if name.endswith(".gguf")]
    models = [name for name in ggufs if PROJECTOR_MARK not in name.lower()]
    firsts = sorted({split_names_of(name)[0] for name in models})
    if len(firsts) > 1:
        listed = ", ".join(firsts[:8])
        raise ModelError("several_models", f"{folder} holds several models: {listed}", "name one")
    if firsts:
        found = _gguf(folder / firsts[0])
        beside = tuple(str(folder / name) for name in ggufs if name not in models)
        return replace(found, beside=beside)
    if CONFIG in names:
        return FoundModel(
            "config", (str(folder / CONFIG),), None, config=read_config(folder / CONFIG)
        )
    hint = "a model is *.gguf, *.safetensors or a config.json"
    raise ModelError("not_found", f"{folder} holds no model", hint)


def _names(folder: Path) -> list[str]:
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise ModelError("unreadable", f"{folder}: {_why(error)}") from error
    return names[:FOLDER_NAMES_MAX]


def split_names_of(name: str) -> tuple[str, ...]:
    """`split_names`, with a name that counts impossibly standing for itself."""
    try:
        return split_names(name)
    except HeaderError:
        return (name,)


def _gguf(place: Path) -> FoundModel:
    with _explained(place):
        names = split_names(place.name)
        parts = [gguf_header(place.parent / name) for name in names]
        whole = join_gguf(parts)
    files = tuple(str(place.parent / name) for name in names)
    kind = whole.file_type
    return FoundModel("gguf", files, whole.tensors, gguf_kv=whole.plain(), file_type=kind)


def gguf_header(place: Path) -> GgufHeader:
    """The header of one GGUF file. Raises ModelError, HeaderError."""
    with plain_file(place) as (read, size):
        return read_gguf(read, size)


def safetensors_header(place: Path) -> SafetensorsHeader:
    """The header of one safetensors file. Raises ModelError, HeaderError."""
    with plain_file(place) as (read, size):
        return read_safetensors(read, size)


def _safetensors(place: Path) -> FoundModel:
    folder = place.parent
    notes: list[str] = []
    with _explained(place):
        if place.name == INDEX:
            index = read_index(read_whole(place, INDEX_BYTES_MAX))
            headers = {name: safetensors_header(folder / name) for name in index.names}
            tensors = join_safetensors(index, headers)
            files = [str(folder / name) for name in index.names]
        else:
            files, tensors = _without_index(place)
    names = _names(folder)
    config = read_config(folder / CONFIG) if CONFIG in names else None
    if config is None:
        notes.append("no config.json beside the weights: what they make up is not told")
    if config is not None and config.get("quantization_config") is not None:
        notes.append(PACKED)
    beside = [str(folder / name) for name in names if name == "adapter_config.json"]
    found = tuple(files)
    return FoundModel(
        "safetensors", found, tensors, config=config, beside=tuple(beside), notes=tuple(notes)
    )


def _without_index(place: Path) -> tuple[list[str], tuple[TensorInfo, ...]]:
    """One file alone, or all of a folder's where its first is named `…-00001-of-…`."""
    shards = [place]
    if "-of-" in place.name:
        front = place.name.rsplit("-", 3)[0]
        shards = [
            place.parent / name
            for name in _names(place.parent)
            if name.startswith(f"{front}-") and name.endswith(".safetensors")
        ][:SHARDS_MAX]
    tensors = tuple(row for shard in shards for row in safetensors_header(shard).tensors)
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise HeaderError(Problem.CONTRADICTORY, "two files hold a tensor of one name")
    return [str(shard) for shard in shards], tensors


def read_config(place: Path) -> dict[str, Any]:
    """A config.json as plain data. Raises ModelError."""
    text = read_whole(place, CONFIG_BYTES_MAX)
    try:
        config = _plain(text)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ModelError("malformed", f"{place} cannot be read: {error}") from error
    except RecursionError:
        config = None
    if not isinstance(config, dict) or _deeper_than(config, CONFIG_DEPTH_MAX):
        raise ModelError("malformed", f"{place} is no JSON object, or is nested too deep")
    return config


def _plain(text: bytes) -> Any:
    """JSON as it is published: models with states say `"time_step_limit": [0.0, Infinity]`, which
    is none. The word is read as nothing, and only where the strict reading fails."""
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        if not any(word in text for word in (b"Infinity", b"NaN")):
            raise
        return json.loads(text, parse_constant=lambda _: None)


def _deeper_than(value: Any, depth: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    rows = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_deeper_than(row, depth - 1) for row in rows)


def read_whole(place: Path, most: int) -> bytes:
    """A small file. Raises ModelError when it is longer than `most` bytes, or is not a file."""
    with plain_file(place) as (read, size):
        if size > most:
            raise ModelError("over_limit", f"{place} has {size} bytes; {most} is the limit")
        return read(0, size)


@contextmanager
def plain_file(place: Path) -> Iterator[tuple[Read, int]]:
    """Reads by position, and the size. Raises ModelError when it is not a plain file."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        kind = "not_found" if isinstance(error, FileNotFoundError) else "unreadable"
        raise ModelError(kind, f"{place}: {_why(error)}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ModelError("not_a_file", f"{place} is not a plain file")
        yield lambda offset, length: os.pread(descriptor, length, offset), status.st_size
    except OSError as error:
        raise ModelError("unreadable", f"{place}: {_why(error)}") from error
    finally:
        os.close(descriptor)


@contextmanager
def _explained(place: Path) -> Iterator[None]:
    try:
        yield
    except HeaderError as error:
        raise ModelError(error.problem.value, f"{place}: {error}") from error


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
