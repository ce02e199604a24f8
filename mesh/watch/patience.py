"""Patience: how long an answer of each peer may take before we knock again (RFC 6298).

The smoothed round trip and four times its variation, kept within bounds: below the least, Python's
own pauses would look like losses; above the most, the second and third knock would come too late to
be of use within a period.
"""

from dataclasses import dataclass, field
from typing import Final

from mesh.identity import NodeId
from mesh.instant import MILLISECOND, Duration, Instant
from mesh.tempo import Tempo

LEAST: Final[Duration] = 20 * MILLISECOND
MOST: Final[Duration] = 160 * MILLISECOND
FIRST: Final[Duration] = 100 * MILLISECOND
"""Before anything was measured."""
PEERS_MAX: Final = 4096
"""Peers whose times we keep; the first seen gives way."""
PINGS_MAX: Final = 8
"""Unanswered pings per peer whose numbers we keep: a slow answer to an early one counts too, or
the slow would never be found out to be slow."""


@dataclass(slots=True)
class _Times:
    smoothed: Duration = 0
    variation: Duration = 0
    pings: dict[int, Instant] = field(default_factory=dict)


class Patience:
    """One estimate per peer."""

    def __init__(self, tempo: Tempo) -> None:
        """`tempo` hears of every answer, whoever's it is."""
        self._tempo = tempo
        self._peers: dict[NodeId, _Times] = {}

    def pinged(self, peer: NodeId, seq: int, now: Instant) -> None:
        """Ping `seq` left for `peer`."""
        times = self._peers.get(peer)
        if times is None:
            if len(self._peers) >= PEERS_MAX:
                del self._peers[next(iter(self._peers))]
            times = self._peers[peer] = _Times()
        elif len(times.pings) >= PINGS_MAX:
            del times.pings[next(iter(times.pings))]
        times.pings[seq] = now

    def answered(self, peer: NodeId, seq: int, now: Instant) -> None:
        """`peer` answered ping `seq`; an answer to no ping of ours says nothing."""
        times = self._peers.get(peer)
        sent = None if times is None else times.pings.pop(seq, None)
        if times is None or sent is None:
            return
        took = now - sent
        self._tempo.answered(took)
        if times.smoothed == 0:
            times.smoothed, times.variation = max(1, took), took // 2
            return
        off = abs(times.smoothed - took)
        times.variation += (off - times.variation) // 4
        times.smoothed += (took - times.smoothed) // 8

    def of(self, peer: NodeId) -> Duration:
        """After so long without an answer, knock again."""
        times = self._peers.get(peer)
        if times is None or times.smoothed == 0:
            return FIRST
        return min(MOST, max(LEAST, times.smoothed + 4 * times.variation))
