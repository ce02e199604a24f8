"""How long a decision takes, over invented meshes of 50 to 10,000 nodes.

Each mesh is drawn from one seed: a mix of laptops, servers and GPU machines, partly full. The
question is an ordinary one (a card, some RAM and cores, a tool), put to a prepared picture. The
limit is what any implementation must do that keeps no index: one pass over bare columns of the
same figures, with a list comprehension. After a change, the peer is the whole picture drawn anew.
"""

from dataclasses import replace
from functools import partial
from random import Random
from typing import Final

from placement.columns import Prepared, prepare, redraw
from placement.decide import decide
from placement.request import GpuSelector, Request
from placement.view import ClusterView, DeviceView, NodeView, PoolView
from simulations.bench.rows import Area, Declared, Row
from simulations.bench.timing import best_us

GIB: Final = 1 << 30
SEED: Final = 20_260_101
SIZES: Final = (50, 1_000, 10_000)
ROUNDS: Final = {50: 200, 1_000: 100, 10_000: 30}
AREA: Final = Area(
    "placement",
    *(
        Declared(f"where over {count:,} nodes{after}", "µs", "lower")
        for count in SIZES
        for after in ("", " after one changed")
    ),
)

QUESTION: Final = Request(
    gpus=(GpuSelector(memory_min=20 * GIB, vendor="nvidia"),),
    ram_bytes=8 * GIB,
    cpu_millicores=2_000,
    tools=("ollama",),
    os="linux",
)


def rows() -> list[Row]:
    """One row per size for a decision, and one for drawing the picture anew after one change."""
    found: list[Row] = []
    for count in SIZES:
        view = mesh_of(count)
        prepared = prepare(view)
        bare = bare_columns(view)
        decide(QUESTION, prepared)  # columns are worked out when first asked for
        limit = best_us(partial(bare_filter, bare), ROUNDS[count])
        value = best_us(partial(decide, QUESTION, prepared), ROUNDS[count])
        found.append(AREA.row(f"where over {count:,} nodes", count, value, limit=limit))
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


def _redraw_row(prepared: Prepared, count: int) -> Row:
    """Draw anew after one node's room changed, and decide. The peer draws everything anew."""
    nodes = list(prepared.view.nodes)
    place = count // 2
    was = nodes[place]
    ram, *others = was.pools
    fuller = replace(ram, room=(ram.room or 0) // 2)
    nodes[place] = replace(was, pools=(fuller, *others))
    view = ClusterView(tuple(nodes))
    bare, (changed,) = bare_columns(prepared.view), bare_columns(ClusterView((nodes[place],)))

    def bare_redraw() -> int:
        bare[place] = changed
        return bare_filter(bare)

    limit = best_us(bare_redraw, ROUNDS[count])
    value = best_us(lambda: decide(QUESTION, redraw(prepared, view)), ROUNDS[count])
    afresh = best_us(lambda: decide(QUESTION, prepare(view)), 3)
    name = f"where over {count:,} nodes after one changed"
    return AREA.row(name, count, value, limit=limit, peer=afresh)
