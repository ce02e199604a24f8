"""The machines of a world: switched on and off, paused, slowed, cloned; and looked at by probes.

A start settles what `node/shell/opening.py` settles, by the same rules: what the marker proves of
the disk, and an epoch above every one before it that is durable before anyone can hear of it.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from ledger.limits import Limits
from mesh.effects import Address
from mesh.identity import Epoch
from mesh.instant import MILLISECOND, SECOND, Duration, seconds
from mesh.keys.keyring import Keyring
from mesh.keys.secret import Secret
from mesh.roll.admission import Admission
from node.core.birth import Birth
from node.core.continuity import continuity, epoch_row, next_counter
from node.core.machine import Agent
from node.core.picture.reports import InventoryRead, Report
from simulations.invented import hardware, signatures
from simulations.invented.agenda import Agenda
from simulations.invented.clock import Clock
from simulations.invented.described import Described
from simulations.invented.disk import Disk, Spaces, Synced
from simulations.invented.hardware import Card, Work
from simulations.invented.host import Host
from simulations.invented.network import Network, Weather
from simulations.invented.observing import Audience, Observer
from simulations.invented.shell import Shell
from simulations.invented.trace import Trace

PORT: Final = 4653
HOSTS_PER_NET: Final = 250
LAST_WORDS_MAX: Final[Duration] = 3 * SECOND
"""How long a clean stop may take: `node/app.py`."""


class Machines(Agenda):
    """Hosts, and all that may happen to them. `World` adds people and the wire between."""

    shell: Shell

    def __init__(self, seed: int, weather: Weather, scheme: str) -> None:
        super().__init__(seed)
        self.scheme = scheme
        self.network = Network(weather, seed)
        self.hosts: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self.secret = Secret(Random(f"{seed}/world").randbytes(32))
        self.keys = Keyring.of(self.secret)
        self.audience = Audience()
        self.trace = Trace(lambda: self.now)
        self.audience.join(self.trace)
        self.look_every: Duration | None = None
        """How often probes look by themselves; None: only when they are told to."""
        self.limits = Limits()
        """Of every agent that starts from now on."""
        self._ticking = False
        self._starts = 0

    @property
    def observers(self) -> list[Observer]:
        return self.audience.observers

    def up(self) -> list[Host]:
        """Every host whose agent runs."""
        return [host for host in self.hosts.values() if host.agent is not None]

    def host_at(self, address: str) -> Host | None:
        """Whose address this is."""
        return self._by_address.get(address)

    # New machines --------------------------------------------------------------------------------

    def add(
        self, name: str, ram: int = 8 * hardware.GIB, cores: int = 8,
        tools: tuple[str, ...] = hardware.TOOLS[:2], cards: tuple[Card, ...] = (),
    ) -> Host:  # fmt: skip
        """A new host, switched off."""
        dice = Random(f"{self.seed}/host/{name}")
        key = dice.randbytes(32)
        host = Host(
            name,
            len(self.hosts),
            self._free_address(),
            signatures.identity(key, self.scheme),
            Disk(Random(f"{self.seed}/disk/{name}")),
            Clock(dice.randrange(seconds(1e6))),
            ram,
            cores,
            tools,
            called=name,
            fingerprint=f"fingerprint of {name}",
            cards=list(cards),
        )
        return self._settle(host)

    def add_described(self, machine: Described) -> Host:
        """A new host that is what a person described, switched off."""
        memory, tools = machine.main_memory, machine.inventory.tools
        host = self.add(
            machine.name, (memory.total or 0) if memory else 0, machine.cores,
            tuple(tool.name for tool in tools), machine.cards,
        )  # fmt: skip
        host.described = machine
        host.fingerprint = machine.inventory.fingerprint or host.fingerprint
        return host

    def clone(self, name: str, new_name: str, *, marker: bool = False) -> Host:
        """A second machine that shows the same key, from a copy of the disk; switched off.

        As when a virtual machine is copied: even the fingerprint of its hardware is the same. Its
        memory is its own, and with it the marker; with `marker` that was copied as well, as a
        snapshot of a running machine has it, and vouches for a disk that forgot nothing.
        """
        model = self.hosts[name]
        twin = Host(
            new_name,
            len(self.hosts),
            self._free_address(),
            model.identity,
            Disk(Random(f"{self.seed}/disk/{new_name}"), durable=model.disk.snapshot()),
            Clock(Random(f"{self.seed}/host/{new_name}").randrange(seconds(1e6))),
            model.ram,
            model.cores,
            model.tools,
            called=model.called,
            fingerprint=model.fingerprint,
            keys=model.keys,
        )
        if marker and model.marker is not None:
            twin.marker = replace(model.marker, boot_id=twin.boot)
        return self._settle(twin)

    def _settle(self, host: Host) -> Host:
        assert host.name not in self.hosts, f"there is a host called {host.name}"
        self.hosts[host.name] = host
        self._by_address[host.address] = host
        return host

    def _free_address(self) -> Address:
        net, number = divmod(len(self.hosts), HOSTS_PER_NET)
        return Address(f"10.{net // 256}.{net % 256}.{number + 1}", PORT)

    # Lives ---------------------------------------------------------------------------------------

    def start(
        self, name: str, *, first: bool = False, again: bool = False, moved: bool = False
    ) -> bool:
        """Switch the host's agent on; False when its disk does not let it begin.

        `first`: by a person's word nothing was ever promised here. `moved`: by a person's word
        this is the machine that goes on. `again`: the same process starts its agent anew.
        """
        host = self.hosts[name]
        assert host.agent is None, f"{name} is up already"
        host.life += 1
        host.dark = False
        host.starts_in_process = host.starts_in_process + 1 if again else 1
        dice = Random(f"{self.seed}/agent/{name}/{host.life}")
        saved = host.disk.open()
        birth = self._birth(host, saved, Epoch(0, dice.randbytes(16)), first=first, moved=moved)
        if not self._spend_epoch(host, birth.epoch):
            return False
        if not birth.continuity.proven:
            host.marker = None
        host.agent = agent = Agent(birth, dice)
        chain = agent.mesh.chains.chain(host.id)
        host.head = chain[-1].position if chain else None
        for tell in self.audience.started:
            tell(host)
        effects = agent.start(self.shell.local(host), ((host.address, PORT, "ethernet"),))
        for step in self.audience.stepped:
            step(host, "start", effects)
        life = host.life
        self.shell.take(host, effects)
        if host.life == life:
            self._open_eyes(host)
        return host.agent is not None

    def _birth(self, host: Host, saved: Spaces, blank: Epoch, *, first: bool, moved: bool) -> Birth:
        counter = next_counter(host.marker, saved, host.id)
        return Birth(
            identity=host.identity,
            name=host.called,
            state_folder=f"the disk of {host.name}",
            epoch=Epoch(counter, blank.nonce),
            keys=host.keys or self.keys,
            saved=saved,
            port=PORT,
            continuity=continuity(host.marker, saved, host.id, host.boot),
            first=first,
            moved=moved,
            fingerprint=host.fingerprint,
            boot=host.boot,
            version=hardware.SOURCE,
            limits=self.limits,
            region=host.described.region if host.described else "",
            admission=Admission(host.policy),
        )

    def _spend_epoch(self, host: Host, epoch: Epoch) -> bool:
        writes = [epoch_row(epoch.counter)]
        for tell in self.audience.began:
            tell(host, writes)
        synced = host.disk.write(writes)
        if synced is not Synced.DURABLE:
            self.trace.tail(host, synced.value)
            return False
        for tell in self.audience.durable:
            tell(host, writes)
        return True

    def _open_eyes(self, host: Host) -> None:
        host.inventory_told = host.outline()
        self.report(host.name, host.inventory())
        if host.agent is not None and host.described is not None and host.described.models:
            self.report(host.name, InventoryRead(host.described.models))
        if host.agent is not None:
            self.look(host.name)
        if self.look_every is not None:
            self.at(self.look_every, self._look_again, host, host.life)

    def end(self, host: Host, how: str) -> None:
        """The host's agent is gone, with all it had in memory; `how` as in `Observer.ended`."""
        power = how == "power"
        was_up = host.agent is not None
        serving = list(host.serving.values())
        host.agent = None
        host.life += 1
        host.outbox.clear()
        host.serving.clear()
        host.inbox.clear()
        host.hung_up.clear()
        host.watches.clear()
        host.datagrams_waiting = 0
        host.committing = host.closing = host.turn_set = False
        host.wake_set_for = None
        host.effects_left = None
        self._let_go(host)
        became = host.disk.crash(power=power)
        if became != "none":
            self.trace.tail(host, became)
        if power:
            self._lights_out(host)
        if was_up:
            for tell in self.audience.ended:
                tell(host, how)
        if not power:
            for caller in serving:
                caller.broken()

    def _lights_out(self, host: Host) -> None:
        host.marker = None
        host.work.clear()
        host.dark = True
        host.boots += 1
        host.clock.boot(self.now)

    def crash(self, name: str, *, power: bool = False) -> None:
        """SIGKILL, in the middle of whatever it was doing; `power`: the whole machine goes dark."""
        self.end(self.hosts[name], "power" if power else "killed")

    def crash_at_effect(self, name: str, number: int) -> None:
        """Dies once it has carried out `number` (at least one) more effects, and before the next.

        A transaction is one, when it has become durable.
        """
        assert number > 0, "for an end before anything else there is `crash`"
        host = self.hosts[name]
        if host.agent is not None:
            host.effects_left = number

    def stop(self, name: str, *, leaving: bool = False) -> None:
        """A clean stop: last words, durable first. `leaving`: goodbye to everyone."""
        host = self.hosts[name]
        assert host.agent is not None, f"{name} is down"
        self.at(LAST_WORDS_MAX, self._give_up_waiting, host, host.life)
        self.shell.arrive(host, "stop", leaving)

    def _give_up_waiting(self, host: Host, life: int) -> None:
        if host.life == life:
            self.end(host, "stopped")

    # Bad hours -----------------------------------------------------------------------------------

    def pause(self, name: str, duration: Duration) -> None:
        """It stands still (SIGSTOP, a collector of garbage): reads nothing, and time goes on.

        Datagrams wait in its socket up to `shell.SOCKET_DATAGRAMS_MAX`.
        """
        host = self.hosts[name]
        host.stalled_until = max(host.stalled_until, self.now + duration)
        self.at(duration, self._go_on, host)

    def suspend(self, name: str, duration: Duration) -> None:
        """Its lid is shut: as `pause`, and no link of it carries anything."""
        self.hosts[name].asleep = True
        self.network.silence(name, silent=True)
        self.pause(name, duration)

    def _go_on(self, host: Host) -> None:
        if host.stalled_until > self.now or (not host.stalled_until and not host.asleep):
            return
        self._let_go(host)
        if host.agent is not None:
            self.shell.set_turn(host)
            self.look(host.name)

    def _let_go(self, host: Host) -> None:
        host.stalled_until = 0
        if host.asleep:
            host.asleep = False
            self.network.silence(host.name, silent=False)

    def slow(self, name: str, factor: float) -> None:
        """Everything that reaches it is read `factor` milliseconds late, in order; 0 ends it."""
        self.hosts[name].lag = int(factor * MILLISECOND)

    def jump_clock(self, name: str, delta: Duration) -> None:
        """Its clock leaps; back means that it stands. See `clock.py` for what is honest."""
        host = self.hosts[name]
        host.clock.jump(self.now, delta)
        self._clock_bent(host)

    def set_clock_rate(self, name: str, ppm: int) -> None:
        """From now on its clock runs `ppm` parts per million too fast."""
        host = self.hosts[name]
        host.clock.set_rate(self.now, ppm)
        self._clock_bent(host)

    def _clock_bent(self, host: Host) -> None:
        host.wake_set_for = None
        self.shell.set_wake(host)

    # Processes and probes ------------------------------------------------------------------------

    def run_work(self, name: str, pid: int, ram: int = 0) -> int:
        """A process of a person's, using `ram` bytes. When it started: a Reserve names both."""
        host = self.hosts[name]
        assert pid not in host.work, f"{pid} runs already"
        self._starts += 1
        host.work[pid] = Work(pid, self._starts, ram)
        return self._starts

    def end_work(self, name: str, pid: int) -> None:
        """It is gone; an agent that was told to watch it hears so."""
        host = self.hosts[name]
        gone = host.work.pop(pid)
        for watched in sorted(host.watches):
            if watched[1:] == (pid, gone.started):
                self.at(0, self.shell.work_ended, host, host.life, watched)

    def report(self, name: str, report: Report) -> None:
        """Tell the host's agent what its shell would."""
        host = self.hosts[name]
        assert host.agent is not None, f"{name} is down"
        self.shell.arrive(host, "report", report)

    def look(self, name: str) -> None:
        """Let the host's probes look once; they see nothing while they hang or it stands still."""
        host = self.hosts[name]
        if host.probes_hang or host.stalled_until > self.now:
            return
        self.report(name, replace(host.sample(), wall=host.wall(self.now)))
        if host.agent is not None and host.inventory_told != host.outline():
            host.inventory_told = host.outline()
            self.report(name, host.inventory())

    def _look_again(self, host: Host, life: int) -> None:
        if host.life == life and self.look_every is not None:
            self.look(host.name)
            if host.life == life:
                self.at(self.look_every, self._look_again, host, life)

    # Seconds -------------------------------------------------------------------------------------

    def each_second(self, tick: Callable[[], None]) -> None:
        """Let `tick` happen at every whole second from now on."""

        def again() -> None:
            tick()
            self.at(SECOND, again)

        self.at(SECOND - self.now % SECOND, again)
