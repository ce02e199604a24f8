"""Custody: a booking is answered once somebody else could vouch for it.

A booking outlives its asker, so its owner's disk must not be its only home. The owner's answer
waits until a peer has the entry on its own disk, for two seconds at most: a lonely owner or a slow
peer delays a booking, and never prevents one. The answer says where the copies are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from ledger.books import Books
from ledger.commands import Answer, GrantKind, Outcome
from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant, earliest
from mesh.logs import Position

COPY_WAIT: Final[Duration] = 2 * SECOND
"""How long an answer waits for its first copy. Longer than any healthy fsync plus a round trip."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that may go out now."""

    token: int
    answer: Answer


@dataclass(slots=True)
class _Waiting:
    token: int
    answer: Answer
    height: int
    deadline: Instant


@dataclass(slots=True)
class Custody:
    """Answers in waiting, and which peer has stored our log up to where."""

    _waiting: list[_Waiting] = field(default_factory=list)
    _stored: dict[NodeId, int] = field(default_factory=dict)

    @property
    def next_wake(self) -> Instant | None:
        if not self._waiting:
            return None
        return earliest(*(waiting.deadline for waiting in self._waiting))

    def hold(self, token: int, answer: Answer, others: int, now: Instant) -> list[Answered]:
        """Keep `answer` until a copy exists; at once when it does, or when nobody could keep one.

        `others`: how many live members the mesh has besides us.
        """
        assert answer.token is not None
        height = answer.token[1]
        waiting = _Waiting(token, answer, height, now + COPY_WAIT)
        if others == 0 or self.keepers(height):
            return [self._release(waiting)]
        self._waiting.append(waiting)
        return []

    def stored(self, peer: NodeId, position: Position) -> list[Answered]:
        """`peer` has our log up to `position`."""
        self._stored[peer] = max(self._stored.get(peer, -1), position.height)
        return self._sift(lambda waiting: bool(self.keepers(waiting.height)))

    def wake(self, now: Instant) -> list[Answered]:
        """Let go of what has waited long enough, copies or not."""
        return self._sift(lambda waiting: waiting.deadline <= now)

    def gone(self, peer: NodeId) -> None:
        """`peer` is on no roll any more: nobody can ask it for a copy."""
        self._stored.pop(peer, None)

    def new_era(self) -> None:
        """Heights may be taken again after a cut: nothing stored before it counts any more."""
        self._stored.clear()

    def keepers(self, height: int) -> tuple[NodeId, ...]:
        """Who has our log up to `height`, as far as we were told."""
        return tuple(sorted(peer for peer, stored in self._stored.items() if stored >= height))

    def _release(self, waiting: _Waiting) -> Answered:
        answer = msgspec.structs.replace(waiting.answer, stored_on=self.keepers(waiting.height))
        return Answered(waiting.token, answer)

    def _sift(self, ready: Callable[[_Waiting], bool]) -> list[Answered]:
        done = [waiting for waiting in self._waiting if ready(waiting)]
        self._waiting = [waiting for waiting in self._waiting if not ready(waiting)]
        return [self._release(waiting) for waiting in done]


LASTING: Final = frozenset({Outcome.POSTED, Outcome.EXTENDED, Outcome.SHRUNK, Outcome.TRANSFERRED})
"""A word about a booking that holds over a lost disk, once somebody else has it too."""


def needs_a_copy(books: Books, answer: Answer) -> bool:
    """A booking's beginning and its end: an end that only a lost disk knew of would bring the
    booking back, over whoever was given its room."""
    if answer.token is None:
        return False
    if answer.outcome in (Outcome.RELEASED, Outcome.SETTLED):
        return True
    if (plan := books.plans.get(answer.id)) is not None:
        # One of a gang's is believed in once it is settled, and that is when a copy counts.
        return answer.outcome is Outcome.POSTED and plan.gang is None
    kept = books.live.get(answer.id)
    if kept is None or answer.outcome not in LASTING:
        return False
    return kept.kind is GrantKind.BOOKING or kept.parent is not None
