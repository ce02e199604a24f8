"""The calendar's clock: the one place of the ledger where wall time is read, and how far it is
believed.

A plan starts at a time of day, so somebody must say what time it is. Wall clocks step: by hand, by
the network, by a battery that died. So what is believed is an *offset* between the wall and the
clock that never steps, followed as long as it moves by no more than a slow correction does. When it
jumps, everything planned is suspended, by name: nothing starts, nothing is missed, and whatever is
planned keeps its claim from that moment on, for nobody knows which of the two times is true. It
goes on when the wall agrees again with what was counted, or has kept to its new time for so long
that it is somebody's will.

Nothing else in the ledger knows a time of day: a wrong clock lets a booking start early or late,
and never frees room or sells any twice.
"""

from collections.abc import Mapping
from typing import Final

from ledger.limits import RATE_MARGIN_PERCENT
from mesh.instant import MINUTE, SECOND, Duration, Instant, in_seconds
from mesh.persistence import SPACE_CALENDAR, Write

STEP_MAX: Final[Duration] = 2 * SECOND
"""What a clock may be off from one look to the next and still be the same clock: a slow correction
makes up half a millisecond in a second, and looks are seconds apart."""
SETTLE: Final[Duration] = 10 * MINUTE
"""A clock that has kept to a new time for so long is believed."""
WALL: Final = b"wall"
WALL_BYTES: Final = 8


class Calendar:
    """What time it is here, as far as that is believed."""

    def __init__(self, floor: int | None = None) -> None:
        """`floor`: what the wall showed when this was last written; a clock that shows less has
        gone back while we were away."""
        self._closed = ""
        self._doubt_of = "the time of day is not known yet"
        self.jumped_from: int | None = None
        """The offset before the jump that was believed at last: what it passed over is owed."""
        self._offset: int | None = None
        self._floor = floor
        self._seen_at: Instant = 0
        self._other: tuple[int, Instant] | None = None
        """An offset that we do not believe, and since when it has been shown."""
        self._news: list[tuple[bool, str]] = []

    @classmethod
    def restored(cls, rows: Mapping[bytes, bytes]) -> "Calendar":
        """As an earlier start left it."""
        raw = rows.get(WALL, b"")
        return cls(int.from_bytes(raw, "big") if len(raw) == WALL_BYTES else None)

    @property
    def suspended(self) -> str:
        """Why nothing starts; empty: everything starts in its time."""
        return self._closed or self._doubt_of

    def close(self, reason: str) -> None:
        """Nothing that is planned starts here any more, whatever time it is."""
        self._closed = reason

    def at(self, wall: int) -> Instant | None:
        """When it will be `wall`, on the clock that never steps; None: that is not known."""
        return None if self._offset is None else wall - self._offset

    def wall(self, now: Instant) -> int | None:
        """What time it is."""
        return None if self._offset is None else now + self._offset

    def see(self, wall: int | None, now: Instant) -> None:
        """Somebody looked at the wall; None: there is none."""
        if wall is None:
            return
        shown = wall - now
        if self._agrees(shown, wall, now):
            self._believe(shown)
        elif self._other is None or abs(shown - self._other[0]) > STEP_MAX:
            self._doubt(shown, now)
        elif now - self._other[1] >= SETTLE:
            self.jumped_from = self._offset
            self._believe(shown)
        self._seen_at = now

    def note(self, now: Instant) -> list[Write]:
        """For the journal."""
        wall = self.wall(now)
        if wall is None or self._doubt_of or not 0 < wall < 1 << (8 * WALL_BYTES):
            return []
        return [Write(SPACE_CALENDAR, WALL, wall.to_bytes(WALL_BYTES, "big"))]

    def news(self) -> list[tuple[bool, str]]:
        """(whether it goes on again, sentence) of what happened since this was last asked."""
        news, self._news = self._news, []
        return news

    def _agrees(self, shown: int, wall: int, now: Instant) -> bool:
        if self._offset is not None:
            # The clock that never steps may itself run a little fast or slow (leases.py).
            strayed = (now - self._seen_at) * RATE_MARGIN_PERCENT // 100
            return abs(shown - self._offset) <= STEP_MAX + strayed
        return self._floor is None or wall >= self._floor - STEP_MAX

    def _believe(self, offset: int) -> None:
        if self._other is not None:
            self._news.append((True, "what is planned starts by the clock again"))
        self._offset, self._other, self._doubt_of, self._floor = offset, None, "", None

    def _doubt(self, shown: int, now: Instant) -> None:
        self._other = (shown, now)
        if self._offset is None:
            self._doubt_of = "the clock shows an earlier time than before this start"
        else:
            by = in_seconds(shown - self._offset)
            self._doubt_of = f"the clock jumped by {by:+.0f} s"
        told = f"{self._doubt_of}: nothing that is planned starts until it is steady"
        self._news.append((False, told))
