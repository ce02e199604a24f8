"""The archive: every block that was ever signed, who has it on disk, and what each log adds up to.

Fed by what agents hand to their disks and by what the disks say is durable, and by nothing an agent
says of itself. Per machine there are two folds of its own log: as its agent has *signed* it, and as
its disk has it *durable*; the difference is what a crash may take. Each is counted by the auditor's
tally (`ledger.proving.tally.Tally`), which shares no code with the books.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.entries import (
    Adopted,
    Closed,
    ClosedHow,
    Entry,
    EntryRefused,
    Expired,
    Held,
    Reclaimed,
    Released,
    Transferred,
    Voided,
    decode_entry,
)
from ledger.entries.gangs import Settled
from ledger.lifecycle import HoldState
from ledger.proving.beginnings import books_from
from ledger.proving.tally import AuditError, Tally
from mesh.identity import NodeId
from mesh.instant import Instant
from mesh.letters.wire import parse_block
from mesh.logs import NO_BLOCK, Block, Era, state_hash
from mesh.persistence import (
    SPACE_ATTIC,
    SPACE_BASE,
    SPACE_BLOCK,
    Persist,
    Write,
)
from mesh.rejections import Rejection
from mesh.roll.storage import parse_base
from node.core.effects import Effect
from simulations.checks.witnesses import Witnesses
from simulations.invented.host import Host

Ending = Voided | Expired | Released | Reclaimed | Closed

KEPT = (SPACE_BLOCK, SPACE_ATTIC, SPACE_BASE)
"""What a promise may rest on. What was put away is for people: no node reads it again."""
_ENDS = {
    Voided: HoldState.VOIDED,
    Expired: HoldState.EXPIRED,
    Released: HoldState.RELEASED,
    Reclaimed: HoldState.RECLAIMED,
}


class Reading(NamedTuple):
    """One block, read. `entries` None: some of it is not what a log may say."""

    block: Block
    hash: bytes
    entries: tuple[Entry, ...] | None


Ancestors = Callable[[Sequence["Reading"]], Sequence["Reading"]]
"""A log with all that was before it, back to the first block."""


class Fold:
    """One log as somebody has it, first block to last, and what it adds up to."""

    def __init__(self) -> None:
        self.chain: list[Reading] = []
        self.tally = Tally()
        self.begun: dict[bytes, Held | Adopted | Transferred] = {}
        self.ended: dict[bytes, Ending] = {}
        self.settled: dict[bytes, None] = {}
        """Members of gangs that last for their term."""

    def state(self, hold: bytes) -> HoldState:
        """Where a hold stands in this log."""
        end = self.ended.get(hold)
        if isinstance(end, Closed):
            return HoldState.SUPERSEDED if end.how is ClosedHow.SUPERSEDED else HoldState.BROKEN
        if end is not None:
            return _ENDS[type(end)]
        if hold in self.tally.plans:
            planned = hold in self.tally.posted
            return HoldState.PLANNED if planned else HoldState.PENCILLED
        if hold in self.tally.posted:
            return HoldState.POSTED
        return HoldState.PENDING if hold in self.tally.live else HoldState.ABSENT

    def take(self, rows: Iterable[tuple[int, Reading | None]]) -> list[Reading]:
        """Rows of a log as written, by height (None: gone). The blocks that are new at their place
        are returned. Raises AuditError (I5 to I8) when the log does not add up."""
        fresh: list[Reading] = []
        chain, cut = self.chain, False
        for height, reading in rows:
            if reading is None:
                del chain[height:]
                cut = True
            elif height < len(chain):
                if chain[height].hash != reading.hash:
                    chain[height] = reading
                    cut = True
                    fresh.append(reading)
            else:
                chain.append(reading)
                fresh.append(reading)
                if not cut:
                    self._count(len(chain) - 1)
        if cut:
            self.refold(chain)
        return fresh

    def move(
        self, first: int, rows: Iterable[tuple[int, Reading | None]], before: "Ancestors"
    ) -> list[Reading]:
        """As `take`, of a log that begins at height `first` from now on. What lies before stays
        part of this fold: `before` knows it, whoever has put it away."""
        rows = list(rows)
        laid = [(height, reading) for height, reading in rows if reading is not None]
        cut = [height for height, reading in rows if reading is None and height >= first]
        # What is written and put away in one transaction has been on the disk all the same.
        if not cut and (not laid or self._goes_on_with(*laid[0])):
            return self.take(laid)
        at = {height: reading for height, reading in enumerate(self.chain) if height >= first}
        fresh = [reading for height, reading in laid if at.get(height) != reading]
        at |= {height: reading for height, reading in laid if height >= first}
        for height in cut:
            at.pop(height, None)
        self.refold(before([at[height] for height in sorted(at)]))
        return fresh

    def _goes_on_with(self, height: int, reading: Reading) -> bool:
        below = self.chain[height - 1].hash if 0 < height <= len(self.chain) else NO_BLOCK
        return height <= len(self.chain) and reading.block.previous == below

    def refold(self, chain: Sequence[Reading]) -> None:
        """Begin again from the first block."""
        self.__init__()  # type: ignore[misc]  # the same fold, of another log
        for reading in chain:
            self.chain.append(reading)
            self._count(len(self.chain) - 1)

    def _count(self, height: int) -> None:
        reading = self.chain[height]
        self._check_place(height, reading.block)
        if reading.entries is None:
            raise AuditError("I8", f"its own block {height} says what is no entry")
        for entry in reading.entries:
            self.tally.count(entry)
            if isinstance(entry, Held | Adopted | Transferred):
                self.begun[entry.id] = entry
            elif isinstance(entry, Ending):
                self.ended[entry.id] = entry
            elif isinstance(entry, Settled):
                self.settled[entry.id] = None

    def _check_place(self, height: int, block: Block) -> None:
        if block.height != height:
            raise AuditError("I8", f"block {block.height} lies at height {height}")
        if height == 0:
            return
        before = self.chain[height - 1]
        if block.previous != before.hash or block.era < before.block.era:
            raise AuditError("I8", f"block {height} does not continue the block below it")


@dataclass(slots=True)
class Shelf:
    """Which blocks lie on one machine's disk, whoever signed them."""

    rows: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    hashes: Counter[bytes] = field(default_factory=Counter)

    def put(self, place: tuple[str, bytes], digest: bytes | None) -> None:
        before = self.rows.pop(place, None)
        if before is not None:
            self.hashes[before] -= 1
        if digest is not None:
            self.rows[place] = digest
            self.hashes[digest] += 1

    def has(self, digest: bytes) -> bool:
        return self.hashes[digest] > 0


@dataclass(slots=True)
class Published:
    """All that one identity ever signed, as far as it reached a disk."""

    places: dict[tuple[Era, int], bytes] = field(default_factory=dict)
    durable: dict[bytes, None] = field(default_factory=dict)
    """Hashes of blocks that were durable where they were signed, at some time."""
    twins: tuple[bytes, bytes] | None = None
    """Two blocks at one place: a fork."""


class Forgot(NamedTuple):
    """A machine began with a disk that had lost blocks: in which life, and when."""

    life: int
    at: Instant


class Archive:
    """Every block of one world."""

    def __init__(self) -> None:
        self.signed: dict[str, Fold] = {}
        self.durable: dict[str, Fold] = {}
        self.shelves: dict[str, Shelf] = {}
        self.published: dict[NodeId, Published] = {}
        self._witnesses = Witnesses()
        self.forgot: dict[str, Forgot] = {}
        self._unheard: dict[str, int] = {}
        """Of each machine: transactions counted here of which its agents were never told."""
        self._readings: dict[bytes, Reading | None] = {}
        self._by_hash: dict[bytes, Reading] = {}

    # Reading -------------------------------------------------------------------------------------

    def read(self, raw: bytes) -> Reading | None:
        """The block in a row of a disk; None when there is none. Each row is read once."""
        if raw not in self._readings:
            self._readings[raw] = self._parse(raw)
        return self._readings[raw]

    def has_copy(self, keeper: str, hold: bytes) -> bool:
        """Whether a grant of `hold` is on the disk of `keeper`, in a chain or beside it."""
        return self._has_one(keeper, self._witnesses.copies(hold))

    def has_post(self, keeper: str, hold: bytes) -> bool:
        """Whether what shows that `hold` was posted is there, whatever came of it then."""
        return self._has_one(keeper, self._witnesses.posts(hold))

    def _has_one(self, keeper: str, told: Iterable[bytes]) -> bool:
        shelf = self.shelves.get(keeper)
        return shelf is not None and any(shelf.has(one) for one in told)

    def whole(self, chain: Sequence[Reading]) -> list[Reading]:
        """`chain` with all that was before it, though its keeper has put that away or never had
        it: whatever was signed in this world has been seen here."""
        before: list[Reading] = []
        link = chain[0].block.previous if chain else NO_BLOCK
        while link != NO_BLOCK and link in self._by_hash:
            before.append(self._by_hash[link])
            link = before[-1].block.previous
        return [*reversed(before), *chain]

    def whole_log(self, chain: Sequence[Block]) -> list[Block]:
        """The same, of blocks."""
        first = chain[0].hash if chain else b""
        if first not in self._by_hash:
            return list(chain)
        before = self.whole([self._by_hash[first]])[:-1]
        return [*(reading.block for reading in before), *chain]

    def of(self, author: NodeId) -> Published:
        return self.published.setdefault(author, Published())

    # What happens --------------------------------------------------------------------------------

    def started(self, host: Host, now: Instant) -> None:
        """The agent begins with what its disk has."""
        shelf = Shelf()
        for space in KEPT:
            for key, raw in host.disk.durable.get(space, {}).items():
                for place, digest in self._placed(Write(space, key, raw)):
                    shelf.put(place, digest)
        before = self._shelf_at_the_end(host)
        if any(not shelf.has(digest) for digest in before.rows.values()):
            self.forgot[host.name] = Forgot(host.life, now)
        self.shelves[host.name] = shelf
        rows = host.disk.durable.get(SPACE_BLOCK, {})
        read = [self.read(rows[key]) for key in sorted(rows) if key.startswith(host.id)]
        own = [reading for reading in read if reading is not None]
        for folds in (self.signed, self.durable):
            folds[host.name] = fold = Fold()
            fold.refold(self.whole(own))
        # What a crash let through, unacknowledged: some of it may have been put away in the same
        # transaction, and whoever hears of what follows is told of it too.
        for reading in self.durable[host.name].chain:
            self._publish(host.id, reading)

    def _shelf_at_the_end(self, host: Host) -> Shelf:
        """What lay on the disk when the last agent there ended: what it was told was durable, and
        what one transaction more did that it was never told of."""
        shelf = self.shelves.get(host.name) or Shelf()
        counted = self._unheard.get(host.name, 0)
        for writes in host.disk.unheard[counted:]:
            for write in writes:
                for place, digest in self._placed(write):
                    shelf.put(place, digest)
        self._unheard[host.name] = len(host.disk.unheard)
        return shelf

    def stepped(self, host: Host, effects: Sequence[Effect]) -> Iterator[tuple[Reading, bool]]:
        """Every block that a step hands to the disk, and whether the host itself signed it now."""
        fold = self.signed.setdefault(host.name, Fold())
        known = self.of(host.id).durable
        for effect in effects:
            if type(effect) is not Persist:
                continue
            for write in effect.writes:
                if write.space not in (SPACE_BLOCK, SPACE_ATTIC) or write.value is None:
                    continue
                reading = self.read(write.value)
                if reading is not None and reading.block.author != host.id:
                    yield reading, False
            for reading in self._taken(fold, host, effect.writes):
                if reading.hash not in known:  # else a peer's copy of it came back
                    yield reading, True

    def on_disk(self, host: Host, writes: Sequence[Write]) -> None:
        """A transaction is durable."""
        shelf = self.shelves.setdefault(host.name, Shelf())
        for write in writes:
            for place, digest in self._placed(write):
                shelf.put(place, digest)
        fold = self.durable.setdefault(host.name, Fold())
        for reading in self._taken(fold, host, writes):
            self._publish(host.id, reading)

    def _taken(self, fold: Fold, host: Host, writes: Sequence[Write]) -> list[Reading]:
        """What of the host's own log `writes` change, folded; the blocks that are new."""
        own = [
            (_height(write.key), None if write.value is None else self.read(write.value))
            for write in writes
            if write.space == SPACE_BLOCK and write.key.startswith(host.id)
        ]
        moved = [write for write in writes if write.space == SPACE_BASE and write.key == host.id]
        if not moved:
            return fold.take(own) if own else []
        base = None if moved[-1].value is None else parse_base(moved[-1].value)
        return fold.move(0 if base is None else base.block.height, own, self.whole)

    def _placed(self, write: Write) -> Iterator[tuple[tuple[str, bytes], bytes | None]]:
        """(place, what lies there now) for each thing that a row holds."""
        place = (write.space, write.key)
        if write.space in (SPACE_BLOCK, SPACE_ATTIC):
            reading = None if write.value is None else self.read(write.value)
            yield place, None if reading is None else reading.hash
        elif write.space == SPACE_BASE:
            yield place, None if write.value is None else self._read_base(write.value)

    def _read_base(self, raw: bytes) -> bytes | None:
        """The hash of a state, which is a copy of every grant that it names."""
        base = parse_base(raw)
        books = None if base is None else books_from(base)
        if base is None or books is None:
            return None
        digest = state_hash(base.state)
        self._witnesses.begun_with(digest, books)
        return digest

    def _publish(self, author: NodeId, reading: Reading) -> None:
        published = self.of(author)
        published.durable[reading.hash] = None
        place = (reading.block.era, reading.block.height)
        twin = published.places.setdefault(place, reading.hash)
        if twin != reading.hash and published.twins is None:
            published.twins = (twin, reading.hash)

    def _parse(self, raw: bytes) -> Reading | None:
        block = parse_block(raw)
        if isinstance(block, Rejection):
            return None
        try:
            entries: tuple[Entry, ...] | None = tuple(decode_entry(one) for one in block.entries)
        except EntryRefused:
            entries = None
        reading = self._by_hash[block.hash] = Reading(block, block.hash, entries)
        self._witnesses.read(reading.hash, entries or ())
        return reading


def _height(key: bytes) -> int:
    return int.from_bytes(key[-8:], "big")
