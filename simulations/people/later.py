"""Those who come later: people who wait for room in several lines, and people who book ahead."""

from collections.abc import Callable
from typing import Final

from mesh.instant import MILLISECOND, SECOND
from node.core import requests
from simulations.people.diary import Diary
from simulations.people.scripts import give_back
from simulations.people.spending import token_of
from simulations.people.steps import Script, ask, rest
from simulations.people.tastes import GIB, Tastes

PATIENCE_MS: Final = (3_000, 12_000, 30_000, 60_000)
PRINCIPALS: Final = ("", "", "red", "blue", "green")
"""On whose behalf: few, so that some have something running while they wait for more."""
AHEAD: Final = tuple(seconds * SECOND for seconds in (3, 10, 20, 40, 90))
TERMS_MS: Final = (40_000, 60_000, 60_000)
"""None shorter than a bare hold lasts: belief in that is what the checks count from."""


def _much(tastes: Tastes) -> dict[str, object]:
    """Enough of one machine that a few such wishes fill it."""
    ask: dict[str, object] = {"ram": f"{tastes.dice.randrange(2 * GIB, 7 * GIB)} B"}
    if tastes.dice.random() < 0.5:
        ask["node"] = tastes.dice.choice(tastes.names)
    return ask


def waiting(tastes: Tastes, diary: Diary) -> Script:
    """Wait for room, use it for a while, give it back."""
    dice = tastes.dice
    reserve = requests.Reserve(
        _much(tastes), dice.choice(TERMS_MS), principal=(name := dice.choice(PRINCIPALS)),
        token=token_of(name), wait_ms=dice.choice(PATIENCE_MS),
        priority=dice.choice((0, 0, 0, 3, 9)), wait_for_opening=dice.random() < 0.3,
    )  # fmt: skip
    reply = yield from ask(reserve)
    diary.replied("reserve", reply)
    if reply is not None and reply.ok and not tastes.forgets():
        yield from rest(tastes.stay())
        yield from give_back(reply.body["id"], diary)


def planning(tastes: Tastes, diary: Diary, wall: Callable[[], int]) -> Script:
    """Book ahead by the clock on the wall, and perhaps think better of it."""
    dice = tastes.dice
    start = wall() + dice.choice(AHEAD)
    reserve = requests.Reserve(
        _much(tastes), dice.choice(TERMS_MS), principal=(name := dice.choice(PRINCIPALS)),
        token=token_of(name), wait_for_opening=False, start_at_ms=max(1, start // MILLISECOND),
    )  # fmt: skip
    reply = yield from ask(reserve)
    diary.replied("plan", reply)
    if reply is not None and reply.ok and dice.random() < 0.4:
        yield from rest(1 + round(dice.random() * 30) * SECOND)
        yield from give_back(reply.body["id"], diary, "void")
