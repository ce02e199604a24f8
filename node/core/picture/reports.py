"""What the shell reports to the agent: figures, endings, and its own troubles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ledger.observations import PoolReading
from mesh.effects import Address
from mesh.identity import NodeId
from mesh.instant import Duration
from node.core.picture.evidence import NO_EVIDENCE, Evidence
from node.core.picture.throughputs import StreamTimed
from node.core.picture.topics import How, Inventory, Live, Models
from node.core.processes import Process


@dataclass(frozen=True, slots=True)
class InventoryRead:
    """A full probe: what this machine is, or which models are on it."""

    inventory: Inventory | Models


@dataclass(frozen=True, slots=True)
class Sampled:
    """A live sample: the same figures for the mesh (`live`) and for the books (`readings`)."""

    live: Live
    readings: tuple[PoolReading, ...]
    running: Mapping[bytes, tuple[int, ...]] = field(default_factory=dict)
    """Hold → the processes found under it."""
    wall: int | None = None
    """What the wall clock showed then, ns since 1970; None: nobody looked."""
    tops: Mapping[bytes, tuple[Process, ...]] = field(default_factory=dict)
    """Hold → those of them whose parents are not."""


@dataclass(frozen=True, slots=True)
class WorkEnded:
    """A process that was tied to a hold is gone. `pid` 0: whichever carried its lease."""

    hold: bytes
    pid: int = 0
    started: int = 0
    how: How = How.UNKNOWN


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """Whether the disk has room for more promises. `short`: what is wrong, or ""."""

    short: str


@dataclass(frozen=True, slots=True)
class AddressesChanged:
    """The interfaces changed: (host, port, kind) of every address worth advertising."""

    addresses: tuple[tuple[str, int, str], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """An unsigned word on the local network: `node` of our mesh may be at these addresses."""

    node: NodeId
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class SeedsFound:
    """The names that a person gave as seeds stand for these addresses."""

    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `doctor` tells. `ok` None: not known, or nobody's fault."""

    name: str
    ok: bool | None
    sentence: str
    hint: str = ""


NO_WAY: Final = ("send: ENETUNREACH", "send: EHOSTUNREACH", "send: ENETDOWN")


@dataclass(frozen=True, slots=True)
class ShellNews:
    """What the shell counts and cannot mend, for `status` and `doctor`."""

    warnings: tuple[str, ...]
    refused: Mapping[str, int]
    interfaces: tuple[Mapping[str, object], ...]
    checks: tuple[Check, ...] = ()
    evidence: Evidence = NO_EVIDENCE
    wall_ahead: Duration | None = None
    """How far a clock on the wall is ahead of ours. It is shown to people, and decides nothing."""

    @property
    def without_a_way(self) -> int:
        """Datagrams that did not leave for want of a way: that speaks against this machine."""
        return sum(self.refused.get(cause, 0) for cause in NO_WAY)


Report: TypeAlias = (
    InventoryRead
    | Sampled
    | WorkEnded
    | DiskRoom
    | AddressesChanged
    | Found
    | SeedsFound
    | ShellNews
    | StreamTimed
)


def hosts_of(addresses: Sequence[tuple[str, int, str]]) -> tuple[Address, ...]:
    """Where we may be written to, whatever interface each belongs to."""
    return tuple(Address(host, port) for host, port, _ in addresses)
