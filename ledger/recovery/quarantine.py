"""Quarantine: granting nothing, writing nothing, listening to those who still believe.

It begins at a start whose continuity is not proven and ends when no belief from before can be left
(`QUARANTINE`) and the machine has been looked at afresh. The only commands it takes are `Resume`
and, for what was resumed, `Renew`: their senders learned our new session from us, so nothing that
was under way before the start can be taken for one of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ledger.books import Books
from ledger.books.legs import least
from ledger.commands import (
    Answer,
    Command,
    Outcome,
    Renew,
    Resume,
)
from ledger.effects import Alarm, Reply
from ledger.entries import EraOpened
from ledger.granting import Refused
from ledger.leases import owner_span
from ledger.limits import ENTRIES_MAX, FENCE_AGAIN, QUARANTINE
from ledger.recovery import Claim, read_claim
from mesh.identity import NodeId, PublicKey, id_of
from mesh.instant import Duration, Instant
from mesh.logs import Block, Era

ELSEWHERE: Final = (
    "this log was opened on other hardware: if it was copied here, give this machine an identity "
    "of its own; if the hardware changed, override"
)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who we are while we listen."""

    owner: NodeId
    session: bytes


class Quarantine:
    """One stretch of it."""

    def __init__(
        self, listener: Listener, reason: str, now: Instant, doomed: Iterable[bytes] = ()
    ) -> None:
        """`doomed`: grants whose end had begun; nothing revives them."""
        self.reason = reason
        self.next_wake: Instant | None = now + QUARANTINE
        """When it ends by time; after that, when to look again at what would not end; None while
        only a look at the machine is missing."""
        self.ends_at = now + QUARANTINE
        self.claims: dict[bytes, Claim] = {}
        self.fencing: dict[bytes, bool | None] = {}
        """What is being ended before anything opens: gone, still there, or (None) not looked at."""
        self._listener = listener
        self._doomed = frozenset(doomed)
        self._settling = False

    def over(self, now: Instant) -> bool:
        """Whether no belief from before can be left."""
        if now < self.ends_at:
            return False
        if not self._settling:
            self.next_wake = None
        return True

    def settled(self, done: Iterable[bytes], now: Instant) -> bool:
        """Whether everything in `done`, as first given, has been looked at. What would not end does
        not keep us closed: it keeps its room."""
        if not self._settling:
            self._settling = True
            self.fencing = dict.fromkeys(done)
        if self.next_wake is None or now >= self.next_wake:
            self.next_wake = now + FENCE_AGAIN
        return None not in self.fencing.values()

    def fenced(self, hold: bytes, gone: bool) -> None:
        """Somebody looked."""
        if hold in self.fencing:
            self.fencing[hold] = gone

    def remaining(self, now: Instant) -> Duration | None:
        """Until it ends by time; None when only a look at the machine is missing."""
        return self.ends_at - now if now < self.ends_at else None

    def ask(self, asker: int, command: Command, public: bytes, books: Books, now: Instant) -> Reply:
        """The answer to a checked command."""
        who = id_of(PublicKey(public))
        if isinstance(command, Resume):
            refused = self._resume(command, books, who)
            if refused is not None:
                return self._reply(asker, command.id, refused.outcome, refused.detail)
            return self._believed(asker, Outcome.RESUMED, command.id)
        claim = self.claims.get(command.id)
        if isinstance(command, Renew) and claim is not None and claim.held.holder == who:
            return self._believed(asker, Outcome.RENEWED, command.id, command.nonce)
        return self._reply(asker, command.id, Outcome.QUARANTINED, self.reason, self.remaining(now))

    def turned_away(self, asker: int, hold: bytes, now: Instant) -> Reply:
        """For those who waited for an answer when the quarantine began."""
        return self._reply(asker, hold, Outcome.QUARANTINED, self.reason, self.remaining(now))

    def _resume(self, resume: Resume, books: Books, who: NodeId) -> Refused | None:
        """Take the claim, or say why not."""
        claim = read_claim(resume, self._listener.owner, who)
        if isinstance(claim, Refused):
            return claim
        if claim.id in books.ended or claim.id in self._doomed or claim.id in self.fencing:
            return Refused(Outcome.TOO_LATE, "it has ended")
        if claim.id not in self.claims and len(self.claims) >= ENTRIES_MAX:
            return Refused(Outcome.TOO_MANY_ENTRIES, f"{ENTRIES_MAX} holds are the limit here")
        before = self.claims.get(claim.id)
        if before is None:
            self.claims[claim.id] = claim
        elif claim.posted:
            # Told again, perhaps without the receipt of a shrink: what was given back stays so.
            self.claims[claim.id] = replace(claim, legs=least(before.legs, claim.legs))
        return None

    def _believed(self, asker: int, outcome: Outcome, hold: bytes, nonce: bytes = b"") -> Reply:
        span = owner_span(self.claims[hold].term)
        return self._reply(asker, hold, outcome, "", span, nonce)

    def _reply(
        self,
        asker: int,
        hold: bytes,
        outcome: Outcome,
        detail: str,
        remaining: Duration | None = None,
        nonce: bytes = b"",
    ) -> Reply:
        session = self._listener.session
        answer = Answer(outcome, hold, session, detail, remaining=remaining, nonce=nonce)
        return Reply(asker, answer)


def ahead(fresh: Iterable[Block], era: Era, height: int) -> Alarm:
    """What it means that a peer has blocks of ours that go on from, or beside, where we are."""
    forked = any(block.era == era and block.height <= height for block in fresh)
    sentence = (
        "a peer holds blocks signed by this node's key that it does not know: "
        "its disk forgot, or a copy of it runs elsewhere"
    )
    return Alarm("log-forked" if forked else "log-ahead", sentence)


def is_elsewhere(opening: EraOpened | None, fingerprint: str | None) -> bool:
    """Whether the last era was opened on hardware that is not this."""
    if opening is None or opening.fingerprint is None or fingerprint is None:
        return False
    return opening.fingerprint != fingerprint
