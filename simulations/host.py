"""One invented machine: what outlives its agent, and the agent of the moment.

Identity, disk and hardware stay; the agent, its outbox and whoever waits for it go with every
crash. `life` counts the starts, so that what was set for an earlier one finds nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.machine import Continuity
from mesh.identity import Identity, NodeId
from mesh.instant import Duration, Instant
from mesh.logs import Block, Position
from mesh.persistence import SPACE_BLOCK
from mesh.rejections import Rejection
from mesh.wire import parse_block
from node.core.effects import Effect, Event, Progress, Reply
from node.core.machine import Agent
from simulations.disk import Disk


@dataclass(slots=True)
class Host:
    """One machine: what outlives its agent (disk, identity, hardware), and the agent of now."""

    name: str
    address: str
    identity: Identity
    disk: Disk
    ram: int
    cores: int
    tools: tuple[str, ...]
    clock_offset: Duration
    agent: Agent | None = None
    marker: Position | None = None
    """What volatile memory vouches for; a power cut takes it."""
    life: int = 0
    """Which start this is: events set for an earlier life find nobody."""
    ram_foreign: int = 0
    outbox: list[Effect] = field(default_factory=list)
    committing: bool = False
    wake_set_for: Instant | None = None
    serving: dict[int, Callable[[bytes], None]] = field(default_factory=dict)
    replies: dict[int, Reply] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    last_token: int = 0

    @property
    def id(self) -> NodeId:
        return self.identity.id

    def own_blocks(self) -> list[Block]:
        """Its own log, as its disk has it."""
        rows = self.disk.durable.get(SPACE_BLOCK, {})
        blocks = [parse_block(rows[key]) for key in sorted(rows) if key.startswith(self.id)]
        return [block for block in blocks if not isinstance(block, Rejection)]

    def durable_head(self) -> Position | None:
        """The newest block of its own accepted chain on disk."""
        blocks = self.own_blocks()
        return blocks[-1].position if blocks else None

    def continuity(self) -> Continuity:
        """What the marker proves at the next start."""
        if self.marker is None:
            return Continuity(False, "there is no marker")
        if self.durable_head() != self.marker:
            return Continuity(False, "the disk is not what the marker saw")
        return Continuity(True, "the marker and the disk agree")

    @property
    def alive(self) -> Agent:
        assert self.agent is not None, f"{self.name} is down"
        return self.agent
