"""Gangs at a local door: several nodes at once, kept for a while, and given back as one."""

from collections.abc import Callable, Generator
from typing import Final

from msgspec.structs import replace

from ledger.commands import HOLD_ID_BYTES
from mesh.instant import MILLISECOND, SECOND, Duration
from node.core import requests
from node.core.effects import Reply
from node.core.requests.gangs import ReserveGang
from simulations.people.diary import Diary
from simulations.people.steps import Heard, Script, Step, ask, rest
from simulations.people.tastes import Tastes

NODES: Final = (2, 2, 2, 3, 3, 4)
PATIENCE_MS: Final = (0, 0, 4_000, 20_000, 60_000)
"""How long people try again where not all grant."""
LEASED: Final = 0.25
"""So many stay gangs of leases, which their asker keeps up."""
AHEAD: Final = (0, 0, 0, 0, 0, 5 * SECOND, 15 * SECOND, 60 * SECOND)
"""How far ahead one starts; 0: now."""
ASKS_MAX: Final = 8
"""How often somebody who waits asks again under one name, of an agent that died meanwhile."""
BACK: Final[Duration] = 2 * SECOND
GIVE_BACK_TRIES: Final = 3
TRY_AGAIN: Final[Duration] = 4 * SECOND


def wish(tastes: Tastes) -> ReserveGang:
    """What somebody wants on several nodes."""
    document = tastes.document()
    document.pop("node", None)
    nodes = min(tastes.dice.choice(NODES), max(2, len(tastes.names)))
    return ReserveGang(
        document, nodes, tastes.term_ms(), wait_ms=tastes.dice.choice(PATIENCE_MS),
        wait_for_opening=False, carried=tastes.dice.random() < LEASED,
    )  # fmt: skip


def gang(tastes: Tastes, diary: Diary, wall: Callable[[], int]) -> Script:
    """Reserve on several nodes, now or for later by one's own clock; stay for a while, give all of
    it back (or forget to)."""
    wanted = wish(tastes)
    ahead = tastes.dice.choice(AHEAD)
    if ahead:
        start = (wall() + ahead) // MILLISECOND
        wanted = replace(wanted, start_at_ms=max(1, start), carried=False)
    reply = yield from _patiently(wanted, tastes)
    diary.replied("gang", reply)
    if reply is None or not reply.ok or tastes.forgets():
        return
    yield from rest(tastes.stay())
    for again in range(GIVE_BACK_TRIES):
        given = yield from ask(requests.Release(reply.body["id"]))
        diary.replied("release", given, again=again > 0)
        if given is not None:
            return
        yield from rest(TRY_AGAIN)


def _patiently(wanted: ReserveGang, tastes: Tastes) -> Generator[Step, Heard, Reply | None]:
    """The answer; who waits asks again under one name when the agent died, as `reserve` does."""
    if not wanted.wait_ms:
        return (yield from ask(wanted))
    named = replace(wanted, wish=tastes.dice.randbytes(HOLD_ID_BYTES).hex())
    for _ in range(ASKS_MAX):
        reply = yield from ask(named)
        if reply is not None:
            return reply
        yield from rest(BACK)
    return None
