"""What became of a block that was offered, and of the log that it was offered to."""

from dataclasses import dataclass
from enum import Enum

from mesh.kept.lineage import ForkPair
from mesh.logs import Base, Block


class Offered(Enum):
    """What became of a block that was offered."""

    APPENDED = "continues the chain"
    CUT = "a new era continues below the old head"
    STALE_ERA = "belongs to a branch that was cut off; filed in the attic"
    KNOWN = "already kept"
    GAP = "its parent is not kept: ask for the range"
    FORK = "a second block at one era and height: frozen"
    FROZEN = "its author's log is frozen"
    BAD = "not whole, not signed, or not in its place"
    FULL = "the author's attic has no room"
    BEHIND = "lies before where this log begins"
    PRUNED = "what lies before a checkpoint was put away"
    LEAPT = "the chain begins somewhere else now"
    ASIDE = "part of another beginning of this log"
    OVERLONG = "its author writes no checkpoints"


@dataclass(frozen=True, slots=True)
class Filed:
    """What an offer changed: `gained` entered the accepted chain at `start`, `lost` left it there.

    `revived` are those of `gained` that lay in the attic before; `attic` is what was put there.
    """

    offered: Offered
    start: int = 0
    gained: tuple[Block, ...] = ()
    lost: tuple[Block, ...] = ()
    revived: tuple[Block, ...] = ()
    attic: tuple[Block, ...] = ()
    fork: ForkPair | None = None
    put_away: tuple[Block, ...] = ()
    """Of the chain, and before its new base: for the archive."""
    first: int = 0
    """Where the chain begins now."""
    moved: bool = False
    """Whether it began elsewhere before: then it begins at `base` now."""
    base: Base | None = None
    spare: Base | None = None
    """The base of what lies in the attic now."""
