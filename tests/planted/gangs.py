"""What may go wrong between several owners and one asker: a gang that is none."""

from typing import Any, Final

import pytest

from ledger import desk
from ledger.entries.gangs import GangCompleted
from ledger.waiting import turns
from node.core.gangs import books as gang_books
from node.core.gangs.gang import Formed, Stage
from node.core.gangs.ganging import Ganging
from tests.planted.bug import Bug, Course, set_to

DYING: Final = Course("gang-asker-dies=20", nodes=4, seconds=40, operations=16)
LONG: Final = Course(nodes=4, seconds=100, operations=8)

WAITING: Final = Course(nodes=3, seconds=60, operations=20)

_go_on, _recorded, _step = Ganging._go_on, Ganging.recorded, Ganging._step
_end = Ganging._end


def answered_before_the_last_post(patch: pytest.MonkeyPatch) -> None:
    """Who asked hears of a gang when the first of it is posted."""

    def go_on(self: Ganging, key: int, now: int) -> Any:
        gang = self._gangs[key]
        posted = gang.stage is Stage.POSTING and any(one.done for one in gang.members)
        if not posted or gang.token is None or gang.reserve is None:
            return _go_on(self, key, now)
        del self._gangs[key]
        return [Formed(gang.token, gang.id, gang.reserve, tuple(gang.members), (), ())]

    patch.setattr(Ganging, "_go_on", go_on)


def abort_is_not_told(patch: pytest.MonkeyPatch) -> None:
    """A gang is over in its asker's log; nobody is told, and nobody reads it."""

    def recorded(self: Ganging, key: int, now: int) -> Any:
        gang = self._gangs.get(key)
        if gang is not None and gang.stage is Stage.ENDING:
            for member in gang.members:
                member.asked = False
        return _recorded(self, key, now)

    patch.setattr(Ganging, "recorded", recorded)
    patch.setattr(gang_books, "_is_over", lambda *_: False)


def half_confirmed_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A member waits for its proof as long as it takes, and an asker may stop on the way to it."""

    def step(self: Ganging, key: int, entry: Any, stage: str, now: int) -> Any:
        if isinstance(entry, GangCompleted):
            return self._stranded(key)
        return _step(self, key, entry, stage, now)

    patch.setattr(desk, "GANG_MAX", 10**18)
    patch.setattr(Ganging, "_step", step)


def holds_and_waits(patch: pytest.MonkeyPatch) -> None:
    """When one owner refuses, what the others hold is kept, and the gang waits for the rest."""

    def end(self: Ganging, key: int, why: str, now: int) -> Any:
        gang = self._gangs[key]
        if gang.reserve is None or gang.stage is not Stage.HOLDING or now >= gang.patience:
            return _end(self, key, why, now)
        return self._rest(key, why, now)

    patch.setattr(Ganging, "_end", end)


BUGS: Final = (
    Bug(
        "gang-holds-and-waits", "a gang keeps what some owners hold while it waits for the rest",
        ("B19",), WAITING, holds_and_waits,
    ),
    Bug(
        "gang-claim-unheeded", "what is kept for a gang is given to whoever comes",
        ("B19",), WAITING, set_to(turns, "_claim", lambda *_: None),
    ),
    Bug(
        "gang-before-the-last-post", "an asker is told that a gang stands before all are posted",
        ("B7",), DYING, answered_before_the_last_post,
    ),
    Bug(
        "gang-abort-not-told", "a gang is over, and its members are kept", ("B7",), DYING,
        abort_is_not_told,
    ),
    Bug(
        "half-confirmed-for-ever", "a booking of a gang that was never complete is kept for ever",
        ("V3",), LONG, half_confirmed_for_ever,
    ),
)  # fmt: skip
