"""What may be read of an owner, by whoever has one: nothing here changes anything."""

from ledger.books import Books
from ledger.commands import Asked
from ledger.desk import Desk
from ledger.desk.hall import Waiting, waiting
from ledger.desk.later import Later
from ledger.granting.capacity import rooms_now
from ledger.observations import PoolReading
from ledger.owner.bookings import BookingGate
from ledger.owner.standings import NoMore, Stands, stands
from ledger.recovery.quarantine import Quarantine
from ledger.visits.entitling import lacking
from mesh.identity import Epoch
from mesh.instant import Duration, Instant, earliest
from mesh.logs import Block


class Readable:
    """The part of `machine.Ledger` that answers questions about itself."""

    later: Later
    _epoch: Epoch
    _desk: Desk
    _quarantine: Quarantine | None
    _closed: str | None
    _readings: dict[str, PoolReading] | None
    _gate: BookingGate
    _no_more: NoMore
    _told: tuple[str, str] | None

    @property
    def has_begun(self) -> bool:
        """Whether it was booted: before that it neither grants nor knows that it may not."""
        return self._told is not None

    @property
    def _is_open(self) -> bool:
        return self._quarantine is None and self._closed is None

    @property
    def books(self) -> Books:
        """Our own books, entries that wait for `seal` included."""
        return self._desk.books

    @property
    def session(self) -> bytes:
        """What every command to us must name."""
        return self._epoch.nonce

    @property
    def chain(self) -> tuple[Block, ...]:
        """Our own log as sealed."""
        return tuple(self._desk.writer.chain)

    @property
    def ending(self) -> list[bytes]:
        """Grants whose end has begun and that still take room."""
        return self._desk.endings.ids()

    @property
    def standing(self) -> Stands:
        """State, reason, and when it changes by itself."""
        waiting = self._gate.reason, self._desk.bookings_at
        return stands(self.books, self._closed, self._quarantine, self._no_more, waiting)

    @property
    def next_wake(self) -> Instant | None:
        """When `wake` has something to do."""
        if self._closed is not None:
            return None
        if self._quarantine is not None:
            return self._quarantine.next_wake
        return earliest(self._desk.next_wake, self._desk.bookings_at)

    def rooms(self) -> dict[str, int | None]:
        """Pool → what can still be promised of it (room.py); None when that is not known."""
        return rooms_now(self.books, self._readings or {})

    def waiting(self, now: Instant) -> list[Waiting]:
        """Who waits for us, and where."""
        return waiting(self._desk, now) if self._is_open else []

    def is_waiting(self, hold: bytes) -> bool:
        """Whether `hold` has a place in our line, though we may not grant just now."""
        return hold in self.later.line

    def lacking(self, asked: Asked, now: Instant) -> tuple[str, list[tuple[str, int]]]:
        """For whom, and of what, rights are missing that would let us grant what is asked."""
        may = self._is_open and self._no_more.outcome is None
        return lacking(self._desk, asked, now) if may else ("", [])

    def remaining(self, hold: bytes, now: Instant) -> Duration | None:
        """How long a hold still has, by our count."""
        return self._desk.remaining(hold, now)
