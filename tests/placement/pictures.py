"""Small machines for the tests, and strategies that invent many."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st

from placement.request import DiskNeed, GpuSelector, Kind, Objective, Request
from placement.view import ClusterView, DeviceView, NodeView, PoolView

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
rooms = st.one_of(st.none(), small_rooms, small_rooms, small_rooms)
states = st.sampled_from(["open"] * 8 + ["draining", "unknown", "impaired"])


@st.composite
def pools_and_devices(draw):
    """The pools and cards of one invented machine, unified or not."""
    totals = st.sampled_from([16, 24, 32]).map(lambda units: units * GIB)
    kind = draw(st.sampled_from(["ram", "ram", "ram", "unified"]))
    pools = [PoolView("main", kind, "bytes", draw(totals), draw(rooms), draw(states))]
    if draw(st.booleans()):
        millicores = draw(st.sampled_from([None, 0, 500, 1000, 4000]))
        pools.append(PoolView("cpu", "cpu", "millicores", 8000, millicores, draw(states)))
    for place in range(draw(st.integers(0, 2))):
        media = draw(st.sampled_from(["nvme", "hdd"]))
        pools.append(
            PoolView(f"d{place}", "disk", "bytes", 99 * GIB, draw(rooms), draw(states), "", media)
        )
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


@st.composite
def nodes(draw, identity):
    """One invented machine, usually usable."""
    pools, devices = draw(pools_and_devices())
    return NodeView(
        id=identity,
        name=draw(st.sampled_from(["attic", "cellar", "kitchen"])),
        liveness=draw(st.sampled_from(["alive"] * 6 + ["suspect", "dead", "left"])),
        standing=draw(
            st.sampled_from(["open"] * 6 + ["bookings_closed", "quarantine", "closed", "unknown"])
        ),
        os=draw(st.sampled_from(["linux", "linux", "darwin", None])),
        arch=draw(st.sampled_from(["x86_64", "aarch64", None])),
        pools=pools,
        devices=devices,
        tools=draw(st.frozensets(st.sampled_from(["git", "go", "docker"]))),
        labels=draw(st.sampled_from([None, {}, {"room": "attic"}, {"room": "cellar"}])),
        pressure=draw(st.sampled_from([None, 0.0, 0.0, 3.5, 40.0])),
        battery_percent=draw(st.sampled_from([None, None, 15.0])),
        temperature_celsius=draw(st.sampled_from([None, 50.0, 95.0])),
    )


@st.composite
def views(draw, least=0, most=8):
    """Several invented machines, ordered by id."""
    count = draw(st.integers(least, most))
    return ClusterView.of(*(draw(nodes(f"{place:02d}")) for place in range(count)))


amounts = st.sampled_from([1, 2, 3, 4, 5, 8, 16]).map(lambda units: units * GIB)
optional_amounts = st.one_of(st.none(), amounts)
selectors = st.builds(
    GpuSelector,
    memory_min=amounts,
    vendor=st.sampled_from([None, None, "nvidia"]),
    memory_max=st.sampled_from([None, None, 24 * GIB]),
    count=st.sampled_from([1, 1, 1, 2]),
)
disk_needs = st.builds(DiskNeed, amount=amounts, disk_class=st.sampled_from([None, "nvme"]))
requests = st.builds(
    Request,
    ram_bytes=optional_amounts,
    memory_bytes=st.one_of(st.none(), st.none(), amounts),
    gpus=st.lists(selectors, max_size=2).map(tuple),
    cpu_millicores=st.sampled_from([None, None, 500, 2000]),
    disks=st.lists(disk_needs, max_size=2).map(tuple),
    os=st.sampled_from([None, None, None, "linux"]),
    arch=st.sampled_from([None, None, None, "arm64"]),
    tools=st.sampled_from([(), (), ("git",), ("git", "go")]),
    labels=st.sampled_from([(), (), (), (("room", "attic"),)]),
    objective=st.sampled_from([*Objective]),
    node=st.sampled_from([None, None, None, "attic", "03"]),
    kind=st.sampled_from([*Kind]),
    asker=st.sampled_from(["00", "02"]),
)


def with_room(machine, at, room):
    """The same machine with another room in one pool."""
    pools = list(machine.pools)
    pools[at] = replace(pools[at], room=room)
    return replace(machine, pools=tuple(pools))
