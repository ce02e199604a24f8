"""Those who come later: the checks are silent where all is well, and speak where it is not."""

import pytest

from ledger import admission
from ledger.later import Later
from mesh.instant import MILLISECOND, SECOND
from node.core import requests
from simulations.checks.later import LinesAreFair, PlansStart
from simulations.verdicts import PromiseBroken
from tests.simulations.checks.evening import Evening

GIB = 1 << 30


def reserve(ram: float, seconds: int, **more: object) -> requests.Reserve:
    ask = {"ram": f"{round(ram * GIB)} B", "node": "bob"}
    return requests.Reserve(ask, seconds * 1000, **more)  # type: ignore[arg-type]  # by name


def crowded() -> Evening:
    """Bob's 8 GiB are full for a minute, and Ann waits for 6 of them."""
    evening = Evening([LinesAreFair])
    evening.world.ask("bob", reserve(5, 60, principal="other"))
    evening.run(1)
    evening.world.ask("ann", reserve(6, 60, principal="ann", wait_ms=100_000))
    evening.run(4)
    return evening


def planned() -> Evening:
    """Ann has planned 6 of Bob's 8 GiB for in twenty seconds."""
    evening = Evening([PlansStart])
    wall = evening.world.hosts["bob"].wall(evening.world.now) + 20 * SECOND
    evening.world.ask("ann", reserve(6, 60, start_at_ms=wall // MILLISECOND))
    evening.run(2)
    return evening


def test_a_line_that_moves_on_and_a_plan_that_starts_are_looked_at_in_silence() -> None:
    evening = crowded()
    evening.world.ask("bob", reserve(2, 20, principal="bob"))
    evening.world.ask("bob", reserve(2.5, 200, principal="eve"))
    evening.run(80)
    assert evening.checks.looked["B18"] > 0
    evening = planned()
    evening.world.ask("bob", reserve(2.5, 3600))
    evening.world.ask("bob", reserve(2, 3600))
    evening.run(40)
    assert evening.checks.looked["B17"] > 0


def test_who_matters_more_goes_first_after_a_restart_too_and_that_is_no_pushing_in() -> None:
    evening = Evening([LinesAreFair])
    full = evening.reserve("bob", "bob", "5GiB")
    evening.world.ask("ann", reserve(6, 60, principal="ann", wait_ms=100_000))
    evening.world.ask("cyd", reserve(6, 20, principal="cyd", priority=5, wait_ms=100_000))
    evening.run(4)
    evening.world.crash("bob")
    evening.world.start("bob")
    evening.run(4)
    evening.release("bob", full)
    evening.run(4)
    assert evening.checks.looked["B18"] > 1  # at the restart, and at a grant


def test_an_owner_that_lets_people_push_in_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = crowded()
    monkeypatch.setattr(admission, "others_wait", lambda *_: None)
    with pytest.raises(PromiseBroken, match=r"^B18: .* let somebody pass, and .* waits longer"):
        evening.world.ask("bob", reserve(2.5, 200, principal="eve"))


def test_a_line_that_a_restart_forgets_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = crowded()
    monkeypatch.setattr(Later, "restored", classmethod(lambda cls, _saved: cls()))
    evening.world.crash("bob")
    with pytest.raises(PromiseBroken, match=r"^B18: .* forgot 1 of 1 places"):
        evening.world.start("bob")


def test_an_owner_that_forgets_what_is_planned_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evening = planned()
    monkeypatch.setattr(admission, "in_the_way", lambda *_: None)
    evening.world.ask("bob", reserve(5, 3600))
    with pytest.raises(PromiseBroken, match=r"^B17: .* gave what a plan needs"):
        evening.run(200)
