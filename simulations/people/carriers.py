"""Carriers over the mesh: a lease on another machine, renewed by signed commands.

No agent carries leases across the mesh in this version, and the protocol allows it; here is a
carrier with the discipline that the ledger expects of one (notes on leases in `ledger/leases.py`).
Its belief begins with the first send and lasts for the term less the margin; each renewal that is
answered moves it, counted from that renewal's own send; once it is over the carrier says no more.
When its host goes down the carrier goes with it, and its belief too.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from ledger.commands import (
    HOLD_ID_BYTES,
    TTL_MAX,
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
from ledger.leases import holder_span
from ledger.limits import PENDING_TTL
from mesh.identity import NONCE_BYTES
from mesh.instant import MILLISECOND, SECOND, Duration, Instant
from simulations.people.diary import Diary
from simulations.people.steps import Heard, Script, Step, rest, tell
from simulations.people.tastes import Tastes

SENDS_MAX: Final = 4
CALL_WAIT: Final[Duration] = 2 * SECOND
BETWEEN_SENDS: Final[Duration] = 200 * MILLISECOND
RENEW_EVERY: Final[Duration] = TTL_MAX // 3
STAY_RENEWALS: Final = 4
"""A lease is kept for up to so many renewals."""
WAIT: Final = frozenset({Outcome.WRONG_SESSION, Outcome.QUARANTINED})


@dataclass(slots=True)
class Carrier:
    """One lease and who carries it. `sessions`: what this host knows of owners' sessions."""

    owner: str
    tastes: Tastes
    diary: Diary
    now: Callable[[], Instant]
    sessions: dict[str, bytes]
    told: list[tuple[str, Command]]
    """Every command that this host sent, for whoever sends one again."""
    hold: bytes = b""
    believed_until: Instant = 0
    receipts: tuple[bytes, ...] = field(default=())

    def live(self) -> Script:
        """From the first send to the last."""
        amount = max(1, self.tastes.amount())
        self.hold = self.tastes.dice.randbytes(HOLD_ID_BYTES)
        self.believed_until = self.now() + holder_span(PENDING_TTL)
        # Now and then a booking, of an owner that may not be open for bookings: nobody asked the
        # picture first.
        kind = GrantKind.BOOKING if self.tastes.dice.random() < 0.15 else GrantKind.CARRIED
        legs = (Leg("ram", amount),)
        held = yield from self._say(
            "hold", Hold(self.hold, self._session, legs, kind, TTL_MAX, "", "")
        )
        if held is None or held.outcome is not Outcome.HELD:
            return
        if self.tastes.dice.random() < 0.1:
            yield from self._say("void", Void(self.hold, self._session))
            return
        sent = self.now()
        posted = yield from self._say("post", Post(self.hold, self._session))
        if posted is None:
            yield from self._say(None, Inquire(self.hold, self._session))
            return
        if posted.outcome is Outcome.POSTED:
            self.receipts = posted.receipts
            self.believed_until = sent + holder_span(TTL_MAX)
            yield from self._carry(kind)

    def _carry(self, kind: GrantKind) -> Generator[Step, Heard, None]:
        renewals = self.tastes.dice.randrange(STAY_RENEWALS + 1)
        for _ in range(renewals if kind is GrantKind.CARRIED else 0):
            yield from rest(RENEW_EVERY)
            if not self._believes or not (yield from self._renew()):
                return
        yield from rest(min(self.tastes.stay(), RENEW_EVERY))
        if self._believes and not self.tastes.forgets():
            yield from self._say("release", Release(self.hold, self._session))

    def _renew(self) -> Generator[Step, Heard, bool]:
        """Whether the lease is still ours to carry."""
        sent = self.now()
        nonce = self.tastes.dice.randbytes(8)
        answer = yield from self._say("renew", Renew(self.hold, self._session, nonce))
        if answer is not None and answer.outcome is Outcome.QUARANTINED and self._believes:
            sent = self.now()
            answer = yield from self._say("resume", Resume(self.hold, self._session, self.receipts))
        if answer is None:
            return True  # unheard: the belief runs on as it stands, and may run out
        if answer.outcome in (Outcome.RENEWED, Outcome.RESUMED):
            self.believed_until = sent + holder_span(TTL_MAX)
            return True
        return answer.outcome in WAIT

    def _say(self, kind: str | None, command: Command) -> Generator[Step, Heard, Answer | None]:
        """One command, sent until it is answered under the owner's session or belief is over.

        A send is a repetition only if it is word for word the same: another session makes it new.
        """
        answer = None
        for sends in range(SENDS_MAX):
            if not self._believes:
                break
            self.told.append((self.owner, command))
            answer = yield from tell(self.owner, command, CALL_WAIT)
            if answer is not None and answer.outcome is not Outcome.WRONG_SESSION:
                break
            if answer is not None:
                self.sessions[self.owner] = answer.session
                command = msgspec.structs.replace(command, session=answer.session)
            elif sends + 1 < SENDS_MAX:
                yield from rest(BETWEEN_SENDS)
        if kind is not None:
            self.diary.told(kind, answer)
        return answer

    @property
    def _believes(self) -> bool:
        return self.now() < self.believed_until

    @property
    def _session(self) -> bytes:
        return self.sessions.get(self.owner, bytes(NONCE_BYTES))
