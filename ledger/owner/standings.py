"""How an owner stands: whether it grants, why not, and until when."""

from dataclasses import dataclass

from ledger.books import Books
from ledger.commands import Command, Extend, Hold, Outcome, Transfer, Wait
from ledger.commands.rights import Give, Issue
from ledger.desk import Desk
from ledger.granting import Refused
from ledger.lifecycle import HoldState
from ledger.recovery.quarantine import Quarantine
from mesh.instant import Instant

OPEN = "open"
BOOKINGS_CLOSED = "bookings_closed"
DISK_FULL = "disk_full"
OUTCAST = "outcast"
QUARANTINED = "quarantine"
CLOSED = "closed"

KEEPING = (OPEN, BOOKINGS_CLOSED, DISK_FULL, OUTCAST)
"""In these an owner answers for its books, whether or not it promises more."""
NO_MORE = (DISK_FULL, OUTCAST)
"""In these it promises nothing more."""

Stands = tuple[str, str, Instant | None]
"""The state, why, and when it changes by itself."""


@dataclass(slots=True)
class NoMore:
    """Why nothing more is promised, in sentences that say what to do; "" where that is not so."""

    outcast: str = ""
    """This id is kept out of the mesh for good: who could be told of a promise would not hear it,
    and what it promised may be somebody else's to keep by now."""
    short: str = ""
    """There is next to no room on the disk."""

    @property
    def outcome(self) -> Outcome | None:
        """How whoever asks for more is refused; None: not for this."""
        if self.outcast:
            return Outcome.OUTCAST
        return Outcome.DISK_FULL if self.short else None

    @property
    def reason(self) -> str:
        return self.outcast or self.short


def stands(
    books: Books, closed: str | None, quarantine: Quarantine | None, no_more: NoMore,
    waiting: tuple[str, Instant | None],
) -> Stands:  # fmt: skip
    """`waiting`: why bookings are not open, and until when at the latest."""
    if closed is not None:
        return CLOSED, closed, None
    if quarantine is not None:
        return QUARANTINED, quarantine.reason, quarantine.next_wake
    if no_more.outcome is not None:
        state = OUTCAST if no_more.outcast else DISK_FULL
        return state, no_more.reason, None
    if not books.bookings_open:
        return BOOKINGS_CLOSED, *waiting
    return OPEN, "", None


def refuse_more(desk: Desk, command: Command, no_more: NoMore, now: Instant) -> Refused | None:
    """Where nothing more is promised all that was is kept: whoever confirms, renews or gives back
    is served. A request that was answered before is answered the same."""
    if (outcome := no_more.outcome) is None:
        return None
    if isinstance(command, Issue | Give):
        return Refused(outcome, no_more.reason)
    if not isinstance(command, Hold | Wait | Extend | Transfer):
        return None
    desk.hall.line.hear(command.id, now)  # who waits keeps the place
    return None if _was_answered(desk, command) else Refused(outcome, no_more.reason)


def _was_answered(desk: Desk, command: Hold | Wait | Extend | Transfer) -> bool:
    hold = command.id
    if isinstance(command, Extend):
        live = desk.books.live.get(hold)
        return live is not None and live.term >= command.term
    known = desk.books.state_of(hold) is not HoldState.ABSENT or hold in desk.books.plans
    return known or desk.refusals.get(hold) is not None
