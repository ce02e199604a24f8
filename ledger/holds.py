"""What the books remember of a hold: all of it while it lives, the outcome once it has ended."""

from dataclasses import dataclass
from typing import NamedTuple

from ledger.commands import GrantKind, Leg
from ledger.lifecycle import HoldState


class Token(NamedTuple):
    """Where an entry stands: a fencing token, because it only grows."""

    era: int
    height: int
    line: int


@dataclass(frozen=True, slots=True)
class LiveHold:
    """A promise that takes room. `posted_at` is None while it is pending.

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

    @property
    def is_booking(self) -> bool:
        """A grant that waits for its owner's word and not for a heartbeat."""
        return self.kind is GrantKind.BOOKING and self.state is HoldState.POSTED


@dataclass(frozen=True, slots=True)
class EndedHold:
    """What is left to say about a hold that is over."""

    id: bytes
    state: HoldState
    digest: bytes
    holder: bytes
    held_at: Token
    posted_at: Token | None
    ended_at: Token
