"""How an owner stands: whether it grants, why not, and until when."""

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
QUARANTINED = "quarantine"
CLOSED = "closed"

KEEPING = (OPEN, BOOKINGS_CLOSED, DISK_FULL)
"""In these an owner answers for its books, whether or not it promises more."""

Stands = tuple[str, str, Instant | None]
"""The state, why, and when it changes by itself."""


def stands(
    books: Books, closed: str | None, quarantine: Quarantine | None, short: str,
    waiting: tuple[str, Instant | None],
) -> Stands:  # fmt: skip
    """`short`: what is wrong with the disk, and what to do about it; "" while there is room.
    `waiting`: why bookings are not open, and until when at the latest."""
    if closed is not None:
        return CLOSED, closed, None
    if quarantine is not None:
        return QUARANTINED, quarantine.reason, quarantine.next_wake
    if short:
        return DISK_FULL, short, None
    if not books.bookings_open:
        return BOOKINGS_CLOSED, *waiting
    return OPEN, "", None


def refuse_more(desk: Desk, command: Command, short: str, now: Instant) -> Refused | None:
    """With next to no room on the disk nothing more is promised, and all that was is kept: whoever
    confirms, renews or gives back is served from what little is left. A request that was answered
    before is answered the same."""
    if short and isinstance(command, Issue | Give):
        return Refused(Outcome.DISK_FULL, short)
    if not short or not isinstance(command, Hold | Wait | Extend | Transfer):
        return None
    desk.hall.line.hear(command.id, now)  # who waits keeps the place
    return None if _was_answered(desk, command) else Refused(Outcome.DISK_FULL, short)


def _was_answered(desk: Desk, command: Hold | Wait | Extend | Transfer) -> bool:
    hold = command.id
    if isinstance(command, Extend):
        live = desk.books.live.get(hold)
        return live is not None and live.term >= command.term
    known = desk.books.state_of(hold) is not HoldState.ABSENT or hold in desk.books.plans
    return known or desk.refusals.get(hold) is not None
