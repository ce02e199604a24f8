"""The trace: one hash over everything that passed between the agents and the world.

Two runs with one trace hash are one history. What goes in: every datagram that is read, every
transaction begun, durable, failed or cut off, every answer to a person, every birth and end. Packed
bytes, for a formatted line per event would cost more than the events.
"""

import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from mesh.effects import Address
from mesh.instant import Instant
from mesh.persistence import Write
from node.core.effects import Reply
from simulations.invented.host import Host
from simulations.invented.observing import Observer

_HEAD: Final = struct.Struct(">QHBI")  # when, which host, what kind, how many bytes follow
_ENDS: Final = ("killed", "power", "stopped", "failed")
_STARTED, _ENDED, _DELIVERED, _BEGAN, _DURABLE, _ANSWERED, _TAIL = range(7)


class Trace(Observer):
    """Listens to one world. `now` tells its time."""

    def __init__(self, now: Callable[[], Instant]) -> None:
        self._now = now
        self._hash = hashlib.blake2b(digest_size=16)
        self.entries = 0

    def hexdigest(self) -> str:
        """The hash so far: 32 characters."""
        return self._hash.hexdigest()

    def started(self, host: Host) -> None:
        self._put(host, _STARTED, b"")

    def ended(self, host: Host, how: str) -> None:
        self._put(host, _ENDED, bytes([_ENDS.index(how)]))

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        self._put(host, _DELIVERED, datagram)

    def began(self, host: Host, writes: Sequence[Write]) -> None:
        parts = []
        for write in writes:
            parts += [write.space.encode(), write.key, write.value or b"-"]
        self._put(host, _BEGAN, b"\0".join(parts))

    def durable(self, host: Host, writes: Sequence[Write]) -> None:
        self._put(host, _DURABLE, len(writes).to_bytes(4))

    def answered(self, host: Host, reply: Reply) -> None:
        told = msgspec.msgpack.encode((reply.token, reply.ok, reply.body))
        self._put(host, _ANSWERED, told)

    def tail(self, host: Host, became: str) -> None:
        """What became of the transaction that a crash or a bad disk cut short."""
        self._put(host, _TAIL, became.encode())

    def _put(self, host: Host, kind: int, body: bytes) -> None:
        self.entries += 1
        self._hash.update(_HEAD.pack(self._now(), host.number, kind, len(body)))
        self._hash.update(body)
