"""What a node costs while nothing happens, and how fast it is when something does.

Three agents, meshed over loopback. Idle, each pings one other a second and looks at its hardware
every few; the limit is a pair of bare trio processes that ping each other as often and do nothing
else, in the same seconds. A reservation goes through the local socket, as the command's does; its
limit is two synced appends, a hold's and a confirmation's, on the disk of the journals.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Final

from simulations.bench.agents import (
    FULL_VIEW_SECONDS_MAX,
    UP_SECONDS_MAX,
    have_full_view,
    machines,
    start_beside,
    start_first,
)
from simulations.bench.disks import BareLog
from simulations.bench.processes import memory, spent_over
from simulations.bench.rows import Area, Declared, Row
from simulations.bench.timing import NS_PER_MS, median, quantile, wall_ns
from simulations.demo.nodes import Node, until
from simulations.ports import free_ports

NAMES: Final = ("anna", "ben", "carla")
JOINS: Final = 3
SETTLE_SECONDS: Final = 10.0
"""After the last has joined: the tools have told their versions, the beacons have grown rare."""
IDLE_SECONDS: Final = 24.0
RESERVATIONS: Final = 40
TERM_MS: Final = 600_000
BLOCK_BYTES: Final = 1024
"""About what one hold or confirmation puts into the journal, as a block of its own."""

AREA: Final = Area(
    "node",
    Declared("join to full view, median", "s", "lower"),
    Declared("join to full view, worst", "s", "lower"),
    Declared("idle CPU of a node", "ms/s", "lower"),
    Declared("idle wake-ups of a node", "/s", "lower"),
    Declared("memory of a node, RSS", "MiB", "lower"),
    Declared("memory of a node, PSS", "MiB", "lower"),
    Declared("hold latency p50, reserve → reply on itself", "ms", "lower"),
    Declared("hold latency p50, reserve → reply on another", "ms", "lower"),
    Declared("hold latency p99, reserve → reply on itself", "ms", "lower"),
    Declared("hold latency p99, reserve → reply on another", "ms", "lower"),
)


def rows(joins: int = JOINS, idle_seconds: float = IDLE_SECONDS) -> list[Row]:
    """All rows of the area. The mesh that joined last is the one that idles and is asked."""
    joined: list[tuple[float, float]] = []
    for _ in range(joins - 1):
        with machines(*NAMES) as nodes:
            joined.append(_join(nodes))
    with machines(*NAMES) as nodes:
        joined.append(_join(nodes))
        idle = _idle_rows(nodes, idle_seconds)
        return [*_join_rows(joined), *idle, *_hold_rows(nodes)]


# Joining -----------------------------------------------------------------------------------------


def _join(nodes: Sequence[Node]) -> tuple[float, float]:
    """Seconds until the last one's own door is open, and until everyone sees everyone."""
    first, *others = nodes
    *second, last = others
    start_first(first)
    for node in second:
        start_beside(node, first)
    until("the first ones see each other", lambda: have_full_view([first, *second]), UP_SECONDS_MAX)
    start_beside(last, first)
    _, alone = until(f"{last.name} is up", last.answers, UP_SECONDS_MAX)
    _, more = until("everyone sees everyone", lambda: have_full_view(nodes), FULL_VIEW_SECONDS_MAX)
    return alone, alone + more


def _join_rows(joined: Sequence[tuple[float, float]]) -> list[Row]:
    alone, whole = ([float(one) for one in column] for column in zip(*joined, strict=True))
    return [
        AREA.row(f"join to full view, {which}", len(joined), pick(whole), limit=pick(alone))
        for which, pick in (("median", median), ("worst", max))
    ]


# Idling ------------------------------------------------------------------------------------------


def _idle_rows(nodes: Sequence[Node], seconds: float) -> list[Row]:
    ours = [node.process.pid for node in nodes if node.process is not None]
    assert len(ours) == len(nodes), "a node is not running"
    with _bare_pair() as bare:
        time.sleep(SETTLE_SECONDS)
        seen = spent_over([*ours, *bare], seconds)
        held = [memory(pid) for pid in (*ours, *bare)]
    figures = [
        ("idle CPU of a node", [cpu for cpu, _ in seen]),
        ("idle wake-ups of a node", [wake_ups for _, wake_ups in seen]),
        ("memory of a node, RSS", [one.rss for one in held]),
        ("memory of a node, PSS", [one.pss for one in held]),
    ]
    return [
        AREA.row(name, len(ours), _mean(all_[: len(ours)]), limit=_mean(all_[len(ours) :]))
        for name, all_ in figures
    ]


@contextmanager
def _bare_pair() -> Iterator[list[int]]:
    """Two bare processes that ping each other; their pids."""
    ports = free_ports(2)
    with ExitStack() as stack:
        pair: list[int] = []
        for own, other in (ports, ports[::-1]):
            argv = [sys.executable, "-m", "simulations.bench.pinger", str(own), str(other)]
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            pair.append(process.pid)
        yield pair


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / len(figures)


# Holding -----------------------------------------------------------------------------------------


def _hold_rows(nodes: Sequence[Node]) -> list[Row]:
    asker, owner, *_ = nodes
    where = (("on itself", asker), ("on another", owner))
    taken: dict[str, list[float]] = {place: [] for place, _ in where}
    bare: list[float] = []
    with closing(BareLog(asker.state.parent / "bare")) as log:
        for _ in range(RESERVATIONS):
            for place, target in where:
                taken[place].append(_reserve_ms(asker, target))
            bare.append(wall_ns(lambda: _append_twice(log)) / NS_PER_MS)
    return [
        AREA.row(
            f"hold latency p{percent}, reserve → reply {place}", RESERVATIONS,
            quantile(taken[place], percent / 100), limit=quantile(bare, percent / 100),
        )
        for percent in (50, 99)
        for place, _ in where
    ]  # fmt: skip


def _reserve_ms(asker: Node, owner: Node) -> float:
    ask = {"ram": "1MiB", "node": owner.name}
    told: list[dict[str, Any]] = []

    def reserve() -> None:
        told.append(asker.granted(type="reserve", term_ms=TERM_MS, ask=ask, label="bench"))

    took = wall_ns(reserve)
    asker.granted(type="release", id=told[0]["id"])
    return took / NS_PER_MS


def _append_twice(log: BareLog) -> None:
    for _ in range(2):
        log.append(bytes(BLOCK_BYTES))
