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
    assert shown.count("while it runs") == 2
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
        "ended_at": {"era": 1, "height": 7},
    }  # fmt: skip
    with FakeAgent(state, {"holds": {"holds": [], "ended": [ended]}}):
        shown = run("holds", "--ended").out
    assert "nothing is held" in shown
    assert "released  era 1, height 7" in shown
