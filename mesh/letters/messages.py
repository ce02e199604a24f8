"""The letters that travel inside a sealed payload: a closed union of frozen dataclasses.

Each says what its sender knows first hand or passes on signed; nothing here is believed because of
who relayed it. The limits on their fields are named here and enforced where letters are read, in
`wire.py`.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from mesh.facts import Fact
from mesh.identity import NodeId
from mesh.logs import Block, Position

VITALS_BYTES_MAX: Final = 16
SCOPE_CHARS_MAX: Final = 24
SEQUENCE_MAX: Final = 2**32 - 1
ROOT_MAX: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there? With the asker's state root and live figures, which cost nothing extra."""

    seq: int
    root: int
    vitals: bytes = b""
    beat: int = 0
    """The asker's count of the mesh's time, in milliseconds (`beat.py`)."""


@dataclass(frozen=True, slots=True)
class Ack:
    """I am here: the answer to the ping (or to the request) numbered `seq`."""

    seq: int
    root: int
    vitals: bytes = b""
    beat: int = 0


@dataclass(frozen=True, slots=True)
class ProbeFor:
    """Please ping `target` for me: I cannot reach it. A member's id, never an address."""

    seq: int
    target: NodeId


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What came of `ProbeFor(seq, target)`; `alive` False is an early no, not a verdict."""

    seq: int
    target: NodeId
    alive: bool


@dataclass(frozen=True, slots=True)
class Accuse:
    """I could not reach this run of `target`. `scope` names who should care ("" is everyone).

    Said to `target` itself, with `by`: I can, and `by` could not.
    """

    target: NodeId
    epoch_counter: int
    scope: str = ""
    by: NodeId | None = None


@dataclass(frozen=True, slots=True)
class FactNews:
    """A fact, as its author signed it. `scope`: the region that should hear of it ("": all)."""

    fact: Fact
    scope: str = ""


@dataclass(frozen=True, slots=True)
class BlockNews:
    """A block, as its author signed it; `wants_receipt`: tell the author once it is on disk;
    `scope` as of a fact."""

    block: Block
    wants_receipt: bool = False
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """`author`'s block at `position` is on my disk."""

    author: NodeId
    position: Position


@dataclass(frozen=True, slots=True)
class Kept:
    """Of *your* log I keep `length` blocks ending in `head` (empty for none); `alone`: and nothing
    beside them, and no proof of a fork. `root` as in a ping. Said to everyone one meets."""

    root: int
    length: int
    head: bytes
    alone: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """A letter of a kind we do not know, from a newer peer. Counted and otherwise ignored."""

    kind: int


@dataclass(frozen=True, slots=True)
class Further:
    """Behind the letter of this `kind`, which is read, stood `fields` that we do not know: its
    sender is of a later version. Counted and otherwise ignored."""

    kind: int
    fields: int


Message: TypeAlias = (
    Ping
    | Ack
    | ProbeFor
    | ProbeResult
    | Accuse
    | FactNews
    | BlockNews
    | Stored
    | Kept
    | Unknown
    | Further
)
