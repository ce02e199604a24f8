"""Probing: the tasks that look at the hardware and tell the desk.

Probes block (a dead network mount, a hung driver), so they run in worker threads that may be
abandoned, one look at a time. A look is taken every few seconds and at once when a grant is about
to rest on it. Processes that carried leases are tied to are watched through a pidfd, which can't be
fooled by a reused pid.

*When* to look is decided here (`Probing`); what is seen is the affair of some `Eyes`.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

import trio

from node.config import UpOptions
from node.core.effects import Watch
from node.core.machine import Agent
from node.core.picture.reports import InventoryRead, Report, Sampled, WorkEnded
from node.core.picture.topics import How, Inventory, Models
from node.probes.deaths import Coroner
from node.probes.instruments import instruments
from node.probes.inventory import read_inventory
from node.probes.models.servers import Servers
from node.probes.models.stores import StoredModel, Stores
from node.probes.models.telling import models_fact
from node.probes.processes import Tie, started_of
from node.probes.sampler import Sample, Sampler
from node.probes.shares import Onlooker
from node.probes.sources import Roots
from node.shell import clock
from node.shell.aside import Aside, in_a_thread

SAMPLE_EVERY_SECONDS: Final = 3.0
INVENTORY_EVERY_SECONDS: Final = 300.0
LOOKS_AGAIN_AFTER_SECONDS: Final = (1.0, 4.0, 20.0)
"""After the first look, which waits for nothing: a driver that is being started takes up to half a
minute on a machine of eight cards, and a file server is mounted late."""
MODELS_EVERY_SECONDS: Final = 30.0
STORES_EVERY_LOOKS: Final = 10
"""A store changes when a person fetches something, a server at every request."""


class Eyes(Protocol):
    """What looks at one machine, or at our share of it. The first three block."""

    @property
    def models(self) -> Callable[[], Models] | None:
        """Which models are here; None: nobody keeps any."""

    def inventory(self, *, ask_versions: bool) -> Inventory:
        """What there is. `ask_versions` starts other programs to ask theirs."""

    def sample(self, ties: Sequence[Tie]) -> Sample:
        """How it is doing now. `ties`: every live hold of ours."""

    async def until_gone(self, watch: Watch) -> How:
        """Return when the watched process is gone, or was not there: how it ended."""


class MachineEyes:
    """The eyes on this machine."""

    def __init__(self, options: UpOptions, claim: Onlooker) -> None:
        self._options = options
        self._claim = claim
        self._tools = instruments()
        self._servers = Servers(self._tools.roots, clock.now)
        self._stored: tuple[StoredModel, ...] | None = None
        self._looks = 0
        self._coroner = Coroner(self._tools.roots)
        self._sampler = Sampler(
            self._tools, claim, clock.now, options.system_reserve, options.slots
        )

    def inventory(self, *, ask_versions: bool) -> Inventory:
        return read_inventory(
            self._claim.offer, dict(self._options.labels), self._options.system_reserve,
            self._tools, ask_versions=ask_versions, slots=self._options.slots,
        )  # fmt: skip

    def models(self) -> Models:
        if self._stored is None or self._looks % STORES_EVERY_LOOKS == 0:
            self._stored = Stores.of(os.environ).all()
        self._looks += 1
        return models_fact(self._servers.look(), self._stored)

    def sample(self, ties: Sequence[Tie]) -> Sample:
        self._coroner.look()
        return self._sampler.sample(ties)

    async def until_gone(self, watch: Watch) -> How:
        try:
            handle = os.pidfd_open(watch.pid)
        except ProcessLookupError:
            return How.UNKNOWN
        try:
            if started_of(Roots(), watch.pid) != watch.started:
                return How.UNKNOWN
            await trio.lowlevel.wait_readable(handle)
            return self._coroner.verdict(handle, watch.pid)
        finally:
            os.close(handle)


class Probing:
    """When one agent looks, and whom it tells."""

    def __init__(
        self, eyes: Eyes, tell: Callable[[Report], None], agent: Agent,
        wall: Callable[[], int], aside: Aside = in_a_thread,
    ) -> None:  # fmt: skip
        """`wall`: what the wall clock shows, for the calendar alone."""
        self._eyes = eyes
        self._tell = tell
        self._agent = agent
        self._wall = wall
        self._aside = aside
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
            if self._eyes.models is not None:
                nursery.start_soon(self._take_models, self._eyes.models)
            async for watch in self._watches:
                nursery.start_soon(self._follow, watch)

    async def _take_inventory(self) -> None:
        # The first look starts no other program: an answer in a second beats a version in five.
        ask_versions = False
        soon = list(LOOKS_AGAIN_AFTER_SECONDS)
        while True:
            read = partial(self._eyes.inventory, ask_versions=ask_versions)
            inventory = await self._aside(read, abandon=True)
            self._tell(InventoryRead(inventory))
            self._seen("inventory")
            await trio.sleep(soon.pop(0) if soon else INVENTORY_EVERY_SECONDS)
            ask_versions = True

    async def _take_models(self, look: Callable[[], Models]) -> None:
        await self.looked.wait()  # what can be promised comes first
        while True:
            self._tell(InventoryRead(await self._aside(look, abandon=True)))
            await trio.sleep(MODELS_EVERY_SECONDS)

    async def _take_samples(self) -> None:
        while True:
            self._soon = trio.Event()
            sample = await self._aside(partial(self._eyes.sample, self._ties()), abandon=True)
            told = Sampled(sample.live, sample.readings, sample.tied, self._wall(), sample.tops)
            self._tell(told)
            self._seen("sample")
            with trio.move_on_after(SAMPLE_EVERY_SECONDS):
                await self._soon.wait()

    def _seen(self, what: str) -> None:
        self._unseen.discard(what)
        if not self._unseen:
            self.looked.set()

    def _ties(self) -> list[Tie]:
        """Every live hold of ours, and every process that somebody tied to one."""
        carried = self._agent.errands.carried
        ties = []
        for hold in self._agent.ledger.books.live_holds():
            tied = carried.get(hold.id)
            pid, started = (None, None) if tied is None else (tied.pid, tied.started)
            ties.append(Tie(hold.id, pid, started))
        adopted = self._agent.attribution.ties.all()
        return [*ties, *(Tie(one.hold, one.pid, one.started, one.group) for one in adopted)]

    async def _follow(self, watch: Watch) -> None:
        how = await self._eyes.until_gone(watch)
        self._tell(WorkEnded(watch.hold, watch.pid, watch.started, how))
