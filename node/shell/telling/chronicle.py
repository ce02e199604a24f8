"""The chronicle: the last events of this start, and everyone who follows them.

Whoever follows has a queue of its own. One that reads too slowly misses events, is told how many,
and holds nobody up: the agent never waits for a reader. What is kept is kept in memory alone; the
log on disk is the long one.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import trio

from mesh.instant import MILLISECOND, SECOND, Duration, Instant
from node.core.effects import Event
from node.core.requests import Events, Refused
from node.shell.telling.local import Body, Progress

EVENTS_KEPT_MAX: Final = 1_024
WAITING_EVENTS_MAX: Final = 256
"""Of one follower: some 60 kB."""
FOLLOWERS_MAX: Final = 32
MISSED: Final = "events.missed"
"""The kind of the line that says how many a follower has missed."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it was told: its number since the start, and when."""

    number: int
    at: Instant
    wall: int
    event: Event


@dataclass(slots=True)
class Follower:
    """One reader's queue, and how many did not fit since it was last told so."""

    waiting: deque[Told] = field(default_factory=deque)
    missed: int = 0
    _came: trio.Event = field(default_factory=trio.Event)

    def offer(self, told: Told) -> None:
        """Queue it, or count it."""
        if len(self.waiting) >= WAITING_EVENTS_MAX:
            self.missed += 1
            return
        self.waiting.append(told)
        self._came.set()

    async def next(self) -> Told | int:
        """The next event; a number stands for so many that were missed at this place."""
        while True:
            if self.waiting:
                return self.waiting.popleft()
            if self.missed:
                missed, self.missed = self.missed, 0
                return missed
            self._came = trio.Event()
            await self._came.wait()


class Chronicle:
    """What happened, newest last."""

    def __init__(self, now: Callable[[], Instant], wall: Callable[[], int]) -> None:
        self._now, self._wall = now, wall
        self._kept: deque[Told] = deque(maxlen=EVENTS_KEPT_MAX)
        self._followers: list[Follower] = []
        self._number = 0

    def tell(self, event: Event) -> None:
        """Keep it, and pass it on."""
        self._number += 1
        told = Told(self._number, self._now(), self._wall(), event)
        self._kept.append(told)
        for follower in self._followers:
            follower.offer(told)

    def past(self, within: Duration | None = None) -> list[Told]:
        """Those still kept; only those of the last `within`."""
        if within is None:
            return list(self._kept)
        since = self._now() - within
        return [told for told in self._kept if told.at > since]

    @property
    def is_full(self) -> bool:
        """Whether nobody else may follow just now."""
        return len(self._followers) >= FOLLOWERS_MAX

    @contextmanager
    def follow(self) -> Iterator[Follower]:
        """Everything from now on, for as long as the block lasts."""
        follower = Follower()
        self._followers.append(follower)
        try:
            yield follower
        finally:
            self._followers = [one for one in self._followers if one is not follower]

    def line(self, told: Told) -> dict[str, Any]:
        """As a surface sends it: the line of the log, with its number and its age."""
        event = told.event
        return {
            "number": told.number,
            "at": stamp(told.wall),
            "age_ms": max(0, self._now() - told.at) // MILLISECOND,
            "kind": event.kind,
            "sentence": event.sentence,
            "body": event.body,
        }

    def missed(self, count: int) -> dict[str, Any]:
        """The line that stands for events which a follower has missed."""
        sentence = f"{count} events were missed here: they came faster than they were read"
        event = Event(MISSED, sentence, {"count": count})
        return self.line(Told(self._number, self._now(), self._wall(), event))


async def tell_all(chronicle: Chronicle, wanted: Events, progress: Progress) -> tuple[bool, Body]:
    """Serve one request of the local door: what is kept, then what comes, if that is wanted."""
    if wanted.follow and chronicle.is_full:
        return False, _FULL.body
    within = None if wanted.since_ms is None else wanted.since_ms * MILLISECOND
    with chronicle.follow() as follower:
        past = chronicle.past(within)
        for told in past:
            await progress(chronicle.line(told))
        if not wanted.follow:
            return True, {"events": len(past)}
        while True:
            news = await follower.next()
            line = chronicle.missed(news) if isinstance(news, int) else chronicle.line(news)
            await progress(line)


_FULL: Final = Refused(
    "refused", f"{FOLLOWERS_MAX} programs follow the events already", "end one of them"
)


def stamp(wall: int) -> str:
    """Wall time as people and programs read it, in UTC."""
    return datetime.fromtimestamp(wall / SECOND, UTC).isoformat(timespec="milliseconds")
