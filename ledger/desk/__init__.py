"""The desk: what an owner does while it is open.

Entries written and sealed, deadlines that come due, grants that end, capacity that changes; what a
command asks of it is in visits.py. Nothing here asks whether the owner *may* act: quarantine,
sessions and signatures are settled in machine.py before anybody reaches the desk.

The path of a promise: a guard column says yes → the entry is folded into the books and put on the
open page, in one breath → the deadline is armed → the draft waits → `seal` signs the page, and the
answer stands behind its block in the list of effects.
"""

from collections.abc import Mapping

from ledger.accounts import PoolState
from ledger.books import Books
from ledger.books.holds import LiveHold, Token
from ledger.commands import Outcome
from ledger.desk.answers import Counter, Draft, Refusals, fate, proofs_of
from ledger.desk.endings import Ending, Endings
from ledger.desk.hall import Hall
from ledger.desk.later import Later
from ledger.desk.planner import Planner
from ledger.effects import Alarm, Append, Described, Fence, LedgerEffect, Reply
from ledger.entries import EndedBy, Entry, EraOpened, Expired, Released, encode_entry
from ledger.granting.capacity import capacity_entries, room_now
from ledger.granting.quotas import Pace
from ledger.leases import Deadlines, encode_remaining, owner_span, warned_before
from ledger.lifecycle import HoldState
from ledger.limits import FENCE_AGAIN, GANG_MAX, REMAINING_EVERY, Limits
from ledger.observations import PoolReading
from ledger.proving.blocks import Writer
from ledger.waiting.forecast import Forecast
from ledger.waiting.turns import Turns, ends_by_count, known_ends
from mesh.identity import NodeId
from mesh.instant import MINUTE, Duration, Instant, earliest
from mesh.persistence import SPACE_REMAINING, Persist, Write


class Desk:
    """One owner's open business over one log."""

    def __init__(
        self, owner: NodeId, session: bytes, writer: Writer, books: Books, limits: Limits,
        later: Later | None = None,
    ) -> None:  # fmt: skip
        self.owner = owner
        self.writer = writer
        self.books = books
        self.limits = limits
        self.counter = Counter(session, writer)
        self.endings = Endings()
        self.deadlines = Deadlines()
        self.pace = Pace()
        self.readings: dict[str, PoolReading] | None = None
        self.bookings_at: Instant | None = None
        """When new bookings will be admitted at the latest, while they are not."""
        self.refusals = Refusals()
        later = Later() if later is None else later
        self._onlookers = later.onlookers
        self.hall = Hall(later.line, books, limits)
        self._warnings = Deadlines()
        """When the end of a booking is near enough to be told."""
        self.planner = Planner(later)
        self.escrow = later.escrow
        self._contested = later.contested
        self.changes = 0
        """How often something was written or looked at: what was worked out before is stale."""
        self._journal_at: Instant | None = None
        self._woken: Instant | None = None
        self.described: list[Described] = []
        """What was said of holds on the open page."""
        self._forget: list[bytes] = []
        """Bookings that are over: their remaining time leaves the journal with the next block."""

    # Time --------------------------------------------------------------------------------------

    @property
    def next_wake(self) -> Instant | None:
        return earliest(
            self.deadlines.next, self.endings.again.next, self._journal_at, self._warnings.next,
            self.hall.line.next_wake, self.planner.next_wake(self),
        )  # fmt: skip

    def is_awake(self, now: Instant) -> bool:
        """Whether `wake` was told of this very moment, and no hold's time is up since."""
        first = self.deadlines.next
        return now == self._woken and (first is None or first > now)

    def wake(self, now: Instant) -> list[LedgerEffect]:
        """Whatever has come due."""
        self._woken = now
        effects: list[LedgerEffect] = [*self._warn(now), *self._lapse(now)]
        self.hall.line.sweep(now)
        for hold in self.endings.again.due(now):
            self.endings.again.set(hold, now + FENCE_AGAIN)
            ending = self.endings.get(hold)
            effects.append(Fence(hold, lapsed=ending is not None and ending.why is None))
        if self._journal_at is not None and now >= self._journal_at:
            effects.extend(self.note_remaining(now))
        return effects

    def _warn(self, now: Instant) -> list[LedgerEffect]:
        effects: list[LedgerEffect] = []
        for hold in self._warnings.due(now):
            left = self.remaining(hold, now)
            if left:
                minutes = max(1, round(left / MINUTE))
                sentence = f"a booking ends in {minutes} min: `holdfast extend` lets it last longer"
                effects.append(Alarm("lapses-soon", sentence, hold))
        return effects

    def _warn_before(self, hold: LiveHold, now: Instant) -> None:
        at = self.deadlines.get(hold.id)
        if hold.is_booking and not hold.on_probation and at is not None:
            self._warnings.set(hold.id, max(now, at - warned_before(hold.term)))

    def _lapse(self, now: Instant) -> list[LedgerEffect]:
        effects: list[LedgerEffect] = []
        for hold_id in self.deadlines.due(now):
            if hold_id in self.endings:
                continue  # Its parent came due in the same moment, and took it along.
            if (plan := self.books.plans.get(hold_id)) is not None:
                unproven = Released(hold_id, self.owner, EndedBy.DISBANDED)
                self.write(unproven if plan.on_probation else Expired(hold_id))
                continue
            hold = self.books.live[hold_id]
            if hold.state is HoldState.PENDING:
                self.write(Expired(hold_id))
            elif (last := self._last_child(hold_id)) is not None:
                self.deadlines.set(hold_id, last)
            else:
                why = EndedBy.RUN_OUT if hold.is_booking else None
                why = EndedBy.DISBANDED if hold.on_probation else why
                effects.extend(self.end(hold_id, why, self.owner, now))
        return effects

    def _last_child(self, hold: bytes) -> Instant | None:
        """When the last of what was carved out of `hold` is due. Its own time may be up before
        that, if a restart gave a carrier a whole term again: then it waits, for whoever carries
        was told so."""
        due = [self.deadlines.get(child.id) for child in self.books.children(hold)]
        return max((at for at in due if at is not None), default=None)

    def arm(self, hold: LiveHold, now: Instant, remaining: Duration | None = None) -> None:
        """Give `hold` its full time from now, or what is `remaining` of it."""
        booking = hold.is_booking
        if remaining is None:
            lasting = GANG_MAX if booking and hold.on_probation else hold.term
            pending = hold.state is HoldState.PENDING
            remaining = owner_span(self.limits.pending_ttl if pending else lasting)
        self.deadlines.set(hold.id, now + remaining)
        if booking:
            self.journal_by(now)
            self._warn_before(hold, now)

    def journal_by(self, now: Instant) -> None:
        """From now on there is something to note every minute."""
        if self._journal_at is None:
            self._journal_at = now + REMAINING_EVERY

    def lengthen(self, hold: LiveHold, term: Duration, now: Instant) -> list[LedgerEffect]:
        """`hold` lasts for `term` in all from here on. What it has left goes to disk before the
        entry does: after a crash between the two it lasts too long, and never too short."""
        at = self.deadlines.get(hold.id)
        assert at is not None, "what lives and is not ending has a deadline"
        at += owner_span(term) - owner_span(hold.term)
        self.deadlines.set(hold.id, at)
        self._warn_before(self.books.live[hold.id], now)
        left = encode_remaining(max(0, at - now))
        return [Persist((Write(SPACE_REMAINING, hold.id, left),))]

    def remaining(self, hold: bytes, now: Instant) -> Duration | None:
        """How long a hold still has, by our count; 0 when it is ending."""
        at = self.deadlines.get(hold)
        if at is None:
            return 0 if hold in self.endings else None
        return max(0, at - now)

    def running_bookings(self, now: Instant) -> dict[bytes, Duration]:
        """Booking → how long it still has. What is left of a probation is not: taken for the rest
        of a term by the next start, it would end a booking that was settled meanwhile."""
        live = self.books.live_holds()
        bookings = [hold.id for hold in live if hold.is_booking and not hold.on_probation]
        return {hold: self.remaining(hold, now) or 0 for hold in bookings}

    def note_remaining(self, now: Instant) -> list[LedgerEffect]:
        """What every booking has left, and how long everybody has waited, for the journal: once a
        minute, and at a clean stop."""
        writes = [
            Write(SPACE_REMAINING, hold, encode_remaining(left))
            for hold, left in self.running_bookings(now).items()
        ]
        writes += self.hall.line.note(now)
        if self.books.plans:
            writes += self.planner.calendar.note(now)
        self._journal_at = now + REMAINING_EVERY if writes else None
        return [Persist(tuple(writes))] if writes else []

    # Who waits ---------------------------------------------------------------------------------

    def open_line(self, now: Instant) -> None:
        """We grant from now on. Whose turn came in the last moment before a crash waits no more;
        and what is pencilled in has its time to be confirmed again."""
        for ticket in self.hall.line.tickets():
            if ticket.hold.id in self.books.live or ticket.hold.id in self.books.ended:
                self.hall.line.leave(ticket.hold.id)
        self.hall.line.open(now)
        for plan in self.books.plans.values():
            self.pencil(plan.id, now)
        if len(self.hall.line) or self.books.plans:
            self.journal_by(now)

    def pencil(self, plan: bytes, now: Instant) -> None:
        """What is pencilled in lapses unless it is confirmed in time; and one of a gang's that is
        planned, unless it is shown that all are."""
        stands = self.books.plans[plan]
        if stands.state is HoldState.PENCILLED:
            self.deadlines.set(plan, now + owner_span(self.limits.pending_ttl))
        elif stands.on_probation:
            self.deadlines.set(plan, now + owner_span(GANG_MAX))

    def turns(self, now: Instant) -> Turns:
        """Whose turn it is."""
        return self.hall.turns(lambda: self._forecast(now), self.changes, now)

    def _forecast(self, now: Instant) -> Forecast:
        """What will be free, as far as ends are known. Room that is not known is none."""
        readings, books = self.readings or {}, self.books
        free = {
            pool: min(room_now(books, readings.get(pool)) or 0, books.free(pool))
            for pool in sorted(books.pools)
        }
        return self._over(Forecast(now, free), now)

    def promised(self, now: Instant) -> Forecast:
        """What the books leave free, now and later; whether the machine has it then is another
        matter."""
        free = {pool: self.books.free(pool) for pool in self.books.pools}
        return self._over(Forecast(now, free), now)

    def _over(self, forecast: Forecast, now: Instant) -> Forecast:
        for at, hold in known_ends(self.books, self._ends_at):
            forecast.give(hold.legs, at)
        self.planner.claim(forecast, self.books.plans, now)
        return forecast

    def _ends_at(self, hold: LiveHold) -> Instant | None:
        if hold.parent is not None:  # what was carved out goes back to its whole
            hold = self.books.live[hold.parent]
        return ends_by_count(hold, self.deadlines.get(hold.id), hold.id in self.endings)

    # The log -----------------------------------------------------------------------------------

    def write(self, entry: Entry) -> Token:
        """Fold `entry` into the books and put it on the open page. A refusal is our own bug."""
        era = entry.era if isinstance(entry, EraOpened) else self.books.era
        assert era is not None, "nothing is written before an era opens"
        for look in self._onlookers:
            look(self, entry)
        at = self.writer.write(era, encode_entry(entry))
        refusal = self.books.write(entry, era, at)
        assert refusal is None, f"our own entry was refused: {refusal} {entry}"
        self.changes += 1
        return at

    def seal(self) -> list[LedgerEffect]:
        """Sign what is written, then say what waited for it."""
        effects: list[LedgerEffect] = []
        for block in self.writer.seal():
            self.books.turn(block)
            effects.append(Append(block))
        writes = [Write(SPACE_REMAINING, hold, None) for hold in self._forget]
        writes += self.hall.line.unwritten()
        if writes:
            effects.append(Persist(tuple(writes)))
            self._forget = []
        effects += self.described
        self.described = []
        return [*effects, *self.counter.sealed()]

    # Capacity and endings ----------------------------------------------------------------------

    def look(self, readings: Mapping[str, PoolReading]) -> list[LedgerEffect]:
        """The machine as just seen: bring the accounts in line with it."""
        self.readings = dict(readings)
        self.changes += 1
        return self._balance()

    def contest(self) -> list[LedgerEffect]:
        """Others say of more that it is theirs, or of less."""
        self.changes += 1
        return self._balance()

    def _balance(self) -> list[LedgerEffect]:
        if self.readings is None:
            return []
        stuck = {leg.pool for hold in self.endings.stuck() for leg in self.books.live[hold].legs}
        barred = stuck | self._contested
        before = dict(self.books.pools)
        for entry in capacity_entries(self.books, self.readings, barred):
            self.write(entry)
        impaired = [
            pool
            for pool, state in sorted(self.books.pools.items())
            if state is PoolState.IMPAIRED and before.get(pool) is not state
        ]
        return [
            Alarm("pool-impaired", f"{pool} is impaired: no new holds until it is whole again")
            for pool in impaired
        ]

    def _balance_the_rest(self) -> list[LedgerEffect]:
        """Room has come back. An open pool agrees with the machine already (capacity.py): only of
        one that is not may more be retired now, or may it be whole again."""
        states = [*self.books.pools.values()]
        if states.count(PoolState.OPEN) == len(states):
            return []
        return self._balance()

    def end(self, hold: bytes, why: EndedBy | None, by: bytes, now: Instant) -> list[LedgerEffect]:
        """The end of a grant begins, and of all that was carved out of it. Nothing revives it."""
        self.deadlines.drop(hold)
        self._warnings.drop(hold)
        self.endings.begin(Ending(hold, why, by), now)
        effects: list[LedgerEffect] = [Fence(hold, lapsed=why is None)]
        for child in self.books.children(hold):
            if child.id not in self.endings:
                effects.extend(self.end(child.id, why, by, now))
        return effects

    def fenced(self, hold: bytes, gone: bool) -> list[LedgerEffect]:
        """We looked: nothing of `hold` is left, or something is."""
        ending = self.endings.get(hold)
        if ending is None:
            return []  # Told twice. It ended the first time.
        if not gone:
            return self._would_not_end(ending)
        live = self.books.live[hold]
        if self.books.children(hold):
            ending.gone = True
            return []  # They end too; it ends behind the last of them.
        at = self.write(ending.entry(live.state))
        self.endings.over(hold)
        if live.is_booking:
            self._forget.append(hold)
        ended = self.books.ended[hold]
        effects: list[LedgerEffect] = []
        for asker in ending.waiting:
            effects.extend(self.counter.say(Draft(asker, fate(ended), hold, (at,))))
        if live.parent is not None:
            effects.extend(self._child_over(live.parent))
        return [*effects, *self._balance_the_rest()]

    def _child_over(self, parent: bytes) -> list[LedgerEffect]:
        ending = self.endings.get(parent)
        return [] if ending is None or not ending.gone else self.fenced(parent, gone=True)

    def _would_not_end(self, ending: Ending) -> list[LedgerEffect]:
        effects: list[LedgerEffect] = []
        if not ending.stuck:
            ending.stuck = True
            sentence = "what runs under this hold could not be ended; its room stays taken"
            effects.append(Alarm("would-not-end", sentence, ending.hold))
            effects.extend(self._balance())
        waiting, ending.waiting = ending.waiting, []
        for asker in waiting:
            effects.extend(self.say_ending(asker, ending.hold, "it could not be ended yet"))
        parent = self.books.live[ending.hold].parent
        above = None if parent is None else self.endings.get(parent)
        return effects if above is None else [*effects, *self._would_not_end(above)]

    def say_ending(self, asker: int, hold: bytes, detail: str) -> list[Reply]:
        """Still on its way out."""
        proofs = proofs_of(self.books.live[hold])
        return self.counter.say(
            Draft(asker, Outcome.ENDING, hold, detail=detail, remaining=0, rests_on=proofs)
        )
