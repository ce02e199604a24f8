"""One invented machine: what outlives its agent, and the agent of the moment.

Identity, disk, clock and hardware stay; the agent, its outbox and whoever waits for it go with
every crash. `life` counts the starts and ends, so that what was set for an earlier life finds
nobody.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from mesh.effects import Address
from mesh.identity import Identity, NodeId
from mesh.instant import SECOND, Duration, Instant
from mesh.keys.keyring import Keyring
from mesh.letters.wire import parse_block
from mesh.logs import Block, Position
from mesh.persistence import SPACE_BLOCK
from mesh.rejections import Rejection
from mesh.roll.admission import Policy
from node.core.continuity import Marker
from node.core.effects import Effect, Event, Progress, Reply
from node.core.machine import Agent
from node.core.picture.reports import InventoryRead, Sampled
from simulations.invented import hardware
from simulations.invented.clock import Clock
from simulations.invented.described import Described
from simulations.invented.disk import Disk
from simulations.invented.hardware import Card, Work

EVENTS_KEPT_MAX: Final = 1000
"""Of one host, for people to look at. Each node of a mesh of a thousand is told three times as many
as it forms; whoever needs them all joins the audience."""


class Caller(Protocol):
    """Whoever waits at the far end of a stream request that this host serves."""

    def answer(self, body: bytes) -> None: ...
    def broken(self) -> None: ...


WALL_BEGAN: Final = 2_000_000_000 * SECOND
"""What a true wall clock shows when a world begins."""


@dataclass(slots=True)
class Host:
    """One machine: what outlives its agent (disk, identity, hardware), and the agent of now."""

    name: str
    number: int
    """Its place among the hosts of its world, for the trace."""
    endpoint: Address
    identity: Identity
    disk: Disk
    clock: Clock
    ram: int
    cores: int
    tools: tuple[str, ...]
    called: str = ""
    """What its agent is called: a clone goes by the name of its original."""
    fingerprint: str = ""
    policy: Policy = Policy.SECRET
    """Whom its agent counts on."""
    keys: Keyring | None = None
    """The file with its secrets; None: that of the world it was born into."""
    agent: Agent | None = None
    marker: Marker | None = None
    """What volatile memory vouches for; a power cut takes it."""
    boots: int = 1
    life: int = 0
    starts_in_process: int = 0
    """How often the process of now has started an agent."""
    dark: bool = False
    """Without power: nobody even says that nobody is there."""
    head: Position | None = None
    """The newest block of its own that this life knows to be durable."""

    # What the process does ---
    outbox: list[Effect] = field(default_factory=list)
    committing: bool = False
    full_in: int | None = None
    """The life in which its agent was told that there is no room on its disk, and not yet that
    there is again."""
    closing: bool = False
    wake_set_for: Instant | None = None
    serving: dict[int, Caller] = field(default_factory=dict)
    replies: dict[int, Reply] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    last_token: int = 0
    hung_up: set[int] = field(default_factory=set)
    inbox: deque[tuple[str, tuple[Any, ...]]] = field(default_factory=deque)
    """What has arrived and could not be read at once: the host stands still, or is slow."""
    datagrams_waiting: int = 0
    datagrams_dropped: int = 0
    """Too many for its socket, or too long for its gate."""
    stalled_until: Instant = 0
    asleep: bool = False
    lag: Duration = 0
    """How long after its arrival something is read."""
    turn_set: bool = False
    effects_left: int | None = None
    """How many effects it still carries out before it dies."""

    # What the machine is ---
    wall_ahead: Duration = 0
    """How far its wall clock is ahead of the true time."""
    wall_stepped: bool = False
    """Whether it ever jumped."""
    described: Described | None = None
    """What its probes would say, of a machine that a person described."""
    kernel: str = ""
    """The run of a kernel that it says it is, if not one of its own: a container of another's."""
    ram_foreign: int = 0
    cards: list[Card] = field(default_factory=list)
    slots: dict[str, int] = field(default_factory=dict)
    """Name → how many its configuration says that there are; read at a start."""
    blind_pools: set[str] = field(default_factory=set)
    probes_hang: bool = False
    inventory_told: tuple[object, ...] = ()
    work: dict[int, Work] = field(default_factory=dict)
    watches: dict[tuple[bytes, int, int], None] = field(default_factory=dict)
    """(hold, a pid tied to it, when that process started)."""

    @property
    def id(self) -> NodeId:
        return self.identity.id

    @property
    def address(self) -> str:
        return self.endpoint.host

    @property
    def clock_offset(self) -> Duration:
        """What its clock showed when the world began."""
        return self.clock.offset

    @property
    def boot(self) -> str:
        """The kernel's name for this boot."""
        return f"boot {self.boots} of {self.name}"

    @property
    def alive(self) -> Agent:
        assert self.agent is not None, f"{self.name} is down"
        return self.agent

    def note(self, event: Event) -> None:
        """Its agent tells of `event`."""
        if len(self.events) < EVENTS_KEPT_MAX:
            self.events.append(event)

    def own_blocks(self) -> list[Block]:
        """Its own log, as its disk has it."""
        rows = self.disk.durable.get(SPACE_BLOCK, {})
        blocks = [parse_block(rows[key]) for key in sorted(rows) if key.startswith(self.id)]
        return [block for block in blocks if not isinstance(block, Rejection)]

    # Hardware ------------------------------------------------------------------------------------

    def set_ram(self, total: int) -> None:
        """Another amount of memory; less than is granted is possible. The next look sees it."""
        self.ram = total

    def lose_card(self, uuid: str) -> None:
        """Its driver shows it no longer."""
        self._card(uuid).present = False

    def return_card(self, uuid: str) -> None:
        """Its driver shows it again."""
        self._card(uuid).present = True

    def hang_probes(self, hang: bool) -> None:
        """No look arrives while they hang."""
        self.probes_hang = hang

    def blind(self, pool: str) -> None:
        """The figures of `pool` can't be read from here on."""
        self.blind_pools.add(pool)

    def see(self, pool: str) -> None:
        """They can again."""
        self.blind_pools.discard(pool)

    def inventory(self) -> InventoryRead:
        """A full probe."""
        if self.described is not None:
            return self.described.but(self.ram, self.cards).read()
        boot = self.kernel or f"boot of {self.name}"
        return hardware.inventory(
            self.called, self.ram, self.cores, self.tools, self.cards, boot, self.fingerprint,
            self.slots,
        )  # fmt: skip

    def wall(self, now: Instant) -> int:
        """What its wall clock shows."""
        return WALL_BEGAN + now + self.wall_ahead

    def sample(self) -> Sampled:
        """A live look. Work that no hold is tied to is foreign."""
        used: dict[bytes, int] = {}
        for hold, pid, started in sorted(self.watches):
            work = self.work.get(pid)
            if work is not None and work.started == started and work.ram:
                used[hold] = used.get(hold, 0) + work.ram
        tied = {pid for _, pid, _ in self.watches}
        loose = sum(work.ram for pid, work in self.work.items() if pid not in tied)
        if self.described is not None:
            now = self.described.but(self.ram, self.cards)
            foreign = self.ram_foreign + loose
            return now.sampled(foreign, used, frozenset(self.blind_pools))
        return hardware.sample(
            self.ram, self.cores, self.ram_foreign + loose, used, self.cards,
            sorted(self.blind_pools), self.slots,
        )  # fmt: skip

    def outline(self) -> tuple[object, ...]:
        """What an inventory would say, to see whether it must be told again."""
        return (
            self.ram,
            self.cores,
            self.kernel,
            *(card.uuid for card in self.cards if card.present),
        )

    def _card(self, uuid: str) -> Card:
        return next(card for card in self.cards if card.uuid == uuid)
