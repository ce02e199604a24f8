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


def planned(*ram: float) -> Evening:
    """Ann has planned 6 of Bob's 8 GiB for in twenty seconds, or whatever is said."""
    evening = Evening([PlansStart])
    wall = evening.world.hosts["bob"].wall(evening.world.now) + 20 * SECOND
    for one in ram or (6,):
        evening.world.ask("ann", reserve(one, 60, start_at_ms=wall // MILLISECOND))
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


def test_what_was_planned_first_and_starts_in_its_time_may_keep_out_what_came_after_it() -> None:
    """Both fitted when they were planned; there is less now, and the first takes what there is."""
    evening = planned(4, 3)
    bob = evening.world.hosts["bob"]
    bob.set_ram(5 * GIB)
    evening.world.look("bob")
    evening.run(60)
    books = bob.alive.ledger.books
    assert [hold.legs[0].amount for hold in books.live_holds()] == [4 * GIB]
    assert [plan.legs[0].amount for plan in books.plans.values()] == [3 * GIB]
    assert evening.checks.looked["B17"] > 20
