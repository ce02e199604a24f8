"""What the core asks the disk to remember, as data.

One shape for every room: a write to a named space of keys. The shell turns a batch of writes into
one transaction of the journal; the simulator turns it into entries on an invented disk that may
tear. Nothing behind a `Persist` in the outbox leaves the machine before the batch is durable.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Write:
    """Set `key` in `space` to `value`; `None` removes it."""

    space: str
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Persist:
    """Make all of `writes` durable, together, before any later effect is carried out."""

    writes: tuple[Write, ...]


SPACE_META: Final = "meta"
"""One row per name: our epoch counter, the era, schema version."""
SPACE_PEER: Final = "peer"
"""Node id → what must survive a restart about a peer: pinned key, highest epoch, record."""
SPACE_BLOCK: Final = "block"
"""Author id + height → one signed block of that author's accepted chain."""
SPACE_ATTIC: Final = "attic"
"""Author id + era + height → blocks that a later era cut off; kept for audit."""
SPACE_BASE: Final = "base"
"""Author id → where its chain begins, if that is not at height 0: a checkpoint and its state.
Behind the id, "attic": the same of a chain that was cut off."""
SPACE_ARCHIVE: Final = "archive"
"""Author id + height → blocks that lie before where a chain begins, some hundred to a row; never
loaded at a start."""
SPACE_SHELF: Final = "shelf"
"""The key of a row of the archive → how old, how large, and how far it goes."""
SPACE_PROOF: Final = "proof"
"""Era, height and line → the receipt of an entry of ours that lies in the archive, for a hold that
lives."""
SPACE_REMAINING: Final = "remaining"
"""Hold id → nanoseconds a booking still had when last written."""
SPACE_LINE: Final = "line"
"""Hold id → its place in our waiting line."""
SPACE_CALENDAR: Final = "calendar"
"""One row: what the wall clock showed when it was last believed."""
SPACE_CARRY: Final = "carry"
"""Hold id → what this node renews for something that runs, with its receipt."""
SPACE_WORK: Final = "work"
"""Hold id → what work it is for, in words."""
SPACE_HISTORY: Final = "history"
"""Hash of a scope → what a node remembers of such work, and how long still."""
SPACE_TIE: Final = "tie"
"""Process (pid, start) → the hold of ours that it was adopted by."""
SPACE_ASK: Final = "ask"
"""Request id → a request of ours that was sent and not yet answered."""
SPACE_WISH: Final = "wish"
"""Name of a wish that waits → where it stands in lines, for who asks again after a restart."""
SPACE_GANG: Final = "gang"
"""Name of a wish for a gang that waits → its age, and where it stands in lines, as above."""
SPACE_REVOKED: Final = "revoked"
"""Node id → by whose word, and why, it is kept out."""
SPACE_PIN: Final = "pin"
"""Name, as it is compared → the node whose it is here, where the first is believed."""
SPACE_LISTED: Final = "listed"
"""Node id → whether a person trusts it."""
SPACE_FORGOTTEN: Final = "forgotten"
"""Node id → its tombstone: by whose word it is on no roll, or that it has come back since."""
SPACE_INVITE: Final = "invite"
"""Hash of a one-time token → when it lapses; removed when used."""
