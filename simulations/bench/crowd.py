"""`python -m simulations.bench.crowd N`: a full mesh of N nodes in a world, as one JSON line.

In a process of its own, because memory that one mesh has given back would still be there when the
next one is weighed. All start at one moment, so the join is the worst there is: everybody has to
meet everybody. It is over when each has met all others and all keep the same. Then a quiet minute's
part is measured, and then a minute in which things go wrong.

The collector of cyclic garbage is off: what a world keeps it keeps to the end, and looking through
all of it again and again would be a tenth of the figure.
"""

import gc
import json
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random
from typing import Final, TypedDict

from mesh.instant import SECOND, Duration, in_seconds, seconds
from simulations.invented.host import Host
from simulations.invented.network import Weather
from simulations.invented.world import World

SEED: Final = 20_260_104
PAGE_BYTES: Final = 4096
MIB: Final = 1 << 20
FAIR: Final = Weather(loss=0.02)
"""The join and the quiet part: some loss is never a fault."""
FOUL: Final = Weather(loss=0.02, duplication=0.01, reordering=0.02, corruption=0.001)
JOIN_LIMIT: Final[Duration] = 300 * SECOND
STEP: Final[Duration] = SECOND
QUIET: Final[Duration] = 20 * SECOND
MINUTE: Final[Duration] = 60 * SECOND
KILLS: Final = 4
PAUSES: Final = 4
SLOW: Final = 4
CUTS: Final = 2
"""Per minute, whatever the size: what would be a bad minute for a real mesh of a thousand."""


class Figures(TypedDict):
    """What was measured. Seconds are CPU time of this process unless they are virtual."""

    nodes: int
    join_seconds: float
    join_virtual_seconds: float
    mib_per_node: float
    quiet_node_seconds_per_second: float
    events_per_second: float
    faults_seconds: float
    faults: dict[str, int]


def measure(nodes: int) -> Figures:
    """Join, stay, suffer."""
    before = resident_bytes()
    world = World(SEED, FAIR)
    names = [f"n{number:05}" for number in range(nodes)]
    for name in names:
        world.add(name)
    joined = _cpu(partial(_join, world))
    virtual = in_seconds(world.now)
    held = (resident_bytes() - before) / MIB / nodes
    gc.freeze()
    events = world.happened
    quiet = _cpu(partial(world.run, QUIET))
    events = world.happened - events
    counts: Counter[str] = Counter()
    foul = _cpu(partial(_suffer, world, counts))
    return Figures(
        nodes=nodes,
        join_seconds=joined,
        join_virtual_seconds=virtual,
        mib_per_node=held,
        quiet_node_seconds_per_second=nodes * in_seconds(QUIET) / quiet,
        events_per_second=events / quiet,
        faults_seconds=foul,
        faults=dict(sorted(counts.items())),
    )


def _join(world: World) -> None:
    for name in world.hosts:
        world.start(name, first=True)
    deadline = world.now + JOIN_LIMIT
    while not _all_met(world):
        assert world.now < deadline, "the mesh never formed"
        world.run(STEP)


def _all_met(world: World) -> bool:
    hosts = list(world.hosts.values())
    if len({host.alive.mesh.root for host in hosts}) > 1:
        return False
    return all(_met(host) == len(hosts) - 1 for host in hosts)


def _met(host: Host) -> int:
    return sum(member.met for member in host.alive.mesh.roll.members())


def _suffer(world: World, counts: Counter[str]) -> None:
    """A minute of foul weather, deaths, pauses, slowness and cuts."""
    dice = Random(f"{SEED}/suffering")
    world.network.weather = FOUL
    plan = [
        *[("kill", _kill)] * KILLS, *[("pause", _pause)] * PAUSES,
        *[("slow", _slow)] * SLOW, *[("cut", _cut)] * CUTS,
    ]  # fmt: skip
    struck = dice.sample(sorted(world.hosts), min(len(plan), len(world.hosts)))
    for (kind, strike), name in zip(plan, struck, strict=False):
        counts[kind] += 1
        world.at(dice.randrange(MINUTE * 3 // 4), partial(strike, world, name))
    world.run(MINUTE)


def _kill(world: World, name: str) -> None:
    world.crash(name)
    world.at(2 * SECOND, partial(_back, world, name))


def _back(world: World, name: str) -> None:
    world.start(name)


def _pause(world: World, name: str) -> None:
    world.pause(name, 3 * SECOND)


def _slow(world: World, name: str) -> None:
    world.slow(name, 20.0)
    world.at(10 * SECOND, lambda: world.slow(name, 0.0))


def _cut(world: World, name: str) -> None:
    cut = world.network.cut([name], [other for other in world.hosts if other != name])
    world.at(seconds(8), lambda: world.network.mend(cut))


def _cpu(work: partial[None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def resident_bytes() -> int:
    """What this process has in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES


if __name__ == "__main__":
    gc.disable()
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]))) + "\n")
