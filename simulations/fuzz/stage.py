"""The stage: a small mesh with a history, from which the examples come and to which bad ones go.

Three agents meet, one of them grants something, one leaves. What was said on the way is kept. It is
one world of the simulator, with the simulator's cheap signatures, so that a machine can be fed some
tens of thousands of times a minute; the readers of real signatures have examples of their own.
"""

from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any, Final

from mesh.effects import Address
from mesh.identity import Identity
from mesh.instant import SECOND, seconds
from node.core import requests
from simulations.invented.host import Host
from simulations.invented.world import World

ANN, BOB, EVE = "ann", "bob", "eve"
STAGE_SEED: Final = 4653
KEY: Final = Identity(Random("fuzz").randbytes(32))
"""A member's real key, for what must really be signed."""


@dataclass(slots=True)
class Stage:
    """The world, and what was heard in it."""

    world: World
    heard: list[tuple[str, bytes]]
    """(to whom, datagram); broadcasts are to everybody."""

    @property
    def ann(self) -> Host:
        """Whom all is put to."""
        return self.world.hosts[ANN]

    @property
    def eve(self) -> Host:
        """A member that means harm."""
        return self.world.hosts[EVE]

    def datagrams_to(self, name: str, *, each_kind_max: int = 6) -> tuple[bytes, ...]:
        """Some of every kind, in the order heard."""
        kinds: dict[int, list[bytes]] = {}
        for to, datagram in self.heard:
            found = kinds.setdefault(datagram[3], [])
            if to in (name, "") and len(found) < each_kind_max and datagram not in found:
                found.append(datagram)
        return tuple(datagram for kind in sorted(kinds) for datagram in kinds[kind])


def staged(seed: int = STAGE_SEED) -> Stage:
    """A new stage, after its first act."""
    world = World(seed)
    heard: list[tuple[str, bytes]] = []

    def tap(_sender: str, to: Address | None, datagram: bytes) -> None:
        target = world.host_at(to.host) if to is not None else None
        heard.append((target.name if target else "", datagram))

    world.tap = tap
    for name in (ANN, BOB, EVE):
        world.add(name)
        world.start(name, first=True)
    world.run(4 * SECOND)
    world.answer(EVE, reserve())
    world.run(2 * SECOND)
    world.crash(BOB)
    world.start(BOB)
    world.run(2 * SECOND)
    return Stage(world, heard)


@lru_cache(1)
def the_stage() -> Stage:
    """One that whoever only reads may share."""
    return staged()


def reserve(**more: Any) -> requests.Reserve:
    """A booking of a gibibyte."""
    ask = {"memory": "1GiB", **more}
    return requests.Reserve(ask, term_ms=seconds(600) // 1_000_000)
