"""Strands: what blocks of a log say when nothing leads to them from its beginning.

An owner whose log was pruned, and whose disk had once forgotten its end, may be shown that end: it
hangs on a block that has long been put away. It cannot be folded, for nobody here knows what was
before it. But it still says which holds were granted in it and not ended, and which ended; and that
is all that recovery asks of a copy. Nothing is ever granted on a strand.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from ledger.books import Books
from ledger.books.gangs import member_after
from ledger.books.holds import EndedHold, Token, live_hold
from ledger.books.rights import row_of
from ledger.entries import (
    Adopted,
    Closed,
    Entry,
    EntryRefused,
    Expired,
    Held,
    Posted,
    Reclaimed,
    Released,
    Voided,
    decode_entry,
)
from ledger.entries.gangs import Enlisted, Parked, Settled
from ledger.entries.rights import RightsEntry
from ledger.lifecycle import HoldState
from mesh.logs import Block


def overheard(blocks: Sequence[Block]) -> Books:
    """Books that know the holds which `blocks` name, and nothing of accounts."""
    books = Books()
    for block in blocks:
        if not books.eras or books.eras[-1][0] != block.era:
            books.eras = (*books.eras, (block.era, block.height))
        for line, raw in enumerate(block.entries):
            try:
                entry = decode_entry(raw)
            except EntryRefused:
                continue  # what can be read of it counts
            _note(books, entry, Token(block.era.counter, block.height, line))
    return books


def _note(books: Books, entry: Entry, at: Token) -> None:
    match entry:
        case Held():
            books.live[entry.id] = live_hold(entry, HoldState.PENDING, at)
        case Adopted():
            state = HoldState.POSTED if entry.posted else HoldState.PENDING
            books.live[entry.id] = live_hold(entry, state, at)
        case Posted(hold) if hold in books.live:
            books.live[hold] = replace(books.live[hold], state=HoldState.POSTED, posted_at=at)
        case Enlisted() | Parked() | Settled() if entry.id in books.live:
            became = member_after(books.live[entry.id], entry, at)
            books.live[entry.id] = became or books.live[entry.id]
        case Voided(hold) | Expired(hold) | Released(hold) | Reclaimed(hold) | Closed(hold):
            books.live.pop(hold, None)
            over = EndedHold(hold, HoldState.RELEASED, b"", b"", at, None, at)
            books.ended[hold] = over
        case _ if isinstance(entry, RightsEntry):
            row, total = row_of(entry)
            books.rights[row] = max(total, books.rights.get(row, 0))
        case _:
            pass  # it begins and ends no hold
