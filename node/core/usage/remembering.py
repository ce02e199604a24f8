"""Remembering: an owner's own record of work, from what it sees of the holds under which it runs.

A hold may say what work it is for (a *scope*, in words of `placement/history.py`). While it lives
its use is watched; when it ends, the peak and the time go into the record of that scope. A process
that was tied to it and ended badly is a failure of that scope, and one that ended well clears it.

Records lapse: after a week a machine has been updated, and so has the work. The time that they have
left is a duration, journalled now and then and counted on from there, like a booking's; while the
machine is off nothing lapses. (Read from a wall clock, a jump would forgive or condemn.)

What was used is not what is needed: a peak comes down by an eighth of the difference with each run
that took less, so that one odd run is not for ever.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from mesh.instant import MILLISECOND, MINUTE, Duration, Instant
from mesh.persistence import SPACE_HISTORY, SPACE_WORK, Persist, Write
from node.core.picture.past import scope_of
from node.core.picture.topics import How, Live
from placement.history import (
    FAILURE_KINDS,
    OBSERVATION_LIFE,
    RECORDS_MAX,
    Failure,
    History,
    Observation,
    Scope,
    failure_life,
)

NOTE_EVERY: Final[Duration] = 10 * MINUTE
"""How often what records have left goes to disk: a crash makes them last so much longer."""
SMOOTHING: Final = 8
WORKS_MAX: Final = 1024
"""Live holds whose work is watched; of more only the room is."""


KINDS: Final = {
    How.OUT_OF_MEMORY: "out-of-memory", How.CRASHED: "exec-crash", How.FAILED: "exec-crash",
}  # fmt: skip
"""How a process ended badly → the kind of failure that it is."""
Words = tuple[str, ...]


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """One record on disk: an observation where `kind` is empty, else a failure."""

    scope: Words
    left: int
    kind: str = ""
    times: int = 1
    peak_ram: int | None = None
    peak_vram: int | None = None
    wall_ms: int | None = None
    succeeded: bool = True
    """Of an observation."""


@dataclass(slots=True)
class _Record:
    """One record, and when it lapses."""

    kept: _Kept
    until: Instant


@dataclass(slots=True)
class _Work:
    """What runs under one hold."""

    scope: Scope
    peak_ram: int = 0
    peak_vram: int = 0
    began: Instant | None = None
    seen: Instant = 0
    failed: bool = False


Key = tuple[Words, str]


@dataclass(slots=True)
class Remembering:
    """All that one owner remembers."""

    _records: dict[Key, _Record] = field(default_factory=dict)
    _works: dict[bytes, _Work] = field(default_factory=dict)
    _note_at: Instant | None = None
    news: bool = False
    """Whether what is remembered has changed since somebody last looked."""

    def restore(
        self, works: Mapping[bytes, bytes], records: Mapping[bytes, bytes], now: Instant
    ) -> None:
        """Take up what an earlier start knew. What cannot be read is forgotten."""
        for hold in sorted(works):
            if (scope := _words(works[hold])) is not None and len(self._works) < WORKS_MAX:
                self._works[hold] = _Work(scope)
        for key in sorted(records):
            kept = _kept(records[key])
            if kept is not None and len(self._records) < RECORDS_MAX:
                longest = failure_life(kept.times) if kept.kind else OBSERVATION_LIFE
                left = min(max(0, kept.left), longest)
                self._records[kept.scope, kept.kind] = _Record(kept, now + left)
        self._note_at = now + NOTE_EVERY if self._records else None
        self.news = bool(self._records)

    def begins(self, hold: bytes, words: Words) -> list[Persist]:
        """A hold was granted, and says what work it is for."""
        scope = scope_of(words)
        if scope is None or len(self._works) >= WORKS_MAX:
            return []
        self._works[hold] = _Work(scope)
        return [Persist((Write(SPACE_WORK, hold, msgspec.msgpack.encode(words)),))]

    def work_of(self, hold: bytes) -> Scope | None:
        """What a hold of ours is for, if it said so."""
        work = self._works.get(hold)
        return None if work is None else work.scope

    # What is seen ------------------------------------------------------------------------------

    def look(self, live: Live, holds: Mapping[bytes, object], now: Instant) -> list[Persist]:
        """A sample came in; `holds` are those that still live."""
        for hold, work in self._works.items():
            if hold not in holds:
                continue
            ram, vram = _use(hold, live)
            if ram or vram:
                work.began = now if work.began is None else work.began
                work.seen = now
                work.peak_ram, work.peak_vram = max(work.peak_ram, ram), max(work.peak_vram, vram)
        writes: list[Write] = []
        for hold in [hold for hold in self._works if hold not in holds]:
            writes += self._over(hold, self._works.pop(hold), now)
        return [Persist(tuple(writes))] if writes else []

    def _over(self, hold: bytes, work: _Work, now: Instant) -> list[Write]:
        writes = [Write(SPACE_WORK, hold, None)]
        if work.began is None:
            return writes  # nothing ran under it, as far as we saw: it says nothing of such work
        before = self._records.get((tuple(work.scope), ""))
        old = None if before is None else before.kept
        kept = _Kept(
            scope=tuple(work.scope),
            left=OBSERVATION_LIFE,
            times=1 if old is None else old.times + 1,
            peak_ram=_eased(None if old is None else old.peak_ram, work.peak_ram),
            peak_vram=_eased(None if old is None else old.peak_vram, work.peak_vram),
            wall_ms=(work.seen - work.began) // MILLISECOND,
            succeeded=not work.failed,
        )
        return [*writes, *self._keep(kept, now)]

    def ended(self, hold: bytes, how: How, now: Instant) -> list[Persist]:
        """A process that was tied to `hold` is gone."""
        work = self._works.get(hold)
        if work is None or how is How.UNKNOWN:
            return []
        words = tuple(work.scope)
        if how is How.WELL:
            return self._clear([key for key in self._records if key[0] == words and key[1]])
        kind = KINDS[how]
        before = self._records.get((words, kind))
        times = 1 if before is None else before.kept.times + 1
        work.failed = True
        kept = _Kept(words, failure_life(times), kind, times)
        return [Persist(tuple(self._keep(kept, now)))]

    def forgive(self, workload: str) -> tuple[int, list[Persist]]:
        """A person says that failures of `workload` are over: how many were forgotten."""
        keys = [key for key in self._records if key[1] and key[0][0] == workload]
        return len(keys), self._clear(keys)

    # What is kept ------------------------------------------------------------------------------

    def _keep(self, kept: _Kept, now: Instant) -> Iterator[Write]:
        key = kept.scope, kept.kind
        self._records.pop(key, None)
        while len(self._records) >= RECORDS_MAX:
            soonest = min(self._records, key=lambda one: (self._records[one].until, one))
            del self._records[soonest]
            yield Write(SPACE_HISTORY, _row_of(soonest), None)
        self._records[key] = _Record(kept, now + kept.left)
        self.news = True
        if self._note_at is None:
            self._note_at = now + NOTE_EVERY
        yield Write(SPACE_HISTORY, _row_of(key), msgspec.msgpack.encode(kept))

    def _clear(self, keys: list[Key]) -> list[Persist]:
        for key in keys:
            del self._records[key]
            self.news = True
        rows = tuple(Write(SPACE_HISTORY, _row_of(key), None) for key in keys)
        return [Persist(rows)] if rows else []

    def wake(self, now: Instant) -> list[Persist]:
        """Let lapse what has lapsed; now and then note how long the rest has."""
        lapsed = [key for key in self._records if self._records[key].until <= now]
        effects = self._clear(lapsed)
        if self._note_at is None or now < self._note_at:
            return effects
        rows = []
        for key, record in self._records.items():
            kept = msgspec.structs.replace(record.kept, left=record.until - now)
            rows.append(Write(SPACE_HISTORY, _row_of(key), msgspec.msgpack.encode(kept)))
        self._note_at = now + NOTE_EVERY if rows else None
        return [*effects, Persist(tuple(rows))] if rows else effects

    def history(self) -> History:
        """What is remembered now, for everyone to see: the newest first."""
        newest = sorted(self._records, key=lambda key: (-self._records[key].until, key))
        kept = [self._records[key].kept for key in newest]
        return History(
            tuple(
                Observation(
                    Scope(*one.scope), one.peak_ram, one.peak_vram, one.wall_ms, one.succeeded,
                    one.times,
                )
                for one in kept
                if not one.kind
            ),
            tuple(Failure(Scope(*one.scope), one.kind, one.times) for one in kept if one.kind),
        )  # fmt: skip


def _use(hold: bytes, live: Live) -> tuple[int, int]:
    """What a hold's work uses: main memory, and cards'."""
    name, ram, vram = hold.hex(), 0, 0
    for pool, figures in live.pools.items():
        used = figures.used.get(name, 0)
        ram, vram = (ram + used, vram) if pool == "ram" else (ram, vram + used)
    return ram, vram


def _eased(old: int | None, new: int) -> int | None:
    """The peak to remember: at once up, slowly down. Nothing seen is nothing known."""
    if old is None or new >= old:
        return new or old
    return old - (old - new) // SMOOTHING


def _row_of(key: Key) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(key)).digest()[:16]


def _words(raw: bytes) -> Scope | None:
    try:
        return scope_of(msgspec.msgpack.decode(raw, type=Words))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _kept(raw: bytes) -> _Kept | None:
    try:
        kept = msgspec.msgpack.decode(raw, type=_Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    known = not kept.kind or kept.kind in FAILURE_KINDS
    return kept if known and kept.times >= 1 and scope_of(kept.scope) is not None else None
