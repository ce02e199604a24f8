"""How `doctor` shows the matrix and the diagnoses, and when it is a no."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.node.cli.conftest import Ran
from tests.support.fake_agent import BODIES, FakeAgent

Run = Callable[..., Ran]

BLOCKED = "bob hears ann on wlan0 but ann never hears bob: UDP 4653 is blocked inbound on ann"


def leg(**changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "from": {"id": "a" * 26, "name": "ann"}, "to": {"id": "b" * 26, "name": "bob"},
        "liveness": "alive", "address": "10.0.0.2:4653",
        "interfaces": [{"name": "wlan0", "kind": "wifi", "beacon_ms": 4_000, "in_use": True}],
        "probe_out": "ok", "probe_back": "ok", "stream": "unknown", "round_trip_ms": 1.25,
        "clock_offset_ms": 31_540, "clock_within_ms": 20, "key_id": "0a1b2c3d", "ok": None,
        "sentence": None,
    }  # fmt: skip
    return {**row, **changed}


def body(*links: dict[str, Any], diagnoses: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    sound = {"name": "grants", "ok": True, "sentence": "open", "hint": ""}
    return {
        **BODIES["doctor"], "checks": [sound], "links": list(links),
        "diagnoses": list(diagnoses), "surveyed": {"asked": 1, "told": ["bob"]},
    }  # fmt: skip


def test_every_leg_of_a_pair_stands_on_one_line_with_units(state: Path, run: Run) -> None:
    with FakeAgent(state, {"doctor": body(leg())}) as agent:
        ran = run("doctor")
    assert agent.heard == [{"type": "doctor", "survey": True}]
    assert ran.status == 0
    (line,) = [line for line in ran.out.splitlines() if "wlan0" in line]
    assert line.split() == [
        "ann", "bob", "wlan0", "4", "s", "ago", "ok", "ok", "unknown", "1.2", "ms", "+31.54", "s",
        "±", "0.02", "s", "0a1b2c3d",
    ]  # fmt: skip


def test_a_blocked_way_is_a_no_and_is_said_once(state: Path, run: Run) -> None:
    rows = (leg(probe_back="lost", ok=False, sentence=BLOCKED),
            leg(probe_out="lost", ok=False, sentence=BLOCKED))  # fmt: skip
    with FakeAgent(state, {"doctor": body(*rows)}):
        ran = run("doctor")
    assert ran.status == 1
    assert ran.out.count(BLOCKED) == 1


@pytest.mark.parametrize(("ok", "status"), [(False, 1), (None, 0)])
def test_a_diagnosis_is_a_no_only_when_it_explains_a_fault(
    ok: bool | None, status: int, state: Path, run: Run
) -> None:
    found = {"name": "vpn", "ok": ok, "sentence": "through tun0", "hint": "allow it", "nodes": []}
    with FakeAgent(state, {"doctor": body(diagnoses=(found,))}):
        ran = run("doctor", "--no-survey")
        plain = run("doctor", "--json")
    assert ran.status == plain.status == status
    assert "through tun0" in ran.out
    assert "allow it" in ran.out
    assert json.loads(plain.out)["diagnoses"] == [found]


def test_a_machine_that_may_be_off_is_no_fault(state: Path, run: Run) -> None:
    off = leg(probe_out="unknown", ok=None, sentence="nobody that we can ask reaches bob")
    with FakeAgent(state, {"doctor": body(off)}):
        assert run("doctor").status == 0


def test_an_older_agent_that_knows_no_links_is_shown_as_it_is(state: Path, run: Run) -> None:
    older = {key: BODIES["doctor"][key] for key in ("rejections", "interfaces", "peers")}
    with FakeAgent(state, {"doctor": {**older, "checks": []}}):
        ran = run("doctor")
    assert ran.status == 0
    assert "links" not in ran.out
