"""A visit: one asker at the desk, with one command.

Whether the owner may act at all was settled before (machine.py), and so were shape, signature and
session (checking.py). Here a command meets the books: it is refused with a name, answered as it was
answered before, or done. What is done is written first; the answer is a draft until its block is
signed, so a duplicate that comes in between waits for the same block.

The order of the checks is the order of `Outcome`, and a retry is recognised before anything that
could have changed since: whoever was told HELD is told HELD again, however full the machine is now.
"""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from ledger.answers import Draft, fate, proofs_of, request_digest
from ledger.commands import (
    Answer,
    Command,
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
    Void,
    Wait,
)
from ledger.desk import Desk
from ledger.effects import LedgerEffect, Reply
from ledger.enlisted import enlist, step
from ledger.entries import EndedBy, Held, Posted, Voided
from ledger.granting import Refused, refuse_hold
from ledger.hall import WORTH_WAITING, give_up, others_wait, say_place, stand
from ledger.holds import EndedHold, LiveHold
from ledger.lifecycle import HoldState
from mesh.identity import PublicKey, id_of
from mesh.instant import Duration, Instant

StepCommand: TypeAlias = Post | Park | Settle | Renew | Void | Release | Resume
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
            case Void() if command.id in self.desk.hall.line:
                return give_up(self.desk, self.asker, command.id, self.who)
            case Inquire() if command.id in self.desk.hall.line:
                return [say_place(self.desk, self.asker, command.id, self.now)]
            case Inquire():
                return [*self._inquire(command.id)]
            case Post() | Park() | Settle() | Renew() | Void() | Release() | Resume():
                found = self._find(command)
                if isinstance(found, Refused):
                    return [self._refuse(command.id, found)]
                return self._step(command, found)
            case _:
                assert_never(command)

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
        known = desk.books.live.get(hold.id) or desk.books.ended.get(hold.id)
        if known is not None and known.digest == digest:
            return [*self._hold_again(known)]
        remembered = desk.refusals.get(hold.id)
        if remembered is not None and remembered[0] == digest:
            return [Reply(self.asker, remembered[1])]
        desk.hall.line.hear(hold.id, self.now)
        booked = hold.kind is GrantKind.BOOKING or hold.gang is not None
        if booked and not desk.books.bookings_open:
            closed = Refused(Outcome.BOOKINGS_CLOSED, "not every peer has shown its copy yet")
            return [self._refuse(hold.id, closed)]
        ticket = desk.hall.line.get(hold.id)
        other = ticket is not None and ticket.digest != digest
        if known is not None or remembered is not None or other:
            conflict = Refused(Outcome.ID_CONFLICT, "this id was used for another request")
            return [self._refuse(hold.id, conflict)]
        refused = refuse_hold(hold, desk.books, desk.readings, desk.limits)
        refused = refused or others_wait(desk, hold, self.who, self.now)
        if refused is None:
            return [*self._grant(hold, digest)]
        if wait is not None and refused.outcome in WORTH_WAITING:
            stands = stand(desk, self.asker, wait, digest, self.who, self.now)
            if not isinstance(stands, Refused):
                return stands
            refused = stands
        reply = self._refuse(hold.id, refused)
        desk.hall.line.leave(hold.id)
        desk.refusals.remember(hold.id, digest, reply.answer)
        return [reply]

    def _grant(self, hold: Hold, digest: bytes) -> list[Reply]:
        legs = tuple(Leg(*leg) for leg in sorted(hold.legs))
        self.desk.write(
            Held(hold.id, digest, self.who, legs, hold.kind, hold.term, hold.principal, hold.label)
        )
        enlist(self.desk, hold)
        self.desk.hall.line.leave(hold.id)
        self.desk.arm(self.desk.books.live[hold.id], self.now)
        return self._say_live(Outcome.HELD, hold.id)

    def _hold_again(self, known: LiveHold | EndedHold) -> list[Reply]:
        if isinstance(known, EndedHold) or known.id in self.desk.endings:
            # Nobody may be told HELD for what is no longer held, however late the duplicate.
            late = Refused(Outcome.TOO_LATE, f"ended since: {known.state.value}")
            return [self._refuse(known.id, late)]
        return self._say_live(Outcome.HELD, known.id)

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
        return self.desk.counter.say(
            Draft(self.asker, outcome, hold_id, proofs, hold.posted_at, left)
        )

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

    def _find(self, command: StepCommand) -> LiveHold | EndedHold | Refused:
        books = self.desk.books
        known = books.live.get(command.id) or books.ended.get(command.id)
        if known is None:
            if isinstance(command, Resume):
                return Refused(Outcome.NOT_RESUMABLE, "not in these books, which are open already")
            return Refused(Outcome.NOT_FOUND, "never granted here")
        owner_may = isinstance(command, Void | Release) and self.who == self.desk.owner
        if self.who != known.holder and not owner_may:
            return Refused(Outcome.NOT_HOLDER, "the hold names another key")
        return known

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
        if hold.kind is GrantKind.CARRIED and hold.state is HoldState.POSTED:
            self.desk.arm(hold, self.now)
        return [*self._say_live(Outcome.RESUMED, hold.id)]

    def _post(self, hold: LiveHold) -> list[Reply]:
        if hold.state is HoldState.PENDING:
            self.desk.write(Posted(hold.id))
            self.desk.arm(self.desk.books.live[hold.id], self.now)
        return self._say_live(Outcome.POSTED, hold.id)

    def _renew(self, hold: LiveHold, nonce: bytes) -> list[Reply]:
        if hold.state is HoldState.PENDING or hold.kind is GrantKind.BOOKING:
            sentence = "only a posted carried lease is renewed; a booking needs no heartbeat"
            return [self._refuse(hold.id, Refused(Outcome.WRONG_STEP, sentence))]
        self.desk.arm(hold, self.now)
        return self._say_live(Outcome.RENEWED, hold.id, nonce)

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
