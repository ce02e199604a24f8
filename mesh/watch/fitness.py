"""Our own fitness: how far our word about others may be trusted, ourselves first.

Who is slow takes everyone else for slow. So what points at ourselves is counted: being woken late,
not being able to send, helpers who do not even answer us, having to prove that we live. Each raises
a score, an answered probe lowers it and so does every calm while; and by the score our looks take
longer and come more rarely (Lifeguard, "local health"). Being woken late is the best of these signs
and the one that Python needs most: it is seen at once, with nobody's help.
"""

from typing import Final

from mesh.instant import MILLISECOND, SECOND, Duration, Instant

SCORE_MAX: Final = 7
"""At the worst a look takes eight times as long. Lifeguard's own bound."""
LATE: Final[Duration] = 100 * MILLISECOND
"""Woken later than this counts."""
COUNTED_EVERY: Final[Duration] = SECOND
"""However many wake-ups of one bad second were late, it was one bad second."""


CALM: Final[Duration] = 2 * SECOND
"""So long without a sign takes a point off. Our probes come rarely while the score is high: were
it they alone that lowered it, one bad minute would make us slow for the next."""


class Fitness:
    """The score, from 0 (well) to SCORE_MAX."""

    def __init__(self) -> None:
        self._score = 0
        self._since: Instant = 0
        """Up to when calm has been accounted for."""
        self._counted: Instant | None = None

    def score(self, now: Instant) -> int:
        """How ill we are."""
        if self._score:
            calm = (now - self._since) // CALM
            self._score = max(0, self._score - calm)
            self._since += calm * CALM
        return self._score

    def ill(self, now: Instant) -> None:
        """Something points at ourselves."""
        if self._counted is None or now - self._counted >= COUNTED_EVERY:
            self._score = min(SCORE_MAX, self.score(now) + 1)
            self._counted = self._since = now

    def well(self) -> None:
        """A probe of ours was answered."""
        self._score = max(0, self._score - 1)
