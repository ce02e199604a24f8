"""The process on one page: every task, and what it alone may touch.

    listen     the UDP port and the beacon ears        → the desk's inbox
    find       mDNS, in threads of its own             → the desk's inbox
    seeding    names of seeds, looked up               → the desk's inbox
    streams    the TCP port                            → the desk, and back
    local      the command's Unix socket               → the desk, and back
    drive      the agent, and nothing else touches it
    carry_out  the journal, then everything the agent asked for
    probe      the hardware                            → the desk's inbox
    disk       how much room is left                   → the desk's inbox

A clean stop (SIGTERM, SIGINT) lets the last write finish and ends 0; `leave` says goodbye as well.
A SIGKILL is as safe: nothing was answered that was not on disk.
"""

import os
from collections import Counter
from collections.abc import Mapping
from functools import partial

import trio

from mesh.effects import Address, Call
from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant, in_seconds
from mesh.keys.keyring import Keyring
from mesh.logs import Position
from mesh.persistence import Write
from node.config import UpOptions
from node.core import requests
from node.core.effects import Effect, Event, Reply, Watch
from node.core.machine import Agent
from node.core.picture.reports import AddressesChanged, Check, ShellNews
from node.core.picture.throughputs import TIMED_BYTES_MIN, StreamTimed
from node.shell import full_disk, health
from node.shell.beforehand import check_interfaces, host_of
from node.shell.datagrams.beacons import Trouble
from node.shell.datagrams.interfaces import Interface, advertised
from node.shell.datagrams.mdns import Mdns
from node.shell.datagrams.seeding import Seeding
from node.shell.datagrams.terrain import LOOK_EVERY_SECONDS, Terrain, evidence, moved
from node.shell.datagrams.udp import Gate
from node.shell.disk.archive import history
from node.shell.driver import Driver
from node.shell.opening import Opened, opened
from node.shell.probing import Probing
from node.shell.streams import serving as streams
from node.shell.streams.dialler import Dialler
from node.shell.streams.outcomes import StreamFailed
from node.shell.streams.tls import MeshTls
from node.shell.surroundings import THIS_MACHINE, OurPort, Surroundings
from node.shell.telling.chronicle import Chronicle, tell_all
from node.shell.telling.events import EventWriter
from node.shell.telling.local import Body, Progress, TurnedAway, serve_local

FIRST_LOOK_SECONDS_MAX = 5
"""How long the command's door waits for the first look at the hardware."""

NEWS_EVERY_SECONDS = 2
NEWS_PER_FOOTING = 5
"""What we rest on (disks, folders) changes more slowly than what passes by."""

LAST_WORDS_SECONDS_MAX = 3
"""How long a clean stop may take over its last write and its goodbye."""


class App:
    """One running agent and its hands."""

    def __init__(
        self, options: UpOptions, here: Opened, gate: OurPort, log: EventWriter,
        around: Surroundings = THIS_MACHINE,
    ) -> None:  # fmt: skip
        self.around = around
        self.options = options
        self.here = here
        self.gate = gate
        self.log = log
        self.chronicle = Chronicle(around.now, around.wall)
        self.agent = Agent(here.birth, around.dice)
        self._secrets_in_force(here.birth.keys)
        self.stream_counts = streams.StreamCounts()
        self.turned_away: Counter[TurnedAway] = Counter()
        self.driver = Driver(self.agent, self, around.now, around.aside)
        self.server = streams.Server(self.tls.server, self.driver.serve, self.stream_counts)
        keys = here.birth.keys
        self.mdns = Mdns(here.birth.identity.id, keys.mesh_id, gate.port, self.driver.report)
        eyes = around.eyes(options, here.claim)
        self.probing = Probing(eyes, self.driver.report, self.agent, around.wall, around.aside)
        self.stopping = trio.Event()
        self.leaving = False
        self._head: Position | None = None
        self._seen = gate.scan()
        self.seeding = Seeding(options.seeds, self.driver.report)
        self._terrain = Terrain()
        self._ahead: Duration | None = None

    async def run(self) -> None:
        """Live until told to stop."""
        async with trio.open_nursery() as hands:
            self.dialler = Dialler(
                self.tls.client, hands, self.around.dial, self.tls.others, self._stream_timed
            )  # fmt: skip
            async with trio.open_nursery() as nursery:
                first = self._birth()
                nursery.start_soon(self.gate.run, self.driver.datagram, self._interfaces_changed)
                nursery.start_soon(self._serve_streams)
                nursery.start_soon(self._open_door)
                nursery.start_soon(self.driver.drive, first)
                nursery.start_soon(self.driver.carry_out, hands)
                nursery.start_soon(self.probing.run)
                if self.options.mdns:
                    nursery.start_soon(self.mdns.run)
                nursery.start_soon(self.seeding.run)
                nursery.start_soon(self._gather_news)
                nursery.start_soon(
                    full_disk.mind_the_disk, self.here.spare, self.around.aside, self.driver
                )
                self.event(Event("up", self._greeting(), {"pid": os.getpid()}))
                await self.stopping.wait()
                with trio.move_on_after(LAST_WORDS_SECONDS_MAX):
                    await self.driver.wind_down(leaving=self.leaving)
                nursery.cancel_scope.cancel()
            hands.cancel_scope.cancel()
        self.log.write("down", "stopped cleanly: every promise is on disk", {})

    # The desk's hands ------------------------------------------------------------------------

    def send(self, to: Address, datagram: bytes) -> None:
        self.gate.send(to, datagram)

    def broadcast(self, datagram: bytes) -> None:
        self.gate.broadcast(datagram)

    def _stream_timed(self, peer: NodeId, received: int, sent: int, seconds: float) -> None:
        if max(received, sent) >= TIMED_BYTES_MIN:
            self.driver.report(StreamTimed(peer, received, sent, round(seconds * SECOND)))

    async def call(self, call: Call) -> bytes | None:
        seconds_left = max(0.0, in_seconds(call.deadline - self.around.now()))
        try:
            return await self.dialler.call(
                call.addresses, call.to, call.service, call.body, seconds_left
            )
        except StreamFailed:
            return None

    def commit(self, writes: list[Write]) -> None:
        self.here.spare.spend_on(partial(self.here.journal.commit, writes))

    def stuck(self, why: str) -> None:
        self.event(full_disk.event(why))

    def mark(self, epoch: int, head: Position | None) -> None:
        self._head = head or self._head
        if self.agent.vouches_for(self._head):
            self.here.mark(epoch, self._head)

    def doubt(self) -> None:
        self.here.forget_mark()

    def keep_keys(self, keys: Keyring) -> None:
        self.here.spare.spend_on(partial(self.here.folder.write_secret, keys.text))
        self._secrets_in_force(keys)
        self.dialler.renew(self.tls.client, self.tls.others)
        self.server.renew(self.tls.server)

    def event(self, event: Event) -> None:
        self.log.write(event.kind, event.sentence, event.body)
        self.chronicle.tell(event)

    def look(self, reason: str) -> None:
        self.probing.look_soon(reason)

    def watch(self, watch: Watch) -> None:
        self.probing.watch(watch)

    # Tasks -----------------------------------------------------------------------------------

    def _secrets_in_force(self, keys: Keyring) -> None:
        seeds = [one.ca_seed for one in keys.keys]
        self.tls = MeshTls(seeds, self.here.birth.identity)

    def _birth(self) -> list[Effect]:
        birth = self.here.birth
        chain = self.agent.mesh.chains.chain(birth.identity.id)
        self._head = chain[-1].position if chain else None
        if not birth.continuity.proven:
            self.here.forget_mark()
        return self.agent.start(self.around.now(), self._addresses(self._seen))

    async def _serve_streams(self) -> None:
        await self.server.serve(self.gate.listeners)

    async def _open_door(self) -> None:
        # Who is let in expects answers about this machine; a hung driver must not lock them out.
        with trio.move_on_after(FIRST_LOOK_SECONDS_MAX):
            await self.probing.looked.wait()
        await serve_local(
            self.here.folder.socket_path, self._serve_local, self.around.door, self.turned_away
        )

    async def _serve_local(self, plain: Body, progress: Progress) -> tuple[bool, Body]:
        try:
            request = requests.read_request(plain)
        except requests.Refused as refused:
            return False, refused.body
        if isinstance(request, requests.Events):
            return await tell_all(self.chronicle, request, progress)
        if isinstance(request, requests.Leave):
            self.leaving = True
            self.stopping.set()
            return True, {"left": True}
        while isinstance(request, requests.READ_ONLY) and not self.driver.stuck:
            with self.driver.unless_stuck():
                return await self._told(request, progress)
        if self.driver.stuck:
            return False, full_disk.refusal(self.driver.stuck)
        return await self._told(request, progress)

    async def _told(self, request: requests.Request, progress: Progress) -> tuple[bool, Body]:
        if isinstance(request, requests.LedgerHistory):
            ask = partial(self._converse, progress=progress)
            return await history(ask, self.here.journal, self.around.aside, request)
        return await self._converse(request, progress)

    async def _converse(self, request: requests.Request, progress: Progress) -> tuple[bool, Body]:
        async with self.driver.ask(request) as lines:
            async for line in lines:
                if isinstance(line, Reply):
                    return line.ok, line.body
                await progress(line.body)
        raise AssertionError("a conversation ends with its reply")

    def _interfaces_changed(self, seen: tuple[Interface, ...]) -> None:
        if seen != self._seen:  # the first scan is what we were born with, as a rule
            self._seen = seen
            self.driver.report(AddressesChanged(self._addresses(seen)))
            self.seeding.look_again()
        self.mdns.interfaces_changed(seen)

    def _addresses(self, seen: tuple[Interface, ...]) -> tuple[tuple[str, int, str], ...]:
        return tuple((one.address, self.gate.port, one.kind) for one in advertised(seen))

    async def _gather_news(self) -> None:
        told: ShellNews | None = None
        looked: Instant | None = None
        while True:
            # A look at disks may hang: it holds up the news, and nothing else.
            look = partial(self.around.footing, self.here)
            footing = await self.around.aside(look, abandon=True)
            if looked is None or self.around.now() - looked > LOOK_EVERY_SECONDS * SECOND:
                self._terrain = await self.around.aside(self.around.terrain, abandon=True)
                looked = self.around.now()
            for _ in range(NEWS_PER_FOOTING):
                news = self._news(tuple(footing))
                if news != told:  # nothing new wakes nobody
                    self.driver.report(news)
                    told = news
                await trio.sleep(NEWS_EVERY_SECONDS)

    def _news(self, footing: tuple[Check, ...]) -> ShellNews:
        warnings = (
            *self.here.standing_warnings,
            *(
                f"{warning.sentence}; {warning.hint}"
                for warning in self.gate.warnings
                if warning.trouble is not Trouble.NO_NETWORK or not self.options.interfaces
            ),
            *(
                f"{w.sentence}; {w.hint}"
                for w in (self.mdns.warning, self.seeding.warning)
                if w is not None
            ),
        )
        counts = self.gate.counts
        refused = {
            "datagram too long": counts.too_long,
            "inbox full": self.driver.dropped,
            "stream: frames of kinds we do not know": self.stream_counts.strange,
            "stream: broken off by the far end": self.stream_counts.broken,
            **{f"stream: {cut.value}": n for cut, n in self.stream_counts.cut.items()},
            **{f"local door: {why.value}": n for why, n in self.turned_away.items()},
            **{why.value: n for why, n in self.mdns.book.ignored.items()},
            **{f"send: {name}": n for name, n in counts.send_failed.items()},
        }
        air = health.air(self.gate.interfaces, counts.air, self.gate.warnings)
        checks = (
            *footing,
            *health.ports(self.gate.port, counts, self.driver.dropped),
            *health.reception(
                counts.air, self.gate.warnings, loopback_chosen=bool(self.options.interfaces)
            ),
            health.mdns(self.mdns, wanted=self.options.mdns),
            *health.seeding(self.seeding.warning),
            health.calls(self.dialler.counts, self.stream_counts),
        )
        mdns = "" if self.mdns.warning is None else self.mdns.warning.sentence
        seen = evidence(
            self._terrain, self.gate.interfaces, counts.air, counts.send_failed, mdns,
            self.gate.warnings,
        )  # fmt: skip
        self._ahead = moved(self._ahead, self.around.wall() - self.around.now())
        refused = {cause: count for cause, count in refused.items() if count}
        return ShellNews(warnings, refused, air, checks, seen, self._ahead)

    def _greeting(self) -> str:
        birth = self.here.birth
        proven = "nothing was lost" if birth.continuity.proven else birth.continuity.reason
        return (
            f"{birth.name} is up on port {self.gate.port} (epoch {birth.epoch.counter}; {proven})"
        )


async def live(
    options: UpOptions,
    environment: Mapping[str, str],
    log: EventWriter,
    task_status: trio.TaskStatus[App] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Open everything, live, close everything. Raises StateError, PortTaken or AgentStopped.

    `started` with the app as soon as it may be told to stop.
    """
    check_interfaces(options)
    gate = await Gate.open(options.port, host_of(options), options.interfaces)
    try:
        with opened(options, environment, gate.port) as here:
            for sentence in here.said:
                log.write("start", sentence, {})
            app = App(options, here, gate, log)
            task_status.started(app)
            await app.run()
    finally:
        gate.close()
        for listener in gate.listeners:
            await trio.aclose_forcefully(listener)
