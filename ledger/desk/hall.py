"""The hall: where those who wait for an owner stand, and what it costs to know whose turn it is.

Working out a line of hundreds takes milliseconds, and hundreds of askers ask every two seconds. So
what was worked out is kept until something is written or looked at, somebody comes or goes, or a
second has passed (waiting by itself changes the order).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from ledger.books import Books
from ledger.commands import Answer, Hold, Leg, Outcome, Wait
from ledger.effects import LedgerEffect, Reply
from ledger.granting import Refused
from ledger.limits import Limits
from ledger.waiting.forecast import Forecast
from ledger.waiting.line import Line
from ledger.waiting.turns import Turns, span_of, turns
from mesh.instant import SECOND, Duration, Instant
from mesh.persistence import Persist

if TYPE_CHECKING:
    from ledger.desk import Desk

KEPT: Final[Duration] = SECOND
WORTH_WAITING: Final = frozenset(
    {Outcome.NO_ROOM, Outcome.OTHERS_WAIT, Outcome.POOL_NOT_OPEN, Outcome.ROOM_UNKNOWN}
    | {Outcome.TOO_MANY_ENTRIES, Outcome.TAKEN_THEN, Outcome.TOO_FAST}
)
"""Refusals that time alone may undo."""


class Waiting(NamedTuple):
    """One place, for people."""

    id: bytes
    legs: tuple[Leg, ...]
    principal: str
    label: str
    holder: bytes
    place: int
    priority: int
    waited: Duration
    turn_in: Duration | None
    """None: it waits for something whose end nobody knows."""
    gang: bytes = b""
    """The wish of a gang of which this is one; empty: it waits for this owner alone."""


class Hall:
    """The line of one desk. `look` draws the forecast that turns are worked out over."""

    def __init__(self, line: Line, books: Books, limits: Limits) -> None:
        self.line = line
        self._books = books
        self._limits = limits
        self._kept: tuple[Instant, tuple[int, int], Turns] | None = None

    def turns(self, look: Callable[[], Forecast], changes: int, now: Instant) -> Turns:
        """Whose turn it is. `changes`: a count of what was written and seen."""
        state = (changes, self.line.version)
        if self._kept is not None and self._kept[1] == state and now - self._kept[0] < KEPT:
            return self._kept[2]
        worked_out = turns(self.line, self._books, look(), self._limits, now)
        self._kept = (now, state, worked_out)
        return worked_out


def others_wait(desk: "Desk", hold: Hold, holder: bytes, now: Instant) -> Refused | None:
    """Whether granting `hold` now would pass over somebody who waits."""
    line = desk.hall.line
    if not len(line) or hold.start is not None:
        return None  # what starts later is looked at by the planner
    turns = desk.turns(now)
    place = hold.place if is_turn_of(line, hold, holder) else hold.id
    if place in line:
        start = turns.starts[place]
        if start is not None and start <= now:
            return None
        ahead = turns.place(place)[0] - 1
        return Refused(Outcome.OTHERS_WAIT, f"{ahead} are to be served before it")
    if turns.admits(hold, holder, span_of(hold, desk.limits)):
        return None
    return Refused(Outcome.OTHERS_WAIT, f"{len(line)} wait here, and one of them would wait longer")


def is_turn_of(line: Line, hold: Hold, holder: bytes) -> bool:
    """Whether `hold` is what the place that it names waits for: the same asker's, and no more."""
    ticket = line.get(hold.place)
    if ticket is None or hold.gang is None or ticket.holder != holder or not ticket.is_gang:
        return False
    waits_for = {leg.pool: leg.amount for leg in ticket.legs}
    return all(leg.amount <= waits_for.get(leg.pool, 0) for leg in (Leg(*one) for one in hold.legs))


def stand(
    desk: "Desk", asker: int, wait: Wait, digest: bytes, holder: bytes, now: Instant
) -> list[LedgerEffect] | Refused:
    """A place in the line, new or kept; or why there is none."""
    line, hold = desk.hall.line, wait.hold
    claim = None if wait.claim is None else now + wait.claim
    if hold.id in line:
        line.hear(hold.id, now)
        line.claims(hold.id, claim)
        return [say_place(desk, asker, hold.id, now)]
    never = _never_fits(desk, hold)
    if never is not None:
        return never
    priority = min(wait.priority, desk.limits.priority_max)
    row = line.join(hold, digest, holder, priority, wait.patience, now, wait.rank)
    if isinstance(row, Refused):
        return row
    line.claims(hold.id, claim)
    desk.journal_by(now)
    return [Persist((*line.unwritten(), row)), say_place(desk, asker, hold.id, now)]


def say_place(desk: "Desk", asker: int, hold: bytes, now: Instant) -> Reply:
    """Where `hold` stands. Its place is on disk: the journal was told before anybody else."""
    turns = desk.turns(now)
    start, ticket = turns.starts[hold], desk.hall.line.get(hold)
    assert ticket is not None, "only who stands in the line has a place"
    answer = Answer(
        Outcome.WAITING, hold, desk.counter.session, f"priority {ticket.priority}",
        remaining=None if start is None else max(0, start - now), place=turns.place(hold),
    )  # fmt: skip
    return Reply(asker, answer)


def give_up(desk: "Desk", asker: int, hold: bytes, who: bytes) -> list[LedgerEffect]:
    """A place is given back by the one who has it."""
    ticket = desk.hall.line.get(hold)
    assert ticket is not None, "only who stands in the line can leave it"
    session = desk.counter.session
    if who != ticket.holder:
        return [Reply(asker, Answer(Outcome.NOT_HOLDER, hold, session, "another key waits here"))]
    desk.hall.line.leave(hold)
    gone = Persist(tuple(desk.hall.line.unwritten()))
    return [gone, Reply(asker, Answer(Outcome.VOIDED, hold, session, "left the line"))]


def waiting(desk: "Desk", now: Instant) -> list[Waiting]:
    """Everybody in the line, the first first."""
    line = desk.hall.line
    if not len(line):
        return []
    turns = desk.turns(now)
    rows = []
    for number, hold in enumerate(turns.order, start=1):
        ticket, start = line.get(hold), turns.starts[hold]
        assert ticket is not None, "turns are of those who wait"
        left = None if start is None else max(0, start - now)
        rows.append(
            Waiting(
                hold, ticket.legs, ticket.hold.principal, ticket.hold.label, ticket.holder, number,
                ticket.priority, line.waited(hold, now), left,
                b"" if ticket.hold.gang is None else ticket.hold.gang.gang,
            )
        )  # fmt: skip
    return rows


def _never_fits(desk: "Desk", hold: Hold) -> Refused | None:
    """Nobody waits for what this machine does not have."""
    books = desk.books
    short = [leg.pool for leg in hold.legs if books.capacity(leg.pool) < leg.amount]
    if not short:
        return None
    told = f"there is not so much {', '.join(sorted(short))} here, however long one waits"
    return Refused(Outcome.NO_ROOM, told)
