"""The air between invented machines: what leaves one, and when it reaches another.

One pump and one heap for everything under way, not a task per packet. How late and in what state
is the network's affair (`simulations/invented/network.py`, the very one of the larger simulator);
what a machine does that is off, or whose process has just died, is decided here.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import trio

from mesh.effects import Address
from mesh.instant import SECOND, Duration
from simulations.invented.network import Network

PORT: Final = 4653
SOCKET_DATAGRAMS_MAX: Final = 512
"""What a kernel keeps of datagrams that nobody reads yet."""

Trace = Callable[[str, str, bytes], None]
"""(what, at which machine, bytes): told of everything that happens."""


class Broken(Protocol):
    """An end of a connection that can be broken from outside."""

    def break_off(self) -> None:
        """As after a reset: reads and writes fail from now on."""


@dataclass(slots=True)
class Station:
    """One machine as the network sees it. `life` counts its processes."""

    name: str
    address: str
    powered: bool = True
    life: int = 0
    heard: deque[tuple[bytes, Address, bool]] = field(default_factory=deque)
    """Datagrams nobody has read yet: (datagram, from where, whether to everyone)."""
    came: trio.Event = field(default_factory=trio.Event)
    reading: bool = False
    """Whether a process has the port: else a datagram finds nobody."""
    doors: "dict[str, Doorbell]" = field(default_factory=dict)
    """Who listens for connections, by name: `tcp`, `local`."""
    ends: list[Broken] = field(default_factory=list)
    """The ends of connections that this machine's processes hold."""

    def hang_up(self) -> None:
        """The process is gone: the kernel closes what it had."""
        self.life += 1
        self.reading = False
        self.heard.clear()
        self.doors.clear()
        ends, self.ends = self.ends, []
        for end in ends:
            end.break_off()


class Doorbell(Protocol):
    """Somebody who listens for connections."""

    def ring(self, stream: trio.abc.Stream) -> bool:
        """A caller is there; False when no more may wait."""


class Air:
    """Everything under way between the stations. Run `pump` in the nursery."""

    def __init__(self, network: Network, trace: Trace) -> None:
        self.network = network
        self.trace = trace
        self.stations: dict[str, Station] = {}
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0
        self._earlier = trio.Event()

    def join(self, name: str) -> Station:
        """A new machine with an address of its own."""
        number = len(self.stations) + 1
        station = Station(name, f"10.0.{number // 250}.{number % 250}")
        self.stations[station.address] = station
        return station

    def later(self, delay: Duration, what: Callable[[], None]) -> None:
        """Let `what` happen after `delay`, in the pump."""
        at = trio.current_time() + delay / SECOND
        self._sequence += 1
        if not self._heap or at < self._heap[0][0]:
            self._earlier.set()
        heapq.heappush(self._heap, (at, self._sequence, what))

    async def pump(self) -> None:
        """Make everything happen in its time, until cancelled."""
        while True:
            while self._heap and self._heap[0][0] <= trio.current_time():
                heapq.heappop(self._heap)[2]()
            self._earlier = trio.Event()
            with trio.move_on_at(self._heap[0][0] if self._heap else math.inf):
                await self._earlier.wait()

    def datagram(self, source: Station, to: Address, datagram: bytes) -> None:
        """One datagram leaves; whatever the network makes of it arrives."""
        target = self.stations.get(to.host)
        if target is not None and to.port == PORT:
            self._fly(source, target, datagram, beacon=False)

    def beacon(self, source: Station, datagram: bytes) -> None:
        """One datagram to everyone in earshot, the speaker among them."""
        for target in self.stations.values():
            self._fly(source, target, datagram, beacon=True)

    def _fly(self, source: Station, target: Station, datagram: bytes, *, beacon: bool) -> None:
        sender = Address(source.address, PORT)
        for late, bent in self.network.datagram(source.name, target.name, datagram):
            self.later(late, partial(self._land, target, bent, sender, beacon))

    def _land(self, target: Station, datagram: bytes, sender: Address, beacon: bool) -> None:
        if not target.powered or not target.reading:
            return
        if len(target.heard) >= SOCKET_DATAGRAMS_MAX:
            return
        self.trace("datagram", target.name, datagram)
        target.heard.append((datagram, sender, beacon))
        target.came.set()
