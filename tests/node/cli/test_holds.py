"""The table of holds: who holds what, and what a narrow terminal does without."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.cli.conftest import Ran
from tests.support.fake_agent import HOLD, HOLD_ID, FakeAgent

Run = Callable[..., Ran]


def test_holds_names_who_holds_and_marks_an_unused_promise_once_below(
    state: Path, run: Run
) -> None:
    with FakeAgent(state, {"holds": {"holds": [HOLD, HOLD]}}):
        shown = run("holds").out
    headers, row = shown.splitlines()[:2]
    assert [headers.find("HOLDER"), headers.find("FOR")] == [row.find("ann"), row.find("ann ni")]
    assert shown.count("nothing *") == 2
    assert shown.count("* nothing runs under it: an unused promise") == 1


def test_a_carried_lease_lasts_while_its_process_runs(state: Path, run: Run) -> None:
    carried = {**HOLD, "kind": "carried", "tied": True, "remaining_ms": 20_000}
    others = {**carried, "remaining_ms": None}
    with FakeAgent(state, {"holds": {"holds": [carried, others]}}):
        shown = run("holds").out
    assert shown.count("while renewed") == 2
    assert "20 s" not in shown
    assert "--peer" not in shown


def test_a_narrow_terminal_is_told_which_columns_it_does_not_show(
    state: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    with FakeAgent(state):
        shown = run("holds").out
    assert "not shown in this width: AS OF" in shown
    assert "AS OF" not in shown.splitlines()[0]
    assert all(len(line) <= 90 for line in shown.splitlines())


def test_the_holds_that_ended_last_stand_below_the_live_ones(state: Path, run: Run) -> None:
    ended = {
        "id": HOLD_ID, "owner": HOLD["owner"], "holder": HOLD["holder"], "state": "released",
        "ended_at": {"era": 1, "height": 7}, "heard_ms_ago": None,
    }  # fmt: skip
    later = {**ended, "ended_at": {"era": 1, "height": 8}, "heard_ms_ago": 180_000}
    with FakeAgent(state, {"holds": {"holds": [], "ended": [ended, later]}}):
        shown = run("holds", "--ended").out
    assert "nothing is held" in shown
    assert "released  era 1, height 7  not known: before its start" in shown
    assert "released  era 1, height 8  3 min ago\n" in shown


def test_what_endangers_a_hold_and_that_nobody_uses_it_stands_below_the_table(
    state: Path, run: Run
) -> None:
    alarm = {"sort": "squeezed", "pool": "ram", "amount": 1, "sentence": "ram has 1 GiB free"}
    idle = {"held_ms": 21_600_000, "idle_ms": 21_600_000, "percent": 0}
    holds = [
        {**HOLD, "alarms": [alarm], "idle": idle, "note": "ram has 1 GiB free"},
        {**HOLD, "alarms": [], "idle": idle, "note": "held 6 h, 0 % used"},
    ]
    with FakeAgent(state, {"holds": {"holds": holds}}):
        shown = run("holds").out
    assert shown.count("! 0123456789 on bob: ram has 1 GiB free") == 1
    assert shown.count("! 0123456789 on bob: held 6 h, 0 % used") == 1


def test_with_all_who_uses_what_nobody_reserved_is_named(state: Path, run: Run) -> None:
    row = {
        "node": {"id": "x", "name": "bob"}, "user": "eve", "pid": 77, "command": "miner",
        "ram": 3 << 30, "vram": 0,
    }  # fmt: skip
    with FakeAgent(state, {"holds": {"holds": [HOLD], "foreign": [row]}}) as agent:
        shown = run("holds", "--all").out
    assert agent.heard[0]["ended"] is True
    assert "bob  eve    77  miner    3 GiB  -" in shown
