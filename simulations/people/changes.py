"""What people do with what they hold: more time, less room, a part of it for somebody else.

Each step rests on what the last one was told, as with any person: who was not answered does not
know, and goes on with what was sure before.
"""

from collections.abc import Generator
from typing import Final

from node.core import requests
from node.core.effects import Reply
from simulations.people.diary import Diary
from simulations.people.scripts import give_back
from simulations.people.steps import Heard, Script, Step, ask, rest
from simulations.people.tastes import Tastes

STEPS_MAX: Final = 4
SECONDS: Final = (5, 20, 60)


def changing(tastes: Tastes, diary: Diary) -> Script:
    """A booking that lasts longer, gets smaller, or is handed on in parts; then all is given back,
    the parts first."""
    document = {"ram": f"{max(4, tastes.amount())} B"}
    reply = yield from ask(
        requests.Reserve(document, tastes.term_ms(), wait_for_opening=False, label="changing")
    )
    diary.replied("reserve", reply)
    if reply is None or not reply.ok:
        return
    hold, amount = reply.body["id"], reply.body["legs"][0]["amount"]
    parts: list[str] = []
    for _ in range(1 + tastes.dice.randrange(STEPS_MAX)):
        yield from rest(1 + tastes.stay() // 4)
        draw = tastes.dice.random()
        if draw < 0.35:
            more = tastes.dice.choice(SECONDS) * 1000
            yield from _say("extend", requests.Extend(hold, more_ms=more), diary)
        elif draw < 0.65 and amount > 1:
            amount = tastes.dice.randrange(1, amount)
            keep = {"ram": f"{amount} B"}
            yield from _say("shrink", requests.Shrink(hold, keep), diary)
        elif amount > 1:
            part = tastes.dice.randrange(1, amount)
            amount -= part
            carried = tastes.dice.random() < 0.3
            wish = requests.Transfer(hold, {"ram": f"{part} B"}, carried=carried, label="a part")
            told = yield from _say("transfer", wish, diary)
            parts += [told.body["id"]] if told is not None and told.ok else []
    if tastes.forgets():
        return
    yield from rest(tastes.stay())
    for one in [*parts, hold]:
        yield from give_back(one, diary)


def _say(
    kind: str, request: requests.Request, diary: Diary
) -> Generator[Step, Heard, Reply | None]:
    reply = yield from ask(request)
    diary.replied(kind, reply)
    return reply
