"""What probes read: headers of model files, answers of model servers, the kernel's words of cards.

Model files come from strangers, servers may be anybody's, and drivers are written by people.
"""

import json
import struct
from collections.abc import Callable
from typing import Any, Final

import msgspec

from node.core.picture.topics import decode_models, encode
from node.probes import amd, apple, drm
from node.probes.models.rest import NoAnswer, body_of, is_whole
from node.probes.models.servers import LoadedModel, Server, parse_listening, recognised
from node.probes.models.stores import StoredModel
from node.probes.models.telling import models_fact
from placement.memory.headers.gguf import read_gguf
from placement.memory.headers.safetensors import read_safetensors
from placement.memory.headers.shards import read_index
from placement.memory.headers.tensors import HeaderError
from simulations.fuzz.target import COSTLY, Shape, Target

U32: Final = 4
STRING: Final = 8
ARRAY: Final = 9

OPENAI: Final = {"object": "list", "data": [{"id": "m", "owned_by": "vllm", "max_model_len": 8192}]}
FDINFO: Final = b"""drm-driver:\txe
drm-client-id:\t17
drm-pdev:\t0000:03:00.0
drm-total-vram0:\t23992 KiB
drm-resident-vram0:\t16384 KiB
"""
KFD: Final = b"cpu_cores_count 0\nsimd_count 80\ngfx_target_version 110501\nlocation_id 50432\n"
VM_STAT: Final = b"""Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                              311504.
Pages inactive:                         2059830.
"""
DISPLAYS: Final = b'{"SPDisplaysDataType": [{"sppci_model": "Apple M4 Max", "sppci_cores": "40"}]}'
SOCKETS: Final = b"""  sl  local_address rem_address   st tx_queue rx_queue tr tm->when
   0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 77 1 0 100 0
"""


def targets() -> list[Target]:
    """All of them."""
    http = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
    return [
        Target("GGUF header", (gguf(), gguf(">")), _header(read_gguf), share=COSTLY),
        Target("safetensors header", (safetensors(),), _header(read_safetensors)),
        Target("safetensors index", (b'{"weight_map":{"a":"b.safetensors"}}',), _index, Shape.JSON),
        Target("model server's list", (json.dumps(OPENAI).encode(),), _listed, Shape.JSON),
        Target("HTTP answer", (http, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), _http),
        Target("models fact", (_models(),), _fact, Shape.MSGPACK),
        Target("card's fdinfo", (FDINFO,), _text(drm.parse_fdinfo), Shape.TEXT),
        Target("KFD node", (KFD,), _text(lambda text: amd.parse_node(text, 1)), Shape.TEXT),
        Target("vm_stat", (VM_STAT,), _text(apple.parse_vm_stat), Shape.TEXT),
        Target("Apple's displays", (DISPLAYS,), _text(_displays), Shape.JSON),
        Target("listening sockets", (SOCKETS,), _text(parse_listening), Shape.TEXT),
    ]


def gguf(order: str = "<") -> bytes:
    """A header with a key of every sort, and a tensor."""

    def text(words: str) -> bytes:
        return struct.pack(f"{order}Q", len(words)) + words.encode()

    def key(name: str, kind: int, value: bytes) -> bytes:
        return text(name) + struct.pack(f"{order}I", kind) + value

    strings = struct.pack(f"{order}IQ", STRING, 70) + b"".join(text(f"w{n}") for n in range(70))
    keys = [
        key("general.architecture", STRING, text("llama")),
        key("llama.block_count", U32, struct.pack(f"{order}I", 2)),
        key("llama.heads", ARRAY, struct.pack(f"{order}IQ2I", U32, 2, 8, 0)),
        key("tokenizer.ggml.tokens", ARRAY, strings),
    ]
    tensor = text("blk.0.x") + struct.pack(f"{order}I2QIQ", 2, 256, 3, 12, 0)
    front = b"GGUF" + struct.pack(f"{order}IQQ", 3, 1, len(keys))
    return front + b"".join(keys) + tensor


def safetensors() -> bytes:
    """A header with two tensors."""
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]},
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def _header(read: Callable[..., object]) -> Callable[[bytes], bool]:
    def feed(data: bytes) -> bool:
        try:
            read(lambda offset, length: data[offset : offset + length])
        except HeaderError:
            return False
        return True

    return feed


def _index(data: bytes) -> bool:
    try:
        found = read_index(data)
    except HeaderError:
        return False
    return not any("/" in name for name in found.names)


def _listed(data: bytes) -> bool:
    try:
        answer: Any = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    kind, loaded = recognised(answer, 8000)
    servers = () if kind is None else (Server(kind, 8000, loaded=loaded),)
    fact = models_fact(servers, ())
    assert decode_models(encode(fact)) == fact, "read back differently"
    return kind is not None


def _http(data: bytes) -> bool:
    is_whole(data)
    try:
        body_of(data)
    except NoAnswer:
        return False
    return True


def _models() -> bytes:
    server = Server("ollama", 11434, "0.12.3", (LoadedModel("llama3.2", 5, 4, 4096),))
    return encode(models_fact([server], [StoredModel("a/b", "ollama", "gguf", 7, "/x")]))


def _fact(data: bytes) -> bool:
    try:
        return encode(decode_models(data)) != b""
    except msgspec.MsgspecError:
        return False


def _text(parse: Callable[[str], object]) -> Callable[[bytes], bool]:
    """The kernel's files are read with what is no UTF-8 replaced."""
    return lambda data: parse(data.decode("utf-8", "replace")) not in (None, {})


def _displays(text: str) -> object:
    name, cores = apple.parse_displays(text)
    return name or cores
