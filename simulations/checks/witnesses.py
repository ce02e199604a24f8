"""Witnesses: what shows that a hold is granted, whoever keeps it on a disk.

Two things do: a block with the entry that grants it, and the state that a log begins with once such
blocks have been put away. Both are named by their hashes.
"""

from collections.abc import Iterable

from ledger.books import Books
from ledger.books.holds import LiveHold
from ledger.books.plans import Plan
from ledger.entries import Adopted, Entry, Posted, Replanned
from ledger.entries.gangs import Enlisted, Settled
from ledger.lifecycle import HoldState

_GRANTED = (HoldState.POSTED, HoldState.PLANNED)


class Witnesses:
    """Of one world."""

    def __init__(self) -> None:
        self._shown_by: dict[bytes, dict[bytes, None]] = {}
        """Hold → hashes of what shows that it is granted."""
        self._settled_by: dict[bytes, dict[bytes, None]] = {}
        """Of holds that are of gangs: hold → hashes of what shows that it is settled."""
        self._of_gangs: dict[bytes, None] = {}

    def read(self, digest: bytes, entries: Iterable[Entry]) -> None:
        """A block says this."""
        for entry in entries:
            if isinstance(entry, Adopted) and not entry.posted:
                continue
            if isinstance(entry, Posted | Replanned | Adopted):
                self._shown_by.setdefault(entry.id, {})[digest] = None
            elif isinstance(entry, Enlisted):
                self._of_gangs[entry.id] = None
            elif isinstance(entry, Settled):
                self._settled_by.setdefault(entry.id, {})[digest] = None

    def begun_with(self, digest: bytes, books: Books) -> None:
        """A log begins with these books: a copy of every grant in them."""
        taken: list[LiveHold | Plan] = [*books.live_holds(), *books.plans.values()]
        for hold in taken:
            if hold.state in _GRANTED:
                self._shown_by.setdefault(hold.id, {})[digest] = None
            if hold.gang is not None:
                self._of_gangs[hold.id] = None
                if hold.gang.settled_at is not None:
                    self._settled_by.setdefault(hold.id, {})[digest] = None

    def posts(self, hold: bytes) -> Iterable[bytes]:
        """What shows that `hold` was posted, whatever came of it then."""
        return self._shown_by.get(hold, ())

    def copies(self, hold: bytes) -> Iterable[bytes]:
        """What shows a booking that lasts. Before it is settled one of a gang's is a lease: a copy
        of that is none of the booking."""
        told = self._settled_by if hold in self._of_gangs else self._shown_by
        return told.get(hold, ())
