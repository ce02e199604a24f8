import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from node.core.processes import Process
from node.probes.memory import MIB
from node.probes.processes import (
    Attributor,
    ProcessRow,
    ProcessStat,
    Seen,
    SeenBefore,
    Tie,
    attribute,
    foreign_use,
    group_of,
    parse_environ,
    parse_stat,
    resident,
    started_of,
    tops_of,
    unshared,
    use_of_hold,
)
from node.probes.sources import Roots
from tests.node.probes.world import machine

A, B = b"A" * 16, b"B" * 16

STAT = (
    "4321 (tricky) name (x) S 17 4321 4321 0 -1 4194560 100 0 0 0 5 3 0 0 20 0 1 0 987654 "
    "11000000 250 18446744073709551615 1 1 1 1 1 1 0 0 0 0 0 0 17 1 0 0 0 0 0 2 3 4 5 6 "
    "140000 8 0\n"
)


def test_a_command_with_parentheses_and_blanks_does_not_shift_the_fields() -> None:
    assert parse_stat(STAT) == ProcessStat(4321, 17, 987654, 140000, "tricky) name (x")


def test_a_broken_stat_is_no_process() -> None:
    for text in ("", "1 (a", "1 (a) S 2", "x (a) " + "1 " * 40, ")("):
        assert parse_stat(text) is None


def test_the_hold_is_read_from_an_environment() -> None:
    text = f"PATH=/bin\x00HOLDFAST_HOLD={A.hex()}\x00X=1\x00"
    assert parse_environ(text) == A
    assert parse_environ(f"HOLDFAST_HOLD={A.hex().upper()}") == A
    assert parse_environ(f"MY_HOLDFAST_HOLD={A.hex()}\x00") is None
    for bad in ("", "abc", "z" * 32, "²" * 32, A.hex() + "00"):
        assert parse_environ(f"HOLDFAST_HOLD={bad}\x00") is None


@given(st.text())
def test_no_text_makes_a_process_parser_raise(text: str) -> None:
    parse_stat(text)
    parse_stat("1 (x) " + text)
    parse_environ(text)
    parse_environ("HOLDFAST_HOLD=" + text)
    unshared(text)
    resident(text)


def _row(pid: int, parent: int, mark: bytes | None = None) -> ProcessRow:
    return ProcessRow(ProcessStat(pid, parent, pid * 10, 1, "p"), mark)


def _holds(
    rows: list[ProcessRow], ties: list[Tie], seen: SeenBefore | None = None
) -> dict[int, bytes]:
    return attribute({row.stat.pid: row for row in rows}, ties, seen or {})[0]


def test_children_and_grandchildren_follow_also_when_their_pids_are_smaller() -> None:
    rows = [_row(1, 0), _row(50, 1), _row(7, 50), _row(90, 7), _row(8, 1)]
    assert _holds(rows, [Tie(A, 50, 500)]) == {50: A, 7: A, 90: A}


def test_a_pid_that_was_used_again_ties_nothing() -> None:
    assert _holds([_row(50, 1)], [Tie(A, 50, 499)]) == {}
    assert _holds([_row(50, 1)], [Tie(A, 50, None)]) == {}


def test_an_environment_ties_only_to_a_hold_that_lives() -> None:
    rows = [_row(50, 1, A), _row(60, 1, B)]
    assert _holds(rows, [Tie(A)]) == {50: A}


def test_a_child_that_was_given_a_hold_of_its_own_leaves_its_parents() -> None:
    rows = [_row(50, 1, A), _row(51, 50, B), _row(52, 51, B)]
    assert _holds(rows, [Tie(A), Tie(B)]) == {50: A, 51: B, 52: B}


def test_an_inherited_variable_does_not_outvote_a_tie_on_the_parent() -> None:
    rows = [_row(50, 1, B), _row(51, 50, B), _row(52, 51, B)]
    assert _holds(rows, [Tie(A, 51, 510), Tie(B)]) == {50: B, 51: A, 52: A}


def test_a_daemon_that_let_go_of_its_parent_stays_where_it_was_for_good() -> None:
    ties = [Tie(A, 50, 500)]
    first = {row.stat.pid: row for row in [_row(50, 1), _row(51, 50)]}
    _, seen = attribute(first, ties, {})
    for _ in range(3):
        later = {row.stat.pid: row for row in [_row(1, 0), _row(51, 1)]}
        matched, seen = attribute(later, ties, seen)
        assert matched == {51: A}
    assert attribute(later, [Tie(B)], seen)[0] == {}


def test_children_follow_their_parent_from_one_hold_to_the_next() -> None:
    rows = [_row(50, 1), _row(51, 50)]
    seen = {(51, 510): Seen(50, A)}
    assert _holds(rows, [Tie(A), Tie(B, 50, 500)], seen) == {50: B, 51: B}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12), st.integers(0, 12), st.one_of(st.none(), st.sampled_from([A, B]))
        ),
        max_size=14,
    ),
    st.integers(0, 12),
)
def test_any_table_of_processes_even_one_that_goes_in_circles_is_settled(
    table: list[tuple[int, int, bytes | None]], tied: int
) -> None:
    rows = {pid: _row(pid, parent, mark) for pid, parent, mark in table}
    ties = [Tie(A, tied, tied * 10), Tie(B)]
    matched, seen = attribute(rows, ties, {})
    assert set(matched) <= set(rows)
    assert {pid for pid, _ in seen} == set(matched)
    assert attribute(rows, ties, seen)[0] == matched


ROLLUP = """5612c2138000-7ffc59eff000 ---p 00000000 00:00 0                          [rollup]
Rss:              901776 kB
Pss:              500371 kB
Pss_Anon:         300000 kB
Pss_File:         100259 kB
Pss_Shmem:          4096 kB
"""


def test_only_memory_that_cannot_be_dropped_counts() -> None:
    assert unshared(ROLLUP) == (300000 + 4096) * 1024
    assert unshared("Rss: 5 kB\nPss: 5 kB\n") is None
    assert resident("VmRSS: 9 kB\nRssAnon: 4 kB\nRssFile: 3 kB\nRssShmem: 2 kB\n") == 6 * 1024
    assert resident("Name: kthreadd\n") is None


def test_processes_that_hide_their_sharing_count_as_their_largest_and_never_as_their_sum() -> None:
    assert use_of_hold([(10, 50), (5, 50)]) == 15
    assert use_of_hold([(None, 50), (None, 40)]) == 50
    assert use_of_hold([(100, 120), (None, 40)]) == 100
    assert use_of_hold([(None, None)]) == 0


LEAF = """
import os, time
block = bytearray(b"x") * (24 << 20)
open(os.environ["READY"], "w").close()
time.sleep(60)
"""

CHILD = """
import os, subprocess, sys, time
block = bytearray(b"x") * (48 << 20)
leaf = subprocess.Popen([sys.executable, "-c", os.environ["LEAF"]])
print(leaf.pid, flush=True)
time.sleep(60)
"""


@contextmanager
def work(folder: Path, program: str = CHILD, **environment: str) -> Iterator[tuple[int, int]]:
    """A real process with 48 MiB and its child with 24 MiB, both filled: their pids."""
    ready = folder / "ready"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env={**os.environ, "LEAF": LEAF, "READY": str(ready), **environment},
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        leaf = int(process.stdout.readline()) if program == CHILD else 0
        for _ in range(6000):
            if ready.exists():
                break
            time.sleep(0.01)
        assert ready.exists(), "its memory was not filled within a minute"
        yield process.pid, leaf
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def _assert_both_are_measured(attributor: Attributor, ties: list[Tie], pids: set[int]) -> None:
    matched = attributor.match(ties)
    assert pids <= set(matched)
    assert {matched[pid] for pid in pids} == {A}
    used, unread = attributor.memory(matched)
    assert unread == ()
    assert 72 * MIB <= used[A] < 110 * MIB


def test_real_work_tied_by_its_pid_is_measured_with_its_child(tmp_path: Path) -> None:
    with work(tmp_path) as (parent, leaf):
        attributor = Attributor(Roots())
        tie = Tie(A, parent, started_of(Roots(), parent))
        _assert_both_are_measured(attributor, [tie], {parent, leaf})
        assert attributor.match([Tie(A, parent, 1)]) == {}


def test_real_work_tied_by_its_environment_is_measured_with_its_child(tmp_path: Path) -> None:
    with work(tmp_path, HOLDFAST_HOLD=A.hex()) as (parent, leaf):
        attributor = Attributor(Roots())
        _assert_both_are_measured(attributor, [Tie(B), Tie(A)], {parent, leaf})
        assert attributor.match([Tie(B)]) == {}
        assert attributor.match([]) == {}


def test_real_work_whose_parent_was_killed_is_still_measured(tmp_path: Path) -> None:
    with work(tmp_path) as (parent, leaf):
        attributor = Attributor(Roots())
        tie = Tie(A, parent, started_of(Roots(), parent))
        attributor.match([tie])
        os.kill(parent, signal.SIGKILL)
        _wait_until_orphaned(leaf, parent)
        matched = attributor.match([tie])
        assert matched.get(leaf) == A
        assert attributor.memory(matched)[0][A] >= 24 * MIB


def _wait_until_orphaned(pid: int, parent: int) -> None:
    for _ in range(1000):
        stat = parse_stat(Path(f"/proc/{pid}/stat").read_text())
        if stat is not None and stat.parent != parent:
            return
        time.sleep(0.005)


FORKED = """
import os, time
block = bytearray(b"x") * (64 << 20)
if os.fork() == 0:
    open(os.environ["READY"], "w").close()
time.sleep(60)
"""


def test_memory_shared_after_a_fork_is_counted_once(tmp_path: Path) -> None:
    with work(tmp_path, program=FORKED, HOLDFAST_HOLD=A.hex()):
        attributor = Attributor(Roots())
        matched = attributor.match([Tie(A)])
        assert len(matched) == 2
        assert 64 * MIB <= attributor.memory(matched)[0][A] < 96 * MIB


def _proc(folder: Path, rss: int, pss: int | None) -> Roots:
    return machine(
        folder,
        {
            "proc/7/stat": "7 (w) S 1" + " 0" * 17 + " 70" + " 0" * 27 + " 99 0\n",
            "proc/7/status": f"RssAnon:\t{rss} kB\nRssShmem:\t0 kB\n",
            "proc/7/smaps_rollup": "" if pss is None else f"Pss_Anon: {pss} kB\nPss_Shmem: 0 kB\n",
        },
    )


def test_pages_are_not_walked_again_while_nothing_moved(tmp_path: Path) -> None:
    attributor = Attributor(_proc(tmp_path, 1000, 900))
    assert attributor.memory({7: A})[0] == {A: 900 * 1024}
    _proc(tmp_path, 1000, 500)
    assert attributor.memory({7: A})[0] == {A: 900 * 1024}
    _proc(tmp_path, 1001, 500)
    assert attributor.memory({7: A})[0] == {A: 500 * 1024}
    _proc(tmp_path, 1001, 400)
    assert attributor.memory({7: A, 8: A})[0] == {A: 400 * 1024}


def test_a_process_that_cannot_be_read_counts_as_nothing_and_is_named(tmp_path: Path) -> None:
    attributor = Attributor(_proc(tmp_path, 1000, None))
    assert attributor.memory({7: A, 9: B}) == ({A: 1000 * 1024, B: 0}, (9,))


def test_the_largest_foreign_users_are_named_by_user_and_pid(tmp_path: Path) -> None:
    with work(tmp_path) as (parent, leaf):
        rows = foreign_use(Roots(), {leaf: A}, {}, rows_max=10_000)
        mine = next(row for row in rows if row.pid == parent)
        assert mine.ram >= 48 * MIB
        assert mine.user != ""
        assert leaf not in [row.pid for row in rows]
        assert len(foreign_use(Roots(), {}, {})) <= 8
        assert [row.ram for row in rows] == sorted((row.ram for row in rows), reverse=True)


def test_a_process_known_only_to_a_card_is_foreign_too(tmp_path: Path) -> None:
    (row,) = foreign_use(_proc(tmp_path, 5, 5), {}, {7: 4096})
    assert (row.pid, row.command, row.ram, row.vram) == (7, "w", 5 * 1024, 4096)


def test_a_tied_group_takes_all_that_runs_in_it_and_below_it() -> None:
    rows = {
        row.stat.pid: row._replace(group=group)
        for row, group in (
            (_row(50, 1), "/slice/job"), (_row(51, 1), "/slice/job/inner"),
            (_row(52, 1), "/slice/jobless"), (_row(53, 51), ""), (_row(54, 1, B), "/slice/job"),
        )
    }  # fmt: skip
    ties = [Tie(A, 50, 1, "/slice/job"), Tie(B)]
    assert attribute(rows, ties, {})[0] == {50: A, 51: A, 53: A, 54: B}


def test_the_group_of_a_process_is_read_from_either_version(tmp_path: Path) -> None:
    folder = tmp_path / "7"
    folder.mkdir()
    for text, group in (
        ("0::/slice/job\n", "/slice/job"), ("0::/\n4:memory:/docker/x\n", "/docker/x"),
        ("0::/\n", ""), ("", ""),
    ):  # fmt: skip
        (folder / "cgroup").write_text(text)
        assert group_of(Roots(proc=str(tmp_path)), 7) == group


def test_the_tops_of_a_hold_are_those_whose_parents_are_not_its_own() -> None:
    rows = {row.stat.pid: row for row in (_row(5, 1), _row(6, 5), _row(7, 6, B), _row(8, 7))}
    matched = {5: A, 6: A, 7: B, 8: B}
    assert tops_of(rows, matched) == {A: (Process(5, 50),), B: (Process(7, 70),)}
