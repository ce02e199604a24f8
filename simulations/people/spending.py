"""People who ask in somebody's name, for more than was allotted, and who force it now and then."""

from typing import Final

from ledger.policy import DEFAULT, Policy, Principal, key_of
from mesh.instant import MINUTE
from node.core import requests
from simulations.people.diary import Diary
from simulations.people.scripts import give_back
from simulations.people.steps import Script, ask, rest
from simulations.people.tastes import GIB, Tastes

NAMES: Final = ("red", "blue", "green")
GREEDY: Final = 4
"""So many wishes at once: the first of them fit a quota."""


def token_of(name: str) -> str:
    """What the operators gave it; nobody has no token."""
    return f"the token of {name}" if name else ""


def allotted() -> Policy:
    """A machine for three: one has a little and may force, one has little time, one asks slowly."""
    red = Principal("red", {"ram": 2 * GIB}, may_force=True, key=key_of(token_of("red")))
    blue = Principal(
        "blue", {"ram": 3 * GIB}, lease_max=2 * MINUTE, pools=("ram",), key=key_of(token_of("blue"))
    )
    green = Principal("green", holds_per_minute=6, key=key_of(token_of("green")))
    return Policy({one.name: one for one in (red, blue, green, Principal(DEFAULT))})


def spending(tastes: Tastes, diary: Diary, node: str) -> Script:
    """One after another until the quota says no, and then perhaps with force."""
    dice = tastes.dice
    name, mine = dice.choice(NAMES), []
    for number in range(GREEDY):
        force = "it must be today" if number and dice.random() < 0.3 else ""
        document = {"ram": f"{dice.randrange(GIB // 4, 2 * GIB)} B", "node": node}
        if dice.random() < 0.25:
            document["cpu"] = "1 cores"
        wish = requests.Reserve(
            document, dice.choice((60_000, 60_000, 60_000, 300_000)), principal=name,
            token=token_of(name), force=force, wait_for_opening=False,
            hold_only=dice.random() < 0.2,
        )  # fmt: skip
        reply = yield from ask(wish)
        diary.replied("reserve", reply)
        if reply is not None and reply.ok:
            mine.append(reply.body["id"])
    yield from rest(1 + tastes.stay())
    for hold in mine:
        yield from give_back(hold, diary)
