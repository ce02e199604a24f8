"""Waiting where rules stand in the way: who waits is told which, and waits for nothing hopeless."""

from typing import Any

import pytest

from ledger.commands import Answer, Outcome
from mesh.instant import SECOND
from node.core import requests
from node.core.effects import Reply
from node.core.gangs.gang import Stage, is_for_good
from simulations.invented.world import World
from tests.node.core.test_gang_principals import TOKEN, mesh
from tests.node.core.test_gangs import gang

UNKNOWN: dict[str, Any] = {"principal": "zoe"}
WRONG: dict[str, Any] = {"principal": "bob", "token": "another long random word"}

QUOTA = "quota: bob holds 0 B of 2 GiB ram here"


def reserve(world: World, ram: str, **more: Any) -> Reply | None:
    """Ann asks Bob for so much, and would wait for it; None: she still does after 20 s."""
    wish = requests.Reserve({"ram": ram, "node": "bob"}, 60_000, wait_ms=60_000, **more)
    token = world.ask("ann", wish)
    world.run(20 * SECOND)
    return world.hosts["ann"].replies.get(token)


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (UNKNOWN, "bob: nobody is called 'zoe' here"),
        (WRONG, "bob: bob: the token that was shown is not its own"),
    ],
)
def test_who_is_refused_for_good_is_told_by_whom_and_why(who: dict[str, Any], why: str) -> None:
    reply = reserve(mesh(), "1GiB", **who)
    assert reply is not None
    assert reply.body["code"] == "policy"
    assert why in reply.body["sentence"]


def test_who_waits_over_a_quota_is_told_so_meanwhile_and_in_the_end() -> None:
    world = mesh()
    assert reserve(world, "3GiB", principal="bob", token=TOKEN) is None
    said = [one.body["sentence"] for one in world.hosts["ann"].progress]
    assert len(said) < 20, "some lines for each round, and a round is five seconds"
    assert any(line.startswith(f"bob: {QUOTA}") and "asks again, for" in line for line in said)
    world.run(45 * SECOND)
    (reply,) = world.hosts["ann"].replies.values()
    assert reply.body["code"] == "timeout"
    assert reply.body["sentence"] == f"no room became free in 1m of waiting (bob: {QUOTA})"


@pytest.mark.parametrize("who", [UNKNOWN, WRONG])
def test_a_gang_that_is_refused_for_good_waits_for_nothing(who: dict[str, Any]) -> None:
    world = mesh()
    reply = world.answer("ann", gang(**who, wait_ms=60_000))
    assert reply.body["code"] == "policy"
    assert reply.body["attempts"] == 1
    assert "nothing is held" in reply.body["hint"]


def test_a_gang_that_waits_over_a_quota_is_told_so_in_the_end() -> None:
    world = mesh()
    token = world.ask("ann", gang(ram="3GiB", principal="bob", token=TOKEN, wait_ms=10_000))
    world.run(15 * SECOND)
    body = world.hosts["ann"].replies[token].body
    assert body["code"] == "timeout"
    assert QUOTA in body["sentence"]


@pytest.mark.parametrize(
    ("stage", "outcome", "for_good"),
    [
        (Stage.HOLDING, Outcome.NOT_PRINCIPAL, True),
        (Stage.HOLDING, Outcome.TERM_TOO_LONG, True),
        (Stage.HOLDING, Outcome.OVER_QUOTA, False),
        (Stage.HOLDING, Outcome.NO_ROOM, False),
        (Stage.HOLDING, Outcome.TOO_LATE, False),
        (Stage.HOLDING, None, False),
        (Stage.POSTING, Outcome.NOT_FOUND, False),
        (Stage.PARKING, Outcome.WRONG_STEP, False),
        (Stage.SETTLING, Outcome.UNPROVEN, False),
    ],
)
def test_only_what_is_said_to_a_hold_is_said_for_good(
    stage: Stage, outcome: Outcome | None, *, for_good: bool
) -> None:
    answer = None if outcome is None else Answer(outcome, bytes(16), bytes(16))
    assert is_for_good(stage, answer) is for_good
