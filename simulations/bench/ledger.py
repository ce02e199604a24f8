"""How fast one owner promises, and how fast a peer checks what it promised.

A reservation is two durable steps, hold and confirm. With one in flight each step waits for the
disk alone; with 64 in flight they share a block, a signature and a sync (group commit). The limit
is a bare file on the same disk that has the same bytes appended and synced in the same groups; the
peer is the standard library's SQLite doing so. All three take turns, round by round, and a disk has
moods: of rates the median round counts, because the best round of one may be luck that another did
not have. A peer node checks a block's signature, links and every entry; the limit there is the fold
alone, as if signatures cost nothing.

What is in these figures: a command's bytes as they came, every guard, the books, the block and its
signature, the mesh's chains, the journal's commit, the answer with its receipts. What is not: the
way there and back, sockets, TLS and the desk's two tasks, and no signature of the asker's, for its
stream has vouched for it. Those are in the rows over real processes (ledger_processes.py).

Wall time: on a disk whose syncs take milliseconds all rows say little but that; on one that is
quick they say what we cost. "Durable entries" is held against SQLite that is given the same
entries, 64 in a transaction, a row and an index for each: on a quick disk 7 µs an entry, nearly all
of it in C.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from ledger.books import Books
from mesh.letters.wire import parse_block
from mesh.logs import Block, check_block
from mesh.persistence import SPACE_BLOCK
from node.shell import collector
from node.shell.disk.journal import Journal
from simulations.bench import ledger_ages, ledger_processes
from simulations.bench.disks import BareLog, EntryTable, PlainTable, disk_folder
from simulations.bench.owner import Batch, Owner
from simulations.bench.rows import Area, Declared, Row
from simulations.bench.timing import NS_PER_SECOND, NS_PER_US, best_us, median, quantile, wall_ns

ROUNDS: Final = 21
RESERVATIONS: Final = {1: 20, 16: 64, 64: 128, 256: 256}
"""In flight → reservations per round: short turns, so all three meet every mood of the disk."""
VERIFY_ROUNDS: Final = 5
ENTRIES_A_RESERVATION: Final = 3

IN_FLIGHT: Final = tuple(
    declared
    for count in RESERVATIONS
    for declared in (
        Declared(f"hold+confirm, {count} in flight", "/s", "higher"),
        Declared(f"hold latency p50, {count} in flight", "µs", "lower"),
        Declared(f"hold latency p99, {count} in flight", "µs", "lower"),
    )
)
PROMISED: Final = (
    Declared("durable entries, 64 in flight, of bare SQLite's", "×", "higher"),
    Declared("reservations (hold, post, release), 64 in flight", "/s", "higher"),
    Declared("hold p50, 1 in flight, of a bare commit's", "×", "lower"),
    Declared("hold p99, 64 in flight, of a bare batched commit's", "×", "lower"),
    Declared("peer verify, 64 entries a block, of the bare fold's", "×", "higher"),
)
AREA: Final = Area(
    "ledger",
    *IN_FLIGHT,
    Declared("peer verify, 1 entry a block", "entries/s", "higher"),
    Declared("peer verify, 64 entries a block", "entries/s", "higher"),
    *PROMISED,
    *ledger_ages.DECLARED,
    *ledger_processes.DECLARED,
)


@dataclass(slots=True)
class _Times:
    """Wall nanoseconds: of each hold's group commit, and per reservation of each round."""

    single: list[float] = field(default_factory=list)
    per_reservation: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    """Per reservation, its release included."""
    per_entry: list[float] = field(default_factory=list)
    """Of each group of entries, per entry."""

    @property
    def per_second(self) -> float:
        return NS_PER_SECOND / median(self.per_reservation)

    def quantile_us(self, share: float) -> float:
        return quantile(self.single, share) / NS_PER_US


@dataclass(slots=True)
class _Race:
    """The owner and the two that only write what it wrote, in turns on one disk."""

    owner: Owner
    bare: BareLog
    plain: PlainTable
    entries: EntryTable
    ours: _Times = field(default_factory=_Times)
    bares: _Times = field(default_factory=_Times)
    plains: _Times = field(default_factory=_Times)


def rows(rounds: int = ROUNDS, processes: int = ledger_processes.RESERVATIONS) -> list[Row]:
    """All rows of the area, over `rounds` rounds of each; `processes`: so many reservations between
    real ones, or none of those rows."""
    found: list[Row] = []
    logs: dict[int, tuple[Block, ...]] = {}
    races: dict[int, _Race] = {}
    with _as_in_an_agent(), disk_folder() as folder:
        for in_flight in RESERVATIONS:
            races[in_flight], logs[in_flight] = _raced(folder, in_flight, rounds)
            found += _race_rows(races[in_flight], in_flight, rounds)
        found += ledger_ages.rows(AREA, folder, rounds)
    found.append(_verify_row("peer verify, 1 entry a block", logs[1]))
    verified = _verify_row("peer verify, 64 entries a block", logs[64])
    found += [verified, *_promised_rows(races, verified)]
    if processes:
        found += ledger_processes.rows(AREA, processes)
    return sorted(found, key=lambda row: [*AREA.declared].index(row["name"]))


@contextmanager
def _as_in_an_agent() -> Iterator[None]:
    """With the collector as an agent sets it; afterwards as it was."""
    before = gc.get_threshold()
    collector.settle()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def _raced(folder: Path, in_flight: int, rounds: int) -> tuple[_Race, tuple[Block, ...]]:
    with (
        closing(Journal.open(folder / f"journal-{in_flight}.sqlite3")) as journal,
        closing(BareLog(folder / f"bare-{in_flight}")) as bare,
        closing(PlainTable(folder / f"plain-{in_flight}.sqlite3")) as plain,
        closing(EntryTable(folder / f"entries-{in_flight}.sqlite3")) as entries,
    ):
        race = _Race(Owner(journal), bare, plain, entries)
        for _ in range(rounds):
            _run_round(race, in_flight)
        return race, race.owner.blocks


def _run_round(race: _Race, in_flight: int) -> None:
    """The same reservations three times: ours, then their bytes alone, then through SQLite."""
    owner = race.owner
    wished = owner.wished(RESERVATIONS[in_flight])
    groups = [wished[start : start + in_flight] for start in range(0, len(wished), in_flight)]
    owner.committed.clear()
    took = 0
    for group in groups:
        holding = wall_ns(partial(owner.ask, [one.hold for one in group]))
        race.ours.single.append(holding)
        took += holding + wall_ns(partial(owner.ask, [one.post for one in group]))
    race.ours.per_reservation.append(took / len(wished))
    batches = list(owner.committed)
    for group in groups:
        took += wall_ns(partial(owner.end, [one.release for one in group]))
    race.ours.whole.append(took / len(wished))
    everything = list(owner.committed)
    race.ours.per_entry.append(took / ENTRIES_A_RESERVATION / len(wished))
    owner.check()
    _append_all(race, batches, len(wished))
    _append_entries(race, everything, in_flight)


def _append_all(race: _Race, batches: Sequence[Batch], reservations: int) -> None:
    bare = [b"".join(write.key + (write.value or b"") for write in batch) for batch in batches]
    plain = [[(write.key, write.value or b"") for write in batch] for batch in batches]
    taken = [wall_ns(partial(race.bare.append, data)) for data in bare]
    race.bares.single += taken[::2]  # every other batch is of holds
    race.bares.per_reservation.append(sum(taken) / reservations)
    taken = [wall_ns(partial(race.plain.append, data)) for data in plain]
    race.plains.single += taken[::2]
    race.plains.per_reservation.append(sum(taken) / reservations)


def _append_entries(race: _Race, batches: Sequence[Batch], in_flight: int) -> None:
    """What a database would have to write: each entry a row, and its place in an index."""
    blocks = [write.value for batch in batches for write in batch if write.space == SPACE_BLOCK]
    parsed = [parse_block(value) for value in blocks if value is not None]
    entries = [raw for block in parsed if isinstance(block, Block) for raw in block.entries]
    groups = [entries[at : at + in_flight] for at in range(0, len(entries), in_flight)]
    race.entries.append(groups[0])  # the first pays for what the table has not done yet
    took = sum(wall_ns(partial(race.entries.append, group)) for group in groups[1:])
    count = sum(map(len, groups[1:]))
    if count:
        race.plains.per_entry.append(took / count)


def _promised_rows(races: dict[int, _Race], verified: Row) -> list[Row]:
    """The figures as they were promised: as multiples of what the same disk did meanwhile."""
    one, many = races[1], races[64]
    ours, bare = median(many.ours.per_entry), median(many.plains.per_entry)
    whole = NS_PER_SECOND / median(many.ours.whole)
    p50 = one.ours.quantile_us(0.5) / one.plains.quantile_us(0.5)
    p99 = many.ours.quantile_us(0.99) / many.plains.quantile_us(0.99)
    limit = verified["limit"] or 1.0
    figures = (bare / ours, whole, p50, p99, verified["value"] / limit)
    return [
        AREA.row(declared.name, len(many.ours.whole), value)
        for declared, value in zip(PROMISED, figures, strict=True)
    ]


def _race_rows(race: _Race, in_flight: int, rounds: int) -> list[Row]:
    count = rounds * RESERVATIONS[in_flight]
    ours, bares, plains = race.ours, race.bares, race.plains
    found = [
        AREA.row(
            f"hold+confirm, {in_flight} in flight", count, ours.per_second,
            limit=bares.per_second, peer=plains.per_second,
        )
    ]  # fmt: skip
    for percent in (50, 99):
        share = percent / 100
        found.append(
            AREA.row(
                f"hold latency p{percent}, {in_flight} in flight", len(ours.single),
                ours.quantile_us(share),
                limit=bares.quantile_us(share), peer=plains.quantile_us(share),
            )
        )  # fmt: skip
    return found


def _verify_row(name: str, blocks: Sequence[Block]) -> Row:
    entries = sum(len(block.entries) for block in blocks)
    verified = best_us(lambda: _fold(blocks, checked=True), VERIFY_ROUNDS, entries)
    folded = best_us(lambda: _fold(blocks, checked=False), VERIFY_ROUNDS, entries)
    return AREA.row(name, entries, 1e6 / verified, limit=1e6 / folded)


def _fold(blocks: Sequence[Block], *, checked: bool) -> None:
    books = Books()
    for block in blocks:
        if checked:
            assert check_block(block), "our own block does not verify"
        refusal = books.apply_block(block)
        assert refusal is None, refusal
