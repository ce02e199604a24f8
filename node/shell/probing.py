"""Probing: the tasks that look at the hardware and tell the desk.

Probes block (a dead network mount, a hung driver), so they run in worker threads that may be
abandoned, one look at a time. A look is taken every few seconds and at once when a grant is about
to rest on it. Processes that carried leases are tied to are watched through a pidfd, which can't be
fooled by a reused pid.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from node.config import UpOptions
from node.core.effects import Watch
from node.core.machine import Agent
from node.core.reports import InventoryRead, Report, Sampled, WorkEnded
from node.probes.instruments import instruments
from node.probes.inventory import read_inventory
from node.probes.processes import Tie, started_of
from node.probes.sampler import Sample, Sampler
from node.probes.shares import Claim
from node.probes.sources import Roots
from node.shell import clock

SAMPLE_EVERY_SECONDS: Final = 3.0
INVENTORY_EVERY_SECONDS: Final = 300.0
WATCH_EVERY_SECONDS: Final = 1.0
"""Only where the kernel has no pidfd."""


class Probing:
    """The eyes of one agent."""

    def __init__(
        self, options: UpOptions, claim: Claim, tell: Callable[[Report], None], agent: Agent
    ) -> None:
        self._options = options
        self._claim = claim
        self._tell = tell
        self._agent = agent
        self._tools = instruments()
        self._sampler = Sampler(self._tools, claim, clock.now, options.system_reserve)
        self._soon = trio.Event()
        self.looked = trio.Event()
        """Set once the desk has been told what this machine is and how it is doing."""
        self._unseen = {"inventory", "sample"}
        self._watching, self._watches = trio.open_memory_channel[Watch](1024)

    def look_soon(self, reason: str) -> None:
        """Take a live sample now instead of at the next tick."""
        del reason  # who asked matters to a reader of the code, not to the eyes
        self._soon.set()

    def watch(self, watch: Watch) -> None:
        """Tell the desk when this process is gone."""
        self._watching.send_nowait(watch)

    async def run(self) -> None:
        """Look until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._take_inventory)
            nursery.start_soon(self._take_samples)
            async for watch in self._watches:
                nursery.start_soon(self._follow, watch)

    async def _take_inventory(self) -> None:
        # The first look starts no other program: an answer in a second beats a version in five.
        ask_versions = False
        while True:
            read = partial(
                read_inventory, self._claim.offer, dict(self._options.labels),
                self._options.system_reserve, self._tools, ask_versions=ask_versions,
            )  # fmt: skip
            inventory = await trio.to_thread.run_sync(read, abandon_on_cancel=True)
            self._tell(InventoryRead(inventory))
            self._seen("inventory")
            await trio.sleep(INVENTORY_EVERY_SECONDS if ask_versions else 1.0)
            ask_versions = True

    async def _take_samples(self) -> None:
        while True:
            self._soon = trio.Event()
            look = partial(self._sampler.sample, self._ties())
            sample: Sample = await trio.to_thread.run_sync(look, abandon_on_cancel=True)
            self._tell(Sampled(sample.live, sample.readings))
            self._seen("sample")
            with trio.move_on_after(SAMPLE_EVERY_SECONDS):
                await self._soon.wait()

    def _seen(self, what: str) -> None:
        self._unseen.discard(what)
        if not self._unseen:
            self.looked.set()

    def _ties(self) -> list[Tie]:
        """Every live hold of ours, with the process it is tied to where somebody tied one."""
        carried = self._agent.errands.carried
        ties = []
        for hold in self._agent.ledger.books.live_holds():
            tied = carried.get(hold.id)
            pid, started = (None, None) if tied is None else (tied.pid, tied.started)
            ties.append(Tie(hold.id, pid, started))
        return ties

    async def _follow(self, watch: Watch) -> None:
        try:
            handle = os.pidfd_open(watch.pid)
        except ProcessLookupError:
            handle = -1
        try:
            same = started_of(Roots(), watch.pid) == watch.started
            if handle >= 0 and same:
                await trio.lowlevel.wait_readable(handle)
        finally:
            if handle >= 0:
                os.close(handle)
        self._tell(WorkEnded(watch.hold))
