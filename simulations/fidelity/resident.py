"""One invented machine and the whole agent on it: `node.app.App` as it ships, in surroundings of
memory.

What outlives a process: identity, disk, marker (unless the power fails), cable. What does not:
everything an `Incarnation` handed out. **A cancelled task is not a crash**: `finally` blocks run
and goodbyes are said. So whoever dies here first loses the use of its hands (disk, gate, streams,
marker, answers), and is cancelled only then.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, TypeVar

import trio

from mesh.effects import Address
from mesh.identity import Identity
from mesh.instant import MILLISECOND, SECOND, Duration, Instant
from mesh.keys.secret import Secret
from node.app import App
from node.config import UpOptions
from node.core.continuity import Marker
from node.core.effects import Watch
from node.core.picture.topics import How, Inventory
from node.probes.processes import Tie
from node.probes.sampler import Sample
from node.probes.shares import Onlooker
from node.shell.datagrams.terrain import Terrain
from node.shell.disk.state import StateError, StateFolder
from node.shell.driver import AgentStopped
from node.shell.opening import Ground, standing_on
from node.shell.surroundings import Surroundings
from node.shell.telling.events import EventWriter
from simulations.fidelity.air import PORT, Air, Station
from simulations.fidelity.disk import Disk
from simulations.fidelity.gate import InventedGate
from simulations.fidelity.pipe import Doorway, dial
from simulations.fidelity.vfs import DiskFiles, Platter
from simulations.invented import hardware

T = TypeVar("T")

LOOK_TIME: Final[Duration] = 5 * MILLISECOND
"""How long a probe takes."""
BOOT_TIME: Final[Duration] = 20 * SECOND
"""What the boot clock shows when an agent comes up after a power cut."""


@dataclass(slots=True)
class Resident:
    """One machine: what outlives its agent, and the agent of now."""

    name: str
    identity: Identity
    secret: Secret
    station: Station
    disk: Disk
    dice: Random
    seed: str
    ram: int = 8 * hardware.GIB
    cores: int = 8
    ram_foreign: int = 0
    marker: Marker | None = None
    boots: int = 1
    clock_offset: Duration = 0
    doubtful: bool = False
    """Its disk has lied, rotted or been set back: what it lost is no fault of the agent's."""
    incarnation: "Incarnation | None" = None
    starts: int = 0

    @property
    def id(self) -> bytes:
        return self.identity.id

    @property
    def app(self) -> App | None:
        """The agent, once it is up; None while the machine is off or it is only starting."""
        return None if self.incarnation is None else self.incarnation.app

    def now(self) -> Instant:
        """The machine's boot clock."""
        return round(trio.current_time() * SECOND) + self.clock_offset

    def kill(self, *, power: bool = False) -> None:
        """SIGKILL in the middle of whatever it was doing; `power`: the whole machine goes dark."""
        self.station.powered = not power
        self.station.hang_up()
        if power:
            self.disk.power_cut()
            self.marker = None
        else:
            self.disk.kill()
        if self.incarnation is not None:
            self.incarnation.die()

    def boot(self) -> None:
        """Power is back. The boot clock begins anew."""
        if not self.station.powered:
            self.station.powered = True
            self.boots += 1
            self.clock_offset = BOOT_TIME - round(trio.current_time() * SECOND)


class Incarnation:
    """One process. `run` it; it ends by itself, by `stop`, or by `Resident.kill`."""

    def __init__(self, resident: Resident, air: Air, platter: Platter) -> None:
        self.resident = resident
        self.app: App | None = None
        self.dead = False
        self.why = ""
        """What a process that ended by itself had to say."""
        self._air = air
        self._platter = platter
        self._life = resident.disk.life
        self._scope = trio.CancelScope()
        self._under_way: list[trio.CancelScope] = []
        resident.starts += 1
        self._dice = Random(f"{resident.seed}/agent/{resident.name}/{resident.starts}")
        self._delays = Random(f"{resident.seed}/aside/{resident.name}/{resident.starts}")

    def die(self) -> None:
        """Its hands are gone already (`Resident.kill`); now everything in it is cancelled."""
        self.dead = True
        for scope in self._under_way:
            scope.cancel()
        self._scope.cancel()

    def stop(self, *, leaving: bool = False) -> None:
        """SIGTERM, or `holdfast leave`."""
        if self.app is None:
            self._scope.cancel()
        else:
            self.app.leaving = leaving
            self.app.stopping.set()

    async def run(self, born: Callable[[App], None], *, first: bool) -> None:
        """From the opening of the folder to the end of the process."""
        try:
            with self._scope:
                await self._live(born, first=first)
        except* (AgentStopped, StateError) as ended:
            self.why = str(_first(ended))
        finally:
            self.app = None
            if not self.dead:
                self.resident.disk.kill()
                self.resident.station.hang_up()

    async def _live(self, born: Callable[[App], None], *, first: bool) -> None:
        resident = self.resident
        gate = InventedGate(self._air, resident.station)
        options = UpOptions(
            state=Path(f"/{resident.name}/{self._life}"), port=PORT, name=resident.name,
            first=first, mdns=False,
        )  # fmt: skip
        with standing_on(self._ground(options), options, []) as here:
            log = EventWriter(io.StringIO(), pretty=False)
            self.app = App(options, here, gate, log, self._surroundings())
            born(self.app)
            await self.app.run()

    def _ground(self, options: UpOptions) -> Ground:
        resident = self.resident
        return Ground(
            folder=InventedFolder(options.state, resident.secret),
            files=DiskFiles(self._platter, resident.disk),
            claim=Onlooker(Path("/nowhere")),
            identity=resident.identity,
            marker=VolatileMarker(self),
            marker_note="the marker lies in memory",
            boot_id=f"boot {resident.boots} of {resident.name}",
            fingerprint=f"fingerprint of {resident.name}",
            hostname=resident.name,
            dice=self._dice,
        )

    def _surroundings(self) -> Surroundings:
        station = self.resident.station
        return Surroundings(
            now=self.resident.now,
            dice=self._dice,
            aside=self.aside,
            dial=self._dial,
            door=lambda _path: Doorway(station, "local"),
            eyes=lambda _options, _claim: InventedEyes(self.resident),
            footing=lambda _here: [],
            terrain=Terrain,
            wall=self.resident.now,
        )

    async def _dial(self, to: Address) -> trio.abc.Stream:
        return await dial(self._air, self.resident.station, to)

    async def aside(self, work: Callable[[], T], *, abandon: bool = False) -> T:
        """As a worker thread: it takes a while, and whoever may not be abandoned is waited for
        even by a caller that is cancelled. A process that dies waits for nothing."""
        await trio.lowlevel.checkpoint_if_cancelled()
        longest = LOOK_TIME if abandon else self.resident.disk.sync_time
        before, after = (self._delays.random() * longest / SECOND for _ in range(2))
        with trio.CancelScope(shield=not abandon) as scope:
            self._under_way.append(scope)
            try:
                await trio.sleep(before)
                done = work()
                await trio.sleep(after)
                return done
            finally:
                self._under_way.remove(scope)
        # Cancelled in spite of the shield: the process is dead, and so is whoever called.
        await trio.sleep_forever()
        raise AssertionError("the dead do not wake")


class InventedFolder(StateFolder):
    """A state folder whose small files never fail: only the journal lies on the bad disk."""

    def __init__(self, path: Path, secret: Secret) -> None:
        super().__init__(path)
        self._secret = secret

    def read_secret(self) -> str:
        return self._secret.text

    def read_name(self) -> None:
        """It is named by its options."""

    def write_name(self, name: str) -> None:
        """As above."""


@dataclass(frozen=True, slots=True)
class VolatileMarker:
    """The continuity marker in memory that outlives the process and not the power."""

    incarnation: Incarnation

    @property
    def path(self) -> Path:
        return Path("/memory/marker")

    def read(self) -> Marker | None:
        return self.incarnation.resident.marker

    def write(self, marker: Marker) -> bool:
        if not self.incarnation.dead:
            self.incarnation.resident.marker = marker
        return True

    def forget(self) -> None:
        if not self.incarnation.dead:
            self.incarnation.resident.marker = None


@dataclass(slots=True)
class InventedEyes:
    """What the probes of an invented machine see."""

    resident: Resident
    models: None = None
    """Nobody keeps models on an invented machine."""

    def inventory(self, *, ask_versions: bool) -> Inventory:
        del ask_versions
        told = hardware.inventory(self.resident.name, self.resident.ram, self.resident.cores)
        assert isinstance(told.inventory, Inventory), "a machine, and not its models"
        return told.inventory

    def sample(self, ties: Sequence[Tie]) -> Sample:
        del ties
        seen = hardware.sample(self.resident.ram, self.resident.cores, self.resident.ram_foreign)
        return Sample(seen.live, seen.readings, {})

    async def until_gone(self, watch: Watch) -> How:
        """No process of anybody's runs here."""
        del watch
        await trio.lowlevel.checkpoint()
        return How.UNKNOWN


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
