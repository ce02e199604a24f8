"""Unclaimed: what waited here when our last start ended, until whoever asked for it comes back.

An agent that comes back asks nothing of its own accord. Whoever waits comes back under the name
that it drew, and goes on from what the disk has; what is not claimed in time is dropped.
"""

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

import msgspec

from ledger.commands import HOLD_ID_BYTES
from mesh.instant import MINUTE, Duration, Instant
from mesh.persistence import Persist, Write
from node.core.requests import Refused

KEPT_FOR: Final[Duration] = 2 * MINUTE
"""How long after our start a wish may be claimed. Its places lapse sooner; its time does not."""


class KeptRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What every kept wish has. `digest`: of what was asked for, its patience aside."""

    digest: bytes


Row = TypeVar("Row", bound=KeptRow)


def name_of(wish: str) -> bytes:
    """Under which a wish is kept; empty: it is not. Raises Refused."""
    try:
        name = bytes.fromhex(wish)
    except ValueError:
        name = b"?"
    if name and len(name) != HOLD_ID_BYTES:
        raise Refused("bad_request", f"a wish is named by {HOLD_ID_BYTES} bytes, in hex")
    return name


class Unclaimed(Generic[Row]):
    """The rows of one space of the journal, `most` of them."""

    def __init__(self, space: str, row: type[Row], most: int) -> None:
        self._space = space
        self._decoder = msgspec.msgpack.Decoder(row)
        self._most = most
        self._kept: dict[bytes, Row] = {}
        self.next_wake: Instant | None = None

    def restore(self, rows: Mapping[bytes, bytes], now: Instant) -> list[Persist]:
        """Take up what is on disk. What cannot be read is gone: its asker begins anew."""
        unread = []
        for name in sorted(rows):
            try:
                kept = self._decoder.decode(rows[name])
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
                unread.append(Write(self._space, name, None))
                continue
            if len(self._kept) < self._most:
                self._kept[name] = kept
        self.next_wake = now + KEPT_FOR if self._kept else None
        return [Persist(tuple(unread))] if unread else []

    def take(self, name: bytes, digest: bytes) -> Row | None:
        """What is kept under `name`, once. Raises Refused for another request under one name."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        if kept.digest != digest:
            raise Refused("refused", "under that name something else was asked for")
        return self._kept.pop(name)

    def wake(self, now: Instant) -> list[Persist]:
        """Nobody came for the rest."""
        if self.next_wake is None or now < self.next_wake:
            return []
        writes = [Write(self._space, name, None) for name in self._kept] + self._beside()
        self._kept, self.next_wake = {}, None
        return [Persist(tuple(writes))] if writes else []

    def _beside(self) -> list[Write]:
        """What else leaves the disk with them."""
        return []
