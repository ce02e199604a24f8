"""Every limit of the ledger, with its unit, and what it must agree with."""

from dataclasses import dataclass, field
from typing import Final

from ledger.commands import LABEL_CHARS_MAX, LEGS_MAX, TTL_MAX
from ledger.policy import Policy
from mesh.instant import HOUR, MINUTE, SECOND, Duration
from mesh.logs import ENTRY_BYTES_MAX, STATE_BYTES_MAX

RATE_MARGIN_PERCENT: Final = 2
"""ρ: how far a clock's rate may stray. Crystals and NTP slew stay below 0.1 %; the rest is for
virtual machines."""

QUARANTINE: Final[Duration] = TTL_MAX * (100 + RATE_MARGIN_PERCENT) ** 2 * 105 // (100 * 100 * 100)
"""TTL_MAX·(1+ρ)²·1.05: after this long no carrier of an earlier start still believes in its lease.
A constant and not configuration: a lost disk loses the configuration too."""

BOOK_WAIT: Final[Duration] = 10 * MINUTE
"""How long new bookings wait for peers that have not answered for our log."""

BOOKING_TERM_MAX: Final[Duration] = 30 * 24 * HOUR
PENDING_TTL: Final[Duration] = 30 * SECOND
ENTRIES_MAX: Final = 1024
"""Live holds per node. The table of holds stays readable and a room check stays cheap."""

GANG_MAX: Final[Duration] = MINUTE
"""How long a gang's member that is parked waits for the proof that all are. Longer than any asker
tries to bring it (a handful of sends), short enough that a dead asker's room is soon free."""

GANGS_MAX: Final = 64
"""Gangs of one asker that are not over."""

GANGS_ENDED_MAX: Final = 256
"""Gangs of one asker that are over and still named, the oldest forgotten first: who has not read
the word by then has long been without proof."""

REMAINING_EVERY: Final[Duration] = MINUTE
"""How often a booking's remaining time is journalled: a crash gives back at most this much."""

FENCE_AGAIN: Final[Duration] = 10 * SECOND
"""How often we look again at work that would not end."""

REFUSALS_MAX: Final = 4096
"""Refusals remembered per session, oldest forgotten first."""

WAITING_MAX: Final = 16
"""Askers that may wait for one hold to end; one more is told ENDING."""

LINE_MAX: Final = 256
"""Places in the line of one owner. Everybody's turn is looked at when something changes."""

LINE_PER_PRINCIPAL_MAX: Final = 64
"""Of these, on whoever's behalf: nobody fills the line alone."""

LINE_SILENCE: Final[Duration] = 15 * SECOND
"""Whoever has not asked again for so long, by the owner's count, has gone home. Askers ask every
two seconds, so this survives some lost answers and a short pause."""

PATIENCE_MAX: Final[Duration] = 7 * 24 * HOUR
PRIORITY_MAX: Final = 9
AGE_STEP: Final[Duration] = 5 * MINUTE
"""Who waited for so long counts as one priority higher: nobody starves behind the important."""

GANG_AGED: Final[Duration] = MINUTE
"""A gang that has waited for so long in a line is overtaken by nobody who comes later."""

FORESEEN_MAX: Final = 16
"""Places, from the front, whose turn is worked out exactly. Who stands further back keeps what he
needs out of reach of those behind him, from now on and for good: that is simple, and safe."""

PLANNED_AHEAD_MAX: Final[Duration] = 366 * 24 * HOUR
"""How far ahead a booking may start. No clock or machine is worth believing for longer."""

ENDS_FORESEEN_MAX: Final = 256
"""The nearest ends of bookings that a forecast looks at; what ends later does not end in it."""

BLOCK_BYTES_MAX: Final = 128 * 1024
"""Entries in one block, so that a block always fits the answer of a sync (256 KiB)."""

GATHERED_BLOCKS_MAX: Final = 200_000
"""Own blocks from peers kept for a merge. Only we can sign them: this bounds our own mistakes."""

BASES_MAX: Final = 8
"""Beginnings of our own log from peers, kept for a merge."""

TIPS_MAX: Final = 64
"""Different ends of our own log that a merge looks at."""

CHECKPOINT_ENTRIES: Final = 8192
CHECKPOINT_BYTES: Final = 2 * 1024 * 1024
"""Of entries since the last checkpoint, before the next is written. A start folds at most some
three of these; a replica reckons one state for each."""

ENDED_KEPT_MAX: Final = 2048
"""Holds that ended and stay known behind a checkpoint, so that a late duplicate is recognised. By
count and not by time: nobody's clock decides what the books are. A hold that has been forgotten and
is asked for again is a new request, pending until its asker posts it."""

RECOVERED_KEPT_MAX: Final = 1024
"""The same, of holds that had been lost and were found in a copy of the log."""

OVERDUE_CHECKPOINTS: Final = 8
"""Checkpoints written since the log's beginning before it moves up without waiting for copies."""

KEEPERS_ENOUGH: Final = 3
"""Peers that hold a checkpoint before what lies behind it may go; all of them when there are
fewer."""

RIGHTS_ROWS_MAX: Final = 1024
"""Totals of rights in one log: principals × kinds of pool × nodes that it gave to or took of."""

POOL_BYTES_MAX: Final = 200
PRINCIPAL_CHARS_MAX: Final = 120
REASON_CHARS_MAX: Final = 400
NONCE_BYTES_MAX: Final = 64
PROOF_BYTES_MAX: Final = 32
RECEIPTS_MAX: Final = 4
"""Of one hold: its beginning, its post, and what it was last extended and shrunk by."""
RECEIPT_BYTES_MAX: Final = ENTRY_BYTES_MAX + 1024
"""An entry, the signed header of its block, and the way from one to the other."""
PROVEN_BLOCKS_MAX: Final = 16
"""Own blocks whose receipts are kept at hand: a post follows its hold within a block or two."""

PATH_MAX: Final = 8
"""Steps from a leaf to the root of a block: 2⁸ entries are the most a block carries."""

assert PENDING_TTL <= TTL_MAX < QUARANTINE, "the quarantine must outlive every belief"
assert LEGS_MAX * (POOL_BYTES_MAX + 16) + 4 * (LABEL_CHARS_MAX + PRINCIPAL_CHARS_MAX) + 512 < (
    ENTRY_BYTES_MAX
), "the largest hold must fit an entry"
assert (ENDED_KEPT_MAX + RECOVERED_KEPT_MAX) * 160 <= STATE_BYTES_MAX * 2 // 3, (
    "what is kept of ends leaves room for holds"
)
assert ENTRY_BYTES_MAX <= BLOCK_BYTES_MAX, "the largest entry must fit a block"


@dataclass(frozen=True, slots=True)
class Limits:
    """What an operator may set lower. Overcommit is none, and not a setting."""

    entries_max: int = ENTRIES_MAX
    booking_term_max: Duration = BOOKING_TERM_MAX
    pending_ttl: Duration = PENDING_TTL
    checkpoint_entries: int = CHECKPOINT_ENTRIES
    ended_kept: int = ENDED_KEPT_MAX
    policy: Policy = field(default_factory=Policy)
    priority_max: int = PRIORITY_MAX
    """The highest priority that counts in our line; what asks for more is told so, and gets it."""
    age_step: Duration = AGE_STEP

    def __post_init__(self) -> None:
        if not 0 < self.entries_max <= ENTRIES_MAX:
            raise ValueError(f"entries_max must be 1 to {ENTRIES_MAX}, not {self.entries_max}")
        if not 0 < self.booking_term_max <= BOOKING_TERM_MAX:
            raise ValueError("booking_term_max must be more than nothing and at most 30 days")
        if not 0 < self.checkpoint_entries <= CHECKPOINT_ENTRIES:
            raise ValueError(f"checkpoint_entries must be 1 to {CHECKPOINT_ENTRIES}")
        if not 0 < self.ended_kept <= ENDED_KEPT_MAX:
            raise ValueError(f"ended_kept must be 1 to {ENDED_KEPT_MAX}")
        if not 0 < self.pending_ttl <= PENDING_TTL:
            raise ValueError("pending_ttl must be more than nothing and at most 30 seconds")
        if not 0 < self.age_step <= AGE_STEP:
            raise ValueError("age_step must be more than nothing and at most 5 minutes")
        if not 0 <= self.priority_max <= PRIORITY_MAX:
            raise ValueError(f"priority_max must be 0 to {PRIORITY_MAX}, not {self.priority_max}")
