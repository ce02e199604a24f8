"""The types of numbers that weights and caches are stored in, and what a row of them costs.

Sizes are those of ggml's block structures (`ggml-common.h`): so many bytes for so many elements,
scales included. A row holds whole blocks or the type can't be used for it.
"""

from typing import Final, NamedTuple


class Type(NamedTuple):
    """`bytes` for each `block` of elements."""

    name: str
    block: int
    bytes: int

    @property
    def bits(self) -> float:
        return 8 * self.bytes / self.block


_ROWS: Final = (
    ("f32", 1, 4), ("f16", 1, 2), ("bf16", 1, 2), ("fp8", 1, 1), ("int8", 1, 1),
    ("q8_0", 32, 34), ("q5_1", 32, 24), ("q5_0", 32, 22), ("q4_1", 32, 20), ("q4_0", 32, 18),
    ("iq4_nl", 32, 18), ("mxfp4", 32, 17), ("nvfp4", 64, 36),
    ("q8_k", 256, 292), ("q6_k", 256, 210), ("q5_k", 256, 176), ("q4_k", 256, 144),
    ("q3_k", 256, 110), ("q2_k", 256, 84), ("iq4_xs", 256, 136), ("iq3_s", 256, 110),
    ("iq3_xxs", 256, 98), ("iq2_s", 256, 82), ("iq2_xs", 256, 74), ("iq2_xxs", 256, 66),
    ("iq1_m", 256, 56), ("iq1_s", 256, 50), ("tq1_0", 256, 54), ("tq2_0", 256, 66),
)  # fmt: skip
TYPES: Final = {name: Type(name, block, size) for name, block, size in _ROWS}
F32, F16 = TYPES["f32"], TYPES["f16"]
CACHE_TYPES: Final = (
    "f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl", "fp8",
)  # fmt: skip
"""What engines keep keys and values in."""


def bytes_of(kind: Type, columns: int, rows: int = 1) -> int:
    """What so many rows take. The columns must fill whole blocks."""
    assert columns % kind.block == 0, f"{columns} columns of {kind.name}"
    return columns // kind.block * kind.bytes * rows


def fits(kind: Type, columns: int) -> bool:
    """Whether rows of this length can be stored so."""
    return columns % kind.block == 0
