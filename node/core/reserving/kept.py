"""Kept wishes: who waits in lines goes on waiting over a restart of the agent here.

A place in a line lives by its asker's questions, and is lost after 15 s of silence. An agent that
restarts takes a second or two; but it forgot the ids under which it stood, so its places were lost
and its person was told nothing but that the answer broke off. So a wish that has a name is kept on
disk: where it stands, under which ids, and which hold it was about to confirm. Whoever asked comes
back under the same name, and stands where it stood; what was being confirmed is inquired about
first, so that no wish is granted twice.

Nobody waits for nobody: what is not claimed in time is dropped (`unclaimed.py`), and its places
lapse with their owners.
"""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from ledger.commands import Leg
from mesh.identity import NodeId
from mesh.persistence import SPACE_ASK, SPACE_WISH, Persist, Write
from node.core.outlook import Choice
from node.core.requests import Reserve
from node.core.requests.gangs import ReserveGang
from node.core.reserving.lines import Stand
from node.core.reserving.unclaimed import KeptRow, Unclaimed, name_of
from node.core.reserving.wishes import ERRANDS_MAX, Wish


class KeptStand(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One hold of a wish: whom it was asked of, and for what."""

    owner: bytes
    name: str
    legs: tuple[Leg, ...]
    work: tuple[str, ...]
    hold: bytes

    @property
    def choice(self) -> Choice:
        return Choice(NodeId(self.owner), self.name, self.legs, self.work)


class KeptWish(KeptRow, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One wish as the journal has it."""

    stands: tuple[KeptStand, ...]
    posting: KeptStand | None
    """What was about to be confirmed, and may have been."""

    @property
    def places(self) -> list[tuple[Choice, bytes]]:
        """Where it stood, and under which id."""
        return [(one.choice, one.hold) for one in self.stands]


def standing(errand: Wish, stands: Sequence[Stand]) -> list[Persist]:
    """Where `errand` stands, for the disk."""
    kept = tuple(stand_of(stand.choice, stand.hold) for stand in stands)
    return _write(errand.reserve, KeptWish(digest_of(errand.reserve), kept, None))


def posting(errand: Wish) -> list[Persist]:
    """That `errand` is about to confirm its hold, for the disk: before the owner hears of it."""
    assert errand.choice is not None, "who confirms has chosen"
    chosen = stand_of(errand.choice, errand.hold)
    return _write(errand.reserve, KeptWish(digest_of(errand.reserve), (), chosen))


def over(reserve: Reserve) -> list[Persist]:
    """It is granted, refused or given up."""
    return _write(reserve, None)


def _write(reserve: Reserve, kept: KeptWish | None) -> list[Persist]:
    name = name_of(reserve.wish)
    row = None if kept is None else msgspec.msgpack.encode(kept)
    return [Persist((Write(SPACE_WISH, name, row),))] if name else []


def stand_of(choice: Choice, hold: bytes) -> KeptStand:
    return KeptStand(choice.owner, choice.name, choice.legs, choice.work, hold)


def digest_of(reserve: Reserve | ReserveGang) -> bytes:
    """Over all that owners are asked; `token` with it, of which nothing else is kept."""
    asked = msgspec.structs.replace(reserve, wait_ms=0)
    return sha256(msgspec.msgpack.encode(asked, order="deterministic")).digest()


class KeptWishes(Unclaimed[KeptWish]):
    """What an earlier start left behind of single wishes."""

    def __init__(self) -> None:
        super().__init__(SPACE_WISH, KeptWish, ERRANDS_MAX)

    @property
    def in_line(self) -> frozenset[bytes]:
        """Holds that were waited for and not confirmed: nothing has become of them."""
        return frozenset(one.hold for kept in self._kept.values() for one in kept.stands)

    def claim(self, reserve: Reserve) -> KeptWish | None:
        """What is kept under the name of `reserve`, once. May raise Refused."""
        return self.take(name_of(reserve.wish), digest_of(reserve))

    def _beside(self) -> list[Write]:
        return [Write(SPACE_ASK, hold, None) for hold in sorted(self.in_line)]
