"""When new bookings are admitted again after an owner may have forgotten something.

A carried lease that we forgot is gone within TTL_MAX; a booking that we forgot may run for a month,
and only a copy of our log can tell. So new bookings wait until every peer on the roll has shown its
copy, or long enough, or a person says by name why they need not. What opened them is an entry: a
restart that lost nothing goes on waiting where it was.
"""

from ledger.desk import Desk
from ledger.entries import BookingsOpened, OpenedBy
from ledger.limits import BOOK_WAIT
from ledger.observations import PeersKnown
from mesh.instant import Instant


class BookingGate:
    """What is known about peers' copies, and a person's word."""

    def __init__(self) -> None:
        self.peers: PeersKnown | None = None
        self.override: str | None = None

    def wait(self, desk: Desk, now: Instant) -> None:
        """An era has begun, or goes on: bookings wait unless they are admitted already."""
        if not desk.books.bookings_open:
            desk.bookings_at = now + BOOK_WAIT
            self.open_if_allowed(desk, now)

    def open_if_allowed(self, desk: Desk, now: Instant) -> None:
        """Write that new bookings are admitted, if anything allows it."""
        word = None if desk.books.bookings_open else self._word(desk, now)
        if word is not None:
            desk.write(BookingsOpened(*word))
            desk.bookings_at = None

    def _word(self, desk: Desk, now: Instant) -> tuple[OpenedBy, str] | None:
        if self.override is not None:
            return OpenedBy.OVERRIDE, self.override
        if self.peers is not None and not self.peers.silent:
            return OpenedBy.ANSWERED, f"{self.peers.known} known"
        if desk.bookings_at is not None and now >= desk.bookings_at:
            return OpenedBy.WAITED, ""
        return None
