"""What goes wrong in a truth run: a schedule drawn from a seed, carried out on real processes.

The seed fixes what happens and when; how the processes fall into it does not repeat, which is the
point of the tier. Every trouble ends by itself: who is killed starts again, who stands still goes
on, what is cut is mended.
"""

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import msgspec

from node.shell import clock
from simulations.demo.nodes import Node
from simulations.truth.cluster import Cluster

PAUSES_SECONDS: Final = (0.2, 0.8, 2.0, 5.0)
ABSENCES_SECONDS: Final = (0.0, 0.2, 1.0, 3.0)
CUTS_SECONDS: Final = (0.2, 0.5, 1.0, 4.0)
GAPS_SECONDS: Final = (0.1, 0.5, 1.0, 3.0)
LOSSES: Final = (0.0, 0.05, 0.2)
DELAYS_MS: Final = (0, 2, 20)
MILLISECOND_NS: Final = 1_000_000

Due = tuple[float, int, Callable[[], None]]


@dataclass(slots=True)
class Troubles:
    """The schedule, and a count of what has been done. Call `pass_time` on the main thread."""

    cluster: Cluster
    dice: Random
    power: bool
    """Whether what volatile memory vouches for may go too: half a minute of quarantine each."""
    counts: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    """What was done when, one line each."""
    _due: list[Due] = field(default_factory=list)
    _number: "itertools.count[int]" = field(default_factory=itertools.count)

    def run(self, seconds: float, meanwhile: Callable[[], None]) -> None:
        """Trouble for so long; `meanwhile` again and again between one thing and the next."""
        end = time.perf_counter() + seconds
        self._in(0.0, self._next)
        while time.perf_counter() < end:
            while self._due and self._due[0][0] <= time.perf_counter():
                heapq.heappop(self._due)[2]()
            meanwhile()
            time.sleep(0.02)

    def settle(self) -> None:
        """No more of it: everything passes, and everyone runs."""
        self._due.clear()
        self.cluster.lan.mend()
        for node in self.cluster.nodes.values():
            node.resume()
            if node.process is None:
                node.start()

    def _in(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.perf_counter() + seconds, next(self._number), what))

    def _next(self) -> None:
        kinds = [self._kill, self._pause, self._cut, self._weather, self._power_cut]
        self.dice.choices(kinds, [4, 2, 4, 2, 1 if self.power else 0])[0]()
        self._in(self.dice.choice(GAPS_SECONDS), self._next)

    def _kill(self) -> None:
        node = self._someone()
        if node.process is not None:
            node.kill()
            self._tell("killed", node.name)
            self._in(self.dice.choice(ABSENCES_SECONDS), lambda: self._start(node))

    def _power_cut(self) -> None:
        node = self._someone()
        if node.process is not None:
            node.kill()
            node.forget_marker()
            self._tell("marker lost", node.name)
            self._in(self.dice.choice(ABSENCES_SECONDS), lambda: self._start(node))

    def _start(self, node: Node) -> None:
        if node.process is None:
            node.start()
            self.told.append(f"{clock.now()} started: {node.name}")

    def _pause(self) -> None:
        node = self._someone()
        if node.process is not None:
            node.pause()
            self._tell("stopped", node.name)
            self._in(self.dice.choice(PAUSES_SECONDS), node.resume)

    def _cut(self) -> None:
        names = [*self.cluster.nodes]
        self.dice.shuffle(names)
        middle = self.dice.randrange(1, len(names))
        one_way = self.dice.random() < 0.4
        self.cluster.lan.cut(names[:middle], names[middle:], one_way=one_way)
        sides = " | ".join(" ".join(side) for side in (names[:middle], names[middle:]))
        self._tell("cut one way" if one_way else "cut", sides)
        self._in(self.dice.choice(CUTS_SECONDS), self._mend)

    def _mend(self) -> None:
        lan = self.cluster.lan
        lan.set(msgspec.structs.replace(lan.conditions, cuts=()))

    def _weather(self) -> None:
        delay = self.dice.choice(DELAYS_MS) * MILLISECOND_NS
        lan = self.cluster.lan
        lan.set(
            msgspec.structs.replace(
                lan.conditions, loss=self.dice.choice(LOSSES), delay_ns=delay, jitter_ns=delay,
                duplication=self.dice.choice((0.0, 0.1)),
            )
        )  # fmt: skip
        self._tell("weather", str(lan.conditions))

    def _tell(self, what: str, whom: str) -> None:
        self.counts[what] += 1
        self.told.append(f"{clock.now()} {what}: {whom}")

    def _someone(self) -> Node:
        return self.dice.choice([*self.cluster.nodes.values()])
