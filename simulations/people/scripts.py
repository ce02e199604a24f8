"""What people do at a local door: reserve, hold and confirm, tie a process, and give it all back.

Each function is a script: it yields what it does next and is told what came of it. A person is no
process of the machine, so a script goes on when its agent dies: it asks again at the next start, as
somebody with a hold's id on a note would.
"""

from collections.abc import Generator
from typing import Final, Protocol

from mesh.instant import SECOND, Duration
from node.core import requests
from node.core.effects import Reply
from simulations.people.diary import Diary
from simulations.people.steps import Heard, Script, Step, ask, rest
from simulations.people.tastes import Tastes

GIVE_BACK_TRIES: Final = 3
TRY_AGAIN: Final[Duration] = 4 * SECOND
CARRIED_TERM_MS: Final = 30_000


class Work(Protocol):
    """Processes of one machine."""

    def begin(self) -> tuple[int, int]:
        """A new one: its pid, and when it started."""

    def end(self, pid: int) -> None:
        """It ends, unless its machine went down before it."""


def booking(tastes: Tastes, diary: Diary) -> Script:
    """Reserve, stay for a while, give it back (or forget to)."""
    wait = tastes.dice.random() < 0.05
    reserve = requests.Reserve(
        tastes.document(), tastes.term_ms(), wait_for_opening=wait,
        require_copy=tastes.dice.random() < 0.05,
    )  # fmt: skip
    reply = yield from ask(reserve)
    diary.replied("reserve", reply)
    if reply is not None and reply.ok and not tastes.forgets():
        yield from rest(tastes.stay())
        yield from give_back(reply.body["id"], diary)


def two_steps(tastes: Tastes, diary: Diary) -> Script:
    """Hold, hesitate, then confirm, or let it go, or forget about it."""
    reserve = requests.Reserve(
        tastes.document(), tastes.term_ms(), hold_only=True, wait_for_opening=False
    )
    reply = yield from ask(reserve)
    diary.replied("hold", reply)
    if reply is None or not reply.ok:
        return
    hold = reply.body["id"]
    yield from rest(tastes.hesitation())
    draw = tastes.dice.random()
    if draw < 0.15:
        return
    if draw < 0.3:
        yield from give_back(hold, diary, "void")
        return
    posted = yield from ask(requests.Post(hold))
    diary.replied("post", posted)
    if posted is not None and posted.ok and not tastes.forgets():
        yield from rest(tastes.stay())
        yield from give_back(hold, diary)


def tied(tastes: Tastes, diary: Diary, work: Work) -> Script:
    """Work that runs here, with a carried lease that ends when the work does."""
    pid, started = work.begin()
    document = tastes.document()
    document.pop("node", None)
    reserve = requests.Reserve(
        document, CARRIED_TERM_MS, wait_for_opening=False, pid=pid, pid_started=started
    )
    reply = yield from ask(reserve)
    diary.replied("reserve", reply)
    if reply is not None and reply.ok:
        yield from rest(2 * tastes.stay())
        if tastes.dice.random() < 0.2:
            yield from give_back(reply.body["id"], diary)
    work.end(pid)


def question(tastes: Tastes) -> Script:
    """Only asking: where would it fit?"""
    yield from ask(requests.Where(tastes.document()))


def give_back(hold: str, diary: Diary, kind: str = "release") -> Generator[Step, Heard, None]:
    """Give it back, and again until somebody has heard it."""
    again = False
    for _ in range(GIVE_BACK_TRIES):
        reply = yield from ask(requests.Release(hold))
        diary.replied(kind, reply, again=again)
        if _settled(reply):
            return
        again = True  # it may have been ended by the first send, whose answer was lost
        yield from rest(TRY_AGAIN)


def _settled(reply: Reply | None) -> bool:
    if reply is None:
        return False
    return reply.ok or not reply.body.get("hint", "").startswith("asking again")
