"""`python -m simulations.bench.lone_bee SEED PORT…`: one node of a swarm, in a process of its own.

What it costs is read from outside, while the rest of its swarm lives in another process.
"""

import sys

import trio

from mesh.config import MeshConfig
from mesh.effects import Address
from mesh.identity import Identity
from node.shell import collector
from simulations.bench.bee import HOST, Bee
from simulations.bench.swarm import Swarm


async def live(seed: int, ports: list[int]) -> None:
    """Join whoever is at `ports`, and stay until killed."""
    swarm = Swarm(0, MeshConfig(), seed)
    bee = Bee(swarm, Identity(b"lone bee".ljust(32)), "lone")
    bee.rise()
    collector.settle()
    async with trio.open_nursery() as nursery:
        await nursery.start(bee.run)
        bee.begin(Address(HOST, port) for port in ports)
        bee.stirred()


if __name__ == "__main__":
    trio.run(live, int(sys.argv[1]), [int(port) for port in sys.argv[2:]])
