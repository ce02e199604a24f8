"""Seeds that are names: what they stand for, asked again and again.

The agent's own socket takes addresses only, since a resolver may make whoever asks it wait for
half a minute. So names are looked up here, in trio's worker threads, and what comes of it is told
to the desk. A name is asked for again for as long as we run: a machine may have moved, or its name
may not be known before the network is there.
"""

from collections.abc import Callable, Sequence
from typing import Final

import trio

from mesh.effects import Address
from node.core.picture.reports import SeedsFound
from node.shell.datagrams.beacons import NetworkWarning, Trouble
from node.shell.datagrams.sockets import address_of, is_literal

UNKNOWN_RETRY_SECONDS: Final = 15
KNOWN_RETRY_SECONDS: Final = 300
LOOKUP_SECONDS_MAX: Final = 30
ADDRESSES_PER_NAME_MAX: Final = 8

Seeds = Sequence[tuple[str, int]]


def literal_seeds(seeds: Seeds) -> tuple[Address, ...]:
    """Those that are addresses already."""
    return tuple(address for address in _addresses(seeds) if is_literal(address))


class Seeding:
    """The task that looks names up. `run` it in the nursery."""

    def __init__(self, seeds: Seeds, tell: Callable[[SeedsFound], None]) -> None:
        self._names = [address for address in _addresses(seeds) if not is_literal(address)]
        self._tell = tell
        self._again = trio.Event()
        self.warning: NetworkWarning | None = None
        """Names that stand for nothing just now."""

    def look_again(self) -> None:
        """The network is another one."""
        self._again.set()

    async def run(self) -> None:
        """Look up until cancelled. Without names there is nothing to do."""
        while self._names:
            self._again = trio.Event()
            found: list[Address] = []
            unknown: list[str] = []
            for name in self._names:
                looked_up = await _look_up(name)
                found += looked_up
                unknown += [] if looked_up else [name.host]
            if found:
                self._tell(SeedsFound(tuple(dict.fromkeys(found))))
            self.warning = _warning(unknown)
            with trio.move_on_after(UNKNOWN_RETRY_SECONDS if unknown else KNOWN_RETRY_SECONDS):
                await self._again.wait()


async def _look_up(name: Address) -> list[Address]:
    with trio.move_on_after(LOOKUP_SECONDS_MAX):
        try:
            rows = await trio.socket.getaddrinfo(name.host, name.port, type=trio.socket.SOCK_DGRAM)
        except (OSError, UnicodeError):
            return []
        found = [
            address_of(row[4])  # type: ignore[arg-type]  # both families have a host and a port
            for row in rows
            if row[0] in (trio.socket.AF_INET, trio.socket.AF_INET6)
        ]
        return [*dict.fromkeys(found)][:ADDRESSES_PER_NAME_MAX]
    return []


def _addresses(seeds: Seeds) -> tuple[Address, ...]:
    return tuple(Address(host, port) for host, port in seeds)


def _warning(unknown: Sequence[str]) -> NetworkWarning | None:
    if not unknown:
        return None
    names = ", ".join(unknown)
    return NetworkWarning(
        Trouble.SEED_UNKNOWN, "", f"nobody knows an address for the seed {names}",
        "check its spelling, or name the machine by its address; we ask again every few seconds",
    )  # fmt: skip
