"""The tempo: how long answers take just now, whoever gives them.

Most waiting in a mesh is for news that is under way, and how long that is has no fixed answer: on a
quiet network a millisecond, where a hundred nodes meet on one busy machine seconds. Who asks again
before the answer can be there makes the machine busier still. So what is waited for "a moment" is
waited for a moment *of now*: at least the least, and as often as answers have taken lately.

One smoothed figure for all peers together (RFC 6298's way), from every welcome and every ack. It
follows a change within a few answers, of which there are at least two a second in a quiet mesh.
"""

from typing import Final

from mesh.instant import SECOND, Duration

ANSWER_TIMES: Final = 2
"""News goes round by several hops, each as long as half an answer takes: so many answers."""
LONGEST: Final[Duration] = SECOND
"""However slow everybody is: a gap stays open no longer than it takes to notice a death."""
SMOOTHING: Final = 8


class Tempo:
    """The moment that is waited for, as long as it is now."""

    def __init__(self, least: Duration) -> None:
        self._least = least
        self._smoothed: Duration | None = None

    def answered(self, took: Duration) -> None:
        """Somebody's answer took so long."""
        took = min(took, LONGEST)  # one that slept for a minute says nothing of the others
        if self._smoothed is None:
            self._smoothed = took
        else:
            self._smoothed += (took - self._smoothed) // SMOOTHING

    @property
    def moment(self) -> Duration:
        """How long to wait for news under way."""
        if self._smoothed is None:
            return self._least
        return max(self._least, min(ANSWER_TIMES * self._smoothed, LONGEST))
