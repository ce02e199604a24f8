"""When new bookings are admitted again after an owner may have forgotten something.

A carried lease that we forgot is gone within TTL_MAX; a booking that we forgot may run for a month,
and only a copy of our log can tell. So new bookings wait until every peer on the roll has shown its
copy, or long enough, or a person says by name why they need not. What opened them is an entry: a
restart that lost nothing goes on waiting where it was.

Who knows no peer has nobody to ask, and two cases look alike: a machine that was always alone, and
one whose disk was lost with the roll on it, which has not been found yet by those who remember. Our
own log tells them apart. Was it open for bookings when it was last written, then it goes on; is
there none, then it waits like any other, until somebody is met or for long enough.
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
        self._was_open = False
        """Whether our own log was open for bookings before this era."""

    @property
    def is_alone(self) -> bool:
        """Whether there is nobody whose word could be waited for."""
        return self.peers is None or self.peers.known == 0

    def wait(self, desk: Desk, now: Instant, *, was_open: bool = False) -> None:
        """An era has begun, or goes on: bookings wait unless they are admitted already."""
        self._was_open = was_open
        if not desk.books.bookings_open:
            desk.bookings_at = now + BOOK_WAIT
            self.open_if_allowed(desk, now)

    @property
    def reason(self) -> str:
        """Why bookings wait, for people."""
        if self.is_alone:
            return (
                "new bookings wait until a peer is met that may know what this machine promised "
                "before (ten minutes at most; `holdfast ledger open --reason TEXT` ends the wait)"
            )
        return "new bookings wait until every known peer has shown its copy of our log"

    def open_if_allowed(self, desk: Desk, now: Instant) -> None:
        """Write that new bookings are admitted, if anything allows it."""
        word = None if desk.books.bookings_open else self._word(desk, now)
        if word is not None:
            desk.write(BookingsOpened(*word))
            desk.bookings_at = None

    def _word(self, desk: Desk, now: Instant) -> tuple[OpenedBy, str] | None:
        if self.override is not None:
            return OpenedBy.OVERRIDE, self.override
        if self.peers is not None and self.peers.known and not self.peers.silent:
            return OpenedBy.ANSWERED, f"{self.peers.known} known"
        if self.peers is not None and self.is_alone and self._was_open:
            return OpenedBy.ALONE, ""
        if desk.bookings_at is not None and now >= desk.bookings_at:
            return OpenedBy.WAITED, ""
        return None
