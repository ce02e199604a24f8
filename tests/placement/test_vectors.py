"""Placement cases with known answers, put to `decide` through a small adapter.

The adapter translates a flat description of a machine (megabytes, pressure words, reservations)
into a picture. True room there is `min(free, total − reserve) − reserved`. Cases that rest on
history, loaded models or preferences between engines are named below with what they would need.
"""

import json
from pathlib import Path

import pytest

from placement.decide import decide, listed
from placement.reasons import Reason
from placement.request import Request
from placement.view import ClusterView, NodeView, PoolView

CASES = json.loads((Path(__file__).parents[1] / "data/axis/placement.json").read_text())["cases"]
MATCH = [case for case in CASES if case["adopt"] == "match"]
MIB = 1 << 20

NEEDS_MORE = {
    "F16": "peaks observed earlier",
    "F22": "failures and peaks observed earlier",
    "R10": "a preference between engines that excludes nobody",
    "R11": "a preference between engines that excludes nobody",
    "R14": "models already loaded",
    "R15": "models already loaded",
    "R16": "run times observed earlier",
}
"""Facts that no node publishes yet."""

PRESSURE = {"none": 0.0, "low": 1.0, "medium": 5.0, "high": 15.0}
CELSIUS = {"nominal": 50.0, "fair": 78.0, "serious": 88.0, "critical": 96.0}
WORDS = {
    "memory pressure": Reason.PRESSURE,
    "headroom": Reason.NOT_ENOUGH_ROOM,
    "missing required tools": Reason.TOOL_MISSING,
}


def machine(described):
    total = described.get("ram_total_mb", 8192)
    reserve = described.get("system_reserve_mb") or 1024
    free = described.get("ram_free_mb", 0)
    room = max(0, min(free, total - reserve) - described.get("ram_reserved_mb", 0))
    tools = {*described.get("tools", [])}
    if described.get("ollama", {}).get("installed"):
        tools.add("ollama")
    stalled = described.get("pressure_stall10", PRESSURE[described.get("pressure", "none")])
    return NodeView(
        id=described["name"],
        name=described["name"],
        liveness="alive" if described["status"] == "complete" else "dead",
        standing="open",
        os="linux",
        arch="x86_64",
        pools=(PoolView("ram", "ram", "bytes", total * MIB, room * MIB, "open"),),
        tools=frozenset(tools),
        pressure=stalled,
        battery_percent=described.get("battery_percent"),
        temperature_celsius=CELSIUS.get(described.get("thermal_state")),
    )


def answer(case):
    wanted = case["request"]
    amount = wanted.get("memory_request_mb") or wanted.get("min_free_ram_mb")
    request = Request(
        ram_bytes=amount * MIB if amount else None, tools=tuple(wanted.get("required_tools", ()))
    )
    return decide(request, ClusterView.of(*map(machine, case["nodes"])))


COVERED = [case for case in MATCH if case["id"] not in NEEDS_MORE]


@pytest.mark.parametrize("case", COVERED, ids=lambda case: case["id"])
def test_the_known_cases_are_answered_as_known(case):
    assert agrees(case)


def test_only_cases_with_facts_that_no_node_publishes_are_left_out():
    for case in MATCH:
        told = json.dumps(case)
        beyond = any(word in told for word in ("history", "resident_models", "preferred_backends"))
        assert beyond or case["id"] not in NEEDS_MORE
    assert len(COVERED) == len(MATCH) - len(NEEDS_MORE)


def agrees(case):
    decision, expect = answer(case), case["expect"]
    fitting = [fit.name for fit in listed(decision)]
    found = {node.name: node.misses for node in decision.passed_over}
    short = {
        name: miss.missing // MIB
        for name, misses in found.items()
        for miss in misses
        if miss.missing is not None
    }
    return (
        sorted(expect.get("eligible", fitting)) == sorted(fitting)
        and expect.get("order", fitting) == fitting
        and expect.get("ok", bool(fitting)) == bool(fitting)
        and expect.get("node", fitting[0] if fitting else None) == (fitting or [None])[0]
        and expect.get("shortfall_mb", short) == short
        and all(
            WORDS.get(word) in {miss.reason for miss in found.get(name, ())}
            for name, words in expect.get("reason_contains", {}).items()
            for word in words
        )
    )


def test_the_same_node_passes_when_it_is_asked_for_less():
    for identity, amount in (("F18", 4500), ("F20", 512)):
        case = next(case for case in CASES if case["id"] == identity)
        easier = {**case, "request": {"min_free_ram_mb": amount}}
        assert [fit.name for fit in listed(answer(easier))] == ["nodeA"]
