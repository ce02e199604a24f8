"""What both formats tell: a table of tensors. And the ways in which a header can be wrong."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final, TypeAlias

Read: TypeAlias = Callable[[int, int], bytes]
"""`read(offset, length)`: the bytes there, fewer only where the file ends."""

TENSORS_MAX: Final = 1 << 17
"""Of one file. The largest model in use has 92,000 tensors, spread over 163 files."""
TENSOR_NAME_BYTES_MAX: Final = 512
DIMENSIONS_MAX: Final = 8
"""GGUF allows 4; safetensors names no limit, and nothing in use has more than 5."""
ELEMENTS_MAX: Final = 1 << 53
"""Of one tensor: beyond it JSON numbers are no longer whole, and no machine has such a disk."""


class Problem(Enum):
    """Why a header is not believed."""

    OTHER_FORMAT = "other_format"
    """It does not begin as this format does."""
    OTHER_VERSION = "other_version"
    """This format, in a version that we cannot read."""
    CUT_SHORT = "cut_short"
    """It ends before it has said what it announced."""
    OVER_LIMIT = "over_limit"
    """A count, a length or a depth beyond what any real model has."""
    MALFORMED = "malformed"
    """A field that cannot be what it stands for."""
    CONTRADICTORY = "contradictory"
    """Two fields that cannot both be true: overlapping tensors, a name said twice."""


class HeaderError(ValueError):
    """The header is not believed. `problem` names why, the text says where."""

    def __init__(self, problem: Problem, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor as its header tells it. `shape` in the file's own order.

    `bytes` None: of a type that we do not know, in a format that does not say its size.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    elements: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Weights:
    """What a table of tensors comes to. `bytes` None: a tensor is of a type that we do not know."""

    elements: int
    bytes: int | None
    by_type: Mapping[str, int]
    """Type → bytes; of an unknown type 0."""


def weigh(tensors: Iterable[TensorInfo]) -> Weights:
    """The exact size of these weights."""
    elements = 0
    known = True
    by_type: dict[str, int] = {}
    for tensor in tensors:
        elements += tensor.elements
        known = known and tensor.bytes is not None
        by_type[tensor.type] = by_type.get(tensor.type, 0) + (tensor.bytes or 0)
    ordered = dict(sorted(by_type.items(), key=lambda row: (-row[1], row[0])))
    return Weights(elements, sum(by_type.values()) if known else None, ordered)


def count_elements(name: str, shape: tuple[int, ...]) -> int:
    """The product of a shape. Raises HeaderError when it is beyond what can be."""
    elements = 1
    for size in shape:
        elements *= size
        if elements > ELEMENTS_MAX:
            raise HeaderError(Problem.OVER_LIMIT, f"tensor {name!r} has more than 2^53 elements")
    return elements


def check_apart(places: list[tuple[int, int, str]]) -> None:
    """`(start, end, name)` of every tensor: no two may share a byte. Raises HeaderError."""
    places.sort()
    for (_, end, name), (start, _, other) in pairwise(places):
        if start < end:
            sentence = f"tensors {name!r} and {other!r} lie over each other"
            raise HeaderError(Problem.CONTRADICTORY, sentence)
