"""Visiting: what every visit to an owner's desk has in common, whatever it is about.

Who asks and when; how a no is said, and remembered; how a yes is drafted and on what it rests; and
whose word counts for which hold.
"""

from typing import Self

import msgspec

from ledger.books.holds import EndedHold, LiveHold
from ledger.commands import Answer, Outcome
from ledger.desk import Desk
from ledger.desk.answers import Draft, proofs_of
from ledger.desk.planner import say_plan
from ledger.effects import Reply
from ledger.granting import Refused
from ledger.lifecycle import HoldState
from mesh.identity import NodeId, PublicKey, id_of
from mesh.instant import Duration, Instant


class Visiting(msgspec.Struct, frozen=True):
    """`public` asks, and waits for the answer under the number `asker`."""

    desk: Desk
    asker: int
    public: bytes
    who: NodeId
    """The id of `public`."""
    now: Instant

    @classmethod
    def of(cls, desk: Desk, asker: int, public: bytes, now: Instant) -> Self:
        """Whoever has that key."""
        return cls(desk, asker, public, id_of(PublicKey(public)), now)

    def turn_away(self, hold: bytes, refused: Refused) -> Reply:
        """A no before anything is looked up."""
        return self._refuse(hold, refused)

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

    def _is_new(self, hold: bytes) -> bool:
        """Whether nobody ever asked for anything under this id, as nearly always."""
        books = self.desk.books
        known = hold in books.live or hold in books.ended or hold in books.plans
        return not known and self.desk.refusals.get(hold) is None

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
        if hold.gang is not None and not hold.gang.is_leased:
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
