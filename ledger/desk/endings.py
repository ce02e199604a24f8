"""Endings: grants that are over but may still have work running under them.

Fence before release: room returns only after the owner has looked and nothing of the grant is left.
The way in is one-way. A renewal that arrived while its lease was being ended, and was granted, is
how a prototype sold the same memory twice; so once a grant is here nothing brings it back.
"""

from dataclasses import dataclass, field

from ledger.entries import EndedBy, Expired, Reclaimed, Released
from ledger.leases import Deadlines
from ledger.lifecycle import HoldState
from ledger.limits import FENCE_AGAIN, WAITING_MAX
from mesh.instant import Instant


@dataclass(slots=True)
class Ending:
    """One grant on its way out. `why` None: nobody renewed it."""

    hold: bytes
    why: EndedBy | None
    by: bytes
    waiting: list[int] = field(default_factory=list)
    gone: bool = False
    """Nothing of it was left when we looked; what was carved out of it ends first."""
    stuck: bool = False
    """Its work was seen to outlive the attempt to end it."""

    def entry(self, state: HoldState) -> Released | Reclaimed | Expired:
        """What to write once it is gone, of a hold that is in `state`."""
        if state is HoldState.PENDING:
            return Expired(self.hold)
        return Reclaimed(self.hold) if self.why is None else Released(self.hold, self.by, self.why)


class Endings:
    """All grants that are ending, and when to look again at each."""

    def __init__(self) -> None:
        self._all: dict[bytes, Ending] = {}
        self.again = Deadlines()

    def __contains__(self, hold: bytes) -> bool:
        return hold in self._all

    def ids(self) -> list[bytes]:
        return sorted(self._all)

    def begin(self, ending: Ending, now: Instant) -> None:
        assert ending.hold not in self._all, "an ending begins once"
        self._all[ending.hold] = ending
        self.again.set(ending.hold, now + FENCE_AGAIN)

    def get(self, hold: bytes) -> Ending | None:
        return self._all.get(hold)

    def over(self, hold: bytes) -> None:
        """It is gone."""
        del self._all[hold]
        self.again.drop(hold)

    def wait(self, hold: bytes, asker: int) -> int | None:
        """`asker` waits for the end. Returns an asker who must now wait no longer, if any."""
        waiting = self._all[hold].waiting
        waiting.append(asker)
        return waiting.pop(0) if len(waiting) > WAITING_MAX else None

    def stuck(self) -> list[bytes]:
        """Grants whose work would not end."""
        return [hold for hold in self.ids() if self._all[hold].stuck]

    def give_up(self) -> list[tuple[int, bytes]]:
        """Who waits, and for which hold; forgotten here, so they must be told something else."""
        waiting = [(asker, hold) for hold in self.ids() for asker in self._all[hold].waiting]
        for ending in self._all.values():
            ending.waiting.clear()
        return waiting
