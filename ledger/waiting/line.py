"""The waiting line of one owner: who stands in it, for what, and since when.

A place takes no room. Whoever stands here asks again every few seconds, and is granted an ordinary
hold, on the ordinary way, by the question that comes when the turn has come (turns.py says when).
So nothing is ever granted to somebody who has gone home, and one that is granted elsewhere first
has nothing to give back here.

A place is kept on disk before its asker hears of it, and survives our restart; who falls silent
for LINE_SILENCE, or has waited as long as it would, is dropped. All counts are ours: nobody's word
about how long it has waited is asked for.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from ledger.commands import Hold, Leg, Outcome
from ledger.granting import Refused
from ledger.leases import Deadlines
from ledger.limits import LINE_MAX, LINE_PER_PRINCIPAL_MAX, LINE_SILENCE, PRIORITY_MAX
from mesh.instant import SECOND, Duration, Instant
from mesh.persistence import SPACE_LINE, Write

LATE: Final[Duration] = 5 * SECOND
"""A count looked at so much later than it was over ran while we could not listen."""
CLAIM_MOVES: Final[Duration] = SECOND
"""A claim that is told again has shifted by what the way took. Less than this is the same claim."""


class Ticket(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One place, as the journal keeps it. `hold` names no session: it outlives ours."""

    hold: Hold
    digest: bytes
    holder: bytes
    priority: int
    number: int
    """Grows with every place that is given out."""
    patience: Duration
    waited: Duration
    """When this was written; the clock of this start counts on from there."""
    rank: int = 0
    """Of a gang's: by which all owners put gangs in the same order."""

    @property
    def is_gang(self) -> bool:
        """Whether it waits for more than our room."""
        return self.hold.gang is not None

    @property
    def legs(self) -> tuple[Leg, ...]:
        return tuple(Leg(*leg) for leg in self.hold.legs)


_decoder = msgspec.msgpack.Decoder(Ticket)


def decode_ticket(raw: bytes) -> Ticket:
    """Raises ValueError on anything but a whole ticket."""
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"not a place in a line: {error}") from error


def principal_of(principal: str, holder: bytes) -> str:
    """On whose behalf, for fairness: the principal that is named, else who asked."""
    return principal or holder.hex()


@dataclass(slots=True)
class _Place:
    ticket: Ticket
    since: Instant
    """When it would have come, by the clock of this start."""
    claim: Instant | None = None
    """Of a gang's: from when on it would have its room kept; None: not at all."""
    serves: bytes = b""
    """Of a gang's: the hold that its last turn was granted as."""


class Line:
    """Everybody who waits. Doors: `join`, `hear`, `leave`, `sweep`."""

    def __init__(self) -> None:
        self.version = 0
        """Grows with every change of who waits."""
        self._places: dict[bytes, _Place] = {}
        self._until = Deadlines()
        self._last_number = 0
        self._unwritten: list[Write] = []
        """Places that are no more; they leave the disk with the next thing that is written."""

    @classmethod
    def restored(cls, rows: Mapping[bytes, bytes]) -> "Line":
        """As an earlier start left it. What cannot be read is gone: its asker will ask again."""
        line = cls()
        for key in sorted(rows):
            try:
                ticket = decode_ticket(rows[key])
            except ValueError:
                line._unwritten.append(Write(SPACE_LINE, key, None))
                continue
            line._places[key] = _Place(ticket, 0)
            line._last_number = max(line._last_number, ticket.number)
        return line

    # Reading -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, hold: bytes) -> bool:
        return hold in self._places

    @property
    def next_wake(self) -> Instant | None:
        return self._until.next

    def get(self, hold: bytes) -> Ticket | None:
        place = self._places.get(hold)
        return None if place is None else place.ticket

    def tickets(self) -> list[Ticket]:
        """Everybody, in the order of coming."""
        places = sorted(self._places.values(), key=lambda place: place.ticket.number)
        return [place.ticket for place in places]

    def waited(self, hold: bytes, now: Instant) -> Duration:
        """How long so far."""
        return max(0, now - self._places[hold].since)

    def importance(self, ticket: Ticket, age_step: Duration, now: Instant) -> int:
        """Its priority, and what waiting has added to it: one for every `age_step`."""
        return min(PRIORITY_MAX, ticket.priority + self.waited(ticket.hold.id, now) // age_step)

    # Changing ----------------------------------------------------------------------------------

    def open(self, now: Instant) -> None:
        """We grant again, from now on: nobody could be heard before."""
        for hold, place in self._places.items():
            if not self._until.get(hold):
                place.since = now - place.ticket.waited
            self._hear(hold, place, now)

    def join(
        self, hold: Hold, digest: bytes, holder: bytes, priority: int, patience: Duration,
        now: Instant, rank: int = 0,
    ) -> Write | Refused:  # fmt: skip
        """A place at the end, to be written; or why there is none."""
        if len(self._places) >= LINE_MAX:
            return Refused(Outcome.LINE_FULL, f"{LINE_MAX} wait here already")
        whose = principal_of(hold.principal, holder)
        if self._of_each()[whose] >= LINE_PER_PRINCIPAL_MAX:
            told = f"{LINE_PER_PRINCIPAL_MAX} requests of {whose[:40]} wait here already"
            return Refused(Outcome.LINE_FULL, told)
        self._last_number += 1
        kept = msgspec.structs.replace(hold, session=b"")
        ticket = Ticket(kept, digest, holder, priority, self._last_number, patience, 0, rank)
        place = self._places[hold.id] = _Place(ticket, now)
        self.version += 1
        self._hear(hold.id, place, now)
        return self._row(place, now)

    def hear(self, hold: bytes, now: Instant) -> None:
        """Its asker is still there."""
        place = self._places.get(hold)
        if place is not None:
            self._hear(hold, place, now)

    def claims(self, hold: bytes, at: Instant | None) -> None:
        """One of a gang's would have its room kept from `at` on."""
        place = self._places[hold]
        known = place.claim
        if known is None or at is None or abs(at - known) > CLAIM_MOVES:
            self.version += known != at
            place.claim = at

    def claim(self, hold: bytes) -> Instant | None:
        """From when on the room of one of a gang's is to be kept."""
        return self._places[hold].claim

    def serve(self, place: bytes, hold: bytes) -> None:
        """The turn of one of a gang's was granted as `hold`. The place stays: the gang may fail
        with another owner, and waits on."""
        self._places[place].serves = hold
        self.version += 1

    def serves(self, place: bytes) -> bytes:
        """What it was granted as when its last turn came."""
        return self._places[place].serves

    def leave(self, hold: bytes) -> None:
        """A place is given up, or no longer needed."""
        if self._places.pop(hold, None) is not None:
            self._until.drop(hold)
            self.version += 1
            self._unwritten.append(Write(SPACE_LINE, hold, None))

    def sweep(self, now: Instant) -> None:
        """Whoever fell silent, or has waited long enough, is out."""
        first = self._until.next
        if first is not None and now - first > LATE:
            # We slept, and heard nobody: a count that ran meanwhile says nothing about them.
            for hold, place in self._places.items():
                self._hear(hold, place, now)
        for hold in self._until.due(now):
            self.leave(hold)

    def note(self, now: Instant) -> list[Write]:
        """How long each has waited, for the journal."""
        return [self._row(place, now) for place in self._places.values()]

    def unwritten(self) -> list[Write]:
        """What the disk has not heard yet: places that are no more."""
        writes, self._unwritten = self._unwritten, []
        return writes

    def _hear(self, hold: bytes, place: _Place, now: Instant) -> None:
        self._until.set(hold, min(now + LINE_SILENCE, place.since + place.ticket.patience))

    def _of_each(self) -> Counter[str]:
        tickets = (place.ticket for place in self._places.values())
        return Counter(principal_of(one.hold.principal, one.holder) for one in tickets)

    def _row(self, place: _Place, now: Instant) -> Write:
        waited = max(0, now - place.since)
        place.ticket = msgspec.structs.replace(place.ticket, waited=waited)
        return Write(SPACE_LINE, place.ticket.hold.id, msgspec.msgpack.encode(place.ticket))
