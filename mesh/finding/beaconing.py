"""When to call out "here I am": a burst at the start, then ever more rarely (Trickle, RFC 6206).

A new face resets the interval, because where one new node is there may be more that have not heard
us. A face that we know does not: replaying a beacon must not make anybody talk. It does the
opposite: who has heard a few known faces since its own last turn lets this one pass, because
whoever listens finds the mesh through them; so a link carries a few beacons per interval, however
many nodes are on it. The first beacon of a start is never passed over: it announces ourselves.
"""

from random import Random

from mesh.config import MeshConfig
from mesh.instant import Duration, Instant


class Beaconing:
    """One schedule for all interfaces; the shell puts each beacon on every one of them."""

    def __init__(self, config: MeshConfig, random: Random) -> None:
        self._config = config
        self._random = random
        self._burst: list[Instant] = []
        self._is_first = False
        self._interval: Duration = config.beacon_shortest
        self._next: Instant | None = None
        self._known_faces = 0
        """Beacons of nodes that we share a session with, and nodes met, since our own last turn."""

    @property
    def next_wake(self) -> Instant | None:
        return self._next

    def start(self, now: Instant) -> None:
        """Begin with the burst."""
        self._burst = [now + delay for delay in self._config.beacon_burst]
        self._interval = self._config.beacon_shortest
        self._is_first = True
        self._next = self._burst.pop(0) if self._burst else now + self._interval

    def stop(self) -> None:
        self._next = None

    def known_face(self) -> None:
        """Somebody we share a session with said where it is, or has just become one."""
        self._known_faces += 1

    def new_face(self, now: Instant) -> None:
        """Somebody we did not know: start over with short intervals."""
        if self._next is None or self._burst:
            return
        self._interval = self._config.beacon_shortest
        self._next = min(self._next, self._some_time_in_next_interval(now))

    def due(self, now: Instant) -> bool:
        """Whether to send a beacon now; the next turn is planned then."""
        if self._next is None or now < self._next:
            return False
        enough = self._known_faces >= self._config.beacon_redundancy and not self._is_first
        self._known_faces, self._is_first = 0, False
        if self._burst:
            self._next = self._burst.pop(0)
        else:
            self._next = self._some_time_in_next_interval(now)
            self._interval = min(self._interval * 2, self._config.beacon_longest)
        return not enough

    def _some_time_in_next_interval(self, now: Instant) -> Instant:
        # The second half, as Trickle has it: spread out, yet never two at once.
        half = self._interval // 2
        return now + half + self._random.randrange(half + 1)
