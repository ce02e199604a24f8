"""Objectives that are not about room: one figure per node, in a unit, with where it is from.

*soonest*: seconds until work could start. A model that is in memory is there; one on a disk has to
be read; one that only a peer has must come over the network first. A link counts as somebody timed
it; speeds that nobody measured are rules of thumb, and the figure says so. Without a model
everything that fits can start now.
*fastest*: the time such work took before, in milliseconds. Nodes that have never done it come after
those that have: an unknown is not a guess.
*near*: seconds until given data is there (`near.py`): measured, or not known.
*spread*: the share of main memory that is promised already, in hundredths of a percent.

Small is better in all of them. The figures of one objective and scope are worked out once per
picture, by `Prepared.figures`.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from placement.judging.near import Source, arrivals, best_sources
from placement.judging.ties import standing_key
from placement.request import Near, Objective, Request
from placement.view import NodeView, StoredModel

COMPUTED: Final = "computed"
OBSERVED: Final = "observed"
RULE_OF_THUMB: Final = "rule of thumb"
UNKNOWN: Final = "unknown"

READ_BYTES_PER_SECOND: Final = {
    "nvme": 2_000_000_000,
    "ssd": 450_000_000,
    "hdd": 150_000_000,
    "network": 110_000_000,
}
"""Sequential reads, by kind of disk: PCIe 3 x4 drives are sold with 2 to 3.5 GB/s, SATA ends at
0.55, disks that turn give 0.1 to 0.25, a gigabit line 0.11."""
READ_UNKNOWN_BYTES_PER_SECOND: Final = 150_000_000
LINK_BYTES_PER_SECOND: Final = 110_000_000
"""A gigabit line, net. Most homes and offices have no more."""

LINK_MEASURED: Final = "link measured, disk by rule of thumb"
BY_FIGURE: Final = (Objective.SOONEST, Objective.FASTEST, Objective.SPREAD, Objective.NEAR)
WARM_SECONDS: Final = 60
"""A score of 50 stands for being ready after a minute."""


class Figure(NamedTuple):
    """How one node stands to the objective; None: nobody can say."""

    value: int | None
    source: str


NAMES: Final = {
    Objective.SOONEST: ("ready in", "ms"),
    Objective.FASTEST: ("took before", "ms"),
    Objective.NEAR: ("data there in", "ms"),
    Objective.SPREAD: ("promised already", "basis points"),
}
"""What a figure is called, and its unit."""

Asked = tuple[Objective, str, tuple[str, str, str, str], Near | None]


def asked_of(request: Request) -> Asked:
    """What the figures of a request depend on; equal keys mean equal figures."""
    scope = request.scope
    words = (scope.workload, scope.engine, scope.tool, scope.model)
    return request.objective, request.model, words, request.near


def figures_of(request: Request, nodes: Sequence[NodeView]) -> tuple[Figure, ...]:
    """One per node, in their order."""
    match request.objective:
        case Objective.SOONEST:
            return _ready(request.model, nodes)
        case Objective.NEAR:
            assert request.near is not None, "a request for nearness says to what"
            return tuple(Figure(*arrival) for arrival in arrivals(request.near, nodes))
        case Objective.FASTEST:
            return tuple(_took_before(request, node) for node in nodes)
        case _:
            return tuple(Figure(standing_key(node).share, COMPUTED) for node in nodes)


def score_of(objective: Objective, value: int | None, best: int | None) -> int:
    """0 to 100, for the eye. `best`: the best figure of all that fit."""
    if value is None:
        return 0
    match objective:
        case Objective.SOONEST | Objective.NEAR:
            return 100 * WARM_SECONDS * 1000 // (WARM_SECONDS * 1000 + value)
        case Objective.FASTEST:
            return 100 if not value or best is None else 100 * best // value
        case _:
            return max(0, 100 - value // 100)


def _ready(model: str, nodes: Sequence[NodeView]) -> tuple[Figure, ...]:
    size = _size_of(model, nodes)
    holders = [
        node
        for node in nodes
        if node.liveness == "alive" and any(stored.model == model for stored in node.stored)
    ]
    best = best_sources(holders, nodes) if holders else {}
    return tuple(_ready_in(model, node, size, best.get(node.id)) for node in nodes)


def _ready_in(model: str, node: NodeView, size: int | None, best: Source | None) -> Figure:
    if not model or any(loaded.model == model for loaded in node.loaded):
        return Figure(0, COMPUTED)
    stored = next((one for one in node.stored if one.model == model), None)
    if stored is not None:
        if stored.bytes is None:
            return Figure(None, UNKNOWN)
        return Figure(_ms(stored.bytes, _read_speed(node, stored)), RULE_OF_THUMB)
    if size is None:
        return Figure(None, UNKNOWN)
    # It comes over the line, and is read when it is there.
    if best is not None:
        comes = _ms(size, best.per_second)
        return Figure(comes + _ms(size, _read_speed(node)), LINK_MEASURED)
    return Figure(_ms(size, LINK_BYTES_PER_SECOND) + _ms(size, _read_speed(node)), RULE_OF_THUMB)


def _took_before(request: Request, node: NodeView) -> Figure:
    seen = node.history.observed(request.scope)
    if seen is None or seen.wall_ms is None or not seen.succeeded:
        return Figure(None, UNKNOWN)
    return Figure(seen.wall_ms, OBSERVED)


def _size_of(model: str, nodes: Sequence[NodeView]) -> int | None:
    """How large `model` is, by the largest copy that anybody has; None when nobody has one."""
    sizes = [
        stored.bytes
        for node in nodes
        for stored in node.stored
        if stored.model == model and stored.bytes is not None
    ]
    return max(sizes, default=None)


def _read_speed(node: NodeView, stored: StoredModel | None = None) -> int:
    """Of the disk that it lies on, where that is said; else of the node's fastest."""
    media = [pool.media for pool in node.pools if pool.kind == "disk"]
    if stored is not None and stored.media:
        media = [stored.media]
    speeds = [READ_BYTES_PER_SECOND.get(kind, READ_UNKNOWN_BYTES_PER_SECOND) for kind in media]
    return max(speeds, default=READ_UNKNOWN_BYTES_PER_SECOND)


def _ms(size: int, per_second: int) -> int:
    return -(-size * 1000 // per_second)
