"""Throughputs: how much the links between nodes were seen to carry.

Nothing is sent to find out: whatever a stream moves anyway is timed by whoever asked (and
`measuring.py` moves something because a person wants to know). Each timing is a lower bound. In so
long, so many bytes went over; beside them went other requests, the far end's thinking and a slow
start. So the largest of the last few is nearest to the truth, and none is above it.

A link that nobody has timed has no figure. What is known of our own links is a fact, for others
decide by it where data can be soonest; it is told when it says something new, not when it trembles.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from mesh.identity import NodeId, id_text
from mesh.instant import HOUR, MILLISECOND, SECOND, Duration, Instant

TOPIC_THROUGHPUT: Final = "throughput"
TIMED_BYTES_MIN: Final = 128 * 1024
"""Of less, the round trip is most of the time: a gigabit carries so much in a millisecond."""
TIMINGS_MAX: Final = 8
"""Of one link and direction; the oldest gives way."""
TIMING_LASTS: Final[Duration] = 24 * HOUR
"""A laptop that was on a cable yesterday is on the air today."""
PEERS_MAX: Final = 64
"""Told at most, and kept; who was timed longest ago gives way. Some 6 KB."""
MOVED: Final = 4
"""A quarter more or less than was told is news."""
TOLD_EVERY_MIN: Final[Duration] = 10 * SECOND
BYTES_PER_SECOND_MAX: Final = 10**13
"""A hundred times the fastest network card."""

Rate = Annotated[int, msgspec.Meta(ge=1, le=BYTES_PER_SECOND_MAX)] | None


class Throughput(msgspec.Struct, frozen=True):
    """One link: bytes a second that it carried at least, each way. None: nobody has timed it."""

    peer: Annotated[str, msgspec.Meta(max_length=64)]
    received: Rate
    """From the peer to the teller."""
    sent: Rate
    age_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    """Of the newer of the two timings, as it was told."""


class Throughputs(msgspec.Struct, frozen=True):
    """What one node has timed, by peer. Published under TOPIC_THROUGHPUT."""

    links: Annotated[tuple[Throughput, ...], msgspec.Meta(max_length=PEERS_MAX)]
    source: Annotated[str, msgspec.Meta(max_length=64)] = "transfers over streams, timed"


@dataclass(frozen=True, slots=True)
class StreamTimed:
    """The shell's word: a request to `peer` moved so much each way in `took`."""

    peer: NodeId
    received_bytes: int
    sent_bytes: int
    took: Duration


@dataclass(slots=True)
class _Timed:
    """One peer: (bytes a second, when) each way, the newest last."""

    received: deque[tuple[int, Instant]] = field(default_factory=lambda: deque(maxlen=TIMINGS_MAX))
    sent: deque[tuple[int, Instant]] = field(default_factory=lambda: deque(maxlen=TIMINGS_MAX))

    @property
    def newest(self) -> Instant:
        return max(timings[-1][1] for timings in (self.received, self.sent) if timings)


@dataclass(slots=True)
class Timings:
    """What we have timed ourselves."""

    _peers: dict[NodeId, _Timed] = field(default_factory=dict)
    _told: dict[str, Throughput] = field(default_factory=dict)
    _told_at: Instant | None = None

    def timed(self, said: StreamTimed, now: Instant) -> None:
        """A stream has moved something. What is too small to tell anything is passed over."""
        moved = (("received", said.received_bytes), ("sent", said.sent_bytes))
        large = [(way, size) for way, size in moved if size >= TIMED_BYTES_MIN]
        if not large or said.took <= 0:
            return
        # Last in the table is who was timed last.
        peer = self._peers.pop(said.peer, None) or _Timed()
        self._peers[said.peer] = peer
        for way, size in large:
            rate = min(size * SECOND // said.took, BYTES_PER_SECOND_MAX)
            getattr(peer, way).append((max(1, rate), now))
        if len(self._peers) > PEERS_MAX:
            del self._peers[next(iter(self._peers))]

    def of(self, peer: NodeId, now: Instant) -> Throughput | None:
        """What is known of the link with `peer`; None: nothing."""
        timed = self._peers.get(peer)
        if timed is None:
            return None
        received, sent = _best(timed.received, now), _best(timed.sent, now)
        if received is None and sent is None:
            return None
        age = max(0, now - timed.newest) // MILLISECOND
        return Throughput(id_text(peer), received, sent, age)

    def news(self, now: Instant) -> bytes | None:
        """The body of the fact, if it is worth telling; not more often than every few seconds."""
        if self._told_at is not None and now - self._told_at < TOLD_EVERY_MIN:
            return None
        links = [link for peer in sorted(self._peers) if (link := self.of(peer, now)) is not None]
        said = {link.peer: link for link in links}
        if said.keys() == self._told.keys() and not any(
            _moved(self._told[peer], said[peer]) for peer in said
        ):
            return None
        self._told, self._told_at = said, now
        return encode(Throughputs(tuple(links)))


def encode(throughputs: Throughputs) -> bytes:
    """Canonical bytes."""
    return msgspec.msgpack.encode(throughputs, order="sorted")


def decode(body: bytes) -> Throughputs:
    """Raises msgspec.MsgspecError when the bytes are no such thing."""
    try:
        return msgspec.msgpack.decode(body, type=Throughputs)
    except (RecursionError, UnicodeDecodeError) as error:
        raise msgspec.DecodeError(f"not readable: {error}") from error


def _best(timings: deque[tuple[int, Instant]], now: Instant) -> int | None:
    return max((rate for rate, at in timings if now - at < TIMING_LASTS), default=None)


def _moved(old: Throughput, new: Throughput) -> bool:
    pairs = ((old.received, new.received), (old.sent, new.sent))
    return any(
        was != now if was is None or now is None else abs(now - was) * MOVED > was
        for was, now in pairs
    )
