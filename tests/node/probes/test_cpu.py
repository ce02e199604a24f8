from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from node.probes.cpu import (
    CpuTicks,
    busy_metric,
    parse_cpuinfo,
    parse_features,
    parse_load,
    parse_quota,
    parse_ticks,
    percent_busy,
    quota_millicores,
    read_cpu,
    read_load,
    read_ticks,
    read_usable,
)
from node.probes.pressure import parse_pressure, pressure_metric, read_pressure
from node.probes.sources import Roots
from tests.node.probes.world import machine

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz
physical id\t: 0
core id\t\t: 0

processor\t: 1
model name\t: Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz
physical id\t: 0
core id\t\t: 0
"""

PI = """processor\t: 0
BogoMIPS\t: 108.00
CPU part\t: 0xd0b

processor\t: 1
CPU part\t: 0xd0b

Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""


def test_two_threads_of_one_core_are_one_physical_core() -> None:
    assert parse_cpuinfo(X86) == ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", 2, 1)


def test_a_processor_that_does_not_name_its_cores_leaves_them_unknown() -> None:
    assert parse_cpuinfo(PI) == ("Raspberry Pi 5 Model B Rev 1.0", 2, None)
    assert parse_cpuinfo("") == (None, None, None)


def test_where_cpuinfo_is_silent_the_topology_is_asked(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu"
    roots = machine(
        tmp_path,
        {
            "proc/cpuinfo": "processor : 0\nprocessor : 1\n",
            "proc/device-tree/model": "Some Board\x00",
            f"{cpu}/cpu0/topology/thread_siblings_list": "0-1\n",
            f"{cpu}/cpu1/topology/thread_siblings_list": "0-1\n",
            f"{cpu}/cpufreq/x": "",
        },
    )
    reading = read_cpu(roots)
    assert (reading.model, reading.cores_logical, reading.cores_physical) == ("Some Board", 2, 1)


def test_a_quota_below_our_affinity_is_how_many_cores_we_have(tmp_path: Path) -> None:
    point = f"{tmp_path}/cg"
    roots = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a\n",
            "proc/self/mountinfo": f"30 23 0:26 / {point} rw - cgroup2 cgroup2 rw\n",
            "cg/a/cpu.max": "50000 100000\n",
        },
    )
    assert read_usable(roots) == (500, f"{point}/a/cpu.max")


def test_a_version_1_quota_counts_and_minus_one_is_none(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "1:cpu:/\n",
        "proc/self/mountinfo": f"30 23 0:26 / {tmp_path}/cg rw - cgroup cgroup rw,cpu\n",
        "cg/cpu.cfs_quota_us": "25000\n",
        "cg/cpu.cfs_period_us": "100000\n",
    }
    assert read_usable(machine(tmp_path, files))[0] == 250
    assert quota_millicores(-1, 100000) is None
    assert parse_quota("max 100000\n") is None
    assert parse_quota("200000 100000\n") == 2000
    assert parse_quota("1 0") is None


def test_busy_is_what_is_neither_idle_nor_waiting_for_a_disk() -> None:
    before = parse_ticks("cpu  100 0 50 800 50 0 0 0 99 0\ncpu0 1 2 3\n")
    after = parse_ticks("cpu  150 0 75 900 75 0 0 0 99 0\n")
    assert before == CpuTicks(150, 1000)
    assert percent_busy(before, after) == 37.5


def test_one_reading_says_nothing_about_how_busy_the_cores_are() -> None:
    ticks = CpuTicks(1, 10)
    assert percent_busy(None, ticks) is None
    assert percent_busy(ticks, ticks) is None
    assert busy_metric(None).value is None
    assert busy_metric(None).status == "unknown"


def test_pressure_is_the_average_of_ten_seconds() -> None:
    text = (
        "some avg10=1.25 avg60=0.10 avg300=0.00 total=12\nfull avg10=0.50 avg60=0 avg300=0 total=1"
    )
    assert parse_pressure(text) == {"some": 1.25, "full": 0.5}
    assert pressure_metric("memory", "some", text).value == 1.25


def test_a_kernel_that_does_not_measure_pressure_says_so_instead_of_zero() -> None:
    metric = pressure_metric("memory", "full", None)
    assert (metric.value, metric.status) == (None, "unknown")
    assert metric.note
    assert pressure_metric("cpu", "full", "some avg10=0.00").value is None


def test_an_absurd_pressure_is_no_pressure() -> None:
    assert parse_pressure("some avg10=nan\nfull avg10=1e9\nsome avg10=101.0") == {}


def test_this_machine_has_cores_and_a_load() -> None:
    reading = read_cpu(Roots())
    assert reading.cores_logical is not None
    assert reading.usable_millicores is not None
    assert reading.usable_millicores > 0
    assert all(load.value is not None for load in read_load(Roots()).values())
    assert read_ticks(Roots()) is not None
    assert set(read_pressure(Roots())) >= {"psi_memory_some_avg10", "psi_memory_full_avg10"}


@given(st.text())
def test_no_text_makes_a_cpu_parser_raise(text: str) -> None:
    parse_cpuinfo(text)
    parse_ticks(text)
    parse_ticks("cpu " + text)
    parse_load(text)
    parse_quota(text)
    parse_pressure("some avg10=" + text)


@given(*[st.builds(CpuTicks, st.integers(0, 10**6), st.integers(0, 10**6))] * 2)
def test_busy_is_always_a_percentage(before: CpuTicks, after: CpuTicks) -> None:
    percent = percent_busy(before, after)
    assert percent is None or 0 <= percent <= 100


def test_features_are_those_that_decide_what_runs_here() -> None:
    x86 = "processor : 0\nflags\t\t: fpu vme avx2 fma f16c avx512f hypervisor xsave\n"
    arm = "processor : 0\nFeatures\t: fp asimd evtstrm sha2 i8mm bf16 sve\n"
    assert parse_features(x86) == ("avx2", "avx512f", "f16c", "fma", "hypervisor")
    assert parse_features(arm) == ("asimd", "bf16", "i8mm", "sha2", "sve")
    assert parse_features("") == ()
