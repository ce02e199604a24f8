"""Kept gangs: a gang that waits goes on waiting over a restart of its asker's agent.

While it waits nothing is held, so nothing has to be saved but its age: its rank among gangs, how
long it has waited, and the ids under which it stands in lines. Owners know it by them, and keep its
places and what it claims for as long as it is silent for less than 15 s. The row is on disk before
its first try, and before a place is asked for.

What a try had come to when the agent died is not in the row. Our log says that, and what it says
holds: each try's id bears a mark of its wish (`mark`), so that whoever reads the log knows which
gang was formed for which wish. A try that was not complete is ended as ever; one that was complete
is what was waited for (`returning.py`).
"""

from hashlib import sha256
from random import Random
from typing import Final

import msgspec

from ledger.commands import HOLD_ID_BYTES
from mesh.instant import Duration, Instant
from mesh.persistence import SPACE_GANG, Persist, Write
from node.core.gangs.gang import GANGS_UNDER_WAY_MAX, Gang
from node.core.gangs.places import Place
from node.core.requests.gangs import ReserveGang
from node.core.reserving.kept import KeptStand, digest_of, stand_of
from node.core.reserving.unclaimed import KeptRow, Unclaimed, name_of

MARK_BYTES: Final = HOLD_ID_BYTES // 2
"""Of a gang's id: enough that no two wishes of one log share a mark. The rest is drawn."""


class KeptGang(KeptRow, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One that waits, as the journal has it. `waited`: when this was written."""

    rank: int
    waited: Duration
    places: tuple[KeptStand, ...]


class KeptGangs(Unclaimed[KeptGang]):
    """What an earlier start left behind of gangs that waited."""

    def __init__(self) -> None:
        super().__init__(SPACE_GANG, KeptGang, GANGS_UNDER_WAY_MAX)

    def claim(self, reserve: ReserveGang) -> KeptGang | None:
        """What is kept under the name of `reserve`, once. May raise Refused."""
        return self.take(name_of(reserve.wish), digest_of(reserve))


def standing(gang: Gang, places: list[Place], now: Instant) -> list[Persist]:
    """How `gang` waits, for the disk; nothing of one that has no name."""
    if not gang.is_kept:
        return []
    assert gang.reserve is not None, "what is kept was asked for here"
    stands = tuple(stand_of(place.choice, place.id) for place in places)
    row = KeptGang(digest_of(gang.reserve), gang.rank, max(0, now - gang.since), stands)
    return [Persist((Write(SPACE_GANG, gang.wish, msgspec.msgpack.encode(row)),))]


def over(gang: Gang) -> list[Persist]:
    """It is granted, refused or given up."""
    return [Persist((Write(SPACE_GANG, gang.wish, None),))] if gang.is_kept else []


def mark(wish: bytes) -> bytes:
    """With what the ids of all tries for `wish` end. It is behind, for people shorten an id to its
    beginning, and two tries are two gangs."""
    return sha256(b"a gang for " + wish).digest()[:MARK_BYTES]


def name_try(wish: bytes, random: Random) -> bytes:
    """An id for another try for `wish`."""
    return random.randbytes(HOLD_ID_BYTES)[:-MARK_BYTES] + mark(wish)
