"""A visit: one asker at the desk, with one command.

Whether the owner may act at all was settled before (machine.py), and so were shape, signature and
session (checking.py). Here a command meets the books: it is refused with a name, answered as it was
answered before, or done. What is done is written first; the answer is a draft until its block is
signed, so a duplicate that comes in between waits for the same block.

The order of the checks is the order of `Outcome`, and a retry is recognised before anything that
could have changed since: whoever was told HELD is told HELD again, however full the machine is now.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from ledger.answers import Draft, fate, proofs_of, request_digest
from ledger.changing import refuse_extend, refuse_shrink, refuse_transfer
from ledger.commands import (
    Answer,
    Command,
    Extend,
    GrantKind,
    Hold,
    Inquire,
    Leg,
    Outcome,
    Park,
    Post,
    Release,
    Renew,
    Resume,
    Settle,
    Shrink,
    Transfer,
    Void,
    Wait,
)
from ledger.desk import Desk
from ledger.effects import LedgerEffect, Reply
from ledger.enlisted import enlist, step
from ledger.entries import EndedBy, Extended, Held, Posted, Shrunk, Transferred, Voided
from ledger.granting import Refused, refuse_hold
from ledger.hall import WORTH_WAITING, give_up, others_wait, say_place, stand
from ledger.holds import EndedHold, LiveHold
from ledger.leases import holder_span, owner_span
from ledger.lifecycle import HoldState
from ledger.planner import in_the_way, may_last, pencil_in, say_plan, step_plan
from mesh.identity import PublicKey, id_of
from mesh.instant import Duration, Instant

LAST_TERM: Final = "the booking that it was carved out of ends first: this was its last term"

StepCommand: TypeAlias = Post | Park | Settle | Renew | Extend | Shrink | Void | Release | Resume
"""A command about a hold that exists."""


@dataclass(frozen=True, slots=True)
class Visit:
    """`public` asks, and waits for the answer under the number `asker`."""

    desk: Desk
    asker: int
    public: bytes
    now: Instant

    @property
    def who(self) -> bytes:
        """The asker's id."""
        return id_of(PublicKey(self.public))

    def answer(self, command: Command) -> list[LedgerEffect]:
        """Do what a checked command asks, or say why not."""
        match command:
            case Hold():
                return self._hold(command)
            case Wait():
                return self._hold(command.hold, command)
            case Transfer():
                return [*self._transfer(command)]
            case Void() if command.id in self.desk.hall.line:
                return give_up(self.desk, self.asker, command.id, self.who)
            case Inquire() if command.id in self.desk.hall.line:
                return [say_place(self.desk, self.asker, command.id, self.now)]
            case Inquire():
                return [*self._inquire(command.id)]
            case _ if command.id in self.desk.books.plans:
                stepped = step_plan(self.desk, self.asker, command, self.who, self.now)
                if isinstance(stepped, Refused):
                    return [self._refuse(command.id, stepped)]
                return stepped
            case _:  # all others are about one hold that exists; a new kind fits not the type
                found = self._find_for(command)
                if isinstance(found, Refused):
                    return [self._refuse(command.id, found)]
                return self._step(command, found)

    def _refuse(self, hold: bytes, refused: Refused) -> Reply:
        """A no, at once: it rests on nothing."""
        remaining = None
        if refused.outcome is Outcome.BOOKINGS_CLOSED and self.desk.bookings_at is not None:
            remaining = max(0, self.desk.bookings_at - self.now)
        answer = Answer(
            refused.outcome, hold, self.desk.counter.session, refused.detail,
            remaining=remaining, shortfalls=refused.shortfalls,
        )  # fmt: skip
        return Reply(self.asker, answer)

    # A hold ------------------------------------------------------------------------------------

    def _hold(self, hold: Hold, wait: Wait | None = None) -> list[LedgerEffect]:
        """`wait`: with a place in the line where there is no room."""
        desk = self.desk
        digest = request_digest(hold, self.public)
        before = self._asked_before(hold.id, digest, Outcome.HELD)
        if before is not None:
            return [*before]
        desk.hall.line.hear(hold.id, self.now)
        booked = hold.kind is GrantKind.BOOKING or hold.gang is not None
        if booked and not desk.books.bookings_open:
            closed = Refused(Outcome.BOOKINGS_CLOSED, "not every peer has shown its copy yet")
            return [self._refuse(hold.id, closed)]
        ticket = desk.hall.line.get(hold.id)
        other = ticket is not None and ticket.digest != digest
        refused = self._conflict(hold.id, other=other)
        if refused is not None:
            return [self._refuse(hold.id, refused)]
        refused = refuse_hold(hold, desk.books, desk.readings, desk.limits)
        refused = refused or in_the_way(desk, hold, self.now)
        refused = refused or others_wait(desk, hold, self.who, self.now)
        if refused is None:
            return [*self._grant(hold, digest)]
        if wait is not None and refused.outcome in WORTH_WAITING:
            stands = stand(desk, self.asker, wait, digest, self.who, self.now)
            if not isinstance(stands, Refused):
                return stands
            refused = stands
        desk.hall.line.leave(hold.id)
        return [self._refuse_for_good(hold.id, digest, refused)]

    def _asked_before(self, hold: bytes, digest: bytes, outcome: Outcome) -> list[Reply] | None:
        """The answer to a request that was answered already: `outcome`, or the refusal."""
        plan = self.desk.books.plans.get(hold)
        if plan is not None and plan.digest == digest:
            return say_plan(self.desk, self.asker, outcome, hold, self.now)
        known = self.desk.books.live.get(hold) or self.desk.books.ended.get(hold)
        if known is not None and known.digest == digest:
            return self._granted_again(outcome, known)
        remembered = self.desk.refusals.get(hold)
        if remembered is not None and remembered[0] == digest:
            return [Reply(self.asker, remembered[1])]
        return None

    def _conflict(self, hold: bytes, *, other: bool = False) -> Refused | None:
        """`other`: somebody waits in line under this id."""
        used = other or self.desk.books.state_of(hold) is not HoldState.ABSENT
        if not used and self.desk.refusals.get(hold) is None:
            return None
        return Refused(Outcome.ID_CONFLICT, "this id was used for another request")

    def _refuse_for_good(self, hold: bytes, digest: bytes, refused: Refused) -> Reply:
        reply = self._refuse(hold, refused)
        if refused.outcome is not Outcome.ID_CONFLICT:
            self.desk.refusals.remember(hold, digest, reply.answer)
        return reply

    def _grant(self, hold: Hold, digest: bytes) -> list[Reply]:
        legs = tuple(Leg(*leg) for leg in sorted(hold.legs))
        if hold.start is not None:
            pencil_in(self.desk, hold, digest, self.who, self.now)
            return say_plan(self.desk, self.asker, Outcome.HELD, hold.id, self.now)
        self.desk.write(
            Held(hold.id, digest, self.who, legs, hold.kind, hold.term, hold.principal, hold.label)
        )
        enlist(self.desk, hold)
        self.desk.hall.line.leave(hold.id)
        self.desk.arm(self.desk.books.live[hold.id], self.now)
        return self._say_live(Outcome.HELD, hold.id)

    def _granted_again(self, outcome: Outcome, known: LiveHold | EndedHold) -> list[Reply]:
        if isinstance(known, EndedHold) or known.id in self.desk.endings:
            # Nobody may be told yes for what is no longer held, however late the duplicate.
            late = Refused(Outcome.TOO_LATE, f"ended since: {known.state.value}")
            return [self._refuse(known.id, late)]
        return self._say_live(outcome, known.id)

    def _say_live(self, outcome: Outcome, hold_id: bytes, nonce: bytes = b"") -> list[Reply]:
        hold = self.desk.books.live[hold_id]
        left = self.desk.remaining(hold_id, self.now)
        proofs = proofs_of(hold)
        if hold.gang is not None:
            return self._say_member(outcome, hold, left)
        if outcome is Outcome.RENEWED:
            return self.desk.counter.say(
                Draft(self.asker, outcome, hold_id, (), hold.posted_at, left, "", nonce, proofs)
            )
        # The newest word about it: a token that only grows, and where a copy must reach.
        fence = None if hold.posted_at is None else max(proofs)
        return self.desk.counter.say(Draft(self.asker, outcome, hold_id, proofs, fence, left))

    def _say_member(self, outcome: Outcome, hold: LiveHold, left: Duration | None) -> list[Reply]:
        """Of one of a gang's: what it is now rests on every entry that made it so."""
        assert hold.gang is not None, "only one of a gang's is spoken of like this"
        settled = hold.gang.settled_at if outcome is Outcome.SETTLED else None
        draft = Draft(
            self.asker, outcome, hold.id, proofs_of(hold), settled or hold.posted_at, left,
            rests_on=hold.gang.tokens,
        )  # fmt: skip
        return self.desk.counter.say(draft)

    # What became of it -------------------------------------------------------------------------

    def _inquire(self, hold: bytes) -> list[Reply]:
        plan = self.desk.books.plans.get(hold)
        if plan is not None:
            return say_plan(self.desk, self.asker, None, hold, self.now)
        ended = self.desk.books.ended.get(hold)
        if ended is not None:
            return self._say_ended(ended)
        if hold in self.desk.endings:
            return self.desk.say_ending(self.asker, hold, "its end has begun")
        live = self.desk.books.live.get(hold)
        if live is not None:
            pending = live.state is HoldState.PENDING
            return self._say_live(Outcome.HELD if pending else Outcome.POSTED, hold)
        remembered = self.desk.refusals.get(hold)
        if remembered is not None:
            return [Reply(self.asker, remembered[1])]
        return [self._refuse(hold, Refused(Outcome.NOT_FOUND, "never granted here"))]

    def _say_ended(self, ended: EndedHold) -> list[Reply]:
        draft = Draft(
            self.asker, fate(ended), ended.id, (ended.ended_at,), detail=ended.state.value
        )
        return self.desk.counter.say(draft)

    # The steps of a hold -----------------------------------------------------------------------

    def _find_for(self, command: StepCommand) -> LiveHold | EndedHold | Refused:
        if isinstance(command, Resume) and self.desk.books.state_of(command.id) is HoldState.ABSENT:
            return Refused(Outcome.NOT_RESUMABLE, "not in these books, which are open already")
        return self._find(command.id, owner_may=isinstance(command, Void | Release))

    def _find(self, hold: bytes, *, owner_may: bool = False) -> LiveHold | EndedHold | Refused:
        """`hold`, if the asker may act on it: as its holder, or (`owner_may`) as its owner, or as
        the holder of the booking that it was carved out of."""
        known = self.desk.books.live.get(hold) or self.desk.books.ended.get(hold)
        if known is None:
            return Refused(Outcome.NOT_FOUND, "never granted here")
        if self.who != known.holder and not (owner_may and self._above(known)):
            return Refused(Outcome.NOT_HOLDER, "the hold names another key")
        return known

    def _above(self, known: LiveHold | EndedHold) -> bool:
        parent = None if isinstance(known, EndedHold) else known.parent
        above = None if parent is None else self.desk.books.live.get(parent)
        return self.who == self.desk.owner or (above is not None and self.who == above.holder)

    def _step(self, command: StepCommand, hold: LiveHold | EndedHold) -> list[LedgerEffect]:
        if isinstance(command, Void | Release):
            return self._give_back(command, hold)
        if isinstance(hold, EndedHold) or hold.id in self.desk.endings:
            late = Refused(Outcome.TOO_LATE, f"it has ended or is ending: {hold.state.value}")
            return [self._refuse(hold.id, late)]
        if isinstance(command, Post):
            return [*self._post(hold)]
        if isinstance(command, Park | Settle):
            done = step(self.desk, command, hold, self.now)
            if isinstance(done, Refused):
                return [self._refuse(hold.id, done)]
            return [*self._say_live(done, hold.id)]
        if isinstance(command, Renew):
            return [*self._renew(hold, command.nonce)]
        if isinstance(command, Extend):
            return self._extend(command, hold)
        if isinstance(command, Shrink):
            return [*self._shrink(command, hold)]
        return [*self._resume(hold)]

    def _post(self, hold: LiveHold) -> list[Reply]:
        if hold.state is HoldState.PENDING:
            self.desk.write(Posted(hold.id))
            self.desk.arm(self.desk.books.live[hold.id], self.now)
        return self._say_live(Outcome.POSTED, hold.id)

    def _renew(self, hold: LiveHold, nonce: bytes) -> list[Reply]:
        if hold.state is HoldState.PENDING or hold.kind is GrantKind.BOOKING:
            sentence = "only a posted carried lease is renewed; a booking needs no heartbeat"
            return [self._refuse(hold.id, Refused(Outcome.WRONG_STEP, sentence))]
        if self._last_term(hold):
            return [self._refuse(hold.id, Refused(Outcome.TERM_TOO_LONG, LAST_TERM))]
        self.desk.arm(hold, self.now)
        return self._say_live(Outcome.RENEWED, hold.id, nonce)

    def _resume(self, hold: LiveHold) -> list[Reply]:
        if hold.kind is GrantKind.CARRIED and hold.state is HoldState.POSTED:
            if self._last_term(hold):
                return [self._refuse(hold.id, Refused(Outcome.TERM_TOO_LONG, LAST_TERM))]
            self.desk.arm(hold, self.now)
        return self._say_live(Outcome.RESUMED, hold.id)

    def _last_term(self, hold: LiveHold) -> bool:
        """Whether one more term would outlive what `hold` was carved out of."""
        if hold.parent is None:
            return False
        return owner_span(hold.term) > (self.desk.remaining(hold.parent, self.now) or 0)

    # A grant that changes ----------------------------------------------------------------------

    def _extend(self, command: Extend, hold: LiveHold) -> list[LedgerEffect]:
        refused = refuse_extend(command, hold, self._parent_left(hold), self.desk.limits)
        refused = refused or may_last(self.desk, hold, command.term - hold.term, self.now)
        if refused is not None:
            return [self._refuse(hold.id, refused)]
        effects: list[LedgerEffect] = []
        if command.term > hold.term:
            self.desk.write(Extended(hold.id, command.term))
            effects.extend(self.desk.lengthen(hold, command.term, self.now))
        return [*effects, *self._say_live(Outcome.EXTENDED, hold.id)]

    def _parent_left(self, hold: LiveHold) -> Duration | None:
        if hold.parent is None:
            return None
        parent = self.desk.remaining(hold.parent, self.now) or 0
        left = self.desk.remaining(hold.id, self.now) or 0
        return hold.term + holder_span(max(0, parent - left))

    def _shrink(self, command: Shrink, hold: LiveHold) -> list[Reply]:
        legs = tuple(sorted(command.legs))
        refused = refuse_shrink(command, hold)
        if refused is not None:
            return [self._refuse(hold.id, refused)]
        if legs != hold.legs:
            self.desk.write(Shrunk(hold.id, legs))
        return self._say_live(Outcome.SHRUNK, hold.id)

    def _transfer(self, command: Transfer) -> list[Reply]:
        desk = self.desk
        digest = request_digest(command, self.public)
        before = self._asked_before(command.id, digest, Outcome.TRANSFERRED)
        if before is not None:
            return before
        parent = self._conflict(command.id) or self._parent_of(command)
        if isinstance(parent, Refused):
            return [self._refuse_for_good(command.id, digest, parent)]
        desk.write(
            Transferred(
                command.id, parent.id, digest, command.holder or self.who,
                tuple(sorted(command.legs)), command.kind, command.term, command.principal,
                command.label,
            )
        )  # fmt: skip
        desk.arm(desk.books.live[command.id], self.now)
        return self._say_live(Outcome.TRANSFERRED, command.id)

    def _parent_of(self, command: Transfer) -> LiveHold | Refused:
        """What is to be carved, if it may be."""
        parent = self._find(command.parent)
        if isinstance(parent, Refused):
            return parent
        if isinstance(parent, EndedHold) or parent.id in self.desk.endings:
            return Refused(Outcome.TOO_LATE, f"its parent ended or is ending: {parent.state.value}")
        left = holder_span(self.desk.remaining(parent.id, self.now) or 0)
        books, limits = self.desk.books, self.desk.limits
        return refuse_transfer(command, parent, left, books, limits) or parent

    # The end of it -----------------------------------------------------------------------------

    def _give_back(self, command: Void | Release, hold: LiveHold | EndedHold) -> list[LedgerEffect]:
        """End a hold by word of its holder or ours: as fits where it stands, whichever was said."""
        if isinstance(hold, EndedHold):
            return [*self._say_ended(hold)]
        if hold.id in self.desk.endings:
            return [*self._await_end(hold.id)]
        if hold.state is HoldState.PENDING:
            at = self.desk.write(Voided(hold.id, self.who))
            self.desk.deadlines.drop(hold.id)
            return [*self.desk.counter.say(Draft(self.asker, Outcome.VOIDED, hold.id, (at,)))]
        if isinstance(command, Void):
            wrong = Refused(Outcome.WRONG_STEP, "it is a grant already: release it")
            return [self._refuse(hold.id, wrong)]
        parts = len(self.desk.books.children(hold.id))
        if parts:
            # Others believe in them, and nobody has told them anything.
            many = "a part of it is" if parts == 1 else f"{parts} parts of it are"
            sentence = f"{many} handed on, and released first"
            return [self._refuse(hold.id, Refused(Outcome.WRONG_STEP, sentence))]
        effects = self.desk.end(hold.id, EndedBy.ASKED, self.who, self.now)
        return [*effects, *self._await_end(hold.id)]

    def _await_end(self, hold: bytes) -> list[Reply]:
        ending = self.desk.endings.get(hold)
        assert ending is not None, "only what is ending can be waited for"
        if ending.why is None:
            # Its holder asks for what is under way: then it was released, not taken.
            ending.why, ending.by = EndedBy.ASKED, self.who
        if ending.stuck:
            return self.desk.say_ending(self.asker, hold, "it could not be ended yet")
        done = self.desk.endings.wait(hold, self.asker)
        if done is None:
            return []
        return self.desk.say_ending(done, hold, "too many wait for this end")
