"""Abroad: our holds in others' books, and what becomes of them without our asking.

Only an owner ends a hold, and it tells nobody: its log says so, and everyone has that. So whoever
holds something reads it there: that a booking ran out, that a lease was not renewed in time, that a
promise was broken. And since an owner's last answer said how long a booking lasts, its end is known
here too, and told a while before.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

import msgspec

from ledger.books import Books
from ledger.entries import (
    Closed,
    EndedBy,
    Entry,
    Expired,
    Reclaimed,
    Released,
    Voided,
    read_entry,
)
from ledger.leases import warned_before
from ledger.lifecycle import HoldState
from mesh.identity import NodeId
from mesh.instant import MINUTE, SECOND, Duration, Instant
from mesh.logs import Block
from node.core.picture.grants import Grant
from node.core.picture.knowledge import Knowledge

End: TypeAlias = Released | Reclaimed | Expired | Voided | Closed
LOOK_EVERY: Final[Duration] = 5 * SECOND
ENDS: Final = (Released, Reclaimed, Expired, Voided, Closed)
LEASE_ENDS: Final = "what runs under it goes on, and nothing is set aside for it any more"
TAGS: Final = tuple(msgspec.msgpack.encode(kind.__struct_config__.tag) for kind in ENDS)
"""How an entry goes on behind its first byte, for those that end a hold."""
UNUSED: Final[dict[type, str]] = {
    Reclaimed: "reclaimed: it was not renewed",
    Expired: "expired: it was never confirmed",
    Voided: "given back before it was confirmed",
}
"""How a hold ended that nobody asked to end."""


class Seen(NamedTuple):
    """What to tell of one of our holds."""

    owner: NodeId
    hold: bytes
    sentence: str


@dataclass(slots=True)
class Abroad:
    """One node's holds elsewhere."""

    _knowledge: Knowledge
    _warned: dict[bytes, Instant] = field(default_factory=dict)
    """Bookings whose end was told, and by which answer of their owner."""
    _look_at: Instant = 0

    def ended(self, owner: NodeId, blocks: Iterable[Block], now: Instant) -> list[Seen]:
        """Blocks that were just folded: which holds of ours they end, unless we asked for it. When
        that was heard is noted of all."""
        books, name = self._knowledge.books(owner), self._knowledge.name_of(owner)
        if books is None:
            return []
        found = []
        for entry in _ends(blocks):
            self._knowledge.ends.heard(entry.id, now)
            if self._is_news(books, entry):
                found.append(Seen(owner, entry.id, f"on {name}: {how_it_ended(entry)}"))
        return found

    def held(self, owner: NodeId) -> list[bytes]:
        """What we hold there, as far as its log shows."""
        books = self._knowledge.books(owner)
        live = {} if books is None else books.live
        return sorted(hold for hold in live if live[hold].holder == self._knowledge.us)

    def gone(self, owner: NodeId, held: Iterable[bytes]) -> list[Seen]:
        """Of what was `held` before its log was folded anew: what is held no more."""
        books, name = self._knowledge.books(owner), self._knowledge.name_of(owner)
        if books is None:
            return []
        ended = [(hold, books.state_of(hold)) for hold in held if hold not in books.live]
        return [Seen(owner, hold, f"on {name}: {state.value}") for hold, state in ended]

    def _is_news(self, books: Books, entry: End) -> bool:
        us, ended = self._knowledge.us, books.ended.get(entry.id)
        if ended is None or ended.holder != us:
            return False
        match entry:
            case Released(by=by, why=why):
                return by != us or why is not EndedBy.ASKED
            case Expired() | Voided():
                # One of many tries of ours, as a rule; news only if somebody was told of the hold.
                return entry.id in self._knowledge.granted and getattr(entry, "by", None) != us
            case _:
                return True

    def watch(self, now: Instant) -> list[Seen]:
        """Bookings of ours that end soon, each told once for every end that it was given."""
        if now < self._look_at:
            return []
        self._look_at = now + LOOK_EVERY
        granted = self._knowledge.granted
        leases = self._knowledge.lease_ends
        known = granted.keys() | leases.keys()
        self._warned = {hold: at for hold, at in self._warned.items() if hold in known}
        found = [
            Seen(
                self._knowledge.us, hold, f"a lease ends in {_minutes(at - now)} min: {LEASE_ENDS}"
            )
            for hold, (at, lasts) in leases.items()
            if at - now <= warned_before(lasts) and self._warned.get(hold) != at
        ]
        self._warned |= {seen.hold: leases[seen.hold][0] for seen in found}
        for hold, grant in granted.items():
            left = self._ends_soon(hold, grant, now)
            if left is not None and self._warned.get(hold) != grant.told_at:
                self._warned[hold] = grant.told_at
                owner = self._knowledge.name_of(grant.owner)
                told = f"a booking on {owner} ends in {_minutes(left)} min"
                sentence = f"{told}: `holdfast extend` lets it last longer"
                found.append(Seen(grant.owner, hold, sentence))
        return found

    def _ends_soon(self, hold: bytes, grant: Grant, now: Instant) -> Duration | None:
        """What is left of it, if that is little; of our own owner's word its own desk warns."""
        books = self._knowledge.books(grant.owner)
        if grant.owner == self._knowledge.us or books is None:
            return None
        live = books.live.get(hold)
        if live is None or not live.is_booking or live.on_probation:
            return None
        if grant.state is not HoldState.POSTED:
            return None
        left = grant.remaining(now, self._knowledge.ledger.later.calendar.wall(now))
        return left if left is not None and left <= warned_before(live.term) else None


def _minutes(left: Duration) -> int:
    return max(1, round(left / MINUTE))


def how_it_ended(entry: End) -> str:
    """In a few words."""
    match entry:
        case Released(why=why):
            return f"released, {why.value}"
        case Closed(how=how):
            return f"closed: {how.value}"
        case _:
            return UNUSED[type(entry)]


def _ends(blocks: Iterable[Block]) -> Iterator[End]:
    for block in blocks:
        for raw in block.entries:
            if raw.startswith(TAGS, 1):  # most need no decoding
                entry: Entry = read_entry(raw)
                assert isinstance(entry, ENDS), "its tag said that it ends a hold"
                yield entry
