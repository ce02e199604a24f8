"""Ahead: room that an owner keeps back for a gang that has waited long, so that big ones start too.

A gang needs several owners at one moment, and whoever needs only one is always quicker: under load
a big gang would wait for ever. Standing in every owner's line is no way out: its turns would not
come together, and a turn that is taken is a part of a gang held while the rest is waited for.

So an owner may be asked to keep room back for a while: newcomers find it taken, and the gang's own
hold, when all of it is asked for at once, does not. Nothing is held: no entry, no promise, nothing
that anybody could rely on. And it is bounded, since it costs others their room: one gang at a time,
for AHEAD_TERM, and then nobody's for as long again. Of two gangs the one that says it has waited
longer goes ahead, ties by id, which is the same one with every owner; who lies about that gains at
most what is lent at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger.commands import Leg
from mesh.instant import SECOND, Duration, Instant

AHEAD_TERM: Final[Duration] = 12 * SECOND
"""Longer than the longest pause between two tries of a gang, so that one falls into it."""
AHEAD_REST: Final[Duration] = AHEAD_TERM
AHEAD_AFTER: Final[Duration] = 10 * SECOND
"""How long a gang must have waited: most need no such help."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept back. `id`: of the wish, which outlives its tries."""

    id: bytes
    asker: bytes
    legs: tuple[Leg, ...]
    waited: Duration

    @property
    def rank(self) -> tuple[Duration, bytes]:
        return self.waited, self.id


class KeptBack:
    """What one owner keeps back, and for whom. Forgotten with its start: nobody relies on it."""

    def __init__(self) -> None:
        self._kept: Kept | None = None
        self._until: Instant = 0
        self._rests_until: Instant = 0

    def ask(self, wish: Kept, now: Instant) -> Duration | None:
        """Keep room back for `wish`; for how long, or None where somebody else goes ahead."""
        if self._kept is not None and now < self._until:
            if wish.id != self._kept.id and wish.rank <= self._kept.rank:
                return None
        elif now < self._rests_until or wish.waited < AHEAD_AFTER:
            return None
        else:
            self._until = now + AHEAD_TERM
            self._rests_until = self._until + AHEAD_REST
        self._kept = wish
        return self._until - now

    def takes(self, asker: bytes, now: Instant) -> Sequence[Leg]:
        """What is out of reach for whoever is not that gang."""
        kept = self._kept
        return () if kept is None or now >= self._until or kept.asker == asker else kept.legs

    def served(self, asker: bytes) -> None:
        """That gang has its hold here: nothing is kept back any more."""
        if self._kept is not None and self._kept.asker == asker:
            self._kept = None
