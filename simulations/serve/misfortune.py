"""Misfortune: faults that strike by themselves, and people who live in the cluster meanwhile.

One set of both at a time. Another set replaces it: what the old one began ends, what people did by
hand stays. A set draws from the seed of its world and from nothing else, so the same set strikes
alike however often it is let loose, counted from that moment.
"""

from collections import Counter
from typing import Final

from simulations.campaign.transcript import Transcript
from simulations.faults.catalogue import Chosen
from simulations.faults.nemesis import Nemesis
from simulations.faults.scene import Scene
from simulations.invented.world import World
from simulations.options import DURATION_MAX
from simulations.people.crowd import Crowd
from simulations.serve.no import No

SETS_MAX: Final = 100
"""Of one cluster. Each goes on hearing what happens, as those do who watch a world."""


class Misfortune:
    """All sets of one cluster, of which the last may be at work."""

    def __init__(self, world: World, transcript: Transcript) -> None:
        self._world = world
        self._transcript = transcript
        self._crowds: list[Crowd] = []
        self._nemeses: list[Nemesis] = []

    @property
    def counts(self) -> dict[str, int]:
        """Kind → how often it struck."""
        return dict(sorted(sum((one.counts for one in self._nemeses), Counter[str]()).items()))

    @property
    def endings(self) -> Counter[str]:
        """How the operations of these people ended."""
        return sum((crowd.diary.endings for crowd in self._crowds), Counter[str]())

    @property
    def waiting(self) -> int:
        """How many of these people still wait for something."""
        return sum(crowd.waiting for crowd in self._crowds)

    def unleash(self, faults: Chosen, operations_per_second: float) -> None:
        """This set from now on, instead of the one before. Raises No."""
        if (faults or operations_per_second) and len(self._nemeses) >= SETS_MAX:
            raise No("too_many", f"faults were let loose {SETS_MAX} times: make another cluster")
        self.cease()
        if not faults and not operations_per_second:
            return
        crowd = Crowd(self._world, operations_per_second)
        scene = Scene(self._world, crowd, self._world.network.weather)
        nemesis = Nemesis(scene, faults)
        nemesis.tell = self._transcript.struck
        self._world.observe(crowd)
        self._world.observe(scene)
        self._crowds.append(crowd)
        self._nemeses.append(nemesis)
        until = self._world.now + DURATION_MAX
        crowd.begin(until)
        nemesis.unleash(until)

    def cease(self) -> None:
        """Nothing more happens by itself, and whoever waits for nothing goes home."""
        if self._nemeses:
            self._nemeses[-1].cease()
            self._crowds[-1].stop()
