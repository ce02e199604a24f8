"""How a process that is nobody's child of ours ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.picture.topics import How
from node.probes.deaths import Coroner, how_it_ended, oom_kills, wait_status
from node.probes.sources import Roots

EXITS = [
    ("raise SystemExit(0)", How.WELL), ("raise SystemExit(3)", How.FAILED),
    ("raise SystemExit(143)", How.UNKNOWN), ("import os; os.abort()", How.CRASHED),
    ("import os; os.kill(os.getpid(), 15)", How.UNKNOWN),
    ("import os; os.kill(os.getpid(), 9)", How.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("code", "how"), EXITS, ids=[code[-12:] for code, _ in EXITS])
def test_a_real_process_tells_how_it_ended_before_and_after_its_parent_knows(
    code: str, how: How
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", f"input(); {code}"], stdin=subprocess.PIPE, text=True
    ) as process:
        handle = os.pidfd_open(process.pid)
        assert wait_status(Roots(), handle, process.pid) is None
        coroner = Coroner(Roots())
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.close()
        os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOWAIT)
        assert coroner.verdict(handle, process.pid) is how
        process.wait()
        reaped = coroner.verdict(handle, process.pid)
        assert reaped in (how, How.UNKNOWN)  # a kernel before 6.15 no longer tells
        os.close(handle)


def test_what_the_kernel_killed_for_memory_is_told_from_what_a_person_killed(
    tmp_path: Path,
) -> None:
    (tmp_path / "vmstat").write_text("nr_free_pages 1\noom_kill 4\n")
    roots = Roots(proc=str(tmp_path))
    assert oom_kills(roots) == 4
    assert oom_kills(Roots(proc=str(tmp_path / "none"))) == 0
    killed = int(signal.SIGKILL)
    assert how_it_ended(killed, memory_ran_out=True) is How.OUT_OF_MEMORY
    assert how_it_ended(killed, memory_ran_out=False) is How.UNKNOWN
    assert how_it_ended(None, memory_ran_out=True) is How.UNKNOWN


def test_a_kill_counts_for_two_looks(tmp_path: Path) -> None:
    stat = tmp_path / "7"
    stat.mkdir()
    (stat / "stat").write_text("7 (x) Z" + " 0" * 48 + " 9\n")
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("oom_kill 0\n")
    coroner = Coroner(Roots(proc=str(tmp_path)))
    vmstat.write_text("oom_kill 1\n")
    no_handle = os.open(vmstat, os.O_RDONLY)  # as on a kernel that knows nothing of exits
    for expected in (How.OUT_OF_MEMORY, How.OUT_OF_MEMORY, How.UNKNOWN):
        assert coroner.verdict(no_handle, 7) is expected
        coroner.look()
    os.close(no_handle)


@settings(max_examples=50)
@given(st.integers(-(2**31), 2**31))
def test_any_status_means_something(status: int) -> None:
    assert isinstance(how_it_ended(status, memory_ran_out=True), How)
