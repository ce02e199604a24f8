"""Kept wishes: who waits in lines goes on waiting over a restart of the agent here.

A place in a line lives by its asker's questions, and is lost after 15 s of silence. An agent that
restarts takes a second or two; but it forgot the ids under which it stood, so its places were lost
and its person was told nothing but that the answer broke off. So a wish that has a name is kept on
disk: where it stands, under which ids, and which hold it was about to confirm. Whoever asked comes
back under the same name, and stands where it stood; what was being confirmed is inquired about
first, so that no wish is granted twice.

Nobody waits for nobody: an agent that comes back asks nothing of its own accord. What is not
claimed in time is dropped, and its places lapse with their owners.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import msgspec

from ledger.commands import HOLD_ID_BYTES, Leg
from mesh.identity import NodeId
from mesh.instant import MINUTE, Duration, Instant
from mesh.persistence import SPACE_ASK, SPACE_WISH, Persist, Write
from node.core.outlook import Choice
from node.core.requests import Refused, Reserve
from node.core.reserving.lines import Stand
from node.core.reserving.wishes import ERRANDS_MAX, Wish

KEPT_FOR: Final[Duration] = 2 * MINUTE
"""How long after our start a wish may be claimed. Its places lapse sooner; its time does not."""


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


class KeptWish(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One wish as the journal has it. `digest`: of what was asked for, its patience aside."""

    digest: bytes
    stands: tuple[KeptStand, ...]
    posting: KeptStand | None
    """What was about to be confirmed, and may have been."""

    @property
    def places(self) -> list[tuple[Choice, bytes]]:
        """Where it stood, and under which id."""
        return [(one.choice, one.hold) for one in self.stands]


_decoder: Final = msgspec.msgpack.Decoder(KeptWish)


def name_of(reserve: Reserve) -> bytes:
    """Under which a wish is kept; empty: it is not. Raises Refused."""
    try:
        name = bytes.fromhex(reserve.wish)
    except ValueError:
        name = b"?"
    if name and len(name) != HOLD_ID_BYTES:
        raise Refused("bad_request", f"a wish is named by {HOLD_ID_BYTES} bytes, in hex")
    return name


def standing(errand: Wish, stands: Sequence[Stand]) -> list[Persist]:
    """Where `errand` stands, for the disk."""
    kept = tuple(_stand(stand.choice, stand.hold) for stand in stands)
    return _write(errand.reserve, KeptWish(_digest(errand.reserve), kept, None))


def posting(errand: Wish) -> list[Persist]:
    """That `errand` is about to confirm its hold, for the disk: before the owner hears of it."""
    assert errand.choice is not None, "who confirms has chosen"
    chosen = _stand(errand.choice, errand.hold)
    return _write(errand.reserve, KeptWish(_digest(errand.reserve), (), chosen))


def over(reserve: Reserve) -> list[Persist]:
    """It is granted, refused or given up."""
    return _write(reserve, None)


def _write(reserve: Reserve, kept: KeptWish | None) -> list[Persist]:
    name = name_of(reserve)
    row = None if kept is None else msgspec.msgpack.encode(kept)
    return [Persist((Write(SPACE_WISH, name, row),))] if name else []


def _stand(choice: Choice, hold: bytes) -> KeptStand:
    return KeptStand(choice.owner, choice.name, choice.legs, choice.work, hold)


def _digest(reserve: Reserve) -> bytes:
    """Over all that owners are asked; `token` with it, of which nothing else is kept."""
    asked = msgspec.structs.replace(reserve, wait_ms=0)
    return sha256(msgspec.msgpack.encode(asked, order="deterministic")).digest()


@dataclass(slots=True)
class KeptWishes:
    """What an earlier start left behind, until it is claimed."""

    _kept: dict[bytes, KeptWish] = field(default_factory=dict)
    next_wake: Instant | None = None

    def restore(self, rows: Mapping[bytes, bytes], now: Instant) -> list[Persist]:
        """Take up what is on disk. What cannot be read is gone: its asker begins anew."""
        unread = []
        for name in sorted(rows):
            try:
                kept = _decoder.decode(rows[name])
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
                unread.append(Write(SPACE_WISH, name, None))
                continue
            if len(self._kept) < ERRANDS_MAX:
                self._kept[name] = kept
        self.next_wake = now + KEPT_FOR if self._kept else None
        return [Persist(tuple(unread))] if unread else []

    @property
    def in_line(self) -> frozenset[bytes]:
        """Holds that were waited for and not confirmed: nothing has become of them."""
        return frozenset(one.hold for kept in self._kept.values() for one in kept.stands)

    def claim(self, reserve: Reserve) -> KeptWish | None:
        """What is kept under the name of `reserve`, once. Raises Refused for another request under
        one name."""
        kept = self._kept.pop(name_of(reserve), None)
        if kept is not None and kept.digest != _digest(reserve):
            raise Refused("refused", "under that name something else was asked for")
        return kept

    def wake(self, now: Instant) -> list[Persist]:
        """Nobody came for the rest."""
        if self.next_wake is None or now < self.next_wake:
            return []
        writes = [Write(SPACE_WISH, name, None) for name in self._kept]
        writes += [Write(SPACE_ASK, hold, None) for hold in sorted(self.in_line)]
        self._kept, self.next_wake = {}, None
        return [Persist(tuple(writes))] if writes else []
