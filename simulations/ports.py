"""Ports for agents and servers of a test: nobody has them, and nobody is given them by chance.

A system hands out ports of its own (on Linux 32768 to 60999) to every program that connects
somewhere. A port from that range that was free a moment ago may be somebody's a moment later, so
ours are drawn from below it.
"""

import socket
from random import SystemRandom
from typing import Final

LOWEST: Final = 20_000
HIGHEST: Final = 32_000
TRIES_MAX: Final = 200

_DICE: Final = SystemRandom()


def free_port() -> int:
    """A port that nobody had a moment ago, neither for TCP nor for UDP."""
    (port,) = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """`count` different ones. Raises OSError when a few hundred tries do not find them."""
    ports: dict[int, None] = {}
    for _ in range(TRIES_MAX + count):
        if len(ports) == count:
            return [*ports]
        port = _DICE.randint(LOWEST, HIGHEST)
        if _is_free(port):
            ports[port] = None
    raise OSError(f"no {count} free ports between {LOWEST} and {HIGHEST}")


def _is_free(port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as streams,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            streams.bind(("0.0.0.0", port))  # noqa: S104 # let go of at once
            datagrams.bind(("0.0.0.0", port))  # noqa: S104
        except OSError:
            return False
    return True
