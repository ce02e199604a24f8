"""How long a decision takes, over invented meshes of 50 to 10,000 nodes.

Each mesh is drawn from one seed: a mix of laptops, servers and GPU machines, partly full. The
question is an ordinary one (a card, some RAM and cores, a tool), put to a prepared picture. The
limit is what any implementation must do that keeps no index: one pass over bare columns of the
same figures, with a list comprehension.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, Final

from placement.columns import Prepared, prepare, redraw
from placement.decide import decide
from placement.request import GpuSelector, Request
from placement.view import ClusterView, DeviceView, NodeView, PoolView

GIB: Final = 1 << 30
SEED: Final = 20_260_101
TARGET_US_AT_1000: Final = 1000
SIZES: Final = (50, 1_000, 10_000)
ROUNDS: Final = {50: 200, 1_000: 100, 10_000: 30}

QUESTION: Final = Request(
    gpus=(GpuSelector(memory_min=20 * GIB, vendor="nvidia"),),
    ram_bytes=8 * GIB,
    cpu_millicores=2_000,
    tools=("ollama",),
    os="linux",
)


def rows() -> list[dict[str, Any]]:
    """One row per size for a decision, and one for drawing the picture anew after one change."""
    found: list[dict[str, Any]] = []
    for count in SIZES:
        view = mesh_of(count)
        prepared = prepare(view)
        bare = bare_columns(view)
        decide(QUESTION, prepared)  # columns are worked out when first asked for
        limit = _best_us(partial(bare_filter, bare), ROUNDS[count])
        value = _best_us(partial(decide, QUESTION, prepared), ROUNDS[count])
        target = TARGET_US_AT_1000 if count == 1_000 else None
        found.append(_row(f"where over {count:,} nodes", count, value, limit, target))
        found.append(_redraw_row(prepared, count))
    return found


def mesh_of(count: int, seed: int = SEED) -> ClusterView:
    """An invented mesh of `count` nodes."""
    dice = Random(seed)
    return ClusterView.of(*(node_of(dice, number) for number in range(count)))


def node_of(dice: Random, number: int) -> NodeView:
    """One invented machine."""
    memory = dice.choice([16, 32, 64, 128, 256]) * GIB
    cores = dice.choice([4, 8, 16, 32, 64]) * 1000
    pools = [
        PoolView("ram", "ram", "bytes", memory, dice.randrange(memory), "open", "RAM"),
        PoolView("cpu", "cpu", "millicores", cores, dice.randrange(cores), "open", "cores"),
    ]
    devices = []
    for card in range(dice.choice([0, 0, 1, 1, 2, 4])):
        total = dice.choice([8, 16, 24, 48, 80]) * GIB
        uuid = f"GPU-{dice.getrandbits(64):016x}"
        room = dice.randrange(total)
        pools.append(PoolView(f"vram:{uuid}", "vram", "bytes", total, room, "open", f"card {card}"))
        devices.append(DeviceView(uuid, "nvidia", "Invented 1000", f"vram:{uuid}"))
    tools = dice.sample(["docker", "ffmpeg", "git", "go", "ollama", "python3"], 3)
    return NodeView(
        id=f"{dice.getrandbits(128):032x}",
        name=f"node-{number}",
        liveness=dice.choice(["alive"] * 19 + ["suspect"]),
        standing=dice.choice(["open"] * 19 + ["quarantine"]),
        os="linux",
        arch=dice.choice(["x86_64", "arm64"]),
        pools=tuple(pools),
        devices=tuple(devices),
        tools=frozenset(tools),
        pressure=dice.choice([0.0, 0.0, 1.5, 20.0]),
    )


def bare_columns(view: ClusterView) -> list[tuple[bool, int, int, int]]:
    """The four figures that the question turns on: usable, card, RAM and cores."""
    return [
        (
            node.liveness == "alive" and node.standing == "open" and "ollama" in node.tools,
            max((pool.room or 0 for pool in node.pools if pool.kind == "vram"), default=0),
            node.pools[0].room or 0,
            node.pools[1].room or 0,
        )
        for node in view.nodes
    ]


def bare_filter(columns: list[tuple[bool, int, int, int]]) -> int:
    """The best node by card, and nothing else: no reasons, no counts, no legs."""
    fits = [
        (card, place)
        for place, (usable, card, ram, cores) in enumerate(columns)
        if usable and card >= 20 * GIB and ram >= 8 * GIB and cores >= 2_000
    ]
    return max(fits, default=(0, 0))[1]


def _redraw_row(prepared: Prepared, count: int) -> dict[str, Any]:
    """Draw anew after one node's room changed, and decide."""
    nodes = list(prepared.view.nodes)
    was = nodes[count // 2]
    ram, *others = was.pools
    fuller = replace(ram, room=(ram.room or 0) // 2)
    nodes[count // 2] = replace(was, pools=(fuller, *others))
    view = ClusterView(tuple(nodes))
    value = _best_us(lambda: decide(QUESTION, redraw(prepared, view)), ROUNDS[count])
    afresh = _best_us(lambda: decide(QUESTION, prepare(view)), 3)
    return _row(f"where over {count:,} nodes after one changed", count, value, afresh, None)


def _best_us(work: Callable[[], object], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        begun = time.process_time_ns()
        work()
        best = min(best, time.process_time_ns() - begun)
    return round(best / 1000, 1)


def _row(name: str, count: int, value: float, limit: float, target: int | None) -> dict[str, Any]:
    return {
        "area": "placement",
        "name": name,
        "n": count,
        "value": value,
        "unit": "µs",
        "limit": limit,
        "peer": None,
        "target": target,
        "better": "lower",
    }
