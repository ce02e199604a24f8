"""Idling: what is reserved, held against what is really used, for as long as it is held.

A promise that nobody uses is room that nobody gets. The owner sees the use of every hold of its
own, sample by sample; what has stood unused for half an hour is told to everyone, and again each
time it has stood so for twice as long. (More often would be news of nothing.) Told as durations,
because no two clocks agree; whoever reads it adds the age of what it heard.

Of a hold without memory nobody can tell whether it is used, so nobody says that it is not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from ledger.books.holds import LiveHold
from mesh.instant import MILLISECOND, MINUTE, Duration, Instant
from node.core.picture.dangers import is_attributed
from node.core.picture.topics import Live

IDLE_AFTER: Final[Duration] = 30 * MINUTE
"""Longer than any program takes to load what it was given room for."""
IDLE_PERCENT: Final = 1
"""Of each memory that is held: less is the shell that waits beside the work."""
IDLE_TOLD_MAX: Final = 256
"""Of one owner; those that idle longest."""
TOPIC_USE: Final = "use"


class IdleFact(msgspec.Struct, frozen=True, array_like=True):
    """One hold that is not used, as its owner counts it."""

    held_ms: int
    idle_ms: int
    percent: int
    """The most that it was ever seen to use of any memory that it holds, since this start."""


class UseFact(msgspec.Struct, frozen=True):
    """Which holds of an owner stand unused. Published under TOPIC_USE when that changes."""

    idle: dict[str, IdleFact] = {}
    """By hold id in hex."""


def decode_use(body: bytes) -> UseFact:
    """Raises msgspec.MsgspecError on anything else."""
    try:
        return msgspec.msgpack.decode(body, type=UseFact)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(f"not readable: {error}") from error


@dataclass(slots=True)
class _Watched:
    since: Instant
    """When this start first saw it."""
    busy_at: Instant
    """When it was last seen in use; at first, when it was first seen."""
    percent: int = 0
    told: Duration = 0
    """The idle time that was last told; 0 while it is in use."""


@dataclass(slots=True)
class Idling:
    """Every hold of one owner."""

    _watched: dict[bytes, _Watched] = field(default_factory=dict)
    _told: UseFact = field(default_factory=UseFact)

    def look(self, holds: Sequence[LiveHold], live: Live, now: Instant) -> list[bytes]:
        """A sample came in. The holds whose idleness is worth telling now."""
        judged = [hold for hold in holds if _judged(hold)]
        present = {hold.id for hold in judged}
        for gone in sorted(hold for hold in self._watched if hold not in present):
            del self._watched[gone]
        news: list[bytes] = []
        for hold in judged:
            watched = self._watched.setdefault(hold.id, _Watched(now, now))
            percent = _percent(hold, live)
            watched.percent = max(watched.percent, percent)
            if percent >= IDLE_PERCENT:
                watched.busy_at, watched.told = now, 0
            elif now - watched.busy_at >= max(IDLE_AFTER, 2 * watched.told):
                watched.told = now - watched.busy_at
                news.append(hold.id)
        return news

    def fact_of(self, hold: bytes, held: Duration | None, now: Instant) -> IdleFact | None:
        """How long a hold of ours has stood unused, if that is long. `held`: for how long it has
        been held, where that is known from before this start."""
        watched = self._watched.get(hold)
        if watched is None or now - watched.busy_at < IDLE_AFTER:
            return None
        return self._fact(watched, held, now)

    def said_before(self, fact: UseFact | None) -> None:
        """What an earlier start told everyone, which may be true no more."""
        self._told = fact or UseFact()

    def statement(
        self, held_for: Callable[[bytes], Duration | None], now: Instant
    ) -> UseFact | None:
        """What to tell everyone, if it is not what was told. `held_for`: as in `fact_of`."""
        idle = [hold for hold in sorted(self._watched) if self._watched[hold].told]
        idle.sort(key=lambda hold: -self._watched[hold].told)
        kept = idle[:IDLE_TOLD_MAX]
        before = self._told.idle
        if {hold.hex() for hold in kept} == before.keys() and not any(
            before[hold.hex()].idle_ms < self._watched[hold].told // MILLISECOND for hold in kept
        ):
            return None
        facts = {hold.hex(): self._fact(self._watched[hold], held_for(hold), now) for hold in kept}
        self._told = UseFact(facts)
        return self._told

    @staticmethod
    def _fact(watched: _Watched, held: Duration | None, now: Instant) -> IdleFact:
        seen = now - watched.since
        return IdleFact(
            held_ms=max(seen, held or 0) // MILLISECOND,
            idle_ms=(now - watched.busy_at) // MILLISECOND,
            percent=watched.percent,
        )


def idle_sentence(fact: IdleFact) -> str:
    """`held 6 h 2 min, 0 % used`."""
    held = words_for(fact.held_ms)
    if fact.percent < IDLE_PERCENT:
        return f"held {held}, 0 % used"
    return f"held {held}, not used for {words_for(fact.idle_ms)}"


def words_for(ms: int) -> str:
    """A long duration in hours and minutes."""
    hours, minutes = divmod(ms // 60_000, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _judged(hold: LiveHold) -> bool:
    return any(is_attributed(leg.pool) for leg in hold.legs)


def _percent(hold: LiveHold, live: Live) -> int:
    """The largest share in use of any memory that it holds."""
    shares = [
        100 * live.pools[leg.pool].used.get(hold.id.hex(), 0) // leg.amount
        for leg in hold.legs
        if is_attributed(leg.pool) and leg.pool in live.pools
    ]
    return max(shares, default=0)
