"""Hints: addresses at which somebody may be, told by nobody who can be held to it.

A seed is an operator's word and is tried for ever. A hint is unsigned: anyone on the local network
can put one there, a true one may outlive its machine by an hour, and a false one may point at
somebody who wants none of our hellos. So a hint earns three hellos and then a rest, in which being
told it again earns nothing; and only so many are under way or at rest at a time. Whatever is told
to us, we send no more than `HINTS_MAX` × 3 hellos a minute because of it.
"""

from typing import Final

from mesh.effects import Address
from mesh.instant import SECOND, Duration, Instant
from mesh.timers import Timers

HINTS_MAX: Final = 64
"""One that answers is enough: the rest of the mesh is heard of through it."""
WAITS: Final[tuple[Duration, ...]] = (SECOND, 2 * SECOND, 60 * SECOND)
"""After each hello; the last wait is the rest."""


class Hints:
    """One count of hellos per address, and when the next is due."""

    def __init__(self) -> None:
        self._timers: Timers[Address] = Timers()
        self._sent: dict[Address, int] = {}

    @property
    def next_wake(self) -> Instant | None:
        return self._timers.next

    def told(self, address: Address, now: Instant) -> bool:
        """Somebody may be at `address`. False: there are too many of these just now."""
        if address in self._sent:
            return True  # Told again: it is on its way, or has had its hellos.
        if len(self._sent) >= HINTS_MAX:
            return False
        self._sent[address] = 0
        self._timers.set(address, now)
        return True

    def met(self, address: Address, now: Instant) -> None:
        """Somebody is there and has proven it: no more hellos, and still the rest."""
        if address in self._sent:
            self._sent[address] = len(WAITS)
            self._timers.set(address, now + WAITS[-1])

    def due(self, now: Instant) -> tuple[Address, ...]:
        """Whom to greet now. A rest that is over is forgotten."""
        greeted = []
        for address in self._timers.due(now):
            sent = self._sent[address]
            if sent == len(WAITS):
                del self._sent[address]
                continue
            self._sent[address] = sent + 1
            self._timers.set(address, now + WAITS[sent])
            greeted.append(address)
        return tuple(greeted)
