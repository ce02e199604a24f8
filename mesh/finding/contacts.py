"""Whom we still have to say hello to, and when.

An **aim** is a node without a session, or a seed of which only the address is known. Each is tried
at once, then at doubling intervals up to a cap, and never given up: after a split, both sides may
have declared the other dead, and only these hellos heal it. The dead start slower.

All stand in one line. It moves at a bounded pace, and it minds whether anybody answers: only so
many hellos may be open at once, one more with every answer and half as many with every silence (as
TCP does, RFC 5681), and where answers take long they are waited for longer. When a thousand nodes
hear each other at once, or a hundred share one core, hellos that nobody has time for would only
keep everybody from answering the others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from mesh.door.allowance import Bucket
from mesh.effects import Address
from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant, earliest
from mesh.timers import Timers

Aim: TypeAlias = NodeId | Address

NUDGE_SPACING: Final[Duration] = SECOND
"""A beacon earns at most one hello per node in this time, so replaying one gains nothing."""
OPEN_LEAST: Final = 8
"""Hellos without an answer, at the start and at least: enough to find a small mesh at once."""
OPEN_FIRST: Final[Duration] = SECOND // 4
OPEN_LONGEST: Final[Duration] = SECOND
"""How long one keeps others waiting: doubled while there is nothing but silence. A thousand peers
that are gone are all tried in two minutes; a hundred nodes on one busy core still find time."""
ANSWERS_WITHIN: Final = 3
"""So many times as long as answers have taken, one more is waited for."""


@dataclass(slots=True)
class _Pace:
    wait: Duration
    longest: Duration
    last: Instant | None = None
    was_put_off: bool = False


class Contacts:
    """One pace per aim, and the line. The machine says when an aim is reached."""

    def __init__(self, aims_max: int, per_second: int, burst: int) -> None:
        """`per_second`: hellos to all aims together; `burst`: and at most so many open at once."""
        self._aims_max = aims_max
        self._per_second, self._burst = per_second, burst
        self._timers: Timers[Aim] = Timers()
        self._paces: dict[Aim, _Pace] = {}
        self._line: dict[Aim, None] = {}
        """Whose time has come, in order."""
        self._open: Timers[Aim] = Timers()
        """Greeted and not answered: until when that keeps others waiting."""
        self._open_for = OPEN_FIRST
        self._open_most = min(OPEN_LEAST, burst)
        self._tokens: Bucket | None = None
        self._answer_time: Duration | None = None
        """From a first hello to its answer, smoothed."""
        self._ready: Instant | None = None
        """When the line can move on."""

    @property
    def next_wake(self) -> Instant | None:
        return earliest(self._timers.next, self._ready, self._open.next if self._line else None)

    @property
    def line(self) -> Duration:
        """How long it takes at least to greet everyone we seek once."""
        return len(self._paces) * SECOND // self._per_second

    def seek(self, aim: Aim, at: Instant, first: Duration, longest: Duration) -> None:
        """Greet `aim` at `at`, then every `first`, doubling up to `longest`, until reached."""
        pace = self._paces.get(aim)
        if pace is None and len(self._paces) >= self._aims_max:
            self._forget(next(iter(self._paces)))
        self._line.pop(aim, None)
        self._open.cancel(aim)
        self._paces[aim] = _Pace(first, longest, pace.last if pace else None)
        self._timers.set(aim, at)

    def nudge(self, aim: Aim, at: Instant, first: Duration, longest: Duration) -> None:
        """There is a sign of `aim`: greet it soon, but not more often than the spacing."""
        if aim in self._line:
            return  # as soon as may be
        pace = self._paces.get(aim)
        if pace is not None and pace.last is not None:
            at = max(at, pace.last + NUDGE_SPACING)
        planned = self._timers.at(aim)
        if planned is None or at < planned:
            self.seek(aim, at, first, longest)

    def put_off(self, aim: Aim, now: Instant) -> None:
        """`aim` has come to us by itself: give it the time of an answer. Once, or whoever replays
        its hellos could keep us from it."""
        pace = self._paces.get(aim)
        planned = self._timers.at(aim)
        if pace is None or pace.was_put_off:
            return
        pace.was_put_off = True
        self._line.pop(aim, None)
        later = now + max(NUDGE_SPACING, ANSWERS_WITHIN * (self._answer_time or 0))
        self._timers.set(aim, later if planned is None else max(planned, later))

    def reached(self, aim: Aim, now: Instant) -> None:
        """Nothing more to do about `aim`."""
        pace = self._paces.get(aim)
        if pace is not None and pace.last is not None:
            self._open_for = OPEN_FIRST
            self._open_most = min(self._open_most + 1, self._burst)
            took = now - pace.last
            known = took if self._answer_time is None else self._answer_time
            self._answer_time = known + (took - known) // 8
        self._forget(aim)
        if self._line and self._ready is None:
            self._ready = now

    def due(self, now: Instant) -> tuple[Aim, ...]:
        """Whom to greet now, as far as the line moves. Their next time is set."""
        if self._open.due(now):  # silence
            self._open_most = max(self._open_most // 2, min(OPEN_LEAST, self._burst))
            self._open_for = min(self._open_for * 2, OPEN_LONGEST)
        for aim in self._timers.due(now):
            self._line[aim] = None
        self._ready = None
        aims: list[Aim] = []
        while self._line and self._may_move(now):
            aim = next(iter(self._line))
            del self._line[aim]
            self._greeted(aim, now)
            aims.append(aim)
        return tuple(aims)

    def aims(self) -> Iterable[Aim]:
        """Everyone we still seek."""
        return tuple(self._paces)

    # ---------------------------------------------------------------------------------------------

    def _may_move(self, now: Instant) -> bool:
        if len(self._open) >= self._open_most:
            return False  # an answer or a silence makes room
        if self._tokens is None:
            self._tokens = Bucket(self._per_second, self._burst, now)
        if self._tokens.take(now):
            return True
        self._ready = self._tokens.ready_at(now)
        return False

    def _greeted(self, aim: Aim, now: Instant) -> None:
        pace = self._paces[aim]
        pace.last = now
        known = self._answer_time
        slow = self.line if known is None else ANSWERS_WITHIN * known
        self._open.set(aim, now + (self._open_for if known is None else max(self._open_for, slow)))
        self._timers.set(aim, now + max(pace.wait, min(slow, pace.longest)))
        pace.wait = min(pace.wait * 2, pace.longest)

    def _forget(self, aim: Aim) -> None:
        self._timers.cancel(aim)
        self._line.pop(aim, None)
        self._open.cancel(aim)
        self._paces.pop(aim, None)
