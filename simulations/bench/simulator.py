"""How much simulated life a core lives through, and what a simulated node weighs.

The full mesh runs in processes of its own (`crowd.py`): everybody meets everybody, then a quiet
while, then a minute in which things go wrong. CPU time of one core throughout. What forms a mesh of
a thousand takes a quarter of an hour, so it runs under `LONG=1` alone, and the short run covers the
smaller sizes (`n` says which). Ten thousand nodes are ledger and placement over one shared view
(`one_view.py`), which is no mesh. `limit` is a toy event loop of as many nodes (`toy.py`), measured
in the same run.
"""

import json
import os
import subprocess
import sys
import time
from typing import Final

from mesh.instant import SECOND, Duration, in_seconds
from simulations.bench.crowd import Figures, resident_bytes
from simulations.bench.one_view import OneView, check_one_view
from simulations.bench.rows import LONG, Area, Declared, Row
from simulations.bench.toy import toy_events
from simulations.options import Options
from simulations.results import OK
from simulations.run import Run

SHORT_SIZES: Final = (100, 300)
LONG_SIZES: Final = (1_000,)
CROWD_SECONDS_MAX: Final = 18 * 60
"""Of one size in the short run, wall time. A long one takes what it takes."""
VIEW_NODES: Final = 10_000
VIEW_REQUESTS_PER_SECOND: Final = 50
VIEW_DURATION: Final[Duration] = 40 * SECOND
"""Longer than a lease, so that some run out."""
SEED: Final = 20_260_105
SEEDS: Final = 20
SEED_NODES: Final = 5
TOY_DURATION: Final[Duration] = 60 * SECOND
MIB: Final = 1 << 20

SHARED: Final = "10,000 nodes, ledger and placement over one shared view"


def _of_size(size: int) -> tuple[Declared, ...]:
    return (
        Declared(f"join of {size:,} nodes at once", "s", "lower"),
        Declared(f"node-seconds per second, {size:,} nodes", "/s", "higher"),
        Declared(f"60 s of {size:,} nodes with faults, after the join", "s", "lower"),
        Declared(f"memory per simulated node, {size:,} nodes", "MiB", "lower"),
    )


AREA: Final = Area(
    "simulator",
    *(row for size in (*SHORT_SIZES, *LONG_SIZES) for row in _of_size(size)),
    Declared(f"node-seconds per second, {SHARED}", "/s", "higher"),
    Declared(f"memory per simulated node, {SHARED}", "MiB", "lower"),
    Declared("seeds per second and core, five nodes, all faults", "/s", "higher"),
    Declared("events per second, of a toy event loop's", "×", "higher"),
)


def rows() -> list[Row]:
    """All rows of the area; those of the largest mesh under LONG=1."""
    long = bool(os.environ.get(LONG))
    found: list[Row] = []
    for size in (*SHORT_SIZES, *(LONG_SIZES if long else ())):
        found += _crowd_rows(_crowd(size, None if size in LONG_SIZES else CROWD_SECONDS_MAX))
    if not long:
        sys.stderr.write(f"short: up to {SHORT_SIZES[-1]:,} nodes; LONG=1: {LONG_SIZES[-1]:,}\n")
    return [*found, *view_rows(), seeds_row()]


# A mesh ------------------------------------------------------------------------------------------


def _crowd(nodes: int, seconds_max: int | None) -> Figures:
    argv = [sys.executable, "-m", "simulations.bench.crowd", str(nodes)]
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, timeout=seconds_max)
    figures: Figures = json.loads(done.stdout)
    return figures


def _crowd_rows(figures: Figures) -> list[Row]:
    nodes = figures["nodes"]
    events, took = _toy(nodes)
    toy_node_seconds = nodes * in_seconds(TOY_DURATION) / took
    values = {
        "join": (figures["join_seconds"], None),
        "quiet": (figures["quiet_node_seconds_per_second"], toy_node_seconds),
        "faults": (figures["faults_seconds"], took),
        "memory": (figures["mib_per_node"], None),
    }
    found = [
        AREA.row(declared.name, nodes, value, limit=limit)
        for declared, (value, limit) in zip(_of_size(nodes), values.values(), strict=True)
    ]
    if nodes == SHORT_SIZES[0]:
        share = figures["events_per_second"] / (events / took)
        found.append(AREA.row("events per second, of a toy event loop's", nodes, share))
    return found


def _toy(nodes: int) -> tuple[int, float]:
    begun = time.process_time()
    events = toy_events(nodes, TOY_DURATION)
    return events, time.process_time() - begun


# One view ----------------------------------------------------------------------------------------


def view_rows(nodes: int = VIEW_NODES, duration: Duration = VIEW_DURATION) -> list[Row]:
    """Ten thousand ledgers and one picture of them."""
    before = resident_bytes()
    view = OneView(nodes, VIEW_REQUESTS_PER_SECOND, SEED)
    begun = time.process_time()
    view.run(duration)
    took = time.process_time() - begun
    held = (resident_bytes() - before) / MIB / nodes
    check_one_view(view)
    assert view.granted, "nobody was granted anything"
    return [
        AREA.row(f"node-seconds per second, {SHARED}", nodes, nodes * in_seconds(duration) / took),
        AREA.row(f"memory per simulated node, {SHARED}", nodes, held),
    ]


# Seeds -------------------------------------------------------------------------------------------


def seeds_row(seeds: int = SEEDS) -> Row:
    """Whole runs, as the campaign makes them: chaos, calm, and every check."""
    begun = time.process_time()
    for seed in range(1, seeds + 1):
        result = Run(Options.draw(seed, nodes=SEED_NODES, mode="all")).live()
        assert result.verdict == OK, f"seed {seed}: {result.verdict}: {result.violations}"
    took = time.process_time() - begun
    return AREA.row("seeds per second and core, five nodes, all faults", seeds, seeds / took)
