"""Gangs that start later: planned with every owner or with none, started by each in its time."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from ledger.books.gangs import GangStage
from ledger.lifecycle import HoldState
from ledger.limits import GANG_MAX
from mesh.instant import MILLISECOND, MINUTE, SECOND
from node.core import requests
from node.core.gangs.gang import Stage
from node.core.requests.gangs import ReserveGang
from simulations.invented.world import World

NAMES: Final = ("ann", "bob", "cyd")
AHEAD: Final = 5 * MINUTE
BOUND: Final = GANG_MAX * 103 // 100 + 10 * SECOND


class Play:
    """Ann plans a gang on all three nodes, for in five minutes."""

    def __init__(self) -> None:
        self.world = World(1)
        for name in NAMES:
            self.world.add(name)
            self.world.start(name, first=True)
        self.world.run(3 * SECOND)
        self.token = 0

    def ask(self, ahead: int = AHEAD, **more: Any) -> None:
        wall = self.world.hosts["ann"].wall(self.world.now) + ahead
        self.wish = ReserveGang(
            {"ram": "6GiB"}, 3, 60_000, start_at_ms=wall // MILLISECOND, **more
        )  # fmt: skip
        self.again()

    def again(self) -> None:
        self.token = self.world.ask("ann", self.wish)

    def until(self, stage: Stage) -> None:
        def there() -> bool:
            gangs = self.world.hosts["ann"].alive.errands.ganging._gangs.values()
            return any(gang.stage is stage for gang in gangs)

        assert self.world.run_until(there, 20 * SECOND), stage

    def body(self) -> dict[str, Any]:
        assert self.world.run_until(self.answered, 20 * SECOND)
        return self.world.hosts["ann"].replies[self.token].body

    def answered(self) -> bool:
        return self.token in self.world.hosts["ann"].replies

    def plans(self) -> list[str]:
        return [host.name for host in self.world.up() if host.alive.ledger.books.plans]

    def states(self) -> list[HoldState]:
        members = [
            (host, bytes.fromhex(member["id"]))
            for member in self.body()["members"]
            for host in self.world.up() if host.called == member["owner"]["name"]
        ]  # fmt: skip
        return [host.alive.ledger.books.state_of(hold) for host, hold in members]

    def stage(self) -> GangStage:
        gangs = self.world.hosts["ann"].alive.ledger.books.gangs.values()
        return max(gangs, key=lambda gang: gang.at).stage


def test_a_gang_is_planned_with_all_shown_everywhere_and_started_by_each_in_its_time() -> None:
    play = Play()
    play.ask()
    body = play.body()
    assert (body["state"], len(body["members"])) == ("complete", 3)
    assert play.plans() == list(NAMES)
    play.world.run(2 * SECOND)
    rows = play.world.answer("cyd", requests.Holds()).body["holds"]
    assert {row["state"] for row in rows} == {"planned"}
    assert {row["gang"]["id"] for row in rows} == {body["id"]}
    assert play.world.answer("bob", requests.Reserve({"ram": "6GiB", "node": "cyd"}, 60_000)).ok
    play.world.run(AHEAD)
    assert play.states() == [HoldState.POSTED] * 3
    play.world.run(MINUTE)
    assert play.states() == [HoldState.RELEASED] * 3
    play.world.run(5 * SECOND)
    assert play.stage() is GangStage.ENDED


def one_refuses(play: Play) -> None:
    """What one owner has planned already leaves no room: the others give theirs back."""
    wall = play.world.hosts["bob"].wall(play.world.now) + AHEAD
    plan = requests.Reserve(
        {"ram": "6GiB", "node": "bob"}, 60_000, start_at_ms=wall // MILLISECOND
    )  # fmt: skip
    assert play.world.answer("bob", plan).ok
    play.ask()
    assert "code" in play.body()
    assert play.plans() == ["bob"]


def asker_dies(stage: Stage, *, returns: bool) -> Callable[[Play], None]:
    def dies(play: Play) -> None:
        play.ask()
        play.until(stage)
        assert play.world.run_until(lambda: {*play.plans()} >= {"bob", "cyd"}, SECOND)
        play.world.crash("ann")
        if returns:
            play.world.start("ann")
        play.world.run(BOUND)
        if returns:
            complete = play.stage() is GangStage.COMPLETED
            assert play.plans() == (list(NAMES) if complete else [])
        else:
            assert play.plans() in ([], ["bob", "cyd"])
        settled = [
            plan.gang is not None and plan.gang.settled_at is not None
            for host in play.world.up() for plan in host.alive.ledger.books.plans.values()
        ]  # fmt: skip
        assert all(settled)

    return dies


def owner_dies(play: Play) -> None:
    play.ask()
    play.until(Stage.POSTING)
    play.world.crash("bob")
    play.world.run(BOUND)
    assert play.plans() == []
    play.world.start("bob")
    play.world.run(BOUND)
    assert play.plans() == []


def owner_forgets(play: Play) -> None:
    play.ask()
    play.body()
    play.world.crash("bob", power=True)
    play.world.hosts["bob"].disk.lose()
    play.world.start("bob")
    play.world.run(BOUND)
    assert play.plans() == list(NAMES)
    play.world.run(AHEAD)
    assert all(state is not HoldState.ABSENT for state in play.states())
    assert play.world.hosts["bob"].alive.ledger.books.plans == {}


def given_back(play: Play) -> None:
    play.ask()
    given = play.world.answer("ann", requests.Release(play.body()["id"]))
    assert given.ok
    assert play.plans() == []


def starts_before_it_is_proven(play: Play) -> None:
    """The start comes while one owner cannot be shown the proof: it does not start alone."""
    play.ask(12 * SECOND)
    play.until(Stage.SETTLING)
    play.world.network.cut(["bob"], ["ann", "cyd"])
    play.world.run(20 * SECOND)
    bob = play.world.hosts["bob"].alive.ledger.books
    assert [plan.on_probation for plan in bob.plans.values()] in ([True], [])
    play.world.network.heal()
    play.world.run(BOUND)
    kinds = {bool(host.alive.ledger.books.live) for host in play.world.up()}
    assert len(kinds) == 1


CELLS: Final[dict[str, Callable[[Play], None]]] = {
    "later-one-refuses": one_refuses,
    "later-owner-dies": owner_dies,
    "later-asker-dies-begun": asker_dies(Stage.HOLDING, returns=True),
    "later-asker-dies-committed": asker_dies(Stage.POSTING, returns=True),
    "later-asker-never-returns": asker_dies(Stage.POSTING, returns=False),
    "later-asker-dies-completed": asker_dies(Stage.SETTLING, returns=True),
    "later-owner-forgets": owner_forgets,
    "later-given-back": given_back,
    "later-unproven-at-its-start": starts_before_it_is_proven,
}


@pytest.mark.parametrize("cell", CELLS)
def test_whoever_fails_a_gang_is_planned_with_all_or_with_none(cell: str) -> None:
    CELLS[cell](Play())


def test_what_starts_later_is_not_kept_up() -> None:
    play = Play()
    play.ask(carried=True)
    assert "starts later" in play.body()["sentence"]
