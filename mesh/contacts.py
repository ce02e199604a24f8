"""Whom we still have to say hello to, and when.

An **aim** is a node without a session, or a seed of which only the address is known. Each is tried
at once, then at doubling intervals up to a cap, and never given up: after a split, both sides may
have declared the other dead, and only these hellos heal it. The dead start slower.

All stand in one line, which moves at a bounded pace: when a thousand nodes hear each other at once,
each begins with a few dozen hellos and not with a thousand.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from mesh.allowance import Bucket
from mesh.effects import Address
from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant
from mesh.timers import Timers

Aim: TypeAlias = NodeId | Address

NUDGE_SPACING: Final[Duration] = SECOND
"""A beacon earns at most one hello per node in this time, so replaying one gains nothing."""


@dataclass(slots=True)
class _Pace:
    wait: Duration
    longest: Duration
    last: Instant | None = None


class Contacts:
    """One pace per aim. The machine says when an aim is reached."""

    def __init__(self, aims_max: int, per_second: int, burst: int) -> None:
        """`per_second` and `burst`: hellos to all aims together."""
        self._aims_max = aims_max
        self._per_second, self._burst = per_second, burst
        self._timers: Timers[Aim] = Timers()
        self._paces: dict[Aim, _Pace] = {}
        self._tokens: Bucket | None = None
        self._ready: Instant | None = None
        """When the line moves on, if it had to stop."""

    @property
    def next_wake(self) -> Instant | None:
        first = self._timers.next
        return first if first is None or self._ready is None else max(first, self._ready)

    @property
    def line(self) -> Duration:
        """How long it takes to greet everyone we seek once."""
        return len(self._paces) * SECOND // self._per_second

    def seek(self, aim: Aim, at: Instant, first: Duration, longest: Duration) -> None:
        """Greet `aim` at `at`, then every `first`, doubling up to `longest`, until reached."""
        pace = self._paces.get(aim)
        if pace is None and len(self._paces) >= self._aims_max:
            self.reached(next(iter(self._paces)))
        last = pace.last if pace else None
        self._paces[aim] = _Pace(first, longest, last)
        self._timers.set(aim, at)

    def nudge(self, aim: Aim, at: Instant, first: Duration, longest: Duration) -> None:
        """There is a sign of `aim`: greet it soon, but not more often than the spacing."""
        pace = self._paces.get(aim)
        if pace is not None and pace.last is not None:
            at = max(at, pace.last + NUDGE_SPACING)
        planned = self._timers.at(aim)
        if planned is None or at < planned:
            self.seek(aim, at, first, longest)

    def reached(self, aim: Aim) -> None:
        """Nothing more to do about `aim`."""
        self._timers.cancel(aim)
        self._paces.pop(aim, None)

    def due(self, now: Instant) -> tuple[Aim, ...]:
        """Whom to greet now, as far as the line moves. Their next time is set."""
        if self._tokens is None:
            self._tokens = Bucket(self._per_second, self._burst, now)
        self._ready = None
        aims: list[Aim] = []
        while (first := self._timers.next) is not None and first <= now:
            if not self._tokens.take(now):
                self._ready = self._tokens.ready_at(now)
                break
            aim = self._timers.pop(now)
            assert aim is not None, "an alarm that has gone off is there"
            aims.append(aim)
            pace = self._paces[aim]
            pace.last = now
            # Behind everybody else in line: who answers late must not be greeted twice for it.
            self._timers.set(aim, now + max(pace.wait, min(self.line, pace.longest)))
            pace.wait = min(pace.wait * 2, pace.longest)
        return tuple(aims)

    def aims(self) -> Iterable[Aim]:
        """Everyone we still seek."""
        return tuple(self._paces)
