"""Known cases of another scheduler, where our words mean the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.commands import Outcome
from ledger.leases import owner_span
from mesh.instant import SECOND
from tests.ledger.owner import Owner, reading

CASES = json.loads((Path(__file__).parent.parent / "data/axis/reservation.json").read_text())
MIB = 1 << 20
WORDS = {"ok": (Outcome.HELD, Outcome.RELEASED), "overcommit": (Outcome.NO_ROOM,)}


class Adapter:
    """Their operations on our owner. A reservation with an expiry is a booking, one that lives by
    heartbeats a carried lease. Their seconds are the asker's; ours run a margin longer."""

    def __init__(self, limits: dict[str, Any]) -> None:
        self.reserve_mb = limits.get("system_reserve_mb", 1024)
        self.owner = Owner(first=True)
        self.numbers: dict[str, int] = {}
        self.live = 0

    def do(self, op: dict[str, Any]) -> None:
        act = getattr(self, f"_{op['op']}")
        found = act(op)
        expected = op.get("expect")
        if expected in WORDS:
            assert found in WORDS[expected], (op, found)
        elif expected is not None:
            assert found == expected, op

    def _set_capacity(self, op: dict[str, Any]) -> None:
        total = op["total_ram_mb"] * MIB
        system = op.get("system_reserve_mb", self.reserve_mb) * MIB
        self.owner.see(reading(total=total, free=total, system=system))

    def _reserve(self, op: dict[str, Any]) -> Outcome:
        number = self.numbers.setdefault(op["id"], len(self.numbers) + 1)
        expiry = op.get("expires_in_s")
        answer = self.owner.hold(
            number, op["ram_mb"] * MIB, booking=expiry is not None, term=(expiry or 30) * SECOND
        )
        if answer.outcome is Outcome.HELD:
            self.owner.post(number)
        return answer.outcome

    def _release(self, op: dict[str, Any]) -> Outcome:
        return self.owner.release(self.numbers[op["id"]]).outcome

    def _advance(self, op: dict[str, Any]) -> None:
        self.live = self._count(op)
        self.owner.advance(owner_span(op["seconds"] * SECOND))

    def _reclaim(self, op: dict[str, Any]) -> int:
        return self.live - self._count(op)

    def _count(self, _: dict[str, Any]) -> int:
        return len(self.owner.ledger.books.live)

    def _allocatable(self, _: dict[str, Any]) -> int:
        room = self.owner.ledger.rooms()["ram"]
        assert room is not None
        return room // MIB


@pytest.mark.parametrize(
    "case",
    [case for case in CASES["cases"] if case["adopt"] == "match"],
    ids=lambda case: case["id"],
)
def test_where_words_agree_behaviour_agrees(case: dict[str, Any]) -> None:
    adapter = Adapter({**CASES["default_limits"], **case["limits"]})
    for op in case["ops"]:
        adapter.do(op)
