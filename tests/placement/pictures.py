"""Small machines for the tests, and strategies that invent many."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st

from placement.history import NOTHING, Failure, History, Observation, Scope
from placement.request import DiskNeed, GpuSelector, Kind, Near, Objective, Request, SlotsNeed
from placement.view import ClusterView, DeviceView, LoadedModel, NodeView, PoolView

GIB = 1 << 30


def steady(examples=100):
    """The same examples on every run, and no opinion on how long one takes."""
    return settings(max_examples=examples, derandomize=True, deadline=None)


A, B, C = ("a" * 26, "b" * 26, "c" * 26)


def ram(room, total=None, state="open"):
    return PoolView("ram", "ram", "bytes", total if total is not None else 64 * GIB, room, state)


def cores(room, total=16_000):
    return PoolView("cpu", "cpu", "millicores", total, room, "open")


def disk(name, room, media="nvme"):
    return PoolView(name, "disk", "bytes", 1000 * GIB, room, "open", name, media)


def slots(name, room, total=2, state="open"):
    return PoolView(f"slots:{name}", "slots", "slots", total, room, state, name)


def card(uuid, room, total=24 * GIB, state="open"):
    return PoolView(f"vram:{uuid}", "vram", "bytes", total, room, state, f"card {uuid}")


def device(uuid, vendor="nvidia", model="NVIDIA RTX 4090"):
    return DeviceView(uuid, vendor, model, f"vram:{uuid}")


def node(identity=A, *pools, **fields):
    """An open, live Linux machine with these pools (16 GiB of RAM when none are given)."""
    defaults = {
        "name": f"node-{identity[0]}",
        "liveness": "alive",
        "standing": "open",
        "os": "linux",
        "arch": "x86_64",
    }
    fields = {**defaults, **fields}
    return NodeView(id=identity, pools=pools or (ram(16 * GIB),), **fields)


def gpu_node(identity, *rooms, total=24 * GIB, **fields):
    """A machine with 64 GiB of RAM and one card per room."""
    names = [f"{identity[0]}{place}" for place in range(len(rooms))]
    cards = [card(name, room, total) for name, room in zip(names, rooms, strict=True)]
    return node(
        identity,
        ram(64 * GIB),
        cores(16_000),
        *cards,
        devices=tuple(device(name) for name in names),
        **fields,
    )


def mac(identity, room, total=64 * GIB, **fields):
    """Unified memory: one pool, charged once, that main memory and the card share."""
    pool = PoolView("unified", "unified", "bytes", total, room, "open", "unified memory")
    gpu = DeviceView(f"apple-{identity[0]}", "apple", "Apple M3 Max", "unified")
    return node(identity, pool, devices=(gpu,), os="darwin", arch="arm64", **fields)


# Few distinct amounts, so that ties, exact fits and near misses are common.
small_rooms = st.sampled_from([0, 1, 2, 3, 4, 5, 8, 9, 10, 16]).map(lambda units: units * GIB)
rooms = st.one_of(small_rooms, small_rooms, small_rooms, small_rooms, st.none())
states = st.sampled_from(["open"] * 12 + ["draining", "unknown", "impaired"])


@st.composite
def pools_and_devices(draw):
    """The pools and cards of one invented machine, unified or not."""
    totals = st.sampled_from([16, 24, 32]).map(lambda units: units * GIB)
    kind = draw(st.sampled_from(["ram", "ram", "ram", "unified"]))
    pools = [PoolView("main", kind, "bytes", draw(totals), draw(rooms), draw(states))]
    if draw(st.integers(0, 4)):
        millicores = draw(st.sampled_from([4000, 4000, 1000, 500, 0, None]))
        pools.append(PoolView("cpu", "cpu", "millicores", 8000, millicores, draw(states)))
    for place in range(draw(st.integers(0, 2))):
        media = draw(st.sampled_from(["nvme", "hdd"]))
        pools.append(
            PoolView(f"d{place}", "disk", "bytes", 99 * GIB, draw(rooms), draw(states), "", media)
        )
    pools += [
        slots(name, draw(st.sampled_from([0, 1, 2, 2, None])), 2, draw(states))
        for name in draw(st.sampled_from([(), (), ("whisper",), ("licence", "whisper")]))
    ]
    devices = []
    for place in range(draw(st.integers(0, 3))):
        vendor = draw(st.sampled_from(["nvidia", "amd"]))
        own = kind == "ram" and draw(st.integers(0, 5)) > 0
        if own:
            total = draw(totals)
            pools.append(PoolView(f"v{place}", "vram", "bytes", total, draw(rooms), draw(states)))
        shared = "main" if kind == "unified" else "v0"
        devices.append(DeviceView(f"u{place}", vendor, "RTX", f"v{place}" if own else shared))
    return tuple(pools), tuple(devices)


# Most machines are well and most requests modest: what fits is where the interesting faults hide.
healthy = st.fixed_dictionaries({"liveness": st.just("alive"), "standing": st.just("open")})
troubled = st.fixed_dictionaries(
    {
        "liveness": st.sampled_from(["alive", "suspect", "dead", "left"]),
        "standing": st.sampled_from(["open", "bookings_closed", "quarantine", "closed", "unknown"]),
        "os": st.sampled_from(["linux", "darwin", None]),
        "arch": st.sampled_from(["x86_64", "aarch64", None]),
        "battery_percent": st.sampled_from([None, 15.0]),
        "temperature_celsius": st.sampled_from([None, 95.0]),
    }
)


WORK = Scope("repo-analysis", tool="git")
histories = st.sampled_from(
    [
        *[NOTHING] * 6,
        History((Observation(WORK, peak_ram=4 * GIB, wall_ms=900),)),
        History((Observation(Scope("repo-analysis"), peak_ram=None, wall_ms=100),)),
        History((), (Failure(Scope("repo-analysis"), "exec-crash", 2),)),
        History((), (Failure(Scope(), "exec-crash"), Failure(WORK, "timeout"))),
    ]
)


@st.composite
def nodes(draw, identity):
    """One invented machine, usually usable."""
    pools, devices = draw(pools_and_devices())
    fields = {"os": "linux", "arch": "aarch64"} | draw(st.one_of(healthy, healthy, troubled))
    return NodeView(
        id=identity,
        name=draw(st.sampled_from(["attic", "cellar", "kitchen"])),
        pools=pools,
        devices=devices,
        tools=draw(st.sampled_from([frozenset({"git", "go"}), frozenset({"git"}), frozenset()])),
        labels=draw(st.sampled_from([{"room": "attic"}, {"room": "cellar"}, {}, None])),
        pressure=draw(st.sampled_from([None, 0.0, 0.0, 3.5, 40.0])),
        history=draw(histories),
        loaded=draw(st.sampled_from([(), (), (LoadedModel("ollama", "llama3:8b", 40),)])),
        **fields,
    )


@st.composite
def views(draw, least=0, most=8):
    """Several invented machines, ordered by id."""
    count = draw(st.integers(least, most))
    return ClusterView.of(*(draw(nodes(f"{place:02d}")) for place in range(count)))


amounts = st.sampled_from([1, 1, 2, 2, 3, 4, 8]).map(lambda units: units * GIB)
selectors = st.builds(
    GpuSelector,
    memory_min=amounts,
    vendor=st.sampled_from([None, None, "nvidia"]),
    memory_max=st.sampled_from([None, None, 24 * GIB]),
    count=st.sampled_from([1, 1, 1, 2]),
)
disk_needs = st.builds(DiskNeed, amount=amounts, disk_class=st.sampled_from([None, None, "nvme"]))
wishes = {
    "ram_bytes": amounts,
    "memory_bytes": amounts,
    "gpus": st.lists(selectors, min_size=1, max_size=2).map(tuple),
    "cpu_millicores": st.sampled_from([500, 2000]),
    "disks": st.lists(disk_needs, min_size=1, max_size=2).map(tuple),
    "slots": st.sampled_from(
        [
            (SlotsNeed("whisper"),),
            (SlotsNeed("whisper", 2),),
            (SlotsNeed("licence"), SlotsNeed("whisper", 2)),
        ]
    ),
    "os": st.just("linux"),
    "arch": st.just("arm64"),
    "tools": st.sampled_from([("git",), ("git", "go")]),
    "labels": st.just((("room", "attic"),)),
    "node": st.sampled_from(["attic", "03"]),
    "prefer": st.sampled_from([("attic",), ("00", "03")]),
    "avoid": st.sampled_from([("cellar",), ("01", "02")]),
    "workload": st.just("repo-analysis"),
    "engines": st.sampled_from([("cuda",), ("ollama", "rocm")]),
    "despite_failures": st.just(True),
}


@st.composite
def requests(draw):
    """One to three wishes, most often about memory."""
    often = ["ram_bytes", "memory_bytes", "gpus"]
    names = draw(st.lists(st.sampled_from([*wishes, *often, *often]), max_size=3, unique=True))
    fields = {name: draw(wishes[name]) for name in names}
    objective = draw(st.sampled_from([*Objective]))
    if objective is Objective.NEAR:
        fields["near"] = draw(st.sampled_from([Near("llama3.1:8b"), Near("/x", "00", bytes=GIB)]))
    return Request(
        objective=objective,
        kind=draw(st.sampled_from([*Kind])),
        asker=draw(st.sampled_from(["00", "02"])),
        **fields,
    )


def with_room(machine, at, room):
    """The same machine with another room in one pool."""
    pools = list(machine.pools)
    pools[at] = replace(pools[at], room=room)
    return replace(machine, pools=tuple(pools))
