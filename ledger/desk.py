"""The desk: what an owner does while it is open.

Commands in, entries written and answers drafted; deadlines that come due; grants that end; capacity
that changes. Nothing here asks whether the owner *may* act: quarantine, sessions and signatures are
settled in machine.py before a command reaches the desk.

The path of a promise: a guard column says yes → the entry is folded into the books and put on the
open page, in one breath → the deadline is armed → the draft waits → `seal` signs the page, and the
answer stands behind its block in the list of effects.
"""

from collections.abc import Mapping
from typing import assert_never

from ledger.accounts import PoolState
from ledger.answers import Counter, Draft, Refusals, fate, proofs_of, request_digest
from ledger.blocks import Writer
from ledger.books import Books
from ledger.capacity import capacity_entries
from ledger.commands import (
    Answer,
    Command,
    GrantKind,
    Hold,
    Inquire,
    Leg,
    Outcome,
    Post,
    Release,
    Renew,
    Resume,
    Void,
)
from ledger.effects import Alarm, Append, Fence, LedgerEffect, Reply
from ledger.endings import Ending, Endings
from ledger.entries import (
    EndedBy,
    Entry,
    EraOpened,
    Expired,
    Held,
    Posted,
    Voided,
    encode_entry,
)
from ledger.granting import Refused, refuse_hold
from ledger.holds import EndedHold, LiveHold, Token
from ledger.leases import Deadlines, encode_remaining, owner_span
from ledger.lifecycle import HoldState
from ledger.limits import FENCE_AGAIN, REMAINING_EVERY, Limits
from ledger.observations import PoolReading
from mesh.identity import NodeId, PublicKey, id_of
from mesh.instant import Duration, Instant, earliest
from mesh.persistence import SPACE_REMAINING, Persist, Write


class Desk:
    """One owner's open business over one log."""

    def __init__(
        self, owner: NodeId, session: bytes, writer: Writer, books: Books, limits: Limits
    ) -> None:
        self.owner = owner
        self.writer = writer
        self.books = books
        self.limits = limits
        self.counter = Counter(session, writer)
        self.endings = Endings()
        self.deadlines = Deadlines()
        self.readings: dict[str, PoolReading] | None = None
        self.bookings_at: Instant | None = None
        """When new bookings will be admitted at the latest, while they are not."""
        self._refusals = Refusals()
        self._journal_at: Instant | None = None
        self._forget: list[bytes] = []
        """Bookings that are over: their remaining time leaves the journal with the next block."""

    # Time --------------------------------------------------------------------------------------

    @property
    def next_wake(self) -> Instant | None:
        return earliest(self.deadlines.next, self.endings.again.next, self._journal_at)

    def wake(self, now: Instant) -> list[LedgerEffect]:
        """Whatever has come due."""
        effects: list[LedgerEffect] = self._lapse(now)
        for hold in self.endings.again.due(now):
            self.endings.again.set(hold, now + FENCE_AGAIN)
            ending = self.endings.get(hold)
            effects.append(Fence(hold, lapsed=ending is not None and ending.why is None))
        if self._journal_at is not None and now >= self._journal_at:
            effects.extend(self.note_remaining(now))
        return effects

    def _lapse(self, now: Instant) -> list[LedgerEffect]:
        effects: list[LedgerEffect] = []
        for hold_id in self.deadlines.due(now):
            hold = self.books.live[hold_id]
            if hold.state is HoldState.PENDING:
                self.write(Expired(hold_id))
            else:
                why = EndedBy.RUN_OUT if hold.is_booking else None
                effects.extend(self.end(hold_id, why, self.owner, now))
        return effects

    def arm(self, hold: LiveHold, now: Instant, remaining: Duration | None = None) -> None:
        """Give `hold` its full time from now, or what is `remaining` of it."""
        pending = hold.state is HoldState.PENDING
        full = owner_span(self.limits.pending_ttl if pending else hold.term)
        self.deadlines.set(hold.id, now + (full if remaining is None else remaining))
        if hold.is_booking and self._journal_at is None:
            self._journal_at = now + REMAINING_EVERY

    def remaining(self, hold: bytes, now: Instant) -> Duration | None:
        """How long a hold still has, by our count; 0 when it is ending."""
        at = self.deadlines.get(hold)
        if at is None:
            return 0 if hold in self.endings else None
        return max(0, at - now)

    def running_bookings(self, now: Instant) -> dict[bytes, Duration]:
        """Booking → how long it still has."""
        bookings = [hold.id for hold in self.books.live_holds() if hold.is_booking]
        return {hold: self.remaining(hold, now) or 0 for hold in bookings}

    def note_remaining(self, now: Instant) -> list[LedgerEffect]:
        """What every booking has left, for the journal: once a minute, and at a clean stop."""
        running = self.running_bookings(now)
        self._journal_at = now + REMAINING_EVERY if running else None
        writes = [
            Write(SPACE_REMAINING, hold, encode_remaining(left)) for hold, left in running.items()
        ]
        return [Persist(tuple(writes))] if writes else []

    # The log -----------------------------------------------------------------------------------

    def write(self, entry: Entry) -> Token:
        """Fold `entry` into the books and put it on the open page. A refusal is our own bug."""
        era = entry.era if isinstance(entry, EraOpened) else self.books.era
        assert era is not None, "nothing is written before an era opens"
        raw = encode_entry(entry)
        place = self.writer.place(era, raw)
        refusal = self.books.write(entry, era, place.height, place.line)
        assert refusal is None, f"our own entry was refused: {refusal} {entry}"
        return self.writer.write(era, raw)

    def seal(self) -> list[LedgerEffect]:
        """Sign what is written, then say what waited for it."""
        effects: list[LedgerEffect] = []
        for block in self.writer.seal():
            self.books.turn(block)
            effects.append(Append(block))
        if self._forget:
            writes = tuple(Write(SPACE_REMAINING, hold, None) for hold in self._forget)
            effects.append(Persist(writes))
            self._forget = []
        return [*effects, *self.counter.sealed()]

    # Capacity and endings ----------------------------------------------------------------------

    def look(self, readings: Mapping[str, PoolReading]) -> list[LedgerEffect]:
        """The machine as just seen: bring the accounts in line with it."""
        self.readings = dict(readings)
        return self._balance()

    def _balance(self) -> list[LedgerEffect]:
        if self.readings is None:
            return []
        stuck = {leg.pool for hold in self.endings.stuck() for leg in self.books.live[hold].legs}
        before = dict(self.books.pools)
        for entry in capacity_entries(self.books, self.readings, stuck):
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

    def end(self, hold: bytes, why: EndedBy | None, by: bytes, now: Instant) -> list[LedgerEffect]:
        """The end of a grant begins. Nothing revives it."""
        self.deadlines.drop(hold)
        self.endings.begin(Ending(hold, why, by), now)
        return [Fence(hold, lapsed=why is None)]

    def fenced(self, hold: bytes, gone: bool) -> list[LedgerEffect]:
        """We looked: nothing of `hold` is left, or something is."""
        ending = self.endings.get(hold)
        if ending is None:
            return []  # Told twice. It ended the first time.
        if not gone:
            return self._would_not_end(ending)
        live = self.books.live[hold]
        at = self.write(ending.entry(live.state))
        self.endings.over(hold)
        if live.is_booking:
            self._forget.append(hold)
        ended = self.books.ended[hold]
        effects: list[LedgerEffect] = []
        for asker in ending.waiting:
            effects.extend(self.counter.say(Draft(asker, fate(ended), hold, (at,))))
        return [*effects, *self._balance()]

    def _would_not_end(self, ending: Ending) -> list[LedgerEffect]:
        effects: list[LedgerEffect] = []
        if not ending.stuck:
            ending.stuck = True
            sentence = "what runs under this hold could not be ended; its room stays taken"
            effects.append(Alarm("would-not-end", sentence, ending.hold))
            effects.extend(self._balance())
        waiting, ending.waiting = ending.waiting, []
        for asker in waiting:
            effects.extend(self._ending_reply(asker, ending.hold, "it could not be ended yet"))
        return effects

    def _ending_reply(self, asker: int, hold: bytes, detail: str) -> list[Reply]:
        proofs = proofs_of(self.books.live[hold])
        return self.counter.say(
            Draft(asker, Outcome.ENDING, hold, detail=detail, remaining=0, rests_on=proofs)
        )

    # Commands ----------------------------------------------------------------------------------

    def answer(
        self, asker: int, command: Command, public: bytes, now: Instant
    ) -> list[LedgerEffect]:
        """Do what a checked command asks, or say why not."""
        match command:
            case Hold():
                return self._hold(asker, command, public, now)
            case Inquire():
                return [*self._inquire(asker, command.id, now)]
            case Post() | Renew() | Void() | Release() | Resume():
                found = self._find(command, id_of(PublicKey(public)))
                if isinstance(found, Refused):
                    return [self.refuse(asker, command.id, found, now)]
                return self._step(asker, command, found, id_of(PublicKey(public)), now)
            case _:
                assert_never(command)

    def refuse(self, asker: int, hold: bytes, refused: Refused, now: Instant) -> Reply:
        """A no, at once: it rests on nothing."""
        remaining = None
        if refused.outcome is Outcome.BOOKINGS_CLOSED and self.bookings_at is not None:
            remaining = max(0, self.bookings_at - now)
        answer = Answer(
            refused.outcome, hold, self.counter.session, refused.detail,
            remaining=remaining, shortfalls=refused.shortfalls,
        )  # fmt: skip
        return Reply(asker, answer)

    def _hold(self, asker: int, hold: Hold, public: bytes, now: Instant) -> list[LedgerEffect]:
        digest = request_digest(hold, public)
        known = self.books.live.get(hold.id) or self.books.ended.get(hold.id)
        if known is not None and known.digest == digest:
            return [*self._hold_again(asker, known, now)]
        remembered = self._refusals.get(hold.id)
        if remembered is not None and remembered[0] == digest:
            return [Reply(asker, remembered[1])]
        if hold.kind is GrantKind.BOOKING and not self.books.bookings_open:
            closed = Refused(Outcome.BOOKINGS_CLOSED, "not every peer has shown its copy yet")
            return [self.refuse(asker, hold.id, closed, now)]
        if known is not None or remembered is not None:
            conflict = Refused(Outcome.ID_CONFLICT, "this id was used for another request")
            return [self.refuse(asker, hold.id, conflict, now)]
        refused = refuse_hold(hold, self.books, self.readings, self.limits)
        if refused is not None:
            reply = self.refuse(asker, hold.id, refused, now)
            self._refusals.remember(hold.id, digest, reply.answer)
            return [reply]
        legs = tuple(Leg(*leg) for leg in sorted(hold.legs))
        holder = id_of(PublicKey(public))
        self.write(
            Held(hold.id, digest, holder, legs, hold.kind, hold.term, hold.principal, hold.label)
        )
        self.arm(self.books.live[hold.id], now)
        return [*self._say_live(asker, Outcome.HELD, hold.id, now)]

    def _hold_again(self, asker: int, known: LiveHold | EndedHold, now: Instant) -> list[Reply]:
        if isinstance(known, EndedHold) or known.id in self.endings:
            # Nobody may be told HELD for what is no longer held, however late the duplicate.
            late = Refused(Outcome.TOO_LATE, f"ended since: {known.state.value}")
            return [self.refuse(asker, known.id, late, now)]
        return self._say_live(asker, Outcome.HELD, known.id, now)

    def _say_live(
        self, asker: int, outcome: Outcome, hold_id: bytes, now: Instant, nonce: bytes = b""
    ) -> list[Reply]:
        hold = self.books.live[hold_id]
        left = self.remaining(hold_id, now)
        proofs = proofs_of(hold)
        if outcome is Outcome.RENEWED:
            return self.counter.say(
                Draft(asker, outcome, hold_id, (), hold.posted_at, left, "", nonce, proofs)
            )
        return self.counter.say(Draft(asker, outcome, hold_id, proofs, hold.posted_at, left))

    def _inquire(self, asker: int, hold: bytes, now: Instant) -> list[Reply]:
        ended = self.books.ended.get(hold)
        if ended is not None:
            return self._say_ended(asker, ended)
        if hold in self.endings:
            return self._ending_reply(asker, hold, "its end has begun")
        live = self.books.live.get(hold)
        if live is not None:
            pending = live.state is HoldState.PENDING
            return self._say_live(asker, Outcome.HELD if pending else Outcome.POSTED, hold, now)
        remembered = self._refusals.get(hold)
        if remembered is not None:
            return [Reply(asker, remembered[1])]
        return [self.refuse(asker, hold, Refused(Outcome.NOT_FOUND, "never granted here"), now)]

    def _say_ended(self, asker: int, ended: EndedHold) -> list[Reply]:
        draft = Draft(asker, fate(ended), ended.id, (ended.ended_at,), detail=ended.state.value)
        return self.counter.say(draft)

    def _find(
        self, command: Post | Renew | Void | Release | Resume, who: NodeId
    ) -> LiveHold | EndedHold | Refused:
        known = self.books.live.get(command.id) or self.books.ended.get(command.id)
        if known is None:
            if isinstance(command, Resume):
                return Refused(Outcome.NOT_RESUMABLE, "not in these books, which are open already")
            return Refused(Outcome.NOT_FOUND, "never granted here")
        owner_may = isinstance(command, Void | Release) and who == self.owner
        if who != known.holder and not owner_may:
            return Refused(Outcome.NOT_HOLDER, "the hold names another key")
        return known

    def _step(
        self,
        asker: int,
        command: Post | Renew | Void | Release | Resume,
        hold: LiveHold | EndedHold,
        who: NodeId,
        now: Instant,
    ) -> list[LedgerEffect]:
        if isinstance(command, Void | Release):
            return self._give_back(asker, command, hold, who, now)
        if isinstance(hold, EndedHold) or hold.id in self.endings:
            late = Refused(Outcome.TOO_LATE, f"it has ended or is ending: {hold.state.value}")
            return [self.refuse(asker, hold.id, late, now)]
        if isinstance(command, Post):
            return [*self._post(asker, hold, now)]
        if isinstance(command, Renew):
            return [*self._renew(asker, hold, command.nonce, now)]
        if hold.kind is GrantKind.CARRIED and hold.state is HoldState.POSTED:
            self.arm(hold, now)
        return [*self._say_live(asker, Outcome.RESUMED, hold.id, now)]

    def _post(self, asker: int, hold: LiveHold, now: Instant) -> list[Reply]:
        if hold.state is HoldState.PENDING:
            self.write(Posted(hold.id))
            self.arm(self.books.live[hold.id], now)
        return self._say_live(asker, Outcome.POSTED, hold.id, now)

    def _renew(self, asker: int, hold: LiveHold, nonce: bytes, now: Instant) -> list[Reply]:
        if hold.state is HoldState.PENDING or hold.kind is GrantKind.BOOKING:
            sentence = "only a posted carried lease is renewed; a booking needs no heartbeat"
            wrong = Refused(Outcome.WRONG_STEP, sentence)
            return [self.refuse(asker, hold.id, wrong, now)]
        self.arm(hold, now)
        return self._say_live(asker, Outcome.RENEWED, hold.id, now, nonce)

    def _give_back(
        self,
        asker: int,
        command: Void | Release,
        hold: LiveHold | EndedHold,
        who: NodeId,
        now: Instant,
    ) -> list[LedgerEffect]:
        """End a hold by word of its holder or ours: as fits where it stands, whichever was said."""
        if isinstance(hold, EndedHold):
            return [*self._say_ended(asker, hold)]
        if hold.id in self.endings:
            return [*self._await_end(asker, hold.id, who)]
        if hold.state is HoldState.PENDING:
            at = self.write(Voided(hold.id, who))
            self.deadlines.drop(hold.id)
            return [*self.counter.say(Draft(asker, Outcome.VOIDED, hold.id, (at,)))]
        if isinstance(command, Void):
            wrong = Refused(Outcome.WRONG_STEP, "it is a grant already: release it")
            return [self.refuse(asker, hold.id, wrong, now)]
        effects = self.end(hold.id, EndedBy.ASKED, who, now)
        return [*effects, *self._await_end(asker, hold.id, who)]

    def _await_end(self, asker: int, hold: bytes, who: NodeId) -> list[Reply]:
        ending = self.endings.get(hold)
        assert ending is not None, "only what is ending can be waited for"
        if ending.why is None:
            # Its holder asks for what is under way: then it was released, not taken.
            ending.why, ending.by = EndedBy.ASKED, who
        if ending.stuck:
            return self._ending_reply(asker, hold, "it could not be ended yet")
        done = self.endings.wait(hold, asker)
        return [] if done is None else self._ending_reply(done, hold, "too many wait for this end")
