"""The planner: bookings that start later, from the owner's side.

Every promise is checked against every plan that it can overlap: a booking over its term, a lease
for good, since nobody knows how long it will be renewed. So when the time comes there is room,
unless the machine has shrunk or something would not end; then the booking starts late, by name, as
soon as it fits, and what is left of its window is what it has. A window that went by altogether is
missed, by name.

The window is counted by the owner's own clock without a margin: "from 14 to 16" leaves 16 o'clock
to the next one.
"""

from typing import TYPE_CHECKING, Final

from ledger.books.holds import LiveHold
from ledger.books.plans import Plan
from ledger.commands import Command, Hold, Leg, Outcome, Post, Release, Void
from ledger.desk.answers import Draft
from ledger.desk.later import Later
from ledger.effects import Alarm, LedgerEffect, Reply
from ledger.entries import Expired, Planned, Posted, Started, Voided
from ledger.granting import Refused
from ledger.leases import encode_remaining, owner_span
from ledger.lifecycle import HoldState
from ledger.limits import PLANNED_AHEAD_MAX
from ledger.waiting.forecast import Forecast
from ledger.waiting.turns import span_of
from mesh.instant import SECOND, Duration, Instant, in_seconds
from mesh.persistence import SPACE_REMAINING, Persist, Write

if TYPE_CHECKING:
    from ledger.desk import Desk

AGAIN: Final[Duration] = SECOND
"""How often a start that is late is tried again."""
LATE: Final[Duration] = 5 * SECOND
"""A start that is so late is told: what stood in its place takes a moment to end."""


class Planner:
    """Starts what is planned, and keeps its room clear. One for each desk."""

    def __init__(self, later: Later) -> None:
        self.calendar = later.calendar
        self._late: dict[bytes, None] = {}
        """Told to be late already."""
        self._owed: dict[bytes, None] = {}
        """Passed over by a jump of the clock: they start with their whole term."""
        self._looked: tuple[int, int | None] | None = None
        """(changes of the plans, the first start that is planned)."""
        self._again: Instant | None = None

    def next_wake(self, desk: "Desk") -> Instant | None:
        """When something starts."""
        first = self._first(desk)
        at = None if first is None or self.calendar.suspended else self.calendar.at(first)
        if at is None:
            return None
        return at if self._again is None else max(at, self._again)

    def claim(self, forecast: Forecast, plans: dict[bytes, Plan], now: Instant) -> None:
        """Take from `forecast` what is planned."""
        for plan in plans.values():
            start, end = self.calendar.at(plan.start), self.calendar.at(plan.end)
            if start is None or end is None or self.calendar.suspended:
                forecast.take(plan.legs, now, None)
            elif plan.id in self._owed:
                forecast.take(plan.legs, now, now + plan.term)
            elif end > now:
                forecast.take(plan.legs, start, end)

    def wake(self, desk: "Desk", now: Instant) -> list[LedgerEffect]:
        """Start what is due."""
        if not desk.books.plans:  # nearly always, and then the time of day is nobody's affair
            self.calendar.news()
            self.calendar.jumped_from = self._again = None
            return []
        effects: list[LedgerEffect] = [
            Alarm("calendar-resumed", told) if resumed else Alarm("calendar-suspended", told)
            for resumed, told in self.calendar.news()
        ]
        self._note_owed(desk, now)
        self._again = None
        first = self._first(desk)
        at = None if first is None else self.calendar.at(first)
        if self.calendar.suspended or at is None or at > now:
            return effects
        for plan in _in_order(desk):
            if plan.state is HoldState.PLANNED and not plan.on_probation:
                effects += self._due(desk, plan, now)
        return effects

    def _due(self, desk: "Desk", plan: Plan, now: Instant) -> list[LedgerEffect]:
        start, end = self.calendar.at(plan.start), self.calendar.at(plan.end)
        assert start is not None, "what time it is was known a moment ago"
        assert end is not None, "as above"
        if plan.id in self._owed:
            end = now + plan.term
        if start > now:
            return []
        if end <= now:
            desk.write(Expired(plan.id))
            self._forget(plan.id)
            sentence = "a booking was planned, and its time went by before it could start: missed"
            return [Alarm("plan-missed", sentence, plan.id)]
        if desk.books.fits(plan.legs):
            desk.write(Started(plan.id))
            self._forget(plan.id)
            desk.deadlines.set(plan.id, end)
            desk.journal_by(now)
            left = Write(SPACE_REMAINING, plan.id, encode_remaining(end - now))
            return [Persist((left,))]
        self._again = now + AGAIN
        if now - start < LATE or plan.id in self._late:
            return []
        self._late[plan.id] = None
        sentence = "a planned booking starts late: what was to make room for it is still there"
        return [Alarm("plan-late", sentence, plan.id)]

    def _note_owed(self, desk: "Desk", now: Instant) -> None:
        """A jump that is believed at last passes over windows: those are not missed."""
        before, self.calendar.jumped_from = self.calendar.jumped_from, None
        if before is None:
            return
        for plan in desk.books.plans.values():
            end = self.calendar.at(plan.end)
            if end is not None and end <= now < plan.end - before:
                self._owed[plan.id] = None

    def _first(self, desk: "Desk") -> int | None:
        if not desk.books.plans:
            return None
        changes = desk.books.plan_changes
        if self._looked is None or self._looked[0] != changes:
            plans = desk.books.plans.values()
            starts = [
                plan.start
                for plan in plans
                if plan.state is HoldState.PLANNED and not plan.on_probation
            ]
            self._looked = (changes, min(starts, default=None))
        return self._looked[1]

    def _forget(self, plan: bytes) -> None:
        self._late.pop(plan, None)
        self._owed.pop(plan, None)


def _refuse_plan(desk: "Desk", hold: Hold, start_wall: int, now: Instant) -> Refused | None:
    calendar = desk.planner.calendar
    wall = calendar.wall(now)
    if calendar.suspended or wall is None:
        return Refused(Outcome.CALENDAR_SUSPENDED, calendar.suspended)
    if start_wall <= wall:
        past = in_seconds(wall - start_wall)
        return Refused(Outcome.BAD_START, f"by the clock here that was {past:.0f} s ago")
    if start_wall - wall > PLANNED_AHEAD_MAX:
        days = PLANNED_AHEAD_MAX // (24 * 3600 * SECOND)
        return Refused(Outcome.BAD_START, f"nothing is planned more than {days} days ahead")
    start = now + start_wall - wall
    if not desk.promised(now).fits(hold.legs, start, hold.term):
        return Refused(Outcome.TAKEN_THEN, "what is promised already leaves no room for it then")
    if len(desk.hall.line) and not desk.turns(now).behind_all.fits(hold.legs, start, hold.term):
        return Refused(Outcome.OTHERS_WAIT, "somebody who waits here would wait longer for it")
    return None


def in_the_way(desk: "Desk", hold: Hold, now: Instant) -> Refused | None:
    """Whether `hold`, from now on, would take what a plan needs; or, if it starts later itself,
    why it cannot be pencilled in."""
    if hold.start is not None:
        return _refuse_plan(desk, hold, hold.start, now)
    if not desk.books.plans:
        return None
    if desk.promised(now).fits(hold.legs, now, span_of(hold, desk.limits)):
        return None
    return Refused(Outcome.TAKEN_THEN, "a booking that is planned here needs that room")


def may_last(desk: "Desk", hold: LiveHold, more: Duration, now: Instant) -> Refused | None:
    """Whether a booking may go on for `more` after its end: nothing planned needs its room then,
    and nobody who waits for it waits longer."""
    if more <= 0 or hold.parent is not None:
        return None  # no longer than it lasts already, or within what it was carved out of
    end = desk.deadlines.get(hold.id)
    if end is None:
        return Refused(Outcome.TOO_LATE, "its end has begun")
    if not desk.promised(now).fits(hold.legs, end, owner_span(more)):
        return Refused(Outcome.TAKEN_THEN, "a booking that is planned here needs that room")
    if len(desk.hall.line) and not desk.turns(now).behind_all.fits(
        hold.legs, end, owner_span(more)
    ):
        return Refused(Outcome.OTHERS_WAIT, "somebody waits here for that room")
    return None


def pencil_in(desk: "Desk", hold: Hold, digest: bytes, who: bytes, now: Instant) -> None:
    """`hold`, which starts later and is not refused, goes into the books."""
    assert hold.start is not None, "only what starts later is planned"
    legs = tuple(Leg(*leg) for leg in sorted(hold.legs))
    desk.write(
        Planned(hold.id, digest, who, legs, hold.term, hold.principal, hold.label, hold.start)
    )
    desk.pencil(hold.id, now)


def step_plan(
    desk: "Desk", asker: int, command: Command, who: bytes, now: Instant
) -> list[LedgerEffect] | Refused:
    """A command about what has not started yet."""
    plan = desk.books.plans[command.id]
    owner_may = isinstance(command, Void | Release) and who == desk.owner
    if who != plan.holder and not owner_may:
        return Refused(Outcome.NOT_HOLDER, "the hold names another key")
    if isinstance(command, Void | Release):
        at = desk.write(Voided(plan.id, who))
        desk.deadlines.drop(plan.id)
        return [*desk.counter.say(Draft(asker, Outcome.VOIDED, plan.id, (at,), detail="planned"))]
    if isinstance(command, Post):
        if plan.state is HoldState.PENCILLED:
            desk.write(Posted(plan.id))
            desk.deadlines.drop(plan.id)
            desk.pencil(plan.id, now)
            desk.journal_by(now)
        return [*say_plan(desk, asker, Outcome.POSTED, plan.id, now)]
    return Refused(Outcome.WRONG_STEP, "it has not started yet")


def say_plan(
    desk: "Desk", asker: int, outcome: Outcome | None, hold: bytes, now: Instant
) -> list[Reply]:
    """A plan as it stands; `outcome` None: by the step it has come to."""
    plan = desk.books.plans[hold]
    pencilled = plan.state is HoldState.PENCILLED
    told = outcome or (Outcome.HELD if pencilled else Outcome.POSTED)
    left = desk.remaining(hold, now) if pencilled else plan.term
    if plan.gang is None:
        return desk.counter.say(Draft(asker, told, hold, plan.proofs, plan.posted_at, left))
    fence = plan.gang.settled_at if told is Outcome.SETTLED else None
    return desk.counter.say(
        Draft(
            asker, told, hold, plan.proofs, fence or plan.posted_at, left,
            rests_on=plan.gang.tokens,
        )
    )  # fmt: skip


def _in_order(desk: "Desk") -> list[Plan]:
    """The first to start first; who planned first goes first."""
    return sorted(desk.books.plans.values(), key=lambda plan: (plan.start, plan.held_at))
