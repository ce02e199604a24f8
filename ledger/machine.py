"""The middle of the ledger: one owner, its log, and whether it may grant.

Doors in: `boot` once, `ask` (a command), `report` (an observation), `wake`, and `seal` after each
batch. Out: effects, whose order is the promise: a block before every answer that rests on it.

An owner is in one of six states, and `standing` says which (standings.py):

    quarantine        may have forgotten something: grants nothing, writes nothing (quarantine.py)
    bookings_closed   grants carried leases; new bookings wait for peers' copies of our log
    outcast           keeps what it promised, and promises nothing more: its id was revoked
    disk_full         keeps what it promised, and promises nothing more until there is room
    open              grants
    closed            this log, or its key, is another machine's too: waits for a person's word

What an open owner does is in desk.py and visits.py; recovery.py puts a log together again.
"""

from collections.abc import Iterable, Mapping, Sequence
from random import Random

from ledger.books.holds import Token
from ledger.commands import Answer, Asked
from ledger.commands.rights import Issue
from ledger.desk import Desk
from ledger.desk.escrow import restore
from ledger.desk.later import Later
from ledger.effects import Alarm, Fence, LedgerEffect, Rebase, Reply, StandingChanged
from ledger.entries import BookingsOpened, EraOpened, OpenedBy
from ledger.granting.capacity import readings_of
from ledger.limits import REASON_CHARS_MAX, Limits
from ledger.observations import (
    CapacitySeen,
    Contested,
    Continuity,
    DiskSeen,
    Fenced,
    GangSeen,
    GangStep,
    Heritage,
    KeptOut,
    Observation,
    Override,
    OwnLogSeen,
    PeersKnown,
    PoolReading,
    RightsTold,
    RightsWord,
    TwinLives,
)
from ledger.owner.bookings import BookingGate
from ledger.owner.checkpointing import Checkpointer, prune, still_proven
from ledger.owner.readable import Readable
from ledger.owner.standings import NoMore, refuse_more
from ledger.owner.succession import take_over
from ledger.proving.blocks import Writer
from ledger.recovery import (
    Chain,
    Gathered,
    best_of,
    ended_anywhere,
    fold_longest,
    next_era,
    sound_part,
)
from ledger.recovery.quarantine import ELSEWHERE, Listener, Quarantine, ahead, is_elsewhere
from ledger.recovery.reopening import (
    carry_on,
    end_what_ended,
    forget_gone,
    lengthen_old,
    open_era,
    over_and_done,
    settle,
    take_back_lost,
)
from ledger.visits import Visit
from ledger.visits.checking import checked
from ledger.visits.enlisted import heard
from mesh.identity import NONCE_BYTES, Epoch, Identity
from mesh.instant import Duration, Instant
from mesh.logs import Base, Block, Era
from mesh.persistence import Persist


class Ledger(Readable):
    """One owner. Build it, `boot` it, then ask, report, wake and seal."""

    def __init__(  # noqa: PLR0913 - a start has this many independent givens, each named once
        self, identity: Identity, epoch: Epoch, chain: tuple[Block, ...],
        remaining: Mapping[bytes, Duration], continuity: Continuity, *, first: bool,
        fingerprint: str | None, limits: Limits, random: Random, later: Later | None = None,
        base: Base | None = None, proofs: Mapping[Token, bytes] | None = None,
    ) -> None:  # fmt: skip
        """`chain`: our own, from disk, and `base` where it begins. `proofs`: as kept by `prune`.
        `remaining`: SPACE_REMAINING, decoded. `first`: a person says that nothing was promised."""
        self._identity = identity
        self._epoch = epoch
        self._remaining = dict(remaining)
        self._first = first
        self._fingerprint = fingerprint
        self._limits = limits
        self._random = random
        self.later = Later() if later is None else later
        kept = sound_part(identity.id, chain, continuity.proven, base)
        self._damaged = len(chain) - len(kept.blocks)
        self._continuity = continuity
        self._gathered = Gathered(identity.id, kept.blocks)
        self._proofs = dict(proofs or {})
        self._desk = self._desk_over(kept)
        self._quarantine: Quarantine | None = None
        self._closed: str | None = None
        self._readings: dict[str, PoolReading] | None = None
        self._gate = BookingGate()
        self._no_more = NoMore()
        self.checkpointer = Checkpointer(limits)
        self._told: tuple[str, str] | None = None

    # Doors -------------------------------------------------------------------------------------

    def boot(self, now: Instant) -> list[LedgerEffect]:
        """Begin: carry on if nothing was lost, else assume that something was."""
        effects: list[LedgerEffect] = []
        if self._damaged:
            sentence = f"{self._damaged} blocks of our own log are damaged and were left out"
            effects.append(Alarm("log-damaged", sentence))
        opening = self.books.opening
        if self._continuity.proven and not self._damaged and opening is not None:
            carry_on(self._desk, self._remaining, now)
            self._gate.wait(self._desk, now)
        elif self._first and opening is None and not self._damaged:
            self._open_first(now)
        elif is_elsewhere(opening, self._fingerprint):
            self._closed = ELSEWHERE
        else:
            self._enter_quarantine(self._continuity.reason, now, ())
        return [*effects, *self._tell()]

    def ask(self, token: int, asked: Asked, now: Instant) -> list[LedgerEffect]:
        """Answer a command, now or (if the answer is a promise) behind the next `seal`."""
        # Commands come in batches, all of them at one moment: what is due then is done once.
        effects = [] if self._is_open and self._desk.is_awake(now) else self.wake(now)
        command = checked(asked, self._identity.id, self.session, self._closed)
        if isinstance(command, Answer):
            return [*effects, Reply(token, command)]
        if self._quarantine is not None:
            reply = self._quarantine.ask(token, command, asked.public, self.books, now)
            return [*effects, reply]
        visit = Visit.of(self._desk, token, asked.public, now)
        refused = refuse_more(self._desk, command, self._no_more, now)
        if refused is not None:
            return [*effects, visit.turn_away(command.id, refused)]
        effects += visit.answer(command)
        if isinstance(command, Issue):  # whoever has rights now may spend them now
            effects += self.later.escrow.open_if_allowed(self._desk, self._chains)
        return effects

    def report(self, observation: Observation, now: Instant) -> list[LedgerEffect]:
        """Take note of something about the world."""
        effects: list[LedgerEffect] = []
        match observation:
            case CapacitySeen() | Contested():
                effects.extend(self._see(observation, now))
            case Fenced(hold, gone) if self._quarantine is not None:
                self._quarantine.fenced(hold, gone)
            case Fenced(hold, gone):
                effects.extend(self._desk.fenced(hold, gone))
            case OwnLogSeen():
                effects.extend(self._see_own_log(observation, now))
            case GangSeen() | GangStep():  # In quarantine nothing is written: it is told again.
                effects.extend(heard(self._desk, observation, now) if self._is_open else ())
            case Heritage():
                assert self._is_open, "promises are taken over by who may make them"
                effects.extend(take_over(self._desk, observation, now))
            case RightsTold() | RightsWord():
                effects.extend(self._hear_of_rights(observation))
            case PeersKnown():
                self._gate.peers = observation
            case DiskSeen(short):
                self._no_more.short = short
            case KeptOut(reason):
                self._no_more.outcast = reason
                self.later.calendar.close(reason)
            case Override(reason):
                self._take_override(reason, now)
            case TwinLives(reason):
                effects.extend(self._close(reason, now))
        return [*effects, *self._progress(now)]

    def _see(self, seen: CapacitySeen | Contested, now: Instant) -> Sequence[LedgerEffect]:
        """The machine, or what others claim of it, is not as it was."""
        if isinstance(seen, Contested):
            self.later.contest(seen.pools)
            return self._desk.contest() if self._is_open else []
        self._readings = readings_of(seen)
        self.later.calendar.see(seen.wall, now)
        return self._desk.look(self._readings) if self._is_open else []

    def _hear_of_rights(self, told: RightsTold | RightsWord) -> Sequence[LedgerEffect]:
        """Whatever is read is told again, so what can't be written now is passed over; not so a
        person's word."""
        if isinstance(told, RightsWord):
            self.later.escrow.word = told.reason[:REASON_CHARS_MAX]
            return []
        may = self._is_open and self._no_more.outcome is None
        return self.later.escrow.hear(self._desk, told) if may else []

    def wake(self, now: Instant) -> list[LedgerEffect]:
        """Time has passed."""
        return [*(self._desk.wake(now) if self._is_open else []), *self._progress(now)]

    def seal(self, _now: Instant) -> list[LedgerEffect]:
        """Sign what the batch has written and say what waited for it. Harmless when nothing did."""
        before = len(self._desk.writer.chain)
        effects = self._desk.seal()
        if effects and self._is_open:
            effects = self.checkpointer.check_off(self._desk, effects)
        self._gathered.written(self._desk.writer.chain[before:])
        return effects

    def receipt(self, token: Token) -> bytes | None:
        """Proof of a sealed entry of our own log, ready to travel; None when it was put away."""
        return self._desk.writer.receipt(token)

    def prune(self, base: Base) -> list[Persist]:
        """Our log begins at `base` now. Receipts of what lives are kept, as they would be shown."""
        self._gathered.pruned(self._desk.writer.before(base))
        self._proofs, effects = prune(self._desk, base, self._proofs)
        return effects

    def put_away(self, now: Instant) -> list[LedgerEffect]:
        """A clean stop: what every booking has left, so that the next start counts on from here."""
        return self._desk.note_remaining(now) if self._is_open else []

    def rise(self, epoch: Epoch, now: Instant) -> list[LedgerEffect]:
        """A peer proved that we once started later than we remember: begin again above that."""
        assert epoch.counter > self._epoch.counter, "an epoch only rises"
        reason = "a peer remembers a later start of this node than its own disk does"
        return [*self._quarantine_again(reason, now, epoch), *self._tell()]

    # Quarantine and back -----------------------------------------------------------------------

    def _enter_quarantine(self, reason: str, now: Instant, doomed: Iterable[bytes]) -> None:
        self._readings = None
        listener = Listener(self._identity.id, self.session)
        self._quarantine = Quarantine(listener, reason, now, doomed)

    def _progress(self, now: Instant) -> list[LedgerEffect]:
        """Whatever has become possible: the end of the quarantine, new bookings."""
        if not self.has_begun:
            return []  # what was told before the start is taken note of, and said by it
        effects: list[LedgerEffect] = []
        quarantine, readings = self._quarantine, self._readings
        if quarantine is not None and quarantine.over(now) and readings is not None:
            effects.extend(self._settle(quarantine, readings, now))
        if self._is_open:
            self._gate.open_if_allowed(self._desk, now)
            effects.extend(self.later.escrow.open_if_allowed(self._desk, self._chains))
            effects.extend(self._desk.planner.wake(self._desk, now))
        return [*effects, *self._tell()]

    def _settle(
        self, quarantine: Quarantine, readings: Mapping[str, PoolReading], now: Instant
    ) -> list[LedgerEffect]:
        """End what nobody believes in; once all of it was looked at, reopen."""
        chains = self._chains()
        base = best_of(chains)
        asked = quarantine.next_wake
        done = over_and_done(base.books, quarantine.claims, ended_anywhere(chains))
        if quarantine.settled(done, now):
            return self._reopen(quarantine, chains, readings, now)
        if quarantine.next_wake == asked:
            return []
        waiting = [hold for hold, gone in quarantine.fencing.items() if gone is None]
        return [Fence(hold) for hold in waiting]

    def _reopen(
        self, quarantine: Quarantine, chains: list[Chain], readings: Mapping[str, PoolReading],
        now: Instant,
    ) -> list[LedgerEffect]:  # fmt: skip
        """The best copy of our log is our log; a new era begins on it."""
        base = best_of(chains)
        was_open = base.books.bookings_open
        effects: list[LedgerEffect] = []
        if self._damaged or list(base.blocks) != self._desk.writer.chain:
            effects.append(Rebase(base.blocks, base.base))
            self._damaged = 0
        self._gathered.written(base.blocks)
        effects.extend(lengthen_old(self._remaining, self.books, base.books))
        self._quarantine = None
        self._desk = desk = self._desk_over(base)
        self._write_era(quarantine.reason, [era for one in chains for era in one.eras])
        effects.extend(desk.look(readings))
        effects.extend(settle(desk, quarantine, chains, self._remaining, now))
        effects.extend(take_back_lost(desk, quarantine.claims, chains, self._remaining, now))
        self._gate.wait(self._desk, now, was_open=was_open)
        # A booking may have come back with no time left: it is due now, not at the next wake.
        return [*effects, *forget_gone(self._remaining, self.books), *desk.wake(now)]

    def _quarantine_again(
        self, reason: str, now: Instant, epoch: Epoch | None = None
    ) -> list[LedgerEffect]:
        """What is written and not signed never happened, and everyone who waits is told."""
        waiting = [*self._desk.counter.give_up(), *self._desk.endings.give_up()]
        if self._is_open:
            self._remaining.update(self._desk.running_bookings(now))
        self._epoch = epoch or self._epoch
        doomed = self._desk.endings.ids()
        self._desk.writer.abandon()
        self._desk = self._desk_over(fold_longest(self._desk.writer.chain, self._desk.writer.base))
        self._closed = None
        self._enter_quarantine(reason, now, doomed)
        assert self._quarantine is not None
        return [self._quarantine.turned_away(asker, hold, now) for asker, hold in waiting]

    def _close(self, reason: str, now: Instant) -> list[LedgerEffect]:
        """Another machine may grant what we grant. Whoever waits is told, and nothing is written;
        what runs is left alone, for nobody is to lose what works."""
        effects = self._quarantine_again(reason, now) if self._closed is None else []
        self._quarantine, self._closed = None, reason
        return effects

    def _see_own_log(self, seen: OwnLogSeen, now: Instant) -> list[LedgerEffect]:
        """A peer keeps blocks of ours that we do not have."""
        fresh = self._gathered.add(seen.blocks, seen.bases)
        era = self.books.era
        if not self._is_open or not fresh:
            return []
        assert era is not None, "an open owner has an era"
        if all(block.era.counter < era.counter for block in fresh):
            return self._take_late(now)
        alarm = ahead(fresh, era, self.books.height)
        return [alarm, *self._quarantine_again(alarm.sentence, now)]

    def _take_late(self, now: Instant) -> list[LedgerEffect]:
        """A part of our log that an era cut off turned up: its bookings count, once."""
        chains = self._chains()
        effects = [*restore(self._desk, chains), *end_what_ended(self._desk, chains, now)]
        return [*effects, *take_back_lost(self._desk, {}, chains, self._remaining, now)]

    # Eras and bookings -------------------------------------------------------------------------

    def _open_first(self, now: Instant) -> None:
        self._write_era("first start: this machine has promised nothing", [])
        self._desk.write(BookingsOpened(OpenedBy.FIRST, ""))
        self._gate.wait(self._desk, now)

    def _write_era(self, reason: str, seen: list[Era]) -> None:
        spare = self._random.randbytes(NONCE_BYTES)
        era = next_era(self._epoch.counter, self._epoch.nonce, seen, spare)
        first = self._first and not seen
        open_era(self._desk, EraOpened(era, self._epoch, None, reason, self._fingerprint, first))

    def _take_override(self, reason: str, now: Instant) -> None:
        """A person's word opens the bookings, at once or when the quarantine is over. It never
        shortens a quarantine: what it waits out cannot be overruled."""
        if self._closed is not None:
            self._closed = None
            self._enter_quarantine("opened by a person's word: " + reason, now, ())
        elif not self._is_open or not self.books.bookings_open:
            self._gate.override = reason[:REASON_CHARS_MAX]

    # Small parts -------------------------------------------------------------------------------

    def _chains(self) -> list[Chain]:
        return self._gathered.chains(self._desk.writer.chain, self._desk.writer.base)

    def _desk_over(self, chain: Chain) -> Desk:
        proofs = still_proven(self._proofs, chain.base)
        writer = Writer(self._identity, chain.blocks, chain.base, proofs)
        return Desk(self._identity.id, self.session, writer, chain.books, self._limits, self.later)

    def _tell(self) -> list[LedgerEffect]:
        state, reason, _ = self.standing
        if (state, reason) == self._told:
            return []
        self._told = (state, reason)
        return [StandingChanged(state, reason)]
