"""An invented network: delay, jitter, loss, duplication, and cuts between groups of hosts.

Each kind of misfortune has its own stream of dice per run, so that taking one away does not
reshuffle the others.
"""

from dataclasses import dataclass, field
from random import Random

from mesh.instant import MILLISECOND, Duration


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the network is. Shares are per datagram; streams get delay and cuts only."""

    delay: Duration = 1 * MILLISECOND
    jitter: Duration = 1 * MILLISECOND
    loss: float = 0.0
    duplication: float = 0.0


@dataclass(slots=True)
class Network:
    """Who can hear whom, and how late."""

    weather: Weather
    seed: int
    _delays: Random = field(init=False)
    _losses: Random = field(init=False)
    _repeats: Random = field(init=False)
    _cuts: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._delays = Random(f"{self.seed}/delay")
        self._losses = Random(f"{self.seed}/loss")
        self._repeats = Random(f"{self.seed}/repeat")

    def delay(self) -> Duration:
        """How long this one takes."""
        return self.weather.delay + self._delays.randrange(self.weather.jitter + 1)

    def copies(self, source: str, target: str) -> int:
        """How many copies of a datagram arrive: 0 when it is lost or the way is cut."""
        if self.is_cut(source, target) or self._losses.random() < self.weather.loss:
            return 0
        return 2 if self._repeats.random() < self.weather.duplication else 1

    def is_cut(self, source: str, target: str) -> bool:
        return (source, target) in self._cuts

    def cut(self, here: list[str], there: list[str], one_way: bool = False) -> None:
        """Nothing passes from `here` to `there`, nor back unless `one_way`."""
        for a in here:
            for b in there:
                self._cuts.add((a, b))
                if not one_way:
                    self._cuts.add((b, a))

    def heal(self) -> None:
        """Everything passes again."""
        self._cuts.clear()
