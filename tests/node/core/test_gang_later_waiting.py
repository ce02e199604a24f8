"""Gangs that start later and wait: asked again now and then, planned with all or with none."""

from typing import Any

import pytest

from ledger.commands import Outcome
from ledger.desk import planner
from ledger.granting import Refused
from mesh.instant import MILLISECOND, MINUTE, SECOND
from node.core import requests
from node.core.gangs.gang import Stage
from tests.node.core.test_gang_later import AHEAD, NAMES, Play

WAIT_MS = 2 * MINUTE // MILLISECOND


def taken() -> tuple[Play, str]:
    """Bob has planned most of his memory for the time at which Ann's gang is to start."""
    play = Play()
    wall = play.world.hosts["bob"].wall(play.world.now) + AHEAD - MINUTE
    plan = requests.Reserve(
        {"ram": "6GiB", "node": "bob"}, 2 * MINUTE // MILLISECOND, start_at_ms=wall // MILLISECOND
    )
    reply = play.world.answer("bob", plan)
    assert reply.ok
    return play, reply.body["id"]


def said(play: Play) -> dict[str, Any]:
    """The last line that the asker was shown."""
    shown = [one.body for one in play.world.hosts["ann"].progress if one.token == play.token]
    return shown[-1]


def test_it_is_planned_when_what_is_planned_then_is_given_up() -> None:
    play, plan = taken()
    play.ask(wait_ms=WAIT_MS)
    play.world.run(30 * SECOND)
    assert not play.answered()
    assert "bob: what is promised already leaves no room for it then" in said(play)["sentence"]
    assert "nothing is held meanwhile" in said(play)["sentence"]
    assert play.plans() == ["bob"]
    assert play.world.answer("bob", requests.Release(plan)).ok
    body = play.body()
    assert (body["state"], len(body["members"])) == ("complete", 3)
    assert body["starts_at_ms"]
    assert play.plans() == list(NAMES)


def test_it_tries_seldom_enough_that_the_log_of_who_waits_stays_short() -> None:
    play, _ = taken()
    play.ask(wait_ms=WAIT_MS)
    play.world.run(2 * MINUTE)
    assert 8 < play.body()["attempts"] < 2 * 60 // 5


def test_it_waits_no_longer_than_it_would() -> None:
    play, _ = taken()
    play.ask(wait_ms=20_000)
    play.world.run(20 * SECOND)
    body = play.body()
    assert body["code"] == "timeout"
    assert body["sentence"].startswith("no 3 calendars had room for it then, all at once, in 20s")
    assert "bob: " in body["sentence"]
    assert play.plans() == ["bob"]


def test_nobody_waits_for_a_start_that_is_past() -> None:
    play = Play()
    now = requests.Reserve({"ram": "6GiB", "node": "bob"}, WAIT_MS)
    assert play.world.answer("bob", now).ok
    play.ask(ahead=40 * SECOND, wait_ms=WAIT_MS)
    play.world.run(42 * SECOND)
    assert play.body()["code"] == "timeout"


def test_nobody_waits_for_who_has_refused_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play()
    bob = play.world.hosts["bob"].alive.ledger.books
    refuse_plan = planner._refuse_plan

    def refuse(desk: Any, *asked: Any) -> Refused | None:
        if desk.books is bob:
            return Refused(Outcome.BAD_START, "nothing is planned here")
        return refuse_plan(desk, *asked)

    monkeypatch.setattr(planner, "_refuse_plan", refuse)
    play.ask(wait_ms=WAIT_MS)
    play.world.run(5 * SECOND)
    body = play.body()
    assert (body["code"], body["attempts"]) == ("refused", 1)
    assert "waiting would not change that" in body["hint"]
    assert play.plans() == []


def test_it_goes_on_waiting_over_a_restart_of_its_asker_and_is_planned_once() -> None:
    play, plan = taken()
    play.ask(wait_ms=WAIT_MS, wish="0c" * 16)
    play.world.run(10 * SECOND)
    assert play.world.answer("bob", requests.Release(plan)).ok
    play.until(Stage.SETTLING)
    play.world.crash("ann")
    play.world.start("ann")
    play.world.run(SECOND)
    play.again()
    play.world.run(MINUTE)
    assert play.body()["state"] == "complete"
    assert play.plans() == list(NAMES)
    assert [len(host.alive.ledger.books.plans) for host in play.world.up()] == [1, 1, 1]


def test_who_hangs_up_waits_no_more() -> None:
    play, plan = taken()
    play.ask(wait_ms=WAIT_MS)
    play.world.run(10 * SECOND)
    play.world.hang_up("ann", play.token)
    assert play.world.answer("bob", requests.Release(plan)).ok
    play.world.run(MINUTE)
    assert not play.answered()
    assert play.plans() == []
