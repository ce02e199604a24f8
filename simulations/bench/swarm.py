"""Many nodes in one process, on real sockets: what the mesh's measures are taken on.

Real are the machine (`mesh.machine.Mesh`, one per node, nothing shared between two of them: no
parsed object, no checked signature, no session), the UDP sockets on loopback, the clock, and the
streams (TCP, mutual TLS, framing: the shell's own). Left out are the disk (what is to be kept stays
in memory), the beacons' ears (a beacon is counted as sent and heard by nobody: the nodes find each
other by unicast seeds, which is the harder way), and everything above the mesh.

One trio loop, and one task per node that waits for its socket or its next deadline, whichever comes
first. Loss and cuts are made at the sender by a seeded die; they meet datagrams, and over a cut
also streams, whose callers hear at once that nobody answers.
"""

import gc
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import trio

from mesh.config import MeshConfig
from mesh.effects import PeerChange
from mesh.identity import Identity, NodeId
from mesh.instant import Instant, in_seconds
from mesh.keys.keyring import Keyring
from mesh.keys.secret import SECRET_BYTES, Secret
from mesh.roll.membership import Liveness
from node.shell import clock, collector
from simulations.bench.bee import Bee, Heard, Told

SETTLE_SECONDS: Final = 8.0
"""After everyone has met everyone: the last news has got around."""
SEEDS: Final = 3
"""Nodes whose address everyone is given."""


class Swarm:
    """All of them. Use `swarm_of`."""

    def __init__(self, count: int, config: MeshConfig, seed: int) -> None:
        self.seed, self.config = seed, config
        self.dice = Random(f"{seed}/swarm")
        self.secret = Secret(self.dice.randbytes(SECRET_BYTES))
        self.keys = Keyring.of(self.secret)
        self.loss = 0.0
        self.unsent = 0
        self.told: list[Told] = []
        self.heard: list[Heard] = []
        self.listening_for: str | None = None
        """The topic whose facts are noted."""
        self._verified = 0
        self._verified_wanted = 0
        self._all_verified = trio.Event()
        self._sides: dict[int, int] = {}
        identities = [Identity(self.dice.randbytes(32)) for _ in range(count)]
        self.bees = [
            Bee(self, identity, f"bee-{number:03}") for number, identity in enumerate(identities)
        ]
        self.alive: dict[NodeId, Bee] = {bee.id: bee for bee in self.bees}

    # Joining -------------------------------------------------------------------------------------

    async def start(self, nursery: trio.Nursery) -> None:
        """Open everything; nobody has spoken yet."""
        self._nursery = nursery
        for bee in self.bees:
            bee.rise()
            await nursery.start(bee.run)
        collector.settle()  # as an agent does

    async def join(self, seconds_max: float) -> float:
        """All at once; the seconds until each has verified all others, or `seconds_max`."""
        self._verified_wanted = len(self.bees) * (len(self.bees) - 1)
        seeds = [bee.address for bee in self.bees[:SEEDS]]
        began = clock.now()
        for bee in self.bees:
            bee.begin(seeds)
            bee.stirred()
        with trio.move_on_after(seconds_max):
            await self._all_verified.wait()
        return in_seconds(clock.now() - began)

    @property
    def is_whole(self) -> bool:
        """Whether each knows each as alive, and all keep the same."""
        return self.everyone_sees(len(self.alive) - 1) and self.is_equal

    @property
    def is_equal(self) -> bool:
        """Whether all who live keep the same."""
        return len({bee.mesh.root for bee in self.alive.values()}) == 1

    @property
    def is_fit(self) -> bool:
        """Whether nobody has cause to doubt itself (`mesh/watch/fitness.py`)."""
        now = clock.now()
        return not any(bee.mesh.footing(now).score for bee in self.alive.values())

    def everyone_sees(self, count: int) -> bool:
        """Whether each has `count` others alive."""
        return all(
            sum(member.liveness is Liveness.ALIVE for member in bee.mesh.roll.members()) == count
            for bee in self.alive.values()
        )

    async def until(self, met: Callable[[], bool], seconds_max: float, step: float = 0.1) -> float:
        """Seconds until `met`, or `seconds_max`."""
        began = clock.now()
        with trio.move_on_after(seconds_max):
            while not met():  # noqa: ASYNC110 - the condition lies in many machines
                await trio.sleep(step)
        return in_seconds(clock.now() - began)

    # What happens to it --------------------------------------------------------------------------

    def split(self, part: Iterable[Bee]) -> None:
        """Cut `part` off from the rest."""
        for bee in part:
            bee.side = 1
        self._sides = {bee.port: bee.side for bee in self.alive.values()}

    def mend(self) -> None:
        """All sides reach each other again."""
        for bee in self.bees:
            bee.side = 0
        self._sides = {}

    def reaches(self, bee: Bee, port: int) -> bool:
        """Whether something sent by `bee` arrives at `port`."""
        return not self._sides or self._sides.get(port, bee.side) == bee.side

    def kill(self, bee: Bee) -> Instant:
        """End `bee` without a word; when that was."""
        bee.end()
        del self.alive[bee.id]
        return clock.now()

    async def restart(self, bee: Bee) -> Bee:
        """End `bee` without a word and start it again, with the same key, on another port."""
        self.kill(bee)
        again = Bee(self, bee.identity, bee.name, bee.run_number + 1)
        bee.close()
        again.disk = bee.disk
        again.rise()
        self.bees[self.bees.index(bee)] = again
        self.alive[again.id] = again
        await self._nursery.start(again.run)
        return again

    # What is seen --------------------------------------------------------------------------------

    def note(self, told: Told) -> None:
        """Somebody's roll has changed."""
        if told.change is PeerChange.DISCOVERED:
            return
        if told.change is PeerChange.VERIFIED:
            self._verified += 1
            if self._verified == self._verified_wanted:
                self._all_verified.set()
            return
        self.told.append(told)

    def learned(self, heard: Heard) -> None:
        """Somebody's board has changed."""
        if heard.topic == self.listening_for:
            self.heard.append(heard)

    @property
    def sent_bytes(self) -> int:
        """By all who live, since they began."""
        return sum(bee.sent_bytes for bee in self.alive.values())


@asynccontextmanager
async def swarm_of(count: int, config: MeshConfig, seed: int) -> AsyncIterator[Swarm]:
    """A swarm with its ports open; it is gone at the end."""
    swarm = Swarm(count, config, seed)
    before = gc.get_threshold()
    try:
        async with trio.open_nursery() as nursery:
            await swarm.start(nursery)
            yield swarm
            nursery.cancel_scope.cancel()
    finally:
        for bee in swarm.bees:
            bee.close()
        gc.unfreeze()
        gc.set_threshold(*before)
