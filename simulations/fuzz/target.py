"""A target: one reader of bytes, with examples of what it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Shape(Enum):
    """What the examples are, so that they can be bent from the inside too."""

    BYTES = "bytes"
    MSGPACK = "MessagePack values, end to end"
    JSON = "JSON"
    TEXT = "text"


Feed = Callable[[bytes], bool]
"""Put these bytes to the reader. Whether it took them; refusals by name are False, and anything
that is raised is a fault."""

CHEAP: Final = 100
COSTLY: Final = 30
DEAR: Final = 4
"""Shares of all inputs, roughly by what one costs: microseconds, tens, or a signature and more."""


@dataclass(frozen=True, slots=True)
class Target:
    """One reader. `feed` may keep a state of its own (a whole machine); `examples` are taken."""

    name: str
    examples: tuple[bytes, ...]
    feed: Feed
    shape: Shape = Shape.BYTES
    share: int = CHEAP
    check: Callable[[], None] = lambda: None
    """What must hold of the state behind the reader, now and then and at the end."""


def shares(targets: Sequence[Target], inputs: int) -> dict[str, int]:
    """How many of `inputs` each target is fed: by share, and each at least once."""
    whole = sum(target.share for target in targets)
    return {target.name: max(1, inputs * target.share // whole) for target in targets}
