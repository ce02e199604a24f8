"""What can go wrong in a village, one function each.

A fault is drawn by name; what it does is drawn from the evening's own dice. Those that make a disk
untrue mark it so (`Resident.doubtful`): its agent may then lose what it cannot have kept, and must
not claim otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from mesh.instant import MILLISECOND, SECOND
from simulations.fidelity.pipe import Pipe
from simulations.invented.hardware import GIB
from simulations.invented.network import Weather

if TYPE_CHECKING:
    from simulations.fidelity.evening import Evening

DISK_CALLS_MAX: Final = 60
"""How far into its next work on the disk a process may come before it dies there."""
STEPS_MAX: Final = 12
SPARES: Final = (0, 16 << 10, 64 << 10, 8 << 20)
"""What of the spare room somebody else was quicker to take."""
BREATHER_SECONDS: Final = (0.5, 2.0, 8.0)


class Fault(NamedTuple):
    """One kind: how often it is drawn beside the others, and what it does."""

    weight: int
    sentence: str
    strike: Callable[[Evening], Awaitable[None]]


async def kill(evening: Evening) -> None:
    if (resident := evening.someone_up()) is not None:
        evening.down(resident, "is killed")


async def kill_soon_after_a_question(evening: Evening) -> None:
    """At whatever await its tasks have come to a moment after somebody asked."""
    with trio.move_on_after(max(BREATHER_SECONDS)):
        await evening.asked.wait()
    await trio.sleep(evening.dice.random() * 0.02)
    for _ in range(evening.dice.randrange(STEPS_MAX)):
        await trio.lowlevel.checkpoint()
    await kill(evening)


async def die_at_the_disk(evening: Evening) -> None:
    """Between two of SQLite's own calls: inside a commit, a checkpoint, or an opening."""
    resident = evening.someone()
    resident.disk.dies_in = evening.dice.randrange(DISK_CALLS_MAX)
    evening.tell(f"{resident.name} will die {resident.disk.dies_in} disk calls from now")


async def power_cut(evening: Evening) -> None:
    evening.down(evening.someone(), "loses its power", power=True)


async def die_at_the_disk_and_lose_power(evening: Evening) -> None:
    resident = evening.someone()
    await die_at_the_disk(evening)
    await trio.sleep(evening.dice.random() * 5)
    evening.down(resident, "loses its power", power=True)


async def failed_sync(evening: Evening) -> None:
    resident = evening.someone()
    resident.disk.failing_syncs = 1
    evening.tell(f"a sync of {resident.name} will fail")
    if evening.dice.random() < 0.5:
        await trio.sleep(evening.dice.choice(BREATHER_SECONDS))
        evening.down(resident, "loses its power", power=True)


async def full_disk(evening: Evening) -> None:
    resident = evening.someone()
    resident.disk.full, resident.disk.spare_max = True, evening.dice.choice(SPARES)
    evening.tell(f"the disk of {resident.name} is full but for {resident.disk.spare_max} bytes")
    await trio.sleep(evening.dice.choice(BREATHER_SECONDS))
    resident.disk.full = False
    evening.tell(f"there is room again on {resident.name}")


async def slow_disk(evening: Evening) -> None:
    resident = evening.someone()
    resident.disk.sync_time = evening.dice.choice((50, 500, 2000)) * MILLISECOND
    evening.tell(f"the disk of {resident.name} takes {resident.disk.sync_time / SECOND} s")
    await trio.sleep(max(BREATHER_SECONDS))
    resident.disk.sync_time = 2 * MILLISECOND


async def lying_disk(evening: Evening) -> None:
    resident = evening.someone()
    resident.doubtful = True
    resident.disk.lies = 0.3
    evening.tell(f"the disk of {resident.name} lies about every third sync")
    await trio.sleep(max(BREATHER_SECONDS))
    evening.down(resident, "loses its power", power=True)
    resident.disk.lies = 0.0


async def rot(evening: Evening) -> None:
    resident = evening.someone()
    evening.down(resident, "is killed")
    resident.doubtful = True
    if resident.disk.rot():
        evening.tell(f"a bit turns over on the disk of {resident.name}")


async def set_back(evening: Evening) -> None:
    """A copy of some seconds ago is put back; with luck the marker is still there to notice."""
    resident = evening.someone()
    evening.down(resident, "is killed")
    backup = resident.disk.snapshot()
    evening.tell(f"the disk of {resident.name} is copied")
    await trio.sleep(evening.dice.choice(BREATHER_SECONDS) * 2)
    evening.down(resident, "is killed")
    resident.doubtful = True
    if evening.dice.random() < 0.5:
        resident.marker = None
    resident.disk.set_back(backup)
    evening.tell(f"the disk of {resident.name} is set back")


async def stop(evening: Evening) -> None:
    resident = evening.someone_up()
    if resident is not None and resident.incarnation is not None:
        leaving = evening.dice.random() < 0.3
        evening.tell(f"{resident.name} {'leaves' if leaving else 'is stopped'}")
        resident.incarnation.stop(leaving=leaving)


async def cut(evening: Evening) -> None:
    names = list(evening.village.residents)
    here = evening.dice.sample(names, evening.dice.randrange(1, len(names)))
    there = [name for name in names if name not in here]
    one_way = evening.dice.random() < 0.4
    number = evening.village.network.cut(here, there, one_way=one_way)
    evening.tell(f"cut{' one way' if one_way else ''}: {' '.join(here)} | {' '.join(there)}")
    await trio.sleep(evening.dice.choice((1.0, 8.0, 20.0)))
    evening.village.network.mend(number)
    evening.tell("mended")


async def broken_connections(evening: Evening) -> None:
    """Whatever is in the middle of a connection is not any more."""
    ends = [end for one in evening.village.residents.values() for end in one.station.ends]
    for end in ends:
        if isinstance(end, Pipe) and evening.dice.random() < 0.5:
            end.snap()
    evening.tell("connections break")


async def weather(evening: Evening) -> None:
    network, dice = evening.village.network, evening.dice
    network.weather = storm = Weather(
        delay=dice.choice((0, 1, 20)) * MILLISECOND,
        jitter=dice.choice((0, 1, 50)) * MILLISECOND,
        loss=dice.choice((0.0, 0.05, 0.2)),
        duplication=dice.choice((0.0, 0.1)),
        reordering=dice.choice((0.0, 0.1)),
        corruption=dice.choice((0.0, 0.02)),
        breakage=dice.choice((0.0, 0.02)),
    )
    evening.tell(f"{storm}")
    await trio.sleep(max(BREATHER_SECONDS))
    network.weather = replace(storm, loss=0.0, corruption=0.0, breakage=0.0)


async def foreign(evening: Evening) -> None:
    resident = evening.someone()
    resident.ram_foreign = evening.dice.choice((0, 1, 4)) * GIB
    evening.tell(f"{resident.ram_foreign >> 30} GiB of {resident.name} are foreign")


CATALOGUE: Final[dict[str, Fault]] = {
    "kill": Fault(4, "SIGKILL at any moment", kill),
    "kill-at-await": Fault(6, "SIGKILL soon after a question", kill_soon_after_a_question),
    "kill-at-disk": Fault(6, "SIGKILL between two calls of SQLite", die_at_the_disk),
    "power": Fault(4, "a power cut", power_cut),
    "power-at-disk": Fault(4, "a power cut inside a commit", die_at_the_disk_and_lose_power),
    "failed-sync": Fault(3, "a sync that fails, perhaps with a power cut after it", failed_sync),
    "full-disk": Fault(2, "no space for some seconds", full_disk),
    "slow-disk": Fault(2, "syncs that take up to seconds", slow_disk),
    "lying-disk": Fault(1, "syncs that only say so, then a power cut", lying_disk),
    "rot": Fault(1, "a bit that turns over", rot),
    "set-back": Fault(2, "an old copy of the disk put back", set_back),
    "stop": Fault(3, "a clean stop, or a farewell", stop),
    "cut": Fault(3, "a cut between some and the others, one way or both", cut),
    "broken-connections": Fault(2, "connections that break in the middle", broken_connections),
    "weather": Fault(2, "loss, delay, repetition, disorder, bent bytes", weather),
    "foreign": Fault(1, "programs that nobody asked about take memory", foreign),
}
"""Every kind, by the name a campaign counts it under."""
