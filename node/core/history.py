"""History: how long what lies before a log's beginning stays on the disk.

Nothing here decides what is promised: the archive is for people. It is kept for a time, counted
while this agent runs (a disk that lay in a drawer for a year has not aged, and no wall clock is
asked), and within so many bytes over all logs. What is oldest goes first, a row of some hundred
blocks at a time.

Beside each row of the archive, which no start reads, lies a small one that every start does: how
old the row is, how large, and how far it goes.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgpack

from mesh.instant import HOUR, Duration, Instant
from mesh.persistence import SPACE_ARCHIVE, SPACE_META, SPACE_SHELF, Persist, Write
from mesh.roll.storage import JUST_NOW, shelf_bytes

HISTORY_FOR: Final[Duration] = 30 * 24 * HOUR
HISTORY_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of the archive over all logs. A start checks the whole file for damage, and is to be over in two
seconds."""
ROWS_MAX: Final = 16_384
LOOK_EVERY: Final[Duration] = HOUR
META_LIVED: Final = b"lived"
"""The row of how long this disk's agents have run, together, in nanoseconds."""


class Shelved(NamedTuple):
    """A row of the archive: when it was put there (by `lived`), and how large it is."""

    at: Duration
    size: int


class History:
    """Which rows there are, and which of them must go."""

    def __init__(self, saved: Mapping[str, Mapping[bytes, bytes]], keep: Duration) -> None:
        self._keep = keep
        self._started: Instant | None = None
        self._before = int.from_bytes(saved.get(SPACE_META, {}).get(META_LIVED, b""), "big")
        rows = saved.get(SPACE_SHELF, {})
        read = {key: _parse(rows[key]) for key in sorted(rows)}
        # Of a row that cannot be read nothing is known; it counts as the oldest there is.
        self._rows = {key: row or Shelved(0, 0) for key, row in read.items()}
        for key, row in self._rows.items():
            if row.at == JUST_NOW:
                self._rows[key] = Shelved(self._before, row.size)
        self._bytes = sum(row.size for row in self._rows.values())
        self._looked: Instant | None = None

    def lived(self, now: Instant) -> Duration:
        """How long agents have run on this disk."""
        if self._started is None:
            self._started = now
        return self._before + now - self._started

    def put_away(self, writes: Sequence[Write], now: Instant) -> list[Persist]:
        """Note what `writes` put into the archive, and make room for it."""
        fresh = [one for one in writes if one.space == SPACE_ARCHIVE and one.value is not None]
        if not fresh:
            return []
        lived = self.lived(now)
        for write in fresh:
            row = Shelved(lived, len(write.value or b""))
            self._bytes += row.size - self._rows.get(write.key, Shelved(0, 0)).size
            self._rows[write.key] = row
        notes = [Write(SPACE_SHELF, one.key, shelf_bytes(*self._rows[one.key])) for one in fresh]
        return [Persist((*notes, self._lived_row(now), *self._drop_old(now)))]

    def wake(self, now: Instant) -> list[Persist]:
        """Now and then: how long we have lived, and what has become too old."""
        if self._looked is not None and now - self._looked < LOOK_EVERY:
            return []
        self._looked = now
        if not self._rows:
            return []
        return [Persist((self._lived_row(now), *self._drop_old(now)))]

    def _drop_old(self, now: Instant) -> list[Write]:
        writes: list[Write] = []
        lived = self.lived(now)
        for key, row in sorted(self._rows.items(), key=lambda item: (item[1].at, item[0])):
            too_many = self._bytes > HISTORY_BYTES_MAX or len(self._rows) > ROWS_MAX
            if not too_many and lived - row.at <= self._keep:
                break
            del self._rows[key]
            self._bytes -= row.size
            writes += [Write(SPACE_ARCHIVE, key, None), Write(SPACE_SHELF, key, None)]
        return writes

    def _lived_row(self, now: Instant) -> Write:
        return Write(SPACE_META, META_LIVED, self.lived(now).to_bytes(8, "big"))


def _parse(value: bytes) -> Shelved | None:
    try:
        at, size = msgpack.unpackb(value)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None
    return Shelved(at, size) if type(at) is int and type(size) is int else None
