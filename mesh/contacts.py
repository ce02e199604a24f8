"""Whom we still have to say hello to, and when.

An **aim** is a node without a session, or a seed of which only the address is known. Each is tried
at once, then at doubling intervals up to a cap, and never given up: after a split, both sides may
have declared the other dead, and only these hellos heal it. The dead start slower.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

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

    def __init__(self, aims_max: int) -> None:
        self._aims_max = aims_max
        self._timers: Timers[Aim] = Timers()
        self._paces: dict[Aim, _Pace] = {}

    @property
    def next_wake(self) -> Instant | None:
        return self._timers.next

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
        """Whom to greet now. Their next time is set."""
        aims = self._timers.due(now)
        for aim in aims:
            pace = self._paces[aim]
            pace.last = now
            self._timers.set(aim, now + pace.wait)
            pace.wait = min(pace.wait * 2, pace.longest)
        return tuple(aims)

    def aims(self) -> Iterable[Aim]:
        """Everyone we still seek."""
        return tuple(self._paces)
