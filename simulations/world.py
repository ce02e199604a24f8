"""A world with virtual time, in which real agents live on invented hosts.

One heap of events, ordered by time and then by the order in which they were set, so that a seed
means one history. Each host runs the very agent that runs on the wire; what is invented is the
shell around it: the same outbox discipline as `node/shell/driver.py` (one transaction per batch,
nothing behind a write before it is durable, urgent sends at once), over an invented disk and
network. The contract tests of the shell run against both.
"""

import heapq
from collections.abc import Callable
from random import Random
from typing import Any

from mesh.effects import Address, Answer, Broadcast, Call, Send
from mesh.identity import Epoch, Identity
from mesh.instant import Duration, Instant, seconds
from mesh.persistence import SPACE_META, Persist
from mesh.secret import Secret, derive
from node.core.birth import Birth
from node.core.effects import Doubt, Effect, Event, Look, Progress, Reply, Stop, Watch
from node.core.machine import META_EPOCH, Agent
from node.core.reports import Report
from node.core.requests import Request
from simulations import hardware
from simulations.disk import Disk
from simulations.host import Host
from simulations.network import Network, Weather
from simulations.overheard import Sent, overheard

PORT = 4653
CALM = Weather()
ANSWER_WAIT = seconds(120)
EVENTS_PER_INSTANT_MAX = 100_000
"""A livelock at one virtual instant would never end by itself; this ends it, loudly."""


class World:
    """Hosts, a network, and time that jumps to the next thing that happens."""

    def __init__(self, seed: int, weather: Weather = CALM) -> None:
        self.seed = seed
        self.now: Instant = 0
        self.network = Network(weather, seed)
        self.hosts: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self._random = Random(f"{seed}/world")
        self.secret = Secret(self._random.randbytes(32))
        self._heap: list[tuple[Instant, int, Callable[[], None]]] = []
        self._sequence = 0
        self.commands: list[Sent] = []
        """Every command that one host sent another, in order."""
        self.tap: Callable[[str, Address | None, bytes], None] | None = None
        """Sees every datagram that is sent: (sender's name, to whom or None for all, datagram)."""

    # People and machines -------------------------------------------------------------------------

    def add(
        self, name: str, ram: int = 8 * hardware.GIB, cores: int = 8,
        tools: tuple[str, ...] = hardware.TOOLS[:2],
    ) -> Host:  # fmt: skip
        """A new host, switched off."""
        address = f"10.0.{len(self.hosts) // 250}.{len(self.hosts) % 250 + 1}"
        dice = Random(f"{self.seed}/host/{name}")
        host = Host(
            name, address, Identity(dice.randbytes(32)), Disk(Random(f"{self.seed}/disk/{name}")),
            ram, cores, tools, clock_offset=dice.randrange(seconds(1e6)),
        )  # fmt: skip
        self.hosts[name] = host
        self._by_address[address] = host
        return host

    def start(self, name: str, *, first: bool = False) -> None:
        """Switch the host's agent on. Its marker, if it still has one, may prove continuity."""
        host = self.hosts[name]
        assert host.agent is None, f"{name} is up already"
        host.life += 1
        dice = Random(f"{self.seed}/agent/{name}/{host.life}")
        kept = host.disk.durable.get(SPACE_META, {}).get(META_EPOCH, bytes(8))
        eras = [block.era.counter for block in host.own_blocks()]
        floor = max(int.from_bytes(kept, "big"), *eras, 0)
        # As in node/shell/opening.py: the epoch is on disk before anyone can hear of it.
        spent = (floor + 1).to_bytes(8, "big")
        host.disk.durable.setdefault(SPACE_META, {})[META_EPOCH] = spent
        birth = Birth(
            identity=host.identity,
            name=name,
            state_folder=f"the disk of {name}",
            epoch=Epoch(floor + 1, dice.randbytes(16)),
            keys=derive(self.secret),
            secret_text=self.secret.text,
            saved=host.disk.snapshot(),
            port=PORT,
            continuity=host.continuity(),
            first=first,
            fingerprint=f"fingerprint of {name}",
            boot=f"boot of {name}",
            version="simulation",
        )
        host.agent = Agent(birth, dice)
        at = self._local(host)
        self._take(host, host.agent.start(at, ((host.address, PORT, "ethernet"),)))
        self.report(name, hardware.inventory(name, host.ram, host.cores, host.tools))
        self.look(name)

    def crash(self, name: str, *, power: bool = False) -> None:
        """SIGKILL, in the middle of whatever it was doing; `power`: the whole machine goes dark."""
        host = self.hosts[name]
        if power:
            host.marker = None
        host.agent = None
        host.life += 1
        host.outbox.clear()
        host.serving.clear()
        host.committing = False
        host.wake_set_for = None
        host.disk.crash()

    def report(self, name: str, report: Report) -> None:
        """Tell the host's agent what its shell would."""
        host = self.hosts[name]
        self._step(host, host.alive.report(report, self._local(host)))

    def look(self, name: str) -> None:
        """Let the host's probes look once."""
        host = self.hosts[name]
        self.report(name, hardware.sample(host.ram, host.cores, host.ram_foreign))

    def ask(self, name: str, request: Request) -> int:
        """Put a request to a host's agent; the token finds the answer in `host.replies`."""
        host = self.hosts[name]
        host.last_token += 1
        token = host.last_token
        self._step(host, host.alive.ask(token, request, self._local(host)))
        return token

    def hang_up(self, name: str, token: int) -> None:
        """Whoever asked closes the door without waiting for the answer."""
        host = self.hosts[name]
        self._step(host, host.alive.cancel(token, self._local(host)))

    def answer(self, name: str, request: Request, limit: Duration = ANSWER_WAIT) -> Reply:
        """Ask, and let the world go on until the answer is there."""
        token = self.ask(name, request)
        host = self.hosts[name]
        assert self.run_until(lambda: token in host.replies, limit), f"no answer to {request}"
        return host.replies[token]

    # Time ----------------------------------------------------------------------------------------

    def at(self, delay: Duration, what: Callable[[], None]) -> None:
        """Let `what` happen after `delay`."""
        self._sequence += 1
        heapq.heappush(self._heap, (self.now + delay, self._sequence, what))

    def run(self, duration: Duration) -> None:
        """Let `duration` pass."""
        self.run_until(lambda: False, duration)

    def run_until(self, done: Callable[[], bool], limit: Duration) -> bool:
        """Let time pass until `done`, at most `limit`. Whether it was done in time."""
        end = self.now + limit
        here = 0
        while not done():
            if not self._heap or self._heap[0][0] > end:
                self.now = end
                return done()
            at, _, what = heapq.heappop(self._heap)
            here = here + 1 if at == self.now else 0
            assert here < EVENTS_PER_INSTANT_MAX, f"livelock at {self.now} ns (seed {self.seed})"
            self.now = at
            what()
        return True

    # The invented shell --------------------------------------------------------------------------

    def _local(self, host: Host) -> Instant:
        return self.now + host.clock_offset

    def _step(self, host: Host, effects: list[Effect]) -> None:
        """One input's effects, and the block that seals it."""
        self._take(host, effects + host.alive.seal(self._local(host)))

    def _take(self, host: Host, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send) and effect.urgent:
                self._send(host, effect)
            elif isinstance(effect, Doubt):
                host.marker = None
            else:
                host.outbox.append(effect)
        self._carry_out(host)
        self._set_wake(host)

    def _carry_out(self, host: Host) -> None:
        if host.committing or not host.outbox:
            return
        batch, host.outbox = host.outbox, []
        first = next((i for i, e in enumerate(batch) if isinstance(e, Persist)), len(batch))
        for effect in batch[:first]:
            self._do(host, effect)
        writes = [w for e in batch[first:] if isinstance(e, Persist) for w in e.writes]
        if not writes:
            return
        host.committing = True
        life = host.life

        def durable() -> None:
            if host.life != life:
                return
            host.disk.finish()
            host.committing = False
            head = host.durable_head()
            if host.alive.vouches_for(head):
                host.marker = head
            for effect in batch[first:]:
                if host.life == life:
                    self._do(host, effect)
            if host.life == life:
                self._carry_out(host)

        self.at(host.disk.begin(writes), durable)

    def _do(self, host: Host, effect: Effect) -> None:
        match effect:
            case Persist() | Watch() | Doubt():
                pass
            case Send():
                self._send(host, effect)
            case Broadcast(datagram):
                self._broadcast(host, datagram)
            case Call():
                self._call(host, effect)
            case Answer(token, body):
                if (answer := host.serving.pop(token, None)) is not None:
                    answer(body)
            case Reply(token, _, _):
                host.replies[token] = effect
            case Progress():
                host.progress.append(effect)
            case Event():
                host.events.append(effect)
            case Look():
                self._later(host, 0, lambda: self.look(host.name))
            case Stop():
                self.crash(host.name)
                self.at(0, lambda: self.start(host.name))  # as the app does: in doubt

    def _broadcast(self, host: Host, datagram: bytes) -> None:
        if self.tap is not None:
            self.tap(host.name, None, datagram)
        for other in self.hosts.values():
            if other is not host:
                self._deliver(host, other, datagram)

    def _send(self, host: Host, send: Send) -> None:
        if self.tap is not None:
            self.tap(host.name, send.to, send.datagram)
        target = self._by_address.get(send.to.host)
        if target is not None:
            self._deliver(host, target, send.datagram)

    def _deliver(self, host: Host, target: Host, datagram: bytes) -> None:
        source = Address(host.address, PORT)
        for _ in range(self.network.copies(host.name, target.name)):
            self.at(self.network.delay(), lambda: self.inject(target.name, datagram, source))

    def inject(self, name: str, datagram: bytes, source: Address) -> None:
        """A datagram reaches the host, whoever sent it. Nobody hears it when the host is down."""
        host = self.hosts[name]
        if host.agent is not None:
            self._step(host, host.agent.receive(datagram, source, self._local(host)))

    def _call(self, host: Host, call: Call) -> None:
        if (sent := overheard(call, host.name, self.now)) is not None:
            self.commands.append(sent)
        life = host.life
        target = next(
            (self._by_address[a.host] for a in call.addresses if a.host in self._by_address), None
        )
        open_ = [True]

        def end(body: bytes | None) -> None:
            if open_[0] and host.life == life:
                open_[0] = False
                self._step(host, host.alive.answered(call.id, body, self._local(host)))

        def come_back(body: bytes) -> None:
            assert target is not None
            if not self.network.is_cut(target.name, host.name):
                self.at(self.network.delay(), lambda: end(body))

        def arrive() -> None:
            assert target is not None
            if target.agent is None or target.id != call.to:
                end(None)
                return
            target.last_token += 1
            token = target.last_token
            target.serving[token] = come_back
            agent = target.agent
            effects = agent.serve(token, host.id, call.service, call.body, self._local(target))
            self._step(target, effects)

        if target is not None and not self.network.is_cut(host.name, target.name):
            self.at(self.network.delay(), arrive)
        self.at(max(0, call.deadline - self._local(host)), lambda: end(None))

    def _later(self, host: Host, delay: Duration, what: Callable[[], None]) -> None:
        life = host.life
        self.at(delay, lambda: what() if host.life == life else None)

    def _set_wake(self, host: Host) -> None:
        if host.agent is None:
            return
        wanted = host.agent.next_wake
        if wanted is None or (host.wake_set_for is not None and host.wake_set_for <= wanted):
            return
        host.wake_set_for = wanted
        life = host.life

        def wake() -> None:
            if host.life != life or host.wake_set_for != wanted:
                return
            host.wake_set_for = None
            self._step(host, host.alive.wake(self._local(host)))

        self.at(max(0, wanted - self._local(host)), wake)


def replies_of(host: Host) -> list[dict[str, Any]]:
    """Everything the host's agent has answered, in order."""
    return [host.replies[token].body for token in sorted(host.replies)]
