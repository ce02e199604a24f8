"""Every figure that was promised is measured under its own name, and none is measured in silence.

Nothing here looks at how long anything took: what is fast on one machine is slow on the next.
"""

import json
from dataclasses import replace
from importlib import import_module

import pytest

from mesh.config import fast
from mesh.instant import SECOND
from simulations.bench import __main__ as bench
from simulations.bench import (
    crowd,
    ledger,
    ledger_processes,
    mesh,
    mesh_measures,
    mesh_sheet,
    placement,
    simulator,
)
from simulations.bench.one_view import OneView, check_one_view
from simulations.bench.rows import Area, Declared, Row, met, ratio, table, target_of, targets
from simulations.bench.toy import toy_events

FIELDS = {"area", "name", "unit", "better"}
DECLARED = {area: import_module(f"simulations.bench.{area}").AREA for area in bench.AREAS}

MAY_BE_NOTHING = {
    name
    for size in mesh_sheet.SIZES
    for names in [mesh_sheet.Names(size)]
    for name in (names.false_suspicions, names.false_deaths)
}


@pytest.fixture
def quick_placement(monkeypatch):
    monkeypatch.setattr(placement, "SIZES", (50,))
    monkeypatch.setattr(placement, "ROUNDS", {50: 1})
    monkeypatch.setattr(placement, "DECISION_SIZES", (50,))


def test_the_targets_and_the_declared_rows_name_the_same_figures():
    promised = {(one["area"], one["name"]) for one in targets()}
    declared = {(name, row) for name, area in DECLARED.items() for row in area.declared}
    assert promised == declared
    assert len(promised) == len(targets()), "a row stands twice in targets.toml"


@pytest.mark.parametrize("target", targets(), ids=lambda one: f"{one['area']}: {one['name']}")
def test_a_target_agrees_with_its_row_on_unit_and_direction(target):
    row = DECLARED[target["area"]].declared[target["name"]]
    assert (target["unit"], target["better"]) == (row.unit, row.better)
    assert FIELDS <= target.keys() <= FIELDS | {"target"}
    assert target.get("target", 1) >= 0


def test_what_people_were_promised_has_its_target():
    assert target_of("placement", "where over 1,000 nodes") == 1_000
    assert target_of("command", "start-up of holdfast --help, median") == 150
    assert target_of("command", "start-up of holdfast status, median") == 150
    assert target_of("node", "join to full view, worst") == 3
    assert target_of("simulator", "60 s of 1,000 nodes with faults, after the join") == 60
    assert target_of("simulator", "seeds per second and core, five nodes, all faults") == 10
    assert target_of("simulator", "events per second, of a toy event loop's") == 0.2


def test_an_area_knows_itself_by_the_name_it_is_called_by():
    assert {name: area.name for name, area in DECLARED.items()} == {n: n for n in bench.AREAS}


@pytest.mark.parametrize("measure", [
    placement.rows, lambda: mesh.border_rows(1), lambda: ledger.rows(rounds=1, processes=0),
], ids=["placement", "mesh", "ledger"])  # fmt: skip
def test_a_quick_run_gives_whole_rows(measure, quick_placement):
    rows = measure()
    assert rows
    for row in rows:
        check_row(row)


def test_the_ledger_measures_all_that_it_declares():
    between = {declared.name for declared in ledger_processes.DECLARED}
    alone = [name for name in ledger.AREA.declared if name not in between]
    assert [row["name"] for row in ledger.rows(rounds=1, processes=0)] == alone


def test_the_mesh_measures_all_that_it_declares(monkeypatch):
    monkeypatch.setattr(mesh_measures, "SETTLE_SECONDS", 0.5)
    hasty = replace(fast(), suspicion=SECOND // 4, suspicion_stretch=1, probe_period=SECOND // 5)
    plan = mesh.Plan(
        nodes=4, joins=1, idle_seconds=0.5, facts=1, restarts=1, loss_seconds=1.0,
        split_seconds=0.5, kills=1, kill_spacing_seconds=0.1, profiles=(hasty, hasty), agent=False,
    )  # fmt: skip
    rows = mesh.rows(1, {64: plan})
    left_out = {
        mesh_sheet.Names(64).memory,
        *(row.name for row in mesh_sheet.Names(128).declared()),
    }
    assert [row["name"] for row in rows] == [
        name for name in mesh.AREA.declared if name not in left_out
    ]
    for row in rows:
        check_row(row)


def test_a_small_crowd_gives_the_rows_of_its_size(monkeypatch):
    monkeypatch.setattr(simulator, "TOY_DURATION", SECOND)
    monkeypatch.setattr(crowd, "QUIET", SECOND)
    monkeypatch.setattr(crowd, "MINUTE", 20 * SECOND)
    figures = crowd.measure(4)
    assert figures["faults"] == {"kill": 4}
    # So small a mesh may lie in memory that the tests before it gave back.
    rows = simulator._crowd_rows({**figures, "nodes": 100, "mib_per_node": 1.0})
    assert len(rows) == 5
    for row in rows:
        check_row(row)


def test_ten_thousand_share_one_view_and_a_seed_is_a_whole_run():
    speed, memory = simulator.view_rows(60, 40 * SECOND)
    assert memory["unit"] == "MiB"
    for row in (speed, simulator.seeds_row(1)):
        check_row(row)


def test_a_view_that_is_not_drawn_anew_would_be_noticed(monkeypatch):
    monkeypatch.setattr(OneView, "_changed", OneView._plan_wake)
    view = OneView(10, 50, 1)
    view.run(SECOND)
    with pytest.raises(AssertionError, match="other room"):
        check_one_view(view)


def test_the_toy_lives_ten_events_per_node_and_second():
    assert toy_events(20, 10 * SECOND) == pytest.approx(20 * 10 * 10, rel=0.05)


def test_the_rows_of_an_area_are_written_as_they_were_printed(quick_placement, tmp_path, capsys):
    file = tmp_path / "rows.json"
    assert bench.main(["placement", "--json", str(file)]) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))
    assert [row["name"] for row in rows] == [
        "where over 50 nodes", "where over 50 nodes after one changed", "decision over 50 nodes",
        "upkeep per changed fact over 50 nodes", "full explanation of 1,000 nodes",
    ]  # fmt: skip
    printed = capsys.readouterr().out
    for row in rows:
        check_row(row)
        assert row["name"] in printed


def test_an_area_that_is_not_there_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main(["weather"])
    assert ended.value.code == 2
    assert "weather" in capsys.readouterr().err


def test_an_area_refuses_a_figure_that_it_never_declared():
    with pytest.raises(KeyError):
        DECLARED["mesh"].row("seal 9 B", 1, 1.0)


def test_a_ratio_is_the_value_in_limits_and_needs_one():
    assert ratio(row_of(value=6, limit=2)) == 3
    assert ratio(row_of(value=6, limit=None)) is None


@pytest.mark.parametrize(("value", "target", "better", "expected"), [
    (149, 150, "lower", True),
    (150, 150, "lower", False),
    (151, 150, "higher", True),
    (150, 150, "higher", False),
    (150, None, "lower", None),
    (0, 0, "lower", True),
    (1, 0, "lower", False),
])  # fmt: skip
def test_a_target_is_met_on_its_own_side_only(value, target, better, expected):
    assert met(row_of(value=value, target=target, better=better)) is expected


def test_the_table_says_whether_a_target_was_met_and_keeps_its_columns():
    lines = table([
        row_of(name="short", value=1.5, limit=1, target=2),
        row_of(name="a much longer name", value=12_345, limit=None, target=2),
    ]).splitlines()  # fmt: skip
    assert lines[0].split() == ["name", "n", "value", "unit", "limit", "ratio", "peer", "target"]
    assert lines[1].split() == ["short", "7", "1.5", "µs", "1", "1.5×", "–", "2", "met"]
    assert lines[2].endswith("MISSED")
    ends = {line.index(" µs") for line in lines[1:]}
    assert len(ends) == 1, "the units do not stand below each other"


def check_row(row: Row) -> None:
    """The keys and types that everyone who reads the JSON relies on."""
    assert {*row} == {*Row.__annotations__}
    for key in ("area", "name", "unit", "better"):
        assert type(row[key]) is str
        assert row[key]
    assert type(row["n"]) is int
    assert row["n"] > 0
    assert type(row["value"]) is float
    assert row["value"] > 0 or row["name"] in MAY_BE_NOTHING
    for key in ("limit", "peer", "target"):
        assert row[key] is None or type(row[key]) in (int, float)
    assert row["better"] in ("lower", "higher")
    assert row["name"] in DECLARED[row["area"]].declared
    assert row["target"] == target_of(row["area"], row["name"])


def row_of(*, name="a row", value=1.0, limit=None, target=None, better="lower") -> Row:
    """A row that nobody measured."""
    row = Area("nowhere", Declared(name, "µs", better)).row(name, 7, value, limit=limit)
    row["target"] = target
    return row
