"""The nemesis: draws when each fault happens, brings it about, and mends everything for the calm.

Every occurrence has a label, `kind/host/number`, and dice of its own made from seed and label. So
leaving out one occurrence, one kind or one host reshuffles nothing else: a failing run can be made
smaller by naming what to leave out, and what is left happens as it did before.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final, NamedTuple

from mesh.instant import SECOND, Duration, Instant
from simulations.faults.catalogue import CATALOGUE, Chosen
from simulations.faults.fault import End, Fault
from simulations.faults.scene import Scene
from simulations.invented.host import Host

MESH: Final = "mesh"
"""Where a fault happens that is drawn once for all hosts."""


class Injection(NamedTuple):
    """One fault that happened."""

    at: Instant
    label: str
    """kind/host/number: what to leave out to be without it."""
    host: str
    sentence: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One kind on one host: where its occurrences come from."""

    fault: Fault
    strength: float
    host: Host
    place: str

    def label(self, number: int) -> str:
        return f"{self.fault.name}/{self.place}/{number}"


class Nemesis:
    """Everything that goes wrong in one world."""

    def __init__(self, scene: Scene, faults: Chosen, without: Collection[str] = ()) -> None:
        """`without`: labels of occurrences to leave out."""
        self.counts: Counter[str] = Counter()
        self.injections: list[Injection] = []
        self.tell: Callable[[Injection], object] = lambda _: None
        """Hears of each fault that happens."""
        self._scene = scene
        self._lines = self._drawn(faults)
        self._without = frozenset(without)
        self._until: Instant = 0
        self._active: dict[str, tuple[str, End]] = {}
        """`kind/host` → (label, how it ends): one of a kind on one host at a time."""

    def unleash(self, until: Instant) -> None:
        """From now to `until`, whatever the dice say."""
        self._until = until
        for line in self._lines:
            self._expect(line, 0, self._scene.world.now)

    def mend(self) -> None:
        """Everything that can be mended is, and everybody is switched on. Nothing more happens."""
        scene = self._scene
        self.cease()
        scene.world.network.heal()
        for host in scene.world.hosts.values():
            scene.switch_on(host)

    def cease(self) -> None:
        """What it began ends, and nothing more happens; what others did is left to them."""
        scene = self._scene
        scene.over = True
        self._until = scene.world.now
        for key in sorted(self._active):
            _, end = self._active.pop(key)
            end()
        for host in scene.world.hosts.values():
            host.effects_left = None  # a death that had not come yet does not come

    def _drawn(self, faults: Chosen) -> Sequence[_Line]:
        hosts = list(self._scene.world.hosts.values())
        lines: list[_Line] = []
        for name, strength in faults:
            fault = CATALOGUE[name]
            struck = [(hosts[0], MESH)] if fault.per_mesh else [(host, host.name) for host in hosts]
            lines += [_Line(fault, strength, host, place) for host, place in struck]
        return lines

    def _dice(self, line: _Line, number: int) -> tuple[Random, Duration]:
        """The dice of one occurrence, and how long after the one before it comes."""
        dice = Random(f"{self._scene.world.seed}/fault/{line.label(number)}")
        mean = line.fault.every / line.strength / SECOND
        return dice, 1 + round(dice.expovariate(1 / mean) * SECOND)

    def _expect(self, line: _Line, number: int, since: Instant) -> None:
        """Occurrence `number`, counted from `since`: the moment of the one before."""
        _, wait = self._dice(line, number)
        at = since + wait
        # What lies behind the end is not kept: most kinds on most hosts never happen in one run.
        if at < self._until:
            self._scene.world.at(
                at - self._scene.world.now, partial(self._happen, line, number, at)
            )

    def _happen(self, line: _Line, number: int, at: Instant) -> None:
        if self._scene.over:
            return
        if line.label(number) not in self._without:
            self._strike(line, number)
        self._expect(line, number + 1, at)

    def _strike(self, line: _Line, number: int) -> None:
        world, fault, label = self._scene.world, line.fault, line.label(number)
        key = f"{fault.name}/{line.place}"
        if key in self._active:
            return
        dice, _ = self._dice(line, number)
        end = fault.begin(self._scene, line.host, dice, line.strength)
        if end is None:
            return
        self.counts[fault.name] += 1
        injection = Injection(world.now, label, line.host.name, fault.sentence)
        self.injections.append(injection)
        self.tell(injection)
        shortest, longest = fault.lasts
        if longest:
            self._active[key] = (label, end)
            world.at(dice.randrange(shortest, longest + 1), partial(self._end, key, label))
        else:
            end()

    def _end(self, key: str, label: str) -> None:
        if self._active.get(key, ("", None))[0] == label:
            _, end = self._active.pop(key)
            end()
