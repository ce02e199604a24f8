"""A forecast: what will be free of each pool, as far as the ends that are known can tell.

It promises nothing by itself. A booking ends by its owner's count at the latest, and may be given
back before; a carried lease ends when its work does, which nobody knows, so here it never ends.
What is taken later (a place in the line, a booking that starts tomorrow) is taken from the levels
like everything else. So "from when on could this run?" has one home, for the line and for the
calendar.

Levels may fall below zero: that is a claim which cannot be met, and nothing more fits beside it.
"""

from collections.abc import Iterable, Mapping

from ledger.commands import Leg
from mesh.instant import Duration, Instant


class Forecast:
    """Levels over time, from `now` on. `free`: what there is of each pool now."""

    def __init__(self, now: Instant, free: Mapping[str, int]) -> None:
        self.now = now
        self._free = dict(free)
        self._changes: dict[str, dict[Instant, int]] = {}

    def free_now(self, pool: str) -> int:
        """What there is of `pool` at this moment."""
        return self._free.get(pool, 0) + self._changes.get(pool, {}).get(self.now, 0)

    def has_now(self, legs: Iterable[Leg]) -> bool:
        """Whether there is room for `legs` at this moment, however short that may be."""
        return all(self.free_now(leg.pool) >= leg.amount for leg in legs)

    def copy(self) -> "Forecast":
        """One more, to go on from here."""
        other = Forecast(self.now, self._free)
        other._changes = {pool: dict(changes) for pool, changes in self._changes.items()}
        return other

    def give(self, legs: Iterable[Leg], at: Instant) -> None:
        """From `at` on there is so much more."""
        for leg in legs:
            self._change(leg.pool, at, leg.amount)

    def take(self, legs: Iterable[Leg], start: Instant, end: Instant | None) -> None:
        """From `start` to `end` there is so much less; `end` None: for good."""
        for leg in legs:
            self._change(leg.pool, start, -leg.amount)
            if end is not None:
                self._change(leg.pool, end, leg.amount)

    def earliest(
        self, legs: Iterable[Leg], span: Duration | None, after: Instant | None = None
    ) -> Instant | None:
        """From when on, `after` (or now) at the soonest, there is room for `legs` over a whole
        `span` (None: for good). None: not as far as can be seen."""
        wanted = list(legs)
        first = self.now if after is None else max(after, self.now)
        levels = {leg.pool: self._free.get(leg.pool, 0) for leg in wanted}
        moments = sorted({first, *(at for leg in wanted for at in self._changes.get(leg.pool, ()))})
        begin: Instant | None = None
        for number, moment in enumerate(moments):
            for leg in wanted:
                levels[leg.pool] += self._changes.get(leg.pool, {}).get(moment, 0)
            if moment < first:
                continue
            if any(levels[leg.pool] < leg.amount for leg in wanted):
                begin = None
                continue
            begin = moment if begin is None else begin
            is_last = number + 1 == len(moments)
            if is_last or (span is not None and moments[number + 1] - begin >= span):
                return begin
        return None

    def fits(self, legs: Iterable[Leg], start: Instant, span: Duration | None) -> bool:
        """Whether there is room for `legs` from `start` on, over a whole `span`."""
        return self.earliest(legs, span, start) == max(start, self.now)

    def _change(self, pool: str, at: Instant, amount: int) -> None:
        changes = self._changes.setdefault(pool, {})
        at = max(at, self.now)
        changes[at] = changes.get(at, 0) + amount
