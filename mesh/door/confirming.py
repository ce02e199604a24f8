"""Confirmations that may have been lost: repeated until the far end is heard in the session.

Without this, one lost datagram would leave us sealing in a session that the other side refuses.
Four repeats outlast a short burst of loss: the first after 0.2 s, or thrice as long as the far end
took for its welcome, and each after twice as long as the one before it. Where a hundred nodes meet
at once and all are slow, to repeat sooner would only keep them slow. A session that stays silent to
the last is given up for sending, and the next hello makes another. We go on *hearing* in it:
perhaps only the answers were lost, and then the far end speaks there and nowhere else.
"""

from dataclasses import dataclass
from typing import Final

from mesh.door.sessions import Session, Sessions
from mesh.effects import Address, Send
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND, Duration, Instant
from mesh.letters.datagram import Kind
from mesh.timers import Timers

CONFIRM_INTERVAL: Final[Duration] = 200 * MILLISECOND
CONFIRM_INTERVAL_MAX: Final[Duration] = SECOND
"""Of the first."""
WELCOMES_WAITED: Final = 3
"""So many times as long as the welcome took, its answer is waited for."""
CONFIRM_REPEATS_MAX: Final = 4
SILENT_SESSION_LIFE: Final[Duration] = 5 * SECOND


@dataclass(slots=True)
class _Waiting:
    session: Session
    payload: bytes
    to: Address
    interval: Duration
    repeats_left: int


class Confirmations:
    """The sessions we opened and have not yet heard anything in."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._waiting: dict[tuple[NodeId, bytes], _Waiting] = {}
        self._due: Timers[tuple[NodeId, bytes]] = Timers()

    @property
    def next_due(self) -> Instant | None:
        """When the next repeat, or the next giving up, is due."""
        return self._due.next

    def begin(
        self, session: Session, payload: bytes, to: Address, took: Duration, now: Instant
    ) -> bytes:
        """The first confirmation; `wake` repeats it. `took`: from our hello to its welcome."""
        key = session.agreed.peer, session.agreed.tag
        interval = min(max(CONFIRM_INTERVAL, WELCOMES_WAITED * took), CONFIRM_INTERVAL_MAX)
        self._waiting[key] = _Waiting(session, payload, to, interval, CONFIRM_REPEATS_MAX)
        self._due.set(key, now + interval)
        return session.seal(Kind.CONFIRM, payload)

    def heard(self, session: Session) -> None:
        """Something came back in `session`: the far end has it too."""
        session.confirmed = True
        self._sessions.silence(session, silent=False)
        key = session.agreed.peer, session.agreed.tag
        if self._waiting.pop(key, None) is not None:
            self._due.cancel(key)

    def wake(self, now: Instant) -> list[Send]:
        """The repeats that are due. Gives up on sessions that stayed silent to the last."""
        sends = []
        for key in self._due.due(now):
            waiting = self._waiting[key]
            session = waiting.session
            if self._sessions.find(*key, now) is not session:
                del self._waiting[key]  # ended meanwhile, for another reason
            elif waiting.repeats_left == 0:
                del self._waiting[key]
                self._sessions.silence(session, silent=True)
            else:
                self._due.set(key, self._put_off(waiting, now))
                again = session.seal(Kind.CONFIRM, waiting.payload)
                sends.append(Send(waiting.to, again, urgent=True))
        return sends

    def _put_off(self, waiting: _Waiting, now: Instant) -> Instant:
        waiting.repeats_left -= 1
        waiting.interval *= 2
        due = now + waiting.interval
        if waiting.repeats_left == 0:
            due = max(due, waiting.session.opened_at + SILENT_SESSION_LIFE)
        return due
