"""The picture: facts, books and liveness become one frozen `ClusterView`.

Each row is drawn from exactly what its `versions` name, and drawn again only when one of them
changes. True room is worked out here, with the ledger's own formula over the owner's published
figures and our replica of its books, so that placement only ever sees integers.
"""

from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import msgspec

from ledger.books import Books
from ledger.granting.room import room
from mesh.facts import Fact
from mesh.identity import NodeId, id_text
from mesh.logs import Position
from node.core.picture import throughputs
from node.core.picture.coming import NOTHING_COMING, coming
from node.core.picture.past import decode_past
from node.core.picture.topics import (
    GpuFact,
    Inventory,
    Live,
    Models,
    PoolFact,
    Standing,
    decode_inventory,
    decode_live,
    decode_models,
    decode_standing,
)
from placement.history import NOTHING, History
from placement.view import (
    ClusterView,
    DeviceView,
    LinkView,
    LoadedModel,
    NodeView,
    PoolView,
    StoredModel,
)

QUARANTINE: Final = "quarantine"
PROBLEM_CHARS: Final = 80
IMPOSSIBLE: Final = "impossible"
"""The state of a pool whose figures cannot be true: it admits nothing, and says so."""
TIB: Final = 1 << 40
LARGEST: Final = {
    "ram": 256 * TIB, "unified": 256 * TIB, "vram": 16 * TIB, "disk": 1 << 60, "cpu": 1 << 25,
    "slots": 1 << 20,
}  # fmt: skip
"""Several times the largest single machine that can be bought, in the pool's own unit."""
KINDS: Final = {
    "ram": ("ram", "unified"), "cpu": ("cpu",), "disk": ("disk",), "gpu": ("vram",),
    "slots": ("slots",),
}  # fmt: skip
"""What a pool may be, by the front of its name. Two kinds on one memory would sell it twice."""


class Sources(NamedTuple):
    """All that one row is drawn from. `log`: where the replica's books stand; None: no log yet."""

    node: NodeId
    name: str
    liveness: str
    record: Fact | None
    """The node's own record (its name, its addresses)."""
    inventory: Fact | None
    live: Fact | None
    standing: Fact | None
    log: Position | None
    books: Books | None
    problem: str | None
    models: Fact | None = None
    throughput: Fact | None = None
    past: Fact | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Equal keys mean equal rows."""
        return (self.name, self.liveness, self.facts, self.log, self.problem)

    @property
    def facts(self) -> tuple[Fact | None, ...]:
        """All that the row rests on, but for the log."""
        return (
            self.record, self.inventory, self.live, self.standing, self.models, self.throughput,
            self.past,
        )  # fmt: skip


@dataclass(slots=True)
class Picture:
    """The rows drawn so far, and the whole picture until one of them changes."""

    _rows: dict[NodeId, tuple[tuple[object, ...], NodeView]] = field(default_factory=dict)
    _view: ClusterView | None = None

    def draw(self, sources: list[Sources]) -> ClusterView:
        """The picture of these nodes. The same object as before when nothing has changed."""
        rows = {source.node: self._row(source) for source in sources}
        changed = (
            self._view is None
            or rows.keys() != self._rows.keys()
            or any(rows[node] is not self._rows[node] for node in rows)
        )
        self._rows = rows
        if changed or self._view is None:
            self._view = ClusterView.of(*(row for _, row in rows.values()))
        return self._view

    def _row(self, source: Sources) -> tuple[tuple[object, ...], NodeView]:
        key = source.key
        kept = self._rows.get(source.node)
        return kept if kept is not None and kept[0] == key else (key, draw_row(source))


def draw_row(source: Sources) -> NodeView:
    """One node as every peer with the same versions sees it. A body we cannot read is unknown."""
    inventory = _read_inventory(source.inventory)
    live = _read_live(source.live)
    standing = _read_standing(source.standing)
    standing_state = "unknown" if standing is None else standing.state
    if source.problem is not None:
        standing_state = "closed"  # a log that does not add up grants nothing here
    return NodeView(
        id=id_text(source.node),
        name=source.name,
        liveness=source.liveness,
        standing=standing_state,
        os=inventory.os if inventory else None,
        arch=inventory.arch if inventory else None,
        pools=_pools(inventory, live, source.books, opening=standing_state == QUARANTINE),
        devices=_devices(inventory),
        tools=frozenset(tool.name for tool in inventory.tools) if inventory else frozenset(),
        labels=dict(inventory.labels) if inventory else None,
        pressure=_figure(live, "psi_memory_full_avg10"),
        battery_percent=_battery(live),
        temperature_celsius=_figure(live, "temperature_max"),
        loaded=_loaded(source.models),
        stored=_stored(source.models),
        links=_links(source.throughput),
        history=_history(source.past),
        versions=_versions(source),
    )


def _pools(
    inventory: Inventory | None, live: Live | None, books: Books | None, *, opening: bool
) -> tuple[PoolView, ...]:
    if inventory is None:
        return ()
    media = {volume.pool: volume.kind for volume in inventory.volumes}
    later = NOTHING_COMING if books is None else coming(books)
    return tuple(
        replace(
            _pool(pool, live, books, media=media.get(pool.pool, ""), opening=opening),
            lasting=later.lasting.get(pool.pool, ()), planned=later.planned.get(pool.pool, ()),
        )
        for pool in inventory.pools
    )  # fmt: skip


def _pool(
    fact: PoolFact, live: Live | None, books: Books | None, *, media: str, opening: bool
) -> PoolView:
    figures = live.pools.get(fact.pool) if live else None
    known = books.pools.get(fact.pool) if books else None
    # A node in quarantine names its pools when it opens. Its standing keeps everyone away till
    # then; what the pools will be is what a waiting asker wants to know.
    state = known.value if known else "open" if opening else "unknown"
    free = figures.free if figures else None
    used = figures.used if figures else {}
    holds = books.holds_on(fact.pool) if books else {}
    left = room(
        fact.total,
        fact.system_reserve,
        free,
        [(amount, used.get(hold.hex(), 0)) for hold, amount in holds.items()],
    )
    total = fact.total
    if not is_possible(fact):
        total, left, state = None, None, IMPOSSIBLE
    return PoolView(
        pool=fact.pool, kind=fact.kind, unit=fact.unit, total=total,
        room=left, state=state, label=fact.label, media=media, promised=sum(holds.values()),
    )  # fmt: skip


def is_possible(fact: PoolFact) -> bool:
    """Whether a pool can be as its owner says. A fact is signed, and may be wrong all the same."""
    if fact.kind not in KINDS.get(fact.pool.partition(":")[0], ()):
        return False
    if fact.total is None:
        return True
    return fact.system_reserve >= 0 and 0 <= fact.total <= LARGEST.get(fact.kind, 0)


def _devices(inventory: Inventory | None) -> tuple[DeviceView, ...]:
    if inventory is None:
        return ()
    return tuple(
        DeviceView(
            gpu.uuid,
            gpu.vendor,
            gpu.model,
            _pool_of(gpu),
            gpu.capability,
            gpu.memory_total if gpu.unified and (gpu.memory_total or 0) >= 0 else None,
        )
        for gpu in sorted(inventory.gpus, key=lambda gpu: gpu.uuid)
    )


def _loaded(fact: Fact | None) -> tuple[LoadedModel, ...]:
    models = _read_models(fact)
    # How much of its time in memory is left moves by itself, and is no fact that could be signed.
    return tuple(LoadedModel(one.server, one.name) for one in models.loaded) if models else ()


def _stored(fact: Fact | None) -> tuple[StoredModel, ...]:
    models = _read_models(fact)
    if models is None:
        return ()
    return tuple(StoredModel(one.name, one.bytes, one.store) for one in models.stored)


def _links(fact: Fact | None) -> tuple[LinkView, ...]:
    try:
        said = () if fact is None else throughputs.decode(fact.body).links
    except msgspec.MsgspecError:
        return ()
    return tuple(LinkView(one.peer, one.received, one.sent) for one in said)


def _pool_of(gpu: GpuFact) -> str:
    """Where its memory is charged: to main memory, or to a card's pool; to nothing else."""
    shares = gpu.pool == "ram" or gpu.pool.startswith("gpu:")
    return gpu.pool if shares else f"gpu:{gpu.uuid}"


def _figure(live: Live | None, name: str) -> float | None:
    metric = live.metrics.get(name) if live else None
    value = metric.value if metric else None
    return float(value) if isinstance(value, (int, float)) else None


def _battery(live: Live | None) -> float | None:
    """What is left, and only while it is what the machine runs on."""
    return _figure(live, "battery_percent") if _figure(live, "on_battery") else None


def _versions(source: Sources) -> tuple[tuple[str, str], ...]:
    # A number alone could name two bodies: a disk that forgot lets a node use a run's number again,
    # until a peer tells it so. The stamp beside it names what was said.
    rows = [
        (fact.topic, f"{fact.version}:{fact.stamp:016x}")
        for fact in source.facts
        if fact is not None
    ]
    if source.problem is not None:
        # Ours alone: another peer may keep that log whole, and place there.
        rows.append(("problem", source.problem[:PROBLEM_CHARS]))
    if source.log is not None:
        at = source.log
        rows.append(("log", f"{at.era.counter}:{at.height}:{at.hash.hex()[:16]}"))
    return tuple(sorted(rows))


def _history(fact: Fact | None) -> History:
    try:
        return NOTHING if fact is None else decode_past(fact.body)
    except msgspec.MsgspecError:
        return NOTHING


def _read_inventory(fact: Fact | None) -> Inventory | None:
    try:
        return None if fact is None else decode_inventory(fact.body)
    except msgspec.MsgspecError:
        return None


def _read_models(fact: Fact | None) -> Models | None:
    try:
        return None if fact is None else decode_models(fact.body)
    except msgspec.MsgspecError:
        return None


def _read_live(fact: Fact | None) -> Live | None:
    try:
        return None if fact is None else decode_live(fact.body)
    except msgspec.MsgspecError:
        return None


def _read_standing(fact: Fact | None) -> Standing | None:
    try:
        return None if fact is None else decode_standing(fact.body)
    except msgspec.MsgspecError:
        return None
