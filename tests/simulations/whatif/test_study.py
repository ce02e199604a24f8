"""A study: who waits, what stays free, and that every short cut leaves the result as it is."""

from pathlib import Path

import pytest

from mesh.instant import HOUR, MINUTE, SECOND
from simulations.whatif.asker import State
from simulations.whatif.findings import CSV_COLUMNS, findings, rows
from simulations.whatif.line import Line
from simulations.whatif.shared_view import SharedView
from tests.simulations.whatif.files import ONE_MACHINE, studied

GIB = 1 << 30
TWO_MACHINES = ONE_MACHINE + '[[machine]]\nname = "cellar"\nram = "4GiB"\ncores = 2\n'
BUSY = """
[[job]]
name = "large"
request = { ram = "5GiB", cpu = "2 cores" }
rate = "9/h"
runs = "5m..20m"
principal = "ada"
gives_up = "40m"

[[job]]
name = "small"
request = { ram = "1GiB" }
rate = "30/h"
runs = "1m..15m"
principal = "ben"
ask_again = "20s"
"""
ONE_BY_ONE = """
[[job]]
name = "whole"
request = { ram = "8GiB" }
count = 3
runs = "10m"
ask_again = "1m"
"""


def test_who_comes_to_a_full_machine_waits_until_it_is_free(tmp_path: Path) -> None:
    study = studied(tmp_path, ONE_MACHINE, ONE_BY_ONE, HOUR)
    assert [one.waited(HOUR) for one in study.askers] == [0, 10 * MINUTE, 20 * MINUTE]
    assert [one.asks for one in study.askers] == [1, 11, 21]
    (kind,) = findings(study)["jobs"]
    assert (kind["placed_at_once"], kind["placed_later"], kind["still_waiting"]) == (1, 2, 0)
    assert kind["waited_ms"] == {"median": 600_000, "p95": 1_200_000, "longest": 1_200_000}
    assert kind["ran_out"] == [{"reason": "not enough room", "subject": "main memory", "jobs": 2}]


def test_who_has_no_patience_left_gives_up_and_who_still_waits_is_said(tmp_path: Path) -> None:
    jobs = ONE_BY_ONE + 'gives_up = "15m"\n'
    study = studied(tmp_path, ONE_MACHINE, jobs, HOUR)
    assert [one.state for one in study.askers] == [State.PLACED, State.PLACED, State.GAVE_UP]
    study = studied(tmp_path, ONE_MACHINE, ONE_BY_ONE, 5 * MINUTE)
    assert findings(study)["total"]["still_waiting"] == 2
    assert study.askers[2].waited(study.ended) == 5 * MINUTE


def test_room_is_back_for_whoever_asks_at_the_very_instant_at_which_it_ends(tmp_path: Path) -> None:
    jobs = ONE_BY_ONE.replace("count = 3", 'every = "10m"\ncount = 2')
    study = studied(tmp_path, ONE_MACHINE, jobs, HOUR)
    assert all(one.at_once for one in study.askers)


def test_what_no_machine_could_ever_take_is_refused_for_ever_with_the_reasons(
    tmp_path: Path,
) -> None:
    jobs = ONE_BY_ONE.replace("8GiB", "9GiB") + ONE_BY_ONE.replace("whole", "pinned").replace(
        'ram = "8GiB"', 'ram = "1GiB", node = "atic"'
    )
    found = findings(studied(tmp_path, ONE_MACHINE, jobs, HOUR))
    assert found["total"]["refused_for_ever"] == 6
    too_large, nowhere = found["jobs"]
    assert "8 GiB even when empty" in " ".join(too_large["why_never"])
    assert "no node is called 'atic'" in nowhere["why_never"][0]


def test_a_booking_shorter_than_its_job_runs_out_and_is_counted(tmp_path: Path) -> None:
    jobs = ONE_BY_ONE + 'term = "4m"\n'
    study = studied(tmp_path, ONE_MACHINE, jobs, HOUR)
    (kind,) = findings(study)["jobs"]
    assert kind["outlived_their_booking"] == 3
    # The owner keeps a booking a little longer than promised: its clock may be the faster one.
    assert 4 * MINUTE < study.askers[1].waited(HOUR) <= 5 * MINUTE


def test_what_is_promised_and_free_is_what_ran(tmp_path: Path) -> None:
    jobs = ONE_BY_ONE.replace("count = 3", "count = 1").replace("8GiB", "2GiB")
    found = findings(studied(tmp_path, ONE_MACHINE + 'ram_in_use = "1GiB"\n', jobs, 20 * MINUTE))
    ram = next(pool for pool in found["pools"] if pool["pool"] == "ram")
    assert (ram["promised_mean"], ram["promised_peak"]) == (GIB, 2 * GIB)
    assert (ram["free_mean"], ram["free_least"]) == (6 * GIB, 5 * GIB)
    (nobody,) = found["principals"]
    assert nobody["taken"] == {"ram_byte_hours": 2 * GIB // 6}


def test_room_that_no_job_can_use_is_stranded(tmp_path: Path) -> None:
    jobs = ONE_BY_ONE.replace("count = 3", "count = 1").replace("8GiB", "6GiB")
    found = findings(studied(tmp_path, ONE_MACHINE, jobs, 10 * MINUTE))
    pools = {pool["pool"]: pool for pool in found["pools"]}
    assert pools["ram"]["stranded_mean"] == 2 * GIB
    assert pools["cpu"]["stranded_mean"] is None, "no job asks for cores"


def test_waiting_asks_that_are_not_carried_out_change_nothing(tmp_path: Path) -> None:
    horizon = 6 * HOUR
    one = studied(tmp_path, TWO_MACHINES, BUSY, horizon)
    other = studied(tmp_path, TWO_MACHINES, BUSY, horizon, patient=False)
    assert findings(one) == findings(other)
    assert rows(one) == rows(other)
    assert findings(one)["total"]["placed_later"] > 20


def test_a_line_that_is_not_woken_is_noticed_by_that_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = studied(tmp_path, TWO_MACHINES, BUSY, 6 * HOUR, patient=False)
    monkeypatch.setattr(Line, "_room_came_back", lambda _: None)
    assert findings(studied(tmp_path, TWO_MACHINES, BUSY, 6 * HOUR)) != findings(other)


def test_the_same_seed_is_the_same_study_and_another_is_another(tmp_path: Path) -> None:
    first, again, other = (studied(tmp_path, TWO_MACHINES, BUSY, HOUR, seed) for seed in (7, 7, 8))
    assert (findings(first), rows(first)) == (findings(again), rows(again))
    assert rows(first) != rows(other)
    assert all(len(row) == len(CSV_COLUMNS) for row in rows(first))


def test_nothing_is_ever_promised_twice_and_everything_comes_back(tmp_path: Path) -> None:
    study = studied(tmp_path, TWO_MACHINES, BUSY, 6 * HOUR)
    for use in study.usage.pools:
        assert use.peak <= (use.fact.total or 0)
    view = study.usage.gauge
    assert isinstance(view, SharedView)
    for owner in view.owners.values():
        running = {one.placed.hold for one in study.askers if one.placed and one.done_at is None}
        assert {hold.id for hold in owner.ledger.books.live_holds()} <= running


def test_the_whole_mesh_places_as_one_shared_view_does_when_nothing_goes_wrong(
    tmp_path: Path,
) -> None:
    # No two at one moment: an answer takes milliseconds in a mesh, and none over a shared view.
    horizon = 8 * MINUTE
    jobs = BUSY.replace("9/h", "90/h").replace("30/h", "150/h").replace("5m..20m", "90s..4m")
    jobs = jobs.replace('ask_again = "20s"\n', "")
    one = studied(tmp_path, TWO_MACHINES, jobs, horizon)
    mesh = studied(tmp_path, TWO_MACHINES, jobs, horizon, faults=())
    assert mesh.verdict == "ok"
    assert [(a.state, a.placed and a.placed.machine) for a in mesh.askers] == [
        (a.state, a.placed and a.placed.machine) for a in one.askers
    ]
    for asker, twin in zip(mesh.askers, one.askers, strict=True):
        assert abs(asker.waited(horizon) - twin.waited(horizon)) < SECOND
    assert findings(one)["total"]["placed_later"] > 2


def test_faults_may_strike_described_machines_and_every_promise_is_still_checked(
    tmp_path: Path,
) -> None:
    faults = (("shrink", 20.0), ("kill", 6.0), ("loss", 2.0))
    study = studied(tmp_path, TWO_MACHINES, BUSY, 3 * MINUTE, faults=faults)
    assert study.verdict == "ok", study.violations
    assert sum(study.faults.values()) > 3
    assert findings(study)["total"]["placed_at_once"] > 0
