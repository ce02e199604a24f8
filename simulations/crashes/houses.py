"""Three machines whose disks and markers are real folders, in invented time and weather."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import trio

from node.app import App
from node.config import UpOptions
from node.shell.disk.marker import MarkerFile
from node.shell.disk.state import StateFolder
from node.shell.opening import Ground, standing_on
from node.shell.telling.events import EventWriter
from simulations.crashes.reaper import Reaper, SteppedFiles, SteppedHands, SteppedVfs
from simulations.fidelity.air import PORT
from simulations.fidelity.gate import InventedGate
from simulations.fidelity.resident import Incarnation, InventedFolder, Resident
from simulations.fidelity.village import Trace, Village, village
from simulations.invented.network import Weather

NAMES: Final = ("a", "b", "c")
SEED: Final = "crashes"
CHECKPOINT_ENTRIES: Final = 6
"""A log of a few entries has several checkpoints in it, and is pruned."""
DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class House:
    """Where one machine keeps what outlives a process, on the disk and in memory."""

    name: str
    disk: Path
    memory: Path

    @classmethod
    def under(cls, folder: Path, volatile: Path, name: str) -> "House":
        """Made if need be."""
        house = cls(name, folder / name, volatile / name)
        for one in (house.disk, house.memory):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        return house


class Inhabited(Incarnation):
    """One process on a real disk. Its boundaries are counted by `reaper`."""

    house: House
    reaper: Reaper
    vfs: str

    async def _live(self, born: Callable[[App], None], *, first: bool) -> None:
        gate = InventedGate(self._air, self.resident.station)
        options = UpOptions(
            state=self.house.disk, port=PORT, name=self.resident.name, first=first, mdns=False
        )
        with standing_on(self._ground(options), options, []) as here:
            limits = replace(here.birth.limits, checkpoint_entries=CHECKPOINT_ENTRIES)
            here.birth = replace(here.birth, limits=limits)
            log = EventWriter(io.StringIO(), pretty=False)
            self.app = App(options, here, gate, log, self._surroundings())
            self.app.driver.hands = SteppedHands(self.app, self.house.name, self.reaper)
            born(self.app)
            await self.app.run()

    def _ground(self, options: UpOptions) -> Ground:
        folder: StateFolder = InventedFolder(options.state, self.resident.secret)
        marker = MarkerFile(self.house.memory / "marker")
        files = SteppedFiles(self.vfs, self.house.name, self.reaper)
        ground = super()._ground(options)
        return replace(ground, folder=folder, files=files, marker=marker)


class Hamlet(Village):
    """A village of such machines."""

    houses: dict[str, House]
    reaper: Reaper

    def move_in(
        self, folder: Path, volatile: Path, reaper: Reaper, held: ExitStack, days: int
    ) -> None:
        """Everybody, switched off. The same machines each time, `days` later by their clocks."""
        self.houses = {name: House.under(folder, volatile, name) for name in NAMES}
        self.reaper = reaper
        for name in NAMES:
            resident = self.add(name)
            resident.clock_offset += DAY_NS * days
            registered = SteppedVfs(f"crashes-{name}", name, reaper)
            held.callback(registered.unregister)

    def _process_of(self, resident: Resident) -> Incarnation:
        process = Inhabited(resident, self.air, self.platter)
        process.house, process.reaper = self.houses[resident.name], self.reaper
        process.vfs = f"crashes-{resident.name}"
        return process


@asynccontextmanager
async def hamlet(
    folder: Path, volatile: Path, reaper: Reaper, days: int = 0
) -> AsyncIterator[Hamlet]:
    """The machines whose folders these are. Whoever is up at the end of the block is killed."""
    with ExitStack() as held:
        async with village(SEED, Weather(), Trace(), Hamlet) as here:
            assert isinstance(here, Hamlet)
            here.move_in(folder, volatile, reaper, held, days)
            yield here
            await trio.lowlevel.checkpoint()
