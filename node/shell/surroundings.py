"""Where an agent finds itself: the clock, the dice, and everything that a start reaches out with.

The real ones are the default and are chosen nowhere else. A simulation hands in its own, and the
whole agent (desk, journal, streams, local door) runs as it is, in invented time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

import trio

from mesh.effects import Address
from mesh.instant import Instant
from node.config import UpOptions
from node.core.picture.reports import Check
from node.probes.shares import Onlooker
from node.shell import clock, health
from node.shell.aside import Aside, in_a_thread
from node.shell.datagrams import terrain
from node.shell.datagrams.beacons import NetworkWarning
from node.shell.datagrams.interfaces import Interface
from node.shell.datagrams.terrain import Terrain
from node.shell.datagrams.udp import Changed, Deliver, GateCounts
from node.shell.opening import DICE, Opened
from node.shell.probing import Eyes, MachineEyes
from node.shell.streams.dialler import Dial, dial_tcp
from node.shell.telling.local import DoorOpener, open_door


class OurPort(Protocol):
    """One port number, for streams and datagrams: as `node.shell.datagrams.udp.Gate`."""

    counts: GateCounts
    interfaces: tuple[Interface, ...]

    @property
    def port(self) -> int: ...
    @property
    def listeners(self) -> Sequence[trio.abc.Listener[trio.abc.Stream]]: ...
    @property
    def warnings(self) -> tuple[NetworkWarning, ...]: ...
    def scan(self) -> tuple[Interface, ...]: ...
    def send(self, to: Address, datagram: bytes) -> None: ...
    def broadcast(self, datagram: bytes) -> None: ...
    async def run(self, deliver: Deliver, changed: Changed) -> None: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one agent reaches out with. The port comes apart, since it is taken before the rest."""

    now: Callable[[], Instant] = clock.now
    dice: Random = DICE
    aside: Aside = in_a_thread
    dial: Dial = dial_tcp
    door: DoorOpener = open_door
    eyes: Callable[[UpOptions, Onlooker], Eyes] = MachineEyes
    footing: Callable[[Opened], list[Check]] = health.footing
    terrain: Callable[[], Terrain] = terrain.look
    wall: Callable[[], int] = clock.wall


THIS_MACHINE: Final = Surroundings()
"""The real ones."""
