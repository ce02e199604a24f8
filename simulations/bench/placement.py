"""How long a decision takes, over invented meshes of 50 to 10,000 nodes.

Each mesh is drawn from one seed: a mix of laptops, servers and GPU machines, partly full. The
question is an ordinary one (a card, some RAM and cores, a tool), put to a prepared picture. The
limit is what any implementation must do that keeps no index: one pass over bare columns of the
same figures, with a list comprehension. After a change, the peer is the whole picture drawn anew.

A *decision* is the choice with its legs and exact counts of who was passed over and why (`where
--brief`), the mean over 200 mixed requests; the peer at 50 nodes is AXIS in Go (ranking 63 µs on an
i9-9900K, filtering 14 to 36 besides). *Upkeep* is the picture alone after one node's room changed.
A *full explanation* tells every node with every reason.
"""

from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, Final

from placement.decide import BRIEF, Policy, decide
from placement.explain import explain
from placement.judging.columns import Prepared, prepare, redraw
from placement.request import GpuSelector, Objective, Request
from placement.view import ClusterView, DeviceView, NodeView, PoolView
from simulations.bench.rows import Area, Declared, Row
from simulations.bench.timing import best_us

GIB: Final = 1 << 30
SEED: Final = 20_260_101
SIZES: Final = (50, 1_000, 10_000)
DECISION_SIZES: Final = (50, 300, 1_000, 10_000)
ROUNDS: Final = {50: 200, 300: 100, 1_000: 100, 10_000: 30}
REQUESTS: Final = 200
AXIS_US: Final = 63.0
EXPLAINED: Final = 1_000
AREA: Final = Area(
    "placement",
    *(
        Declared(f"where over {count:,} nodes{after}", "µs", "lower")
        for count in SIZES
        for after in ("", " after one changed")
    ),
    *(
        Declared(f"{what} over {count:,} nodes", "µs", "lower")
        for count in DECISION_SIZES
        for what in ("decision", "upkeep per changed fact")
    ),
    Declared(f"full explanation of {EXPLAINED:,} nodes", "ms", "lower"),
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
    for count in DECISION_SIZES:
        found += _decision_rows(count)
    return [*found, _explanation_row()]


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


def requests_of(count: int = REQUESTS, seed: int = SEED) -> list[Request]:
    """A mixed set: some RAM, or cards, or cores and a tool, or a piece of memory; a few of them
    more than anybody has."""
    dice = Random(seed)
    return [_request(dice) for _ in range(count)]


def _request(dice: Random) -> Request:
    amount = dice.choice([1, 2, 4, 8, 16, 32, 64, 400]) * GIB
    plain: dict[str, Any] = dice.choice(
        [
            {"ram_bytes": amount},
            {"ram_bytes": amount, "cpu_millicores": dice.choice([500, 2_000, 8_000])},
            {"ram_bytes": min(amount, 8 * GIB), "tools": ("git",), "workload": "repo-analysis"},
            {"gpus": (GpuSelector(min(amount, 48 * GIB), "nvidia", count=dice.choice([1, 1, 2])),)},
            {"gpus": (GpuSelector(min(amount, 24 * GIB)),), "ram_bytes": 8 * GIB, "os": "linux"},
            {"memory_bytes": amount},
        ]
    )
    return Request(objective=dice.choice([Objective.HEADROOM, Objective.PACK]), **plain)


def _decision_rows(count: int) -> list[Row]:
    prepared = prepare(mesh_of(count))
    asked = requests_of()

    def decide_all() -> None:
        for request in asked:
            decide(request, prepared, BRIEF)

    decide_all()  # columns are worked out when first asked for
    value = best_us(decide_all, max(3, ROUNDS[count] // 10), REQUESTS)
    peer = AXIS_US if count == DECISION_SIZES[0] else None
    view = _changed(prepared)
    upkeep = best_us(partial(redraw, prepared, view), ROUNDS[count])
    return [
        AREA.row(f"decision over {count:,} nodes", count, value, peer=peer),
        AREA.row(f"upkeep per changed fact over {count:,} nodes", count, upkeep),
    ]


def _explanation_row() -> Row:
    prepared = prepare(mesh_of(EXPLAINED))
    everybody = Policy(list_all=True)
    decide(QUESTION, prepared, everybody)
    value = best_us(lambda: explain(decide(QUESTION, prepared, everybody)), 10)
    return AREA.row(f"full explanation of {EXPLAINED:,} nodes", EXPLAINED, value / 1_000)


def _changed(prepared: Prepared) -> ClusterView:
    """The picture after the room of one node in the middle has changed."""
    nodes = list(prepared.view.nodes)
    place = len(nodes) // 2
    was = nodes[place]
    ram, *others = was.pools
    nodes[place] = replace(was, pools=(replace(ram, room=(ram.room or 0) // 2), *others))
    return ClusterView(tuple(nodes))


def _redraw_row(prepared: Prepared, count: int) -> Row:
    """Draw anew after one node's room changed, and decide. The peer draws everything anew."""
    place = count // 2
    view = _changed(prepared)
    bare, (changed,) = bare_columns(prepared.view), bare_columns(ClusterView((view.nodes[place],)))

    def bare_redraw() -> int:
        bare[place] = changed
        return bare_filter(bare)

    limit = best_us(bare_redraw, ROUNDS[count])
    value = best_us(lambda: decide(QUESTION, redraw(prepared, view)), ROUNDS[count])
    afresh = best_us(lambda: decide(QUESTION, prepare(view)), 3)
    name = f"where over {count:,} nodes after one changed"
    return AREA.row(name, count, value, limit=limit, peer=afresh)
