"""What the ledger is told about the world it accounts for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ledger.books.gangs import GangEntry
from ledger.books.rights import RightsRow
from mesh.identity import NodeId
from mesh.logs import Base, Block, Position


@dataclass(frozen=True, slots=True)
class Continuity:
    """Whether this start can prove that nothing was lost since the last one, and why (not)."""

    proven: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PoolReading:
    """One pool as a probe just saw it, in the pool's unit. None means it could not be read.

    `used`: hold id → what that hold's own work was seen to use, read before *and* after `free`
    with the smaller kept. A hold that is missing counts as using nothing.
    """

    pool: str
    total: int | None
    system: int
    free: int | None
    used: Mapping[bytes, int]


@dataclass(frozen=True, slots=True)
class CapacitySeen:
    """A full look at every pool this owner may promise. A pool that is missing has vanished."""

    pools: tuple[PoolReading, ...]
    wall: int | None = None
    """The wall clock at this look, ns since 1970; for the calendar alone."""


@dataclass(frozen=True, slots=True)
class Contested:
    """Every pool of which another owner says that it is its own: nothing is granted on them until
    one of us takes back its word. It counts at once; a probe may hang, and word of others comes
    all the same."""

    pools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fenced:
    """Nothing of ours runs under `hold` any more (`gone`), or it could not be ended."""

    hold: bytes
    gone: bool


@dataclass(frozen=True, slots=True)
class OwnLogSeen:
    """A peer showed blocks of our own log that we do not have."""

    peer: NodeId
    blocks: tuple[Block, ...]
    bases: tuple[Base, ...] = ()
    """Where its copies begin."""


@dataclass(frozen=True, slots=True)
class PeersKnown:
    """How many peers on the roll may keep a copy of our log, and how many of them have not
    answered for it yet. Numbers, for this is said at every change of a roll of a thousand."""

    known: int
    silent: int


@dataclass(frozen=True, slots=True)
class DiskSeen:
    """Whether there is room to write on. `short`: what is wrong and what to do, or ""."""

    short: str


@dataclass(frozen=True, slots=True)
class KeptOut:
    """This id was revoked, for good. `reason`: a sentence that says what to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Override:
    """A person opens the books by name, and why. Recorded in the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class GangSeen:
    """What others' logs say of the gang to which our `hold` belongs: it is complete, or `over`."""

    hold: bytes
    over: bool


@dataclass(frozen=True, slots=True)
class GangStep:
    """We, as an asker, have come so far with a gang of ours: it goes on our log."""

    entry: GangEntry


@dataclass(frozen=True, slots=True)
class TwinLives:
    """Another machine signs with our key, and is up. `reason`: a sentence that says what to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Heritage:
    """This machine was `node` before, whose key is lost: its promises are ours from here on.
    `blocks`, from `base` on: its log, as far as it is known."""

    node: NodeId
    blocks: tuple[Block, ...]
    base: Base | None
    reason: str
    recovery: bytes = b""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class RightsTold:
    """What the log of `author`, which stands `at` now, says of rights that concerns us: totals that
    it gave us or took of us; for whom there are rights at all; and which nodes are gone for good.
    """

    author: NodeId
    at: Position | None
    theirs: tuple[tuple[RightsRow, int], ...] = ()
    governed: tuple[tuple[str, str], ...] = ()
    gone: tuple[NodeId, ...] = ()


@dataclass(frozen=True, slots=True)
class RightsWord:
    """A person says that nothing was given away which our log does not show, and why."""

    reason: str


Observation: TypeAlias = (
    CapacitySeen
    | Contested
    | Fenced
    | OwnLogSeen
    | PeersKnown
    | DiskSeen
    | KeptOut
    | Override
    | GangSeen
    | GangStep
    | TwinLives
    | Heritage
    | RightsTold
    | RightsWord
)
