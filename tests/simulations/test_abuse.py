"""What is done to an agent on purpose comes to nothing; and the table would show if it did."""

import pytest

from mesh.door.window import ReplayWindow
from simulations.fuzz import abuse
from simulations.fuzz.abuse import rows
from simulations.fuzz.invented import invented
from simulations.fuzz.row import Row, table
from simulations.fuzz.stage import staged


@pytest.fixture(scope="module")
def found() -> dict[str, Row]:
    return {row.name: row for row in rows(0.02)}


def test_nothing_is_believed(found: dict[str, Row]) -> None:
    assert {name: row.believed for name, row in found.items() if row.believed} == {}
    assert len(found) >= 20


def test_nothing_unproven_is_answered_with_more_than_was_sent(found: dict[str, Row]) -> None:
    assert [name for name, row in found.items() if row.ratio > 1] == []


def test_every_refusal_has_a_name(found: dict[str, Row]) -> None:
    for name in ("one bit flipped", "cut short", "made longer", "flood of noise"):
        assert found[name].refused.total() == found[name].inputs, name


def test_those_who_were_there_before_are_heard_through_it_all(found: dict[str, Row]) -> None:
    remarks = [row.remark for row in found.values()]
    assert not [remark for remark in remarks if "LOST" in remark or "OVER" in remark]
    assert "is heard" in found["a member steals counters"].remark


def test_answers_in_anothers_name_do_not_hide_that_it_is_gone(found: dict[str, Row]) -> None:
    found_after, _, honest = found["a member answers others' probes"].remark.partition("; ")
    assert found_after.removeprefix("suspect after ") == honest.removesuffix(" with nobody lying")


def test_a_node_that_believed_a_recording_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = staged()
    tape = abuse._heard(stage, stage.eve.endpoint)
    assert abuse.put("again", stage.ann.alive, tape, abuse._local(stage)).believed == 0
    monkeypatch.setattr(ReplayWindow, "would_accept", lambda _window, _counter: True)
    heard = stage.ann.alive.mesh.roll.member(stage.eve.id)
    assert heard is not None
    refused = stage.ann.alive.mesh.rejections.total()
    row = abuse.put("again, without the window", stage.ann.alive, tape, abuse._local(stage))
    assert stage.ann.alive.mesh.rejections.total() - refused < row.inputs
    assert row.bytes_out > 0, "replayed pings are answered when nobody counts"


def test_a_table_without_end_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from simulations.fuzz import invented as room

    monkeypatch.setattr(room, "TABLES", {"Roll._members": 3})
    row = invented(8)
    assert row.believed == 1
    assert "OVER THEIR BOUND" in table([row])
