"""A village of whole agents in one trio run: machines, the air between them, and a trace.

The trace is one hash over every datagram and stream segment delivered, everything that reached a
disk, every start and end, and every answer to a person. Of segments only the length is in it: what
TLS makes of the same bytes differs each time, as it should.
"""

import hashlib
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import trio

from mesh.identity import Identity
from mesh.instant import SECOND, Duration, Instant
from mesh.keys.secret import Secret
from mesh.roll.membership import Liveness
from node.app import App
from simulations.fidelity.air import Air
from simulations.fidelity.disk import Disk
from simulations.fidelity.resident import Incarnation, Resident
from simulations.fidelity.vfs import Platter, platter
from simulations.invented import hardware
from simulations.invented.network import Network, Weather

_HEAD: Final = struct.Struct(">QI")


class Trace:
    """One hash over everything that happened, and a short memory of it for people."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self.entries = 0
        self.told: list[str] = []
        """What a person would tell of this evening, in order."""

    def put(self, what: str, where: str, data: bytes) -> None:
        """One thing that happened, now."""
        name = f"{what}@{where}".encode()
        self._hash.update(_HEAD.pack(round(trio.current_time() * SECOND), len(name)) + name + data)
        self.entries += 1

    def tell(self, sentence: str) -> None:
        """One thing that a person did or should know."""
        self.told.append(f"{trio.current_time():9.3f} s  {sentence}")
        self.put("told", "", sentence.encode())

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


class Village:
    """Machines by name. Use `village`."""

    def __init__(self, seed: str, network: Network, nursery: trio.Nursery, trace: Trace) -> None:
        self.seed = seed
        self.trace = trace
        self.network = network
        self.air = Air(network, trace.put)
        self.residents: dict[str, Resident] = {}
        self.disks: dict[str, Disk] = {}
        self.platter: Platter
        self.on_start: list[Callable[[Resident, App], None]] = []
        """Told of every agent before it does anything."""
        self.on_end: list[Callable[[Resident, str], None]] = []
        """Told of every process that ended by itself, and why ("" after a stop)."""
        self._nursery = nursery
        self._dice = Random(f"{seed}/village")
        self._secret = Secret(self._dice.randbytes(32))

    @property
    def now(self) -> Instant:
        """Time outside, which no machine can see."""
        return round(trio.current_time() * SECOND)

    @property
    def up(self) -> list[Resident]:
        """Every machine whose agent is up."""
        return [resident for resident in self.residents.values() if resident.app is not None]

    def add(self, name: str, ram: int = 8 * hardware.GIB) -> Resident:
        """A new machine, switched off."""
        disk = Disk(
            Random(f"{self.seed}/disk/{name}"),
            effect=lambda what, file, where, data: self.trace.put(
                f"{what} {file} {where}", name, data
            ),
        )
        resident = Resident(
            name, Identity(self._dice.randbytes(32)), self._secret, self.air.join(name), disk,
            Random(f"{self.seed}/machine/{name}"), self.seed, ram,
            clock_offset=self._dice.randrange(10**6) * SECOND,
        )  # fmt: skip
        self.residents[name] = resident
        self.disks[name] = disk

        def died() -> None:
            resident.station.hang_up()
            if resident.incarnation is not None:
                resident.incarnation.die()

        disk.died = died
        return resident

    def start(self, name: str, *, first: bool = False) -> None:
        """Start the agent's process."""
        resident = self.residents[name]
        assert resident.incarnation is None, f"{name} runs already"
        resident.boot()
        resident.incarnation = self._process_of(resident)
        self.trace.put("start", name, b"")
        self._nursery.start_soon(self._run, resident, resident.incarnation, first)

    def _process_of(self, resident: Resident) -> Incarnation:
        return Incarnation(resident, self.air, self.platter)

    async def wait_for(self, done: Callable[[], bool], limit: Duration) -> bool:
        """Let time pass until `done`. Whether it was done within `limit`."""
        end = trio.current_time() + limit / SECOND
        while not done():
            if trio.current_time() >= end:
                return False
            await trio.sleep(0.1)
        return True

    def agree(self) -> bool:
        """Whether everybody is up and counts everybody else."""
        others = len(self.residents) - 1
        return len(self.up) == len(self.residents) and all(
            self._counts(resident) == others for resident in self.up
        )

    def open(self) -> bool:
        """Whether everybody is up and grants."""
        apps = [resident.app for resident in self.residents.values()]
        return all(app is not None and app.agent.ledger.standing[0] == "open" for app in apps)

    def _counts(self, resident: Resident) -> int:
        assert resident.app is not None
        members = resident.app.agent.knowledge.members()
        return sum(member.liveness is Liveness.ALIVE for member in members)

    async def _run(self, resident: Resident, process: Incarnation, first: bool) -> None:
        def born(app: App) -> None:
            for tell in self.on_start:
                tell(resident, app)

        await process.run(born, first=first)
        resident.incarnation = None
        self.trace.put("end", resident.name, process.why.encode())
        if not process.dead:
            for hear in self.on_end:
                hear(resident, process.why)


@asynccontextmanager
async def village(
    seed: str, weather: Weather, trace: Trace, kind: type[Village] = Village
) -> AsyncIterator[Village]:
    """An empty village; whoever is up at the end of the block is killed."""
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest())
    async with trio.open_nursery() as nursery:
        here = kind(seed, Network(weather, number), nursery, trace)
        with platter(here.disks, Random(f"{seed}/sqlite")) as here.platter:
            nursery.start_soon(here.air.pump)
            yield here
            for resident in here.residents.values():
                resident.kill()
            while any(resident.incarnation for resident in here.residents.values()):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
