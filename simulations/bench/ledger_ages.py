"""What a ledger costs as it grows old: to start, to read again, to keep in memory, to get back.

An owner promises and ends for as long as the rounds say, with checkpoints as in life, so that its
log is pruned on the way; then its journal is opened as a start does. Reading it again (the rows of
the journal, parsed, linked and folded) is held against the fold alone, in memory. How long a lease
takes to come back after its carrier died is a matter of terms and fences and not of the machine:
it is told from the invented world, where nothing else takes time.
"""

import gc
import tracemalloc
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from ledger.books import Books
from ledger.commands import HOLD_ID_BYTES, TTL_MAX, GrantKind, Hold, Leg, Post
from ledger.leases import owner_span
from ledger.lifecycle import HoldState
from ledger.limits import ENTRIES_MAX
from ledger.proving.beginnings import books_from
from mesh.instant import SECOND
from mesh.logs import Base, Block
from mesh.roll.storage import load_blocks
from node.shell.disk.journal import Journal, Spaces
from simulations.bench.owner import Owner
from simulations.bench.rows import Area, Declared, Row
from simulations.bench.timing import NS_PER_SECOND, best_us, wall_ns
from simulations.invented.world import World

RESERVATIONS_A_ROUND: Final = 512
IN_FLIGHT: Final = 64
READ_ROUNDS: Final = 3

START: Final = "start of an owner whose log was pruned, from its journal to its books"
REBUILD: Final = "cold rebuild from the journal, of the fold in memory"
MEMORY: Final = "memory of a live hold"
RECLAIM: Final = "a lease of a dead carrier is reclaimed, of its term"
DECLARED: Final = (
    Declared(START, "s", "lower"),
    Declared(REBUILD, "×", "higher"),
    Declared(MEMORY, "KiB", "lower"),
    Declared(RECLAIM, "×", "lower"),
)


def rows(area: Area, folder: Path, rounds: int) -> list[Row]:
    """All rows about age; an owner lives through `rounds` times 1,536 entries."""
    path = folder / "old.sqlite3"
    with closing(Journal.open(path)) as journal:
        owner = Owner(journal)
        for _ in range(rounds):
            wished = owner.wished(RESERVATIONS_A_ROUND)
            for at in range(0, len(wished), IN_FLIGHT):
                group = wished[at : at + IN_FLIGHT]
                owner.ask([one.hold for one in group])
                owner.ask([one.post for one in group])
                owner.end([one.release for one in group])
            owner.check()
        grown, live = _memory_of(owner)
    entries = rounds * RESERVATIONS_A_ROUND * 3
    started = wall_ns(partial(_start, path, owner)) / NS_PER_SECOND
    rebuilt, kept = _rebuilt(path)
    return [
        area.row(START, entries, started),
        area.row(REBUILD, kept, rebuilt),
        area.row(MEMORY, live, grown / live / 1024),
        area.row(RECLAIM, 1, _reclaimed()),
    ]


def _start(path: Path, owner: Owner) -> None:
    with closing(Journal.open(path)) as journal:
        saved = journal.load()
    owner.again(saved)


def _rebuilt(path: Path) -> tuple[float, int]:
    """(entries per second from the journal, of those folded in memory; how many there were)."""
    with closing(Journal.open(path)) as journal:
        ((_, kept),) = load_blocks(journal.load())[0].items()
        chain, base = kept.chain, kept.base
        entries = sum(len(block.entries) for block in chain)
        begun = partial(_begun, base)
        folded = best_us(lambda: _fold(begun(), chain), READ_ROUNDS)
        cold = best_us(lambda: _fold(begun(), _read(journal.load())), READ_ROUNDS)
    return folded / cold, entries


def _begun(base: Base | None) -> Books:
    books = Books() if base is None else books_from(base)
    assert books is not None, "our own state is refused"
    return books


def _read(saved: Spaces) -> list[Block]:
    ((_, kept),) = load_blocks(saved)[0].items()
    return kept.chain


def _fold(books: Books, chain: list[Block]) -> None:
    for block in chain:
        refusal = books.apply_block(block)
        assert refusal is None, refusal


def _memory_of(owner: Owner) -> tuple[int, int]:
    """(bytes that so many live holds take, how many)."""
    count = ENTRIES_MAX // 4
    wished = owner.wished(count)
    gc.collect()
    tracemalloc.start()
    for at in range(0, count, IN_FLIGHT):
        owner.ask([one.hold for one in wished[at : at + IN_FLIGHT]])
        owner.ask([one.post for one in wished[at : at + IN_FLIGHT]])
    owner.check()
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return grown, count


def _reclaimed() -> float:
    """How long after its carrier's machine went dark a lease is free again, as a multiple of the
    term by its owner's count and the look that the fence takes."""
    world = World(1)
    for name in ("ann", "bob"):
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    session, hold = world.hosts["bob"].alive.ledger.session, bytes(HOLD_ID_BYTES)
    legs = (Leg("ram", 1 << 30),)
    for command in (
        Hold(hold, session, legs, GrantKind.CARRIED, TTL_MAX, "bench", "a lease"),
        Post(hold, session),
    ):
        token = world.command("ann", "bob", command)
        assert world.run_until(partial(world.command_answers.__contains__, token), SECOND)
    assert world.hosts["bob"].alive.ledger.books.state_of(hold) is HoldState.POSTED
    world.crash("ann", power=True)
    dark = world.now
    books = world.hosts["bob"].alive.ledger.books

    def is_free() -> bool:
        return books.state_of(hold) is HoldState.RECLAIMED

    assert world.run_until(is_free, 4 * TTL_MAX), "a lease that nobody carries is kept"
    return (world.now - dark) / (owner_span(TTL_MAX) + SECOND)
