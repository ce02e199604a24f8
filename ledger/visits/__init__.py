"""A visit: one asker at the desk, with one command.

Whether the owner may act at all was settled before (machine.py), and so were shape, signature and
session (checking.py). Here a command meets the books: it is refused with a name, answered as it was
answered before, or done. What is done is written first; the answer is a draft until its block is
signed, so a duplicate that comes in between waits for the same block.

The order of the checks is the order of `Outcome`, and a retry is recognised before anything that
could have changed since: whoever was told HELD is told HELD again, however full the machine is now.
"""

from typing import Final, TypeAlias

import msgspec

from ledger.books.holds import EndedHold, LiveHold
from ledger.commands import (
    Command,
    Extend,
    GrantKind,
    Hold,
    Inquire,
    Outcome,
    Post,
    Release,
    Renew,
    Resume,
    Shrink,
    Transfer,
    Void,
    Wait,
)
from ledger.commands.gangs import Park, Settle
from ledger.commands.rights import Give, Issue, Withdraw, WriteOff
from ledger.desk.answers import Draft, fate, request_digest
from ledger.desk.hall import WORTH_WAITING, give_up, is_turn_of, say_place, stand
from ledger.desk.planner import may_last, pencil_in, say_plan, step_plan
from ledger.effects import Described, LedgerEffect, Reply
from ledger.entries import EndedBy, Extended, Held, Owed, Posted, Shrunk, Transferred, Voided
from ledger.granting import Refused
from ledger.granting.changing import refuse_extend, refuse_shrink, refuse_transfer
from ledger.granting.guests import guest_of
from ledger.leases import holder_span, owner_span
from ledger.lifecycle import HoldState
from ledger.visits.admission import Admitted, admit
from ledger.visits.enlisted import enlist, settle_later, step
from ledger.visits.entitling import entitle
from ledger.visits.visiting import Visiting
from mesh.instant import Duration

LAST_TERM: Final = "the booking that it was carved out of ends first: this was its last term"

StepCommand: TypeAlias = Post | Park | Settle | Renew | Extend | Shrink | Void | Release | Resume
"""A command about a hold that exists."""
GIVING_BACK: Final = (Void, Release)


class Visit(Visiting, frozen=True):
    """One command of theirs."""

    def answer(self, command: Command) -> list[LedgerEffect]:
        """Do what a checked command asks, or say why not."""
        match command:
            case Hold():
                return self._hold(command)
            case Post() | Renew() | Release() if command.id not in self.desk.books.plans:
                return self._step_of(command)  # by far the most, so they are not asked all below
            case Wait():
                return self._hold(command.hold, command)
            case Transfer():
                return [*self._transfer(command)]
            case Issue() | Withdraw() | WriteOff() | Give():
                done = entitle(self.desk, self.asker, command, self.who)
                return [self._refuse(command.id, done)] if isinstance(done, Refused) else [*done]
            case Void() if command.id in self.desk.hall.line:
                return give_up(self.desk, self.asker, command.id, self.who)
            case Inquire() if command.id in self.desk.hall.line:
                return [say_place(self.desk, self.asker, command.id, self.now)]
            case Inquire():
                return [*self._inquire(command.id)]
            case Park() | Settle() if (plan := self.desk.books.plans.get(command.id)) is not None:
                settled = settle_later(self.desk, command, plan, self.who)
                if isinstance(settled, Refused):
                    return [self._refuse(plan.id, settled)]
                return [*say_plan(self.desk, self.asker, settled, plan.id, self.now)]
            case _ if command.id in self.desk.books.plans:
                stepped = step_plan(self.desk, self.asker, command, self.who, self.now)
                if isinstance(stepped, Refused):
                    return [self._refuse(command.id, stepped)]
                return stepped
            case _:  # all others are about one hold that exists; a new kind fits not the type
                return self._step_of(command)

    # A hold ------------------------------------------------------------------------------------

    def _hold(self, hold: Hold, wait: Wait | None = None) -> list[LedgerEffect]:
        """`wait`: with a place in the line where there is no room."""
        desk = self.desk
        digest = request_digest(hold, self.public)
        new = self._is_new(hold.id)
        before = None if new else self._asked_before(hold.id, digest, Outcome.HELD)
        if before is not None:
            return [*before]
        desk.hall.line.hear(hold.id, self.now)
        booked = hold.kind is GrantKind.BOOKING or hold.gang is not None
        if booked and not desk.books.bookings_open:
            closed = Refused(Outcome.BOOKINGS_CLOSED, "not every peer has shown its copy yet")
            return [self._refuse(hold.id, closed)]
        ticket = desk.hall.line.get(hold.id)
        other = ticket is not None and ticket.digest != digest
        refused = None if new and not other else self._conflict(hold.id, other=other)
        if refused is not None:
            return [self._refuse(hold.id, refused)]
        policy, who = desk.limits.policy, self.who
        guest = guest_of(policy, hold.principal, hold.proof, hold.id, who, desk.owner)
        if isinstance(guest, Refused):
            return [self._refuse_for_good(hold.id, digest, guest)]
        if guest.name != hold.principal:
            hold = msgspec.structs.replace(hold, principal=guest.name)
        admitted = admit(desk, hold, guest, who, self.now)
        stays = wait is not None and hold.gang is not None  # its turn is all that it is told
        if isinstance(admitted, Admitted) and not stays:
            if guest.rules is not None and guest.rules.holds_per_minute is not None:
                desk.pace.took(guest.name, guest.rules.holds_per_minute, self.now)
            return [*self._grant(hold, digest, admitted)]
        worth_it = isinstance(admitted, Admitted) or admitted.outcome in WORTH_WAITING
        if wait is not None and worth_it:
            wait = msgspec.structs.replace(wait, hold=hold)
            stands = stand(desk, self.asker, wait, digest, self.who, self.now)
            if not isinstance(stands, Refused):
                return stands
            admitted = stands
        assert isinstance(admitted, Refused), "who is admitted is granted it, or stands in line"
        desk.hall.line.leave(hold.id)
        return [self._refuse_for_good(hold.id, digest, admitted)]

    def _grant(self, hold: Hold, digest: bytes, admitted: Admitted) -> list[Reply]:
        if hold.start is not None:
            pencil_in(self.desk, hold, digest, self.who, self.now)
            enlist(self.desk, hold)
            return say_plan(self.desk, self.asker, Outcome.HELD, hold.id, self.now)
        self.desk.write(
            Held(
                hold.id, digest, self.who, tuple(sorted(hold.legs)), hold.kind, hold.term,
                hold.principal, hold.label,
            )
        )  # fmt: skip
        if admitted.owed:
            self.desk.write(Owed(hold.id, admitted.owed, hold.force))
        enlist(self.desk, hold)
        if hold.work:
            self.desk.described.append(Described(hold.id, hold.work))
        self.desk.hall.line.leave(hold.id)
        if is_turn_of(self.desk.hall.line, hold, self.who):
            self.desk.hall.line.serve(hold.place, hold.id)
        self.desk.arm(self.desk.books.live[hold.id], self.now)
        return self._say_live(Outcome.HELD, hold.id)

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

    def _step_of(self, command: StepCommand) -> list[LedgerEffect]:
        found = self._find_for(command)
        if isinstance(found, Refused):
            return [self._refuse(command.id, found)]
        return self._step(command, found)

    def _find_for(self, command: StepCommand) -> LiveHold | EndedHold | Refused:
        if isinstance(command, Resume) and self.desk.books.state_of(command.id) is HoldState.ABSENT:
            return Refused(Outcome.NOT_RESUMABLE, "not in these books, which are open already")
        return self._find(command.id, owner_may=isinstance(command, GIVING_BACK))

    def _step(self, command: StepCommand, hold: LiveHold | EndedHold) -> list[LedgerEffect]:
        if isinstance(command, GIVING_BACK):
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
