"""People who tie what runs already to what they hold, and a kernel that gives a pid out again."""

from typing import Final, Protocol

import msgspec

from mesh.instant import SECOND
from node.core import requests
from node.core.effects import Reply
from simulations.people.diary import Diary
from simulations.people.scripts import give_back
from simulations.people.steps import Script, ask, rest
from simulations.people.tastes import MIB, Tastes

AMOUNT: Final = 64 * MIB
TERM_MS: Final = 120_000


class Numbered(Protocol):
    """Processes of one machine, whose numbers may come again."""

    def begin(self, ram: int = 0) -> tuple[int, int]:
        """A new one: its pid, and when it started."""

    def again(self, pid: int, ram: int) -> int:
        """It ends, if it runs, and another gets its pid. When that started."""

    def end(self, pid: int) -> None:
        """It ends, unless its machine went down before it."""


def adopting(tastes: Tastes, diary: Diary, work: Numbered, node: str) -> Script:
    """Two bookings and a process: tied to the one, refused to the other; then another process has
    its pid, which is tied to the second."""
    wish = requests.Reserve(
        {"ram": f"{AMOUNT} B", "node": node}, TERM_MS, wait_for_opening=False, label="adopting"
    )
    pid, started = work.begin(AMOUNT // 2)
    first: Reply | None = yield from ask(wish)
    diary.replied("reserve", first)
    second: Reply | None = yield from ask(msgspec.structs.replace(wish, label="adopting again"))
    diary.replied("reserve", second)
    if first is None or second is None or not first.ok or not second.ok:
        work.end(pid)
        return
    one, two = first.body["id"], second.body["id"]
    yield from ask(requests.Adopt(one, pid, started))
    yield from rest(1 + tastes.stay() // 4)
    yield from ask(requests.Adopt(two, pid, started))
    if tastes.dice.random() < 0.5:
        # Nobody has looked yet whether the first is gone.
        started = work.again(pid, AMOUNT // 2)
    else:
        work.end(pid)
        yield from rest(1 + tastes.dice.randrange(SECOND))
        started = work.again(pid, AMOUNT // 2)
    yield from ask(requests.Adopt(two, pid, started))
    yield from rest(1 + tastes.stay())
    if tastes.dice.random() < 0.5:
        work.end(pid)
    for hold in (one, two):
        yield from give_back(hold, diary)
    work.end(pid)
