"""Somebody else reads what lies on a disk: another SQLite, and seals and sums worked out anew.

Python's own `sqlite3` opens a private copy of the journal with its write-ahead log, as a SIGKILL
leaves them. Every seal is computed from the description in docs/reference/state-folder.md. An
owner's log is put together from what is archived, what it begins with and what follows, without a
gap from its very first block; the auditor verifies it; and who holds what is read off its entries
one by one, by a dictionary and without an account.
"""

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ledger.entries import (
    Entry,
    Expired,
    Extended,
    Held,
    Posted,
    Reclaimed,
    Released,
    Shrunk,
    Transferred,
    Voided,
    decode_entry,
)
from ledger.entries.gangs import Enlisted, GangBegun, GangCompleted, GangEnded, Settled
from ledger.proving.audit import verify_chain
from mesh.identity import NODE_ID_BYTES, NodeId
from mesh.instant import MILLISECOND
from mesh.letters.wire import parse_block
from mesh.logs import Block
from mesh.persistence import SPACE_ARCHIVE, SPACE_ATTIC, SPACE_BASE, SPACE_BLOCK
from mesh.roll.storage import archived, parse_base
from simulations.verdicts import PromiseBroken

SEAL_BYTES: Final = 8
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
JOURNAL: Final = "journal.sqlite3"

Rows = dict[str, dict[bytes, bytes]]


@dataclass(slots=True)
class Holding:
    """One hold, as the entries of its owner's log have it."""

    state: str
    legs: dict[str, int]
    term_ms: int
    parts: int = 0
    gang: str = ""
    settled: bool = False


@dataclass(slots=True)
class Account:
    """What one owner's log comes to."""

    holds: dict[str, Holding] = field(default_factory=dict)
    gangs: dict[str, str] = field(default_factory=dict)
    """Of gangs that were asked for here: begun, complete or over."""


def rows_in(folder: Path) -> Rows:
    """Everything in the journal that lies in `folder`; nothing where there is none."""
    if not (folder / JOURNAL).exists():
        return {}
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="holdfast-crash-", dir=memory) as kept:
        for suffix in ("", "-wal"):
            if (folder / (JOURNAL + suffix)).exists():
                shutil.copyfile(folder / (JOURNAL + suffix), Path(kept) / (JOURNAL + suffix))
        connection = sqlite3.connect(Path(kept) / JOURNAL)
        try:
            return _rows_of(connection, folder.name)
        except sqlite3.Error as error:
            raise PromiseBroken("B8", f"the disk of {folder.name} does not open: {error}") from None
        finally:
            connection.close()


def log_of(rows: Rows, author: NodeId) -> list[Block]:
    """The author's whole log from its first block. Raises PromiseBroken where it has a gap."""
    blocks: dict[int, Block] = {}
    for raw in (rows.get(SPACE_BASE, {}).get(author),):
        base = None if raw is None else parse_base(raw)
        if base is not None:
            blocks[base.block.height] = base.block
    for key, value in sorted(rows.get(SPACE_ARCHIVE, {}).items()):
        if key.startswith(author):
            blocks |= {block.height: block for block in archived(value)}
    for key, value in sorted(rows.get(SPACE_BLOCK, {}).items()):
        if key.startswith(author):
            block = parse_block(value)
            if not isinstance(block, Block) or block.author != author:
                raise PromiseBroken("I8", "a row is no block of its author's")
            blocks[block.height] = block
    heights = sorted(blocks)
    if heights != list(range(len(heights))):
        raise PromiseBroken("B13", f"a log with gaps in it: {heights}")
    return [blocks[height] for height in heights]


def copies_in(rows: Rows, own: NodeId) -> dict[tuple[bytes, int], Block]:
    """(author, height) → a block of somebody else's that is kept here."""
    kept = {}
    for space in (SPACE_BLOCK, SPACE_ATTIC):
        for key, value in rows.get(space, {}).items():
            block = parse_block(value)
            if isinstance(block, Block) and not key.startswith(own):
                kept[key[:NODE_ID_BYTES], block.height] = block
    return kept


def account_of(log: list[Block]) -> Account:
    """The log, verified and then counted. Raises PromiseBroken."""
    report = verify_chain(log)
    if not report.ok:
        raise PromiseBroken("I8", f"a log that fails: {report.fault}")
    account = Account()
    for block in log:
        for raw in block.entries:
            _count(account, decode_entry(raw))
    live = sum(one.state != "ended" for one in account.holds.values())
    if live != report.live:
        raise PromiseBroken("I5", f"{live} live holds by the entries, {report.live} by the books")
    return account


def _count(account: Account, entry: Entry) -> None:
    match entry:
        case Held() | Transferred():
            state = "held" if isinstance(entry, Held) else "posted"
            term_ms = entry.term // MILLISECOND
            holding = Holding(state, dict(entry.legs), term_ms)
            account.holds[entry.id.hex()] = holding
            if isinstance(entry, Transferred):
                account.holds[entry.parent.hex()].parts += 1
        case Posted(hold):
            account.holds[hold.hex()].state = "posted"
        case Extended(hold, term):
            account.holds[hold.hex()].term_ms = term // MILLISECOND
        case Shrunk(hold, legs):
            account.holds[hold.hex()].legs = dict(legs)
        case Voided() | Expired() | Released() | Reclaimed():
            account.holds[entry.id.hex()].state = "ended"
        case Enlisted(hold, gang, term):
            account.holds[hold.hex()].gang = gang.hex()
            account.holds[hold.hex()].term_ms = term // MILLISECOND
        case Settled(hold):
            account.holds[hold.hex()].settled = True
        case GangBegun(gang, _):
            account.gangs[gang.hex()] = "begun"
        case GangCompleted(gang):
            account.gangs[gang.hex()] = "complete"
        case GangEnded(gang, _):
            account.gangs[gang.hex()] = "over"
        case _:
            pass  # of pools, eras, checkpoints and debts: they end no hold and make none


def _rows_of(connection: sqlite3.Connection, whose: str) -> Rows:
    found = connection.execute("PRAGMA integrity_check").fetchall()
    if found != [("ok",)]:
        raise PromiseBroken("B8", f"the journal of {whose} is damaged: {found[0][0]}")
    rows: Rows = {}
    for space, key, sealed in connection.execute("SELECT space, key, value FROM journal"):
        value, seal = sealed[:-SEAL_BYTES], sealed[-SEAL_BYTES:]
        name = space.encode()
        body = len(name).to_bytes(2, "big") + name + len(key).to_bytes(4, "big") + key + value
        if hashlib.blake2b(body, digest_size=SEAL_BYTES).digest() != seal:
            raise PromiseBroken("B8", f"a row of {whose} in {space!r} breaks its seal")
        rows.setdefault(space, {})[key] = value
    return rows


Accounts = Mapping[str, Account]
