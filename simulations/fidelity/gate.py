"""The gate of an invented machine: `node.shell.datagrams.udp.Gate` without a socket.

It keeps the same books (what was received, sent, too long, an echo of our own), since the agent's
doctor reads them; `tests/simulations/fidelity/test_gate.py` puts both to one contract.
"""

from typing import Final

import trio

from mesh.effects import Address
from mesh.letters.datagram import DATAGRAM_BYTES_MAX
from node.shell.datagrams.beacons import AirCounts, NetworkWarning
from node.shell.datagrams.interfaces import Interface
from node.shell.datagrams.sockets import is_literal
from node.shell.datagrams.udp import DRAIN_DATAGRAMS_MAX, Changed, Deliver, GateCounts
from simulations.fidelity.air import PORT, Air, Station
from simulations.fidelity.pipe import Doorway

CABLE: Final = "eth0"


class InventedGate:
    """One process's port on one station."""

    def __init__(self, air: Air, station: Station) -> None:
        self.counts = GateCounts()
        self.interfaces: tuple[Interface, ...] = ()
        self.listeners = (Doorway(station, "tcp"),)
        self._air = air
        self._station = station
        self._life = station.life
        station.reading = True

    @property
    def port(self) -> int:
        return PORT

    @property
    def warnings(self) -> tuple[NetworkWarning, ...]:
        """Nothing keeps discovery from working here."""
        return ()

    def scan(self) -> tuple[Interface, ...]:
        """One cable."""
        return (
            Interface(
                CABLE, self._station.address, 2, "10.255.255.255", multicast=False, loopback=False,
                link_bits=8,
            ),
        )  # fmt: skip

    async def run(self, deliver: Deliver, changed: Changed) -> None:
        """Hear everything until cancelled."""
        self.interfaces = self.scan()
        changed(self.interfaces)
        heard = self._station.heard
        while True:
            while not heard:
                self._station.came = trio.Event()
                await self._station.came.wait()
            for _ in range(min(DRAIN_DATAGRAMS_MAX, len(heard))):
                self._pass(*heard.popleft(), deliver)
            await trio.lowlevel.checkpoint()

    def send(self, to: Address, datagram: bytes) -> None:
        """Put one datagram on the wire. The dead put nothing there."""
        assert len(datagram) <= DATAGRAM_BYTES_MAX, "the core builds none this long"
        if not is_literal(to):
            self.counts.send_failed["not an address"] += 1
            return
        if self._alive:
            self._air.datagram(self._station, to, datagram)
            self.counts.sent += 1

    def broadcast(self, datagram: bytes) -> None:
        """One beacon to everyone near, ourselves among them."""
        assert len(datagram) <= DATAGRAM_BYTES_MAX, "the core builds none this long"
        if self._alive:
            self._air.beacon(self._station, datagram)
            self.counts.air.setdefault(CABLE, AirCounts()).sent += 1

    @property
    def _alive(self) -> bool:
        return self._life == self._station.life

    def _pass(self, datagram: bytes, sender: Address, beacon: bool, deliver: Deliver) -> None:
        if len(datagram) > DATAGRAM_BYTES_MAX:
            self.counts.too_long += 1
            return
        if beacon:
            counted = self.counts.air.setdefault(CABLE, AirCounts())
            if sender.host == self._station.address:
                counted.echoes += 1
                return
            counted.heard += 1
        self.counts.received += 1
        deliver(datagram, sender)
