"""A small world that is watched: three nodes that have met, and what people do there."""

from collections.abc import Sequence

from mesh.instant import SECOND
from node.core import requests
from simulations.checks import Checks
from simulations.checks.check import Check
from simulations.checks.checks import ALL
from simulations.invented.hardware import GIB
from simulations.invented.network import Weather
from simulations.invented.world import World

NAMES = ("ann", "bob", "cyd")


class Evening:
    """Ann, Bob and Cyd, and the checks that watch them."""

    def __init__(
        self, parts: Sequence[type[Check]] = ALL, seed: int = 5, weather: Weather | None = None
    ) -> None:
        self.world = World(seed, weather or Weather())
        self.checks = Checks(self.world, parts)
        self.world.observe(self.checks)
        for name in NAMES:
            self.world.add(name, ram=8 * GIB)
            self.world.start(name, first=True)
        self.world.run(4 * SECOND)

    def reserve(self, asker: str, owner: str, ram: str = "1GiB", **more: object) -> str:
        ask = {"ram": ram, "node": owner}
        fields = {"term_ms": 3_600_000, "wait_for_opening": False, **more}
        reply = self.world.answer(asker, requests.Reserve(ask, **fields))
        assert reply.ok, reply.body
        return str(reply.body["id"])

    def release(self, asker: str, hold: str) -> None:
        reply = self.world.answer(asker, requests.Release(hold))
        assert reply.ok, reply.body

    def run(self, seconds: float) -> None:
        self.world.run(int(seconds * SECOND))
