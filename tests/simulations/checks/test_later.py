"""Plans: the check is silent where all is well, and speaks where it is not."""

import pytest

from ledger.visits import admission
from mesh.instant import MILLISECOND, SECOND
from node.core import requests
from simulations.checks.later import PlansStart
from simulations.verdicts import PromiseBroken
from tests.simulations.checks.evening import Evening

GIB = 1 << 30


def reserve(ram: float, seconds: int, **more: object) -> requests.Reserve:
    ask = {"ram": f"{round(ram * GIB)} B", "node": "bob"}
    return requests.Reserve(ask, seconds * 1000, **more)  # type: ignore[arg-type]  # by name


def planned() -> Evening:
    """Ann has planned 6 of Bob's 8 GiB for in twenty seconds."""
    evening = Evening([PlansStart])
    wall = evening.world.hosts["bob"].wall(evening.world.now) + 20 * SECOND
    evening.world.ask("ann", reserve(6, 60, start_at_ms=wall // MILLISECOND))
    evening.run(2)
    return evening


def test_a_plan_that_starts_is_looked_at_in_silence() -> None:
    evening = planned()
    evening.world.ask("bob", reserve(2.5, 3600))
    evening.world.ask("bob", reserve(2, 3600))
    evening.run(40)
    assert evening.checks.looked["B17"] > 0


def test_an_owner_that_forgets_what_is_planned_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = planned()
    monkeypatch.setattr(admission, "in_the_way", lambda *_: None)
    evening.world.ask("bob", reserve(5, 3600))
    with pytest.raises(PromiseBroken, match=r"^B17: .* gave what a plan needs"):
        evening.run(200)
