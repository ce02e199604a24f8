"""What the books remember of a hold: all of it while it lives, the outcome once it has ended.

There may be thousands, and none of them can be part of a cycle: the collector leaves them alone.
"""

from typing import NamedTuple

import msgspec

from ledger.commands import GrantKind, Leg
from ledger.entries import Adopted, Held
from ledger.lifecycle import HoldState


class Token(NamedTuple):
    """Where an entry stands: a fencing token, because it only grows."""

    era: int
    height: int
    line: int


class Enlistment(NamedTuple):
    """That a hold is one of a gang's, and how far its owner has come with it (see `gangs.py`).

    `term`: of the booking that it becomes when it is parked; 0: it stays a lease.
    """

    gang: bytes
    term: int
    enlisted_at: Token
    parked_at: Token | None = None
    settled_at: Token | None = None

    @property
    def is_leased(self) -> bool:
        """Whether it lasts while its asker renews it, and is never parked."""
        return not self.term

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The entries that say so."""
        steps = (self.enlisted_at, self.parked_at, self.settled_at)
        return tuple(at for at in steps if at is not None)


class LiveHold(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False
):  # fmt: skip
    """A promise that takes room. `posted_at` is None while it is pending.

    `legs` is what it takes itself: what was carved out of it is its children's.
    `origin`: for an adopted hold, where it stood in the log that was lost; else `held_at`.
    """

    id: bytes
    state: HoldState
    digest: bytes
    holder: bytes
    legs: tuple[Leg, ...]
    kind: GrantKind
    term: int
    principal: str
    label: str
    held_at: Token
    posted_at: Token | None
    origin: Token
    gang: Enlistment | None = None
    parent: bytes | None = None
    """The booking that it was carved out of, and that its room goes back to."""
    extended_at: Token | None = None
    shrunk_at: Token | None = None
    owed: tuple[Leg, ...] = ()
    """What it was granted of beyond its quota, or beyond what the machine had: for all to see."""
    reason: str = ""
    """Why that was forced."""

    @property
    def on_probation(self) -> bool:
        """A gang's member that is a booking already, and only until it is shown that all are."""
        return self.is_booking and self.gang is not None and self.gang.settled_at is None

    @property
    def is_booking(self) -> bool:
        """A grant that waits for its owner's word and not for a heartbeat."""
        return self.kind is GrantKind.BOOKING and self.state is HoldState.POSTED


class EndedHold(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False
):  # fmt: skip
    """What is left to say about a hold that is over."""

    id: bytes
    state: HoldState
    digest: bytes
    holder: bytes
    held_at: Token
    posted_at: Token | None
    ended_at: Token
    recovered: bool = False
    """Whether it had been lost, and was found in a copy of the log or in its holder's hand."""


def live_hold(entry: Held | Adopted, state: HoldState, at: Token) -> LiveHold:
    """What `entry`, standing at `at`, begins."""
    posted = at if state is HoldState.POSTED else None
    origin = at
    if isinstance(entry, Adopted):
        origin = min(at, Token(entry.origin.era.counter, entry.origin.height, 0))
        # The lesser: of what was taken over, the number is another log's and says nothing here.
    return LiveHold(
        entry.id, state, entry.digest, entry.holder, entry.legs, entry.kind, entry.term,
        entry.principal, entry.label, at, posted, origin,
    )  # fmt: skip
