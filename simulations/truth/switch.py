"""The switch as a process: frames between its ports, conditions from its standard input.

    python -m simulations.truth.switch SEED PORT…

Each line of its input is one `Conditions` as JSON, each is acknowledged by a line of output once it
holds, and the end of its input is its end. In user space because not every kernel has netem and not
every machine has nft; a frame costs some tens of microseconds, and ours are few.
"""

import heapq
import selectors
import socket
import sys
import time
from contextlib import suppress
from random import Random
from typing import Final

import msgspec

from simulations.truth.fabric import Conditions, Delivery, Fabric

SOL_PACKET: Final = 263
PACKET_VNET_HDR: Final = 15
ETH_P_ALL: Final = 0x0003
PACKET_OUTGOING: Final = 4
FRAME_BYTES_MAX: Final = 1 << 17
WAITING_MAX: Final = 20_000
FRAMES_PER_VISIT: Final = 64
"""So that one loud port holds up neither the others nor a cut."""


def open_port(name: str) -> socket.socket:
    """Every frame on an interface of this namespace, with the kernel's notes. Raises OSError."""
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    port.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    port.bind((name, ETH_P_ALL))
    port.setblocking(False)
    return port


class Switch:
    """Ports, what waits for its time, and the fabric that decides."""

    def __init__(self, names: list[str], seed: str) -> None:
        self.fabric = Fabric(names, Random(seed))
        self.ports = {name: open_port(name) for name in names}
        self.waiting: list[Delivery] = []

    def run(self) -> None:
        """Until standard input ends."""
        selector = selectors.DefaultSelector()
        for name, port in self.ports.items():
            selector.register(port, selectors.EVENT_READ, name)
        selector.register(sys.stdin.buffer, selectors.EVENT_READ, None)
        while True:
            for key, _ in selector.select(self._patience()):
                if key.data is not None:
                    self._read(key.data)
                elif not self._obey():
                    return
            self._send_due()

    def _patience(self) -> float | None:
        if not self.waiting:
            return None
        return max(0, self.waiting[0].due_ns - time.perf_counter_ns()) / 1e9

    def _obey(self) -> bool:
        line = sys.stdin.buffer.readline()
        if not line:
            return False
        self.fabric.conditions = msgspec.json.decode(line, type=Conditions)
        sys.stdout.write("done\n")
        sys.stdout.flush()
        return True

    def _read(self, name: str) -> None:
        for _ in range(FRAMES_PER_VISIT):
            try:
                frame, source = self.ports[name].recvfrom(FRAME_BYTES_MAX)
            except BlockingIOError:
                return
            if source[2] == PACKET_OUTGOING:
                continue
            for delivery in self.fabric.take(name, frame, time.perf_counter_ns()):
                if len(self.waiting) < WAITING_MAX:
                    heapq.heappush(self.waiting, delivery)

    def _send_due(self) -> None:
        now = time.perf_counter_ns()
        while self.waiting and self.waiting[0].due_ns <= now:
            delivery = heapq.heappop(self.waiting)
            with suppress(OSError):  # A full queue drops, as any switch's would.
                self.ports[delivery.port].send(delivery.frame)


def main() -> None:
    """The switch, from its words on the command line."""
    _, seed, *names = sys.argv
    Switch(names, f"{seed}/switch").run()


if __name__ == "__main__":
    main()
