"""A model file's header, of the size that they have: 150,000 words and 280,000 merges."""

import struct
import tracemalloc
from typing import Final

from placement.memory.headers.gguf import read_gguf
from simulations.bench.rows import Area, Declared, Row
from simulations.bench.timing import best_us

WORDS: Final = 150_000
MERGES: Final = 280_000
TENSORS: Final = 700
Q4_K: Final = 12
U32, I32, STRING, ARRAY = 4, 5, 8, 9
ROUNDS: Final = 5

TIME: Final = Declared("GGUF header of a real-size vocabulary", "s", "lower")
MEMORY: Final = Declared("memory for a GGUF header of a real-size vocabulary", "MB", "lower")


def header_rows(area: Area) -> list[Row]:
    """What reading it costs, in processor time and in memory at the most."""
    content = _header()

    def read(offset: int, length: int) -> bytes:
        return content[offset : offset + length]

    seconds = best_us(lambda: read_gguf(read), ROUNDS) / 1e6
    tracemalloc.start()
    try:
        read_gguf(read)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return [area.row(TIME.name, ROUNDS, seconds), area.row(MEMORY.name, 1, most / 1e6)]


def _header() -> bytes:
    words = b"".join(_text(f"token{number}") for number in range(WORDS))
    merges = b"".join(_text(f"to ken{number}") for number in range(MERGES))
    keys = [
        _key("general.architecture", STRING, _text("llama")),
        _key("tokenizer.ggml.tokens", ARRAY, struct.pack("<IQ", STRING, WORDS) + words),
        _key("tokenizer.ggml.token_type", ARRAY, struct.pack("<IQ", I32, WORDS) + bytes(4 * WORDS)),
        _key("tokenizer.ggml.merges", ARRAY, struct.pack("<IQ", STRING, MERGES) + merges),
        _key("llama.block_count", U32, struct.pack("<I", 80)),
    ]
    size = 4096 * 4096 // 256 * 144
    tensors = [
        _text(f"blk.{number}.weight") + struct.pack("<I2QIQ", 2, 4096, 4096, Q4_K, number * size)
        for number in range(TENSORS)
    ]
    front = b"GGUF" + struct.pack("<IQQ", 3, TENSORS, len(keys))
    return b"".join([front, *keys, *tensors])


def _text(words: str) -> bytes:
    return struct.pack("<Q", len(words)) + words.encode()


def _key(name: str, kind: int, value: bytes) -> bytes:
    return _text(name) + struct.pack("<I", kind) + value
