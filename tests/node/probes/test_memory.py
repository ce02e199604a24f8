from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from node.probes.cgroups import folders, parse_groups, parse_hierarchies
from node.probes.memory import (
    MIB,
    GroupMemory,
    MemoryReading,
    default_reserve,
    narrowed,
    parse_meminfo,
    parse_stat,
    read_memory,
)
from node.probes.sources import Roots
from tests.node.probes.world import machine

GIB = 1024 * MIB

MEMINFO = """MemTotal:       16303428 kB
MemFree:          622200 kB
MemAvailable:   11423348 kB
Buffers:          451308 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
"""

V2 = """22 27 0:21 / /proc rw - proc proc rw
30 23 0:26 / {point} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
"""


def test_free_is_what_the_kernel_calls_available_and_never_what_it_calls_free() -> None:
    reading = parse_meminfo(MEMINFO)
    assert reading == MemoryReading(16303428 * 1024, 11423348 * 1024, "/proc/meminfo")


def test_a_kernel_that_does_not_say_what_is_available_leaves_free_unknown() -> None:
    reading = parse_meminfo("MemTotal: 1000 kB\nMemFree: 900 kB\n")
    assert (reading.total, reading.free) == (1000 * 1024, None)
    assert "MemAvailable" in reading.note


def test_a_negative_or_unitless_figure_is_no_figure() -> None:
    assert parse_meminfo("MemTotal: -5 kB\nMemAvailable: 7\n").total is None


def test_a_machine_without_meminfo_is_unknown_and_not_empty(tmp_path: Path) -> None:
    reading = read_memory(machine(tmp_path, {}))
    assert (reading.total, reading.free) == (None, None)
    assert reading.note


def test_a_control_group_makes_the_machine_smaller_and_is_named(tmp_path: Path) -> None:
    point = f"{tmp_path}/sys/fs/cgroup"
    group = "sys/fs/cgroup/user.slice/box"
    roots = machine(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/user.slice/box\n",
            "proc/self/mountinfo": V2.format(point=point),
            "sys/fs/cgroup/user.slice/memory.max": "max\n",
            f"{group}/memory.max": f"{2 * GIB}\n",
            f"{group}/memory.current": f"{GIB}\n",
            f"{group}/memory.stat": f"anon 1\ninactive_file {256 * MIB}\nactive_file 0\n",
        },
    )
    reading = read_memory(roots)
    assert reading.total == 2 * GIB
    assert reading.free == 2 * GIB - (GIB - 256 * MIB)
    assert reading.source == f"{point}/user.slice/box/memory.max"


def test_the_limit_of_an_ancestor_binds_too(tmp_path: Path) -> None:
    point = f"{tmp_path}/sys/fs/cgroup"
    roots = machine(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/a/b\n",
            "proc/self/mountinfo": V2.format(point=point),
            "sys/fs/cgroup/a/memory.max": f"{GIB}\n",
            "sys/fs/cgroup/a/memory.current": "0\n",
            "sys/fs/cgroup/a/memory.stat": "\n",
            "sys/fs/cgroup/a/b/memory.max": f"{3 * GIB}\n",
            "sys/fs/cgroup/a/b/memory.current": "0\n",
            "sys/fs/cgroup/a/b/memory.stat": "\n",
        },
    )
    assert read_memory(roots).total == GIB
    assert read_memory(roots).free == GIB


def test_a_version_1_group_without_a_limit_changes_nothing(tmp_path: Path) -> None:
    point = f"{tmp_path}/cg/memory"
    files = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "4:memory:/box\n1:name=systemd:/\n",
        "proc/self/mountinfo": f"35 31 0:32 / {point} rw - cgroup cgroup rw,memory\n",
        "cg/memory/box/memory.limit_in_bytes": "9223372036854771712\n",
    }
    assert read_memory(machine(tmp_path, files)).source == "/proc/meminfo"
    limited = files | {
        "cg/memory/box/memory.limit_in_bytes": f"{GIB}\n",
        "cg/memory/box/memory.usage_in_bytes": f"{GIB}\n",
        "cg/memory/box/memory.stat": f"total_inactive_file {GIB // 4}\ntotal_active_file 0\n",
    }
    reading = read_memory(machine(tmp_path, limited))
    assert (reading.total, reading.free) == (GIB, GIB // 4)


def test_a_group_that_hides_its_use_leaves_free_unknown() -> None:
    reading = narrowed(MemoryReading(4 * GIB, 3 * GIB, "m"), (GroupMemory(GIB, None, "g"),))
    assert (reading.total, reading.free) == (GIB, None)
    assert reading.note == "g hides its use"


def test_a_group_path_is_counted_from_the_part_of_the_tree_that_is_mounted() -> None:
    mounts = parse_hierarchies("35 31 0:32 /docker/ab /cg/memory rw - cgroup cgroup rw,memory\n")
    groups = parse_groups("4:cpu,memory:/docker/ab/inner\n")
    assert folders(groups, mounts, "memory") == ("/cg/memory/inner", "/cg/memory")


def test_a_group_outside_of_what_we_may_see_has_no_folders() -> None:
    mounts = parse_hierarchies("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    assert folders(parse_groups("0::/../../x\n"), mounts, "") == ()


def test_the_system_of_a_whole_machine_keeps_a_twentieth_or_half_a_gibibyte() -> None:
    assert default_reserve(4 * GIB) == 512 * MIB
    assert default_reserve(40 * GIB) == 2 * GIB
    assert default_reserve(None) == 512 * MIB


def test_this_machine_says_how_much_memory_it_has() -> None:
    reading = read_memory(Roots())
    assert reading.total is not None
    assert reading.free is not None
    assert 0 < reading.free <= reading.total


@given(st.text())
def test_no_text_makes_a_memory_parser_raise(text: str) -> None:
    parse_meminfo(text)
    parse_stat(text)
    folders(parse_groups(text), parse_hierarchies(text), "memory")


@given(
    st.lists(
        st.tuples(st.integers(0, 2**64), st.one_of(st.none(), st.integers(0, 2**64))), max_size=5
    )
)
def test_groups_only_ever_make_the_machine_smaller(groups: list[tuple[int, int | None]]) -> None:
    reading = narrowed(
        MemoryReading(GIB, GIB // 2, "m"), tuple(GroupMemory(a, b, "g") for a, b in groups)
    )
    assert reading.total is not None
    assert reading.total <= GIB
    assert reading.free is None or 0 <= reading.free <= GIB // 2
