"""The frozen picture a decision looks at.

Everything here comes from signed facts, logs and the liveness column; nothing from vitals, clocks
or who happens to be looking. So equal `versions` mean equal pictures, on every peer.
Amounts are integers in the pool's unit; None is unknown and stays unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mesh.instant import Duration
from placement.history import NOTHING, History


class PlannedView(NamedTuple):
    """So much of a pool, from `start` to `end`: by its owner's wall clock, ns since 1970."""

    start: int
    end: int
    amount: int


@dataclass(frozen=True, slots=True)
class PoolView:
    """One pool: what it has in all, and what its owner could still promise (true room)."""

    pool: str
    kind: str
    """ram | cpu | vram | unified | disk | slots"""
    unit: str
    """bytes | millicores | slots"""
    total: int | None
    room: int | None
    state: str
    """open | unknown | impaired | draining | closed | impossible (only `open` admits holds)"""
    label: str = ""
    media: str = ""
    """Of a disk: nvme | ssd | hdd | network | unknown. Empty for everything else."""
    promised: int = 0
    """What live holds take of it, whether they use it yet or not."""
    lasting: tuple[tuple[Duration, int], ...] = ()
    """Of what is promised, the bookings: (how long each can still last at the most, amount)."""
    planned: tuple[PlannedView, ...] = ()
    """What will be taken of it by bookings that start later."""


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One accelerator; its memory is the pool named by `pool`."""

    uuid: str
    vendor: str
    model: str
    pool: str
    capability: str | None = None
    most: int | None = None
    """Of a card without memory of its own: the most it may take of its pool, where that is less
    than the pool."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that an engine keeps in memory just now."""

    engine: str
    """ollama | llama.cpp | vllm | sglang | lmstudio | mlx"""
    model: str
    warmth_percent: int | None = None
    """How much of its time in memory is left; None: it stays, or the engine does not say."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model that lies on a disk of the node, ready to be loaded."""

    model: str
    bytes: int | None
    store: str
    """ollama | huggingface | lmstudio | folder"""
    media: str = ""
    """Of the disk it lies on, as `PoolView.media`; empty when not known."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """What the link with a peer was seen to carry, in bytes a second, at least. None: not timed."""

    peer: str
    """`mesh.identity.id_text`"""
    received: int | None
    sent: int | None


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node of the mesh, as every peer with the same versions sees it."""

    id: str
    """`mesh.identity.id_text`: ties end here."""
    name: str
    liveness: str
    """alive | suspect | dead | left"""
    standing: str
    """open | bookings_closed | disk_full | outcast | quarantine | closed | unknown"""
    os: str | None
    arch: str | None
    pools: tuple[PoolView, ...]
    devices: tuple[DeviceView, ...] = ()
    tools: frozenset[str] = frozenset()
    labels: Mapping[str, str] | None = None
    """None: the node has not said; then no label can be required of it."""
    pressure: float | None = None
    """PSI memory full avg10 in percent, or None when the kernel does not say."""
    versions: tuple[tuple[str, str], ...] = ()
    """(topic or "log", version as text), sorted: what this row was drawn from."""
    battery_percent: float | None = None
    """Charge left while running on it; None on mains, without one, or when nobody says."""
    temperature_celsius: float | None = None
    """The hottest sensor, or None when there is none."""
    history: History = NOTHING
    """What it remembers of past work, as far as that still counts."""
    loaded: tuple[LoadedModel, ...] = ()
    stored: tuple[StoredModel, ...] = ()
    links: tuple[LinkView, ...] = ()
    """As the node itself has timed them."""


@dataclass(frozen=True, slots=True)
class ClusterView:
    """All nodes, ordered by id. Build with `draw` in node/core/view, or `ClusterView.of`."""

    nodes: tuple[NodeView, ...]

    @classmethod
    def of(cls, *nodes: NodeView) -> "ClusterView":
        """A picture of these nodes, in the order that ties are broken in."""
        return cls(tuple(sorted(nodes, key=lambda node: node.id)))

    @property
    def versions(self) -> dict[str, dict[str, str]]:
        """What the picture rests on: node id → topic → version; plus its liveness."""
        return {node.id: {**dict(node.versions), "liveness": node.liveness} for node in self.nodes}
