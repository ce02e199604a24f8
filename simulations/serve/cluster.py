"""One cluster that is served: a world, every check, a transcript, and what may be undone.

A cluster whose promise was broken stands still for good: what it says from then on is how it came
to that. `script` keeps every line that made it what it is, so that the same lines, told to another
service, are the same history.
"""

from collections.abc import Callable
from typing import Any, Final

from ledger.limits import BOOK_WAIT, PENDING_TTL
from mesh.instant import MINUTE, SECOND, Duration
from node.config import read_slots
from placement.amounts import AmountError, parse_bytes, parse_duration
from simulations.campaign.transcript import Transcript
from simulations.coverage import Coverage
from simulations.faults.catalogue import Chosen, UnknownFault, read_faults
from simulations.invented.disk import Spaces
from simulations.invented.hardware import Card
from simulations.invented.host import Host
from simulations.invented.world import CALM, World
from simulations.options import DURATION_MAX, SCHEMES
from simulations.scenarios.cluster import Asked, Cluster
from simulations.serve.commands import Machine, New
from simulations.serve.misfortune import Misfortune
from simulations.serve.no import No
from simulations.verdicts import Stalled

TRANSCRIPT_LINES_MAX: Final = 10_000
SCRIPT_LINES_MAX: Final = 100_000
NO_BYTES: Final = "0B"
NO_TIME: Final = "0s"
"""How nothing is written, where nothing makes sense."""
STEP: Final[Duration] = SECOND // 10
"""How often it is asked whether something that takes a look at everybody has come."""
MEETING: Final[Duration] = 3 * MINUTE
GOING_HOME: Final[Duration] = 2 * PENDING_TTL + 30 * SECOND + BOOK_WAIT
"""Every errand gives up by then; one may have waited for an owner to open."""


class Served:
    """One cluster. Times are virtual; nothing here reads a clock."""

    def __init__(self, new: New) -> None:
        """Everybody is there and off. Raises No."""
        if new.scheme not in SCHEMES:
            raise No("bad_value", f"scheme: {new.scheme!r} is not one of {', '.join(SCHEMES)}")
        self.faults = chosen(new.faults)
        self.operations = new.operations
        self.cluster = Cluster(new.seed, 0, 0, scheme=new.scheme)
        self.coverage = Coverage()
        self.transcript = Transcript(self.world, lines_max=TRANSCRIPT_LINES_MAX)
        for observer in (self.coverage, self.transcript):
            self.world.observe(observer)
        self.misfortune = Misfortune(self.world, self.transcript)
        self.copies: dict[str, Spaces] = {}
        """Host → the copy of its disk that was made last."""
        self.pids: dict[str, int] = {}
        self.asked: dict[tuple[str, int], Asked] = {}
        self.mending: dict[tuple[str, str], Callable[[], object]] = {}
        """(host, what) → how it is undone when the calm begins."""
        self.script: list[bytes] = []
        self.verdict: dict[str, Any] | None = None
        """What it came to, once a promise was broken."""
        self._build(new)

    @property
    def world(self) -> World:
        return self.cluster.world

    def _build(self, new: New) -> None:
        machines = new.machines or [
            Machine(f"n{number}", new.ram, new.cores, new.cards) for number in range(new.nodes)
        ]
        for machine in machines:
            if machine.name in self.world.hosts:
                raise No("bad_value", f"machines: there are two called {machine.name}")
            cards = tuple(
                Card(f"{machine.name}-{number}", size(memory, "cards"))
                for number, memory in enumerate(machine.cards)
            )
            host = self.world.add(
                machine.name, size(machine.ram, "ram"), machine.cores, machine.tools, cards
            )
            host.slots = slots(machine.slots)
            self.cluster.names.append(machine.name)

    def meet(self) -> None:
        """Everybody starts for the first time, and knows everybody's figures. Raises Stalled."""
        self.cluster.switch_on(first=True)
        if not self.until(
            lambda: self._met() and self.cluster.all_informed() and self._all_kept(), MEETING
        ):
            raise Stalled("V2", f"seed {self.world.seed}: the nodes never met")
        self.misfortune.unleash(self.faults, self.operations)

    def _all_kept(self) -> bool:
        """Whether everybody has everybody's log to its end: a pool is known by its first entry."""
        up = list(self.world.hosts.values())
        return all(
            host.alive.knowledge.log_position(of.id) == of.alive.knowledge.log_position(of.id)
            for host in up
            for of in up
        )

    def _met(self) -> bool:
        others = len(self.world.hosts) - 1
        return all(
            len(host.alive.knowledge.members()) == others for host in self.world.hosts.values()
        )

    # Finding -------------------------------------------------------------------------------------

    def host(self, name: str) -> Host:
        """Raises No."""
        if name not in self.world.hosts:
            known = self.cluster.names
            some = ", ".join(known[:8]) + (" …" if len(known) > 8 else "")
            raise No("no_node", f"there is no node {name!r}: there are {some}")
        return self.world.hosts[name]

    def up(self, name: str) -> Host:
        """As `host`, and its agent runs. Raises No."""
        host = self.host(name)
        if host.agent is None:
            raise No("down", f"{name} is down: start it first")
        return host

    def down(self, name: str) -> Host:
        """As `host`, and its agent does not run. Raises No."""
        host = self.host(name)
        if host.agent is not None:
            raise No("up", f"{name} is up: stop or kill it first")
        return host

    # Time ----------------------------------------------------------------------------------------

    def until(
        self, done: Callable[[], bool], limit: Duration, *, at_every_event: bool = False
    ) -> bool:
        """Let time pass until `done`, at most `limit`. Whether it came to that."""
        end = self.world.now + limit
        while not done():
            if self.world.now >= end:
                return False
            left = end - self.world.now
            if at_every_event:
                self.world.run_until(done, min(SECOND, left))
            else:
                self.world.run(min(STEP, left))
        self.cluster.hear()
        return True

    # The calm ------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Everything is mended; then all that must come does. Raises PromiseBroken, Stalled."""
        self.misfortune.cease()
        for undo in self.mending.values():
            undo()
        self.mending.clear()
        self.world.network.heal()
        self.world.network.weather = CALM
        for host in self.world.hosts.values():
            host.effects_left = None
            for pid in sorted(host.work):
                self.world.end_work(host.name, pid)
        self.cluster.switch_on()
        if not self.until(lambda: not self.misfortune.waiting, GOING_HOME):
            raise Stalled("V1", f"seed {self.world.seed}: somebody was never answered")
        self.cluster.checks.calm(self.world)
        self.cluster.hear()


# Words --------------------------------------------------------------------------------------------


def size(text: str, field: str, *, least: int = 1) -> int:
    """Bytes. Raises No."""
    try:
        amount = 0 if not least and text == NO_BYTES else parse_bytes(text)
    except AmountError as error:
        raise No("bad_value", f"{field}: {error}") from error
    return amount


def slots(said: dict[str, int]) -> dict[str, int]:
    """As a configuration has them. Raises No."""
    try:
        return dict(read_slots(said))
    except ValueError as error:
        raise No("bad_value", f"slots: {error}") from error


def span(text: str, field: str, *, least: Duration = 1) -> Duration:
    """Nanoseconds, at most a day. Raises No."""
    try:
        duration = 0 if not least and text == NO_TIME else parse_duration(text)
    except AmountError as error:
        raise No("bad_value", f"{field}: {error}") from error
    if duration > DURATION_MAX:
        raise No("bad_value", f"{field}: {text!r} is more than a day")
    return duration


def chosen(text: str) -> Chosen:
    """Kinds of faults, as behind `--faults`. Raises No."""
    try:
        return read_faults(text)
    except UnknownFault as error:
        raise No("bad_value", f"faults: {error}") from error
