"""Which frame reaches which port, how late and how often: a switch as a pure function of dice.

Frames are those of `AF_PACKET` sockets with `PACKET_VNET_HDR`: ten bytes of the kernel's notes on
checksum and segmentation, handed on as they came, then Ethernet. A cut drops whole frames, so ARP,
datagrams and streams all feel it, and a stream goes on where it stopped when the cut is mended.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

import msgspec

VNET_HEADER_BYTES: Final = 10
MAC_BYTES: Final = 6
ADDRESSES_MAX: Final = 256
GROUP_BIT: Final = 1


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the network is like now. A cut is (from, to), one way; shares are per frame."""

    cuts: tuple[tuple[str, str], ...] = ()
    loss: float = 0.0
    duplication: float = 0.0
    delay_ns: int = 0
    jitter_ns: int = 0


class Delivery(msgspec.Struct, frozen=True, order=True):
    """A frame on its way out of a port."""

    due_ns: int
    number: int
    port: str
    frame: bytes


class Fabric:
    """The switch's memory: who was heard on which port, and the conditions of now."""

    def __init__(self, ports: Sequence[str], dice: Random) -> None:
        self.ports = tuple(ports)
        self.conditions = Conditions()
        self._dice = dice
        self._homes: dict[bytes, str] = {}
        self._number = 0

    def take(self, port: str, frame: bytes, now_ns: int) -> list[Delivery]:
        """What becomes of a frame that came in on `port`: nothing, one delivery, or several."""
        ethernet = frame[VNET_HEADER_BYTES:]
        target, source = ethernet[:MAC_BYTES], ethernet[MAC_BYTES : 2 * MAC_BYTES]
        if len(source) < MAC_BYTES:
            return []
        if not source[0] & GROUP_BIT and (
            source in self._homes or len(self._homes) < ADDRESSES_MAX
        ):
            self._homes[source] = port
        home = self._homes.get(target)
        others = [other for other in self.ports if other != port]
        wanted = others if home is None else [home] if home != port else []
        return [
            self._delivery(other, frame, now_ns)
            for other in wanted
            for _ in range(self._copies(port, other))
        ]

    def _copies(self, source: str, target: str) -> int:
        now = self.conditions
        if (source, target) in now.cuts or self._dice.random() < now.loss:
            return 0
        return 2 if self._dice.random() < now.duplication else 1

    def _delivery(self, port: str, frame: bytes, now_ns: int) -> Delivery:
        late = self.conditions.delay_ns + self._dice.randrange(self.conditions.jitter_ns + 1)
        self._number += 1
        return Delivery(now_ns + late, self._number, port, frame)
