"""The books: a fold over one author's log, and nothing else.

The owner folds what it writes, every peer folds what it receives, and both arrive at the same
books because the fold has no clock and no opinion: what is in the log happened, what is not did
not. Nothing expires here; an expiry is an entry by the owner.

A stranger may write the log. So every entry is checked in full before it changes anything, a block
that fails half-way is taken back whole (every change notes what it replaced), and the refusal has
a name. Whether an author *should* have granted something (true room, terms, who asked) is the
owner's business at grant time; that it balances, fits and follows the table is everyone's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from ledger.accounts import EMPTY, PoolState, offline, pool_account, supply
from ledger.books.changes import Changes
from ledger.books.gangs import (
    GangEntry,
    MemberEntry,
    forgotten,
    gang_after,
    member_after,
    room_for_one,
)
from ledger.books.holds import EndedHold, LiveHold, Token, live_hold
from ledger.books.plans import Plan, begun, member_of_later, moved, started
from ledger.books.postings import Motion, Posting, affordable, capacity_posting, step_postings
from ledger.books.refusal import Refusal
from ledger.commands import Leg
from ledger.entries import (
    Adopted,
    BookingsOpened,
    CameOnline,
    Checkpointed,
    Closed,
    ClosedHow,
    EndedBy,
    Entry,
    EntryRefused,
    EraOpened,
    Expired,
    Extended,
    Held,
    Owed,
    Planned,
    PoolStateSet,
    Posted,
    Provisioned,
    Reclaimed,
    Released,
    Replanned,
    Retired,
    Shrunk,
    Started,
    Succeeded,
    Transferred,
    Voided,
    WentOffline,
    decode_entry,
)
from ledger.entries.gangs import (
    Enlisted,
    GangBegun,
    GangCommitted,
    GangCompleted,
    GangEnded,
    Parked,
    Settled,
)
from ledger.entries.rights import RightsEntry, RightsOpened
from ledger.lifecycle import Step, after
from mesh.logs import ERAS_MAX, Block, Era, EraStart, Position, is_checkpoint

_MOTIONS: Final[Mapping[type, Motion]] = {
    Provisioned: Motion.PROVISION,
    Retired: Motion.RETIRE,
    WentOffline: Motion.OFFLINE,
    CameOnline: Motion.ONLINE,
}
_STEPS: Final[Mapping[type, Step]] = {
    Posted: Step.POST,
    Started: Step.START,
    Voided: Step.VOID,
    Expired: Step.EXPIRE,
    Released: Step.RELEASE,
    Reclaimed: Step.RECLAIM,
    Enlisted: Step.ENLIST,
    Parked: Step.PARK,
    Settled: Step.SETTLE,
}


@dataclass(frozen=True, slots=True)
class _Saved:
    era: Era | None
    opening: EraOpened | None
    bookings_open: bool
    rights_open: bool
    eras: tuple[EraStart, ...]


class Books(Changes):
    """The state that one log folds to. `live`, `ended`, `pools` and `accounts` are for reading."""

    # Reading -----------------------------------------------------------------------------------

    @property
    def position(self) -> Position | None:
        """The head of the log that was folded."""
        return None if self.era is None else Position(self.era, self.height, self.head)

    def free(self, pool: str) -> int:
        """What the books could still promise of `pool`. The machine may have less: see room.py."""
        return self.accounts.get(pool_account(pool), EMPTY).free

    def withdrawn(self, pool: str) -> int:
        """Capacity that is offline."""
        return self.accounts.get(offline(pool), EMPTY).balance

    def capacity(self, pool: str) -> int:
        """What is in service: free and promised together."""
        out = self.accounts.get(offline(pool), EMPTY).balance
        return -self.accounts.get(supply(pool), EMPTY).balance - out

    def promised(self, pool: str) -> int:
        """What holds take of it, pending and posted."""
        known = self.accounts
        beyond = known.get(supply(pool), EMPTY).balance + known.get(offline(pool), EMPTY).balance
        return -beyond - known.get(pool_account(pool), EMPTY).free

    def holds_on(self, pool: str) -> Mapping[bytes, int]:
        """Live hold id → what it takes of `pool`."""
        return self._on_pool.get(pool, {})

    def live_holds(self) -> list[LiveHold]:
        """Every hold that takes room, oldest first."""
        return sorted(self.live.values(), key=lambda hold: (hold.held_at, hold.id))

    def fits(self, legs: tuple[Leg, ...]) -> bool:
        """Whether the books have all of `legs`."""
        return all(leg.pool in self.pools and self.free(leg.pool) >= leg.amount for leg in legs)

    # Folding -----------------------------------------------------------------------------------

    def apply_block(self, block: Block) -> Refusal | None:
        """Fold the next block, whole or not at all. Signatures are the caller's business."""
        refusal = self._misplaced(block)
        if refusal:
            return refusal
        saved = _Saved(self.era, self.opening, self.bookings_open, self.rights_open, self.eras)
        self._undo.clear()
        self._reckoned = None
        for index, raw in enumerate(block.entries):
            at = Token(block.era.counter, block.height, index)
            refusal = self._fold_raw(raw, block.era, at)
            if refusal:
                self._take_back(saved)
                return refusal
        self.turn(block)
        return None

    def write(self, entry: Entry, era: Era, at: Token) -> Refusal | None:
        """Fold one entry of a block that is still being written, and where it will stand. Refused:
        nothing changed."""
        if not isinstance(entry, Checkpointed):
            self._reckoned = None
        self._noting = False
        refusal = self._fold(entry, era, at)
        self._noting = True
        return refusal

    def turn(self, block: Block) -> None:
        """`block`, all of whose entries are folded, is the head now."""
        assert block.height == self.height + 1, "a page was skipped"
        self.height, self.head = block.height, block.hash
        self._undo.clear()
        self._count(block)

    def _misplaced(self, block: Block) -> Refusal | None:
        if block.height != self.height + 1 or block.previous != self.head:
            return Refusal.NOT_NEXT
        if len(block.entries) > 1 and any(is_checkpoint(raw) for raw in block.entries):
            return Refusal.CHECKPOINT_MISPLACED
        return None

    def _fold_raw(self, raw: bytes, era: Era, at: Token) -> Refusal | None:
        try:
            entry = decode_entry(raw)
        except EntryRefused:
            return Refusal.NOT_AN_ENTRY
        return self._fold(entry, era, at)

    def _fold(self, entry: Entry, era: Era, at: Token) -> Refusal | None:
        if isinstance(entry, EraOpened):
            return self._open_era(entry, era, at)
        if self.era is None or era != self.era:
            return Refusal.NO_ERA
        match entry:  # those that most logs are full of come first
            case Held() | Adopted():
                return self._begin(entry, at)
            case Posted() | Released() | Reclaimed() | Expired() | Voided() | Started():
                disbanded = isinstance(entry, Released) and entry.why is EndedBy.DISBANDED
                step = Step.DISBAND if disbanded else _STEPS[type(entry)]
                return self._advance(entry.id, step, at)
            case Provisioned() | Retired() | WentOffline() | CameOnline():
                return self._move_capacity(_MOTIONS[type(entry)], entry.legs)
            case PoolStateSet() | BookingsOpened() | Succeeded():
                return self._set(entry)
            case Extended() | Shrunk() | Transferred() | Owed():
                return self._change(entry, at)
            case Closed():
                return self._close(entry, at)
            case Planned() | Replanned():
                return self._plan(entry, at)
            case Checkpointed():
                return self._check_off(entry, at)
            case GangBegun() | GangCommitted() | GangCompleted() | GangEnded():
                return self._gang(entry, at)
            case Enlisted() | Parked() | Settled():
                return self._member(entry, at)
            case _ if isinstance(entry, RightsEntry | RightsOpened):
                return self._entitle(entry)

    def _open_era(self, entry: EraOpened, era: Era, at: Token) -> Refusal | None:
        opens = at.line == 0 and entry.era == era
        grows = self.era is None or era.counter > self.era.counter
        follows = at.height == self.height + 1 and entry.cut == self.position
        if not opens or not grows or not follows:
            return Refusal.ERA_MISNAMED
        self.era, self.opening = era, entry
        self.bookings_open = self.rights_open = False
        self.eras = (*self.eras, (era, at.height))[-ERAS_MAX:]
        return None

    def _set(self, entry: PoolStateSet | BookingsOpened | Succeeded) -> Refusal | None:
        if isinstance(entry, PoolStateSet):
            self._put(self.pools, entry.pool, entry.state)
        elif isinstance(entry, BookingsOpened):
            self.bookings_open = True
        return None  # a succession is a word, and no change: its promises follow one by one

    def _check_off(self, entry: Checkpointed, at: Token) -> Refusal | None:
        placed = at.line == 0 and at.height == self.height + 1
        if not placed or entry.eras != self.eras or entry.begins > at.height:
            return Refusal.CHECKPOINT_MISPLACED
        if not self._is_true(entry, at.height):
            return Refusal.CHECKPOINT_FALSE
        self._forget(entry.keeps)
        return None

    def _move_capacity(self, motion: Motion, legs: tuple[Leg, ...]) -> Refusal | None:
        if motion is not Motion.PROVISION and any(leg.pool not in self.pools for leg in legs):
            return Refusal.UNKNOWN_POOL
        postings = tuple(capacity_posting(motion, leg) for leg in legs)
        if not self._can_pay(postings):
            return Refusal.OVER_LIMIT
        for leg in legs:
            if leg.pool not in self.pools:
                self._put(self.pools, leg.pool, PoolState.OPEN)
        self._post_all(postings)
        return None

    def _begin(self, entry: Held | Adopted, at: Token) -> Refusal | None:
        adopted = isinstance(entry, Adopted)
        posted = isinstance(entry, Adopted) and entry.posted
        step = Step.HOLD
        if adopted:
            step = Step.ADOPT_POSTED if posted else Step.ADOPT_PENDING
        state = after(self.state_of(entry.id), step)
        if state is None:
            return Refusal.ID_USED
        states = [self.pools.get(leg.pool) for leg in entry.legs]
        if None in states:
            return Refusal.UNKNOWN_POOL
        # An adopted hold was admitted when its pool was open; that it is not now changes nothing.
        if not adopted and states.count(PoolState.OPEN) < len(states):
            return Refusal.POOL_NOT_OPEN
        postings = step_postings(step, entry.legs, entry.principal)
        if not self._can_pay(postings):
            return Refusal.OVER_LIMIT
        # What was lost and found again was covered when it was granted.
        if not adopted and (refusal := self._covers(entry.principal, entry.legs)):
            return refusal
        self._post_all(postings)
        self._set_live(live_hold(entry, state, at))
        return None

    def _can_pay(self, postings: tuple[Posting, ...]) -> bool:
        return not [one for one in postings if not affordable(one, self.accounts)]

    def _plan(self, entry: Planned | Replanned, at: Token) -> Refusal | None:
        if any(leg.pool not in self.pools for leg in entry.legs):
            return Refusal.UNKNOWN_POOL
        plan = begun(entry, self.state_of(entry.id), at)
        if plan is None:
            return Refusal.ID_USED
        if isinstance(entry, Planned) and (refusal := self._covers(entry.principal, entry.legs)):
            return refusal
        self._set_plan(entry.id, plan)
        return None

    def _move_plan(self, plan: Plan, step: Step, at: Token) -> Refusal | None:
        if step is Step.START:
            return self._start(plan)
        became = moved(plan, step, at)
        if became is None:
            return Refusal.NOT_ALLOWED
        if isinstance(became, EndedHold):
            self._set_plan(plan.id, None)
            self._put(self.ended, plan.id, became)
        else:
            self._set_plan(plan.id, became)
        return None

    def _start(self, plan: Plan) -> Refusal | None:
        hold = started(plan)
        if hold is None:
            return Refusal.NOT_ALLOWED
        # That it was promised is enough; that a pool is not open now changes nothing.
        postings = step_postings(Step.START, hold.legs, hold.principal)
        if not self._can_pay(postings):
            return Refusal.OVER_LIMIT
        self._post_all(postings)
        self._set_plan(plan.id, None)
        self._set_live(hold)
        return None

    def _gang(self, entry: GangEntry, at: Token) -> Refusal | None:
        if isinstance(entry, GangBegun) and not room_for_one(self.gangs):
            return Refusal.OVER_LIMIT
        became = gang_after(self.gangs.get(entry.gang), entry, at)
        if became is None:
            return Refusal.NOT_ALLOWED
        self._put(self.gangs, entry.gang, became)
        if (oldest := forgotten(self.gangs)) is not None:
            self._put(self.gangs, oldest, None)
        return None

    def _member(self, entry: MemberEntry, at: Token) -> Refusal | None:
        if (plan := self.plans.get(entry.id)) is not None:
            stands = member_of_later(plan, entry, at)
            if stands is None:
                return Refusal.NOT_ALLOWED
            self._set_plan(plan.id, stands)
            return None
        hold = self.live.get(entry.id)
        if hold is None or after(hold.state, _STEPS[type(entry)]) is None:
            return Refusal.NOT_ALLOWED
        became = member_after(hold, entry, at)
        if became is None:
            return Refusal.NOT_ALLOWED
        self._set_live(became)
        return None

    def _advance(self, hold_id: bytes, step: Step, at: Token) -> Refusal | None:
        hold = self.live.get(hold_id)
        if (plan := self.plans.get(hold_id)) is not None:
            return self._move_plan(plan, step, at)
        if hold is None:
            return Refusal.NOT_ALLOWED if hold_id in self.ended else Refusal.NO_SUCH_HOLD
        state = after(hold.state, step)
        if state is None:
            return Refusal.NOT_ALLOWED
        if state.live:
            self._post_all(step_postings(step, hold.legs, hold.principal))
            self._set_live(replace(hold, state=state, posted_at=at))
            return None
        if hold_id in self._carved:
            return Refusal.NOT_ALLOWED  # a parent ends after its last child
        self._give_back(hold, hold.legs, step)
        self._orphan(hold)
        self._set_ended(hold, state, at)
        return None

    def _close(self, entry: Closed, at: Token) -> Refusal | None:
        step = Step.SUPERSEDE if entry.how is ClosedHow.SUPERSEDED else Step.BREAK
        state = after(self.state_of(entry.id), step)
        if state is None:
            return Refusal.ID_USED
        origin = Token(entry.origin.era.counter, entry.origin.height, 0)
        ended = EndedHold(entry.id, state, entry.digest, entry.holder, origin, None, at, True)
        self._put(self.ended, entry.id, ended)
        return None

    def _take_back(self, saved: _Saved) -> None:
        self._restore()
        self.era, self.opening, self.eras = saved.era, saved.opening, saved.eras
        self.bookings_open, self.rights_open = saved.bookings_open, saved.rights_open
        self._met = None
