"""Those who share a quota over the whole mesh: issued somewhere, moved about, and always short.

Not every run has them. Where there are some, each quota is less than one machine, many ask for it
at many doors at once, and whoever runs a machine moves rights around without need.
"""

from random import Random
from typing import Final

from mesh.instant import SECOND
from node.core import requests
from node.core.requests.quotas import QuotaIssue, QuotaMove, QuotaWithdraw
from simulations.people.diary import Diary
from simulations.people.scripts import give_back
from simulations.people.steps import Script, ask, rest
from simulations.people.tastes import GIB, MIB, Tastes

HOLDERS: Final = ("alice", "bert")
FEW: Final = 2 * GIB
"""What a quota begins with."""
MORE: Final = 64 * MIB
TERMS_MS: Final = (60_000, 120_000)


def has_quotas(seed: int) -> bool:
    """Whether anybody has a quota over the mesh in the run of this seed: in one of two, where no
    operator has a policy that knows none of them."""
    return Random(f"{seed}/quotas").random() < 1 / 2


def founding(tastes: Tastes, diary: Diary) -> Script:
    """Issue what everybody will be short of."""
    for holder in HOLDERS:
        reply = yield from ask(QuotaIssue(holder, {"ram": f"{FEW} B"}))
        diary.replied("quota", reply)


def spending(tastes: Tastes, diary: Diary) -> Script:
    """Reserve on somebody's account, anywhere, and give it back."""
    dice = tastes.dice
    amount = dice.choice((dice.randrange(1, 200 * MIB), dice.randrange(200 * MIB, GIB), FEW))
    document = {"ram": f"{amount} B"}
    if dice.random() < 0.7:
        document["node"] = dice.choice(tastes.names)
    reserve = requests.Reserve(
        document, dice.choice(TERMS_MS), principal=dice.choice(HOLDERS), wait_for_opening=False,
        hold_only=dice.random() < 0.1,
    )  # fmt: skip
    reply = yield from ask(reserve)
    diary.replied("reserve", reply)
    if reply is not None and reply.ok and not tastes.forgets():
        yield from rest(tastes.stay())
        yield from give_back(reply.body["id"], diary)


def shifting(tastes: Tastes, diary: Diary) -> Script:
    """Move rights to or from a node, take some back, or make some more."""
    dice = tastes.dice
    holder, draw = dice.choice(HOLDERS), dice.random()
    amounts = {"ram": f"{dice.randrange(1, GIB)} B"}
    word: QuotaIssue | QuotaMove | QuotaWithdraw
    if draw < 0.45:
        word = QuotaMove(holder, amounts, source=dice.choice(tastes.names))
    elif draw < 0.9:
        word = QuotaMove(holder, amounts, target=dice.choice(tastes.names))
    elif draw < 0.95:
        word = QuotaWithdraw(holder, {"ram": f"{dice.randrange(1, MORE)} B"})
    else:
        word = QuotaIssue(holder, {"ram": f"{dice.randrange(MORE, FEW)} B"}, also=True)
    reply = yield from ask(word)
    diary.replied("quota", reply)
    yield from rest(SECOND)
