"""What the agents of a village owe the world, checked from outside.

The books' own invariants are looked at every second, as in the larger simulator. What only this
tier can see is where the promises meet the disk: at every "it is yours" the owner's disk is taken
as a power cut at that very instant would leave it, at its worst, and the promise must be in the
journal that opens there (B1, B8). At every start what was answered must be in what was read (B13),
unless the disk itself has lied, rotted or been set back; and then the start must not be proven.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import apsw

from ledger.books import Books
from ledger.leases import holder_span
from ledger.lifecycle import HoldState
from ledger.proving.audit import check_books, verify_chain
from ledger.proving.tally import AuditError
from mesh.instant import SECOND, Duration, Instant
from mesh.letters.wire import parse_block
from mesh.persistence import SPACE_BLOCK
from mesh.rejections import Rejection
from mesh.roll.membership import check_roll
from node.app import App
from node.core.continuity import Saved, own_positions
from node.shell.disk.journal import Journal
from node.shell.disk.journal_errors import JournalError
from simulations.checks.books import begins
from simulations.fidelity.disk import Disk
from simulations.fidelity.resident import Resident
from simulations.fidelity.vfs import DiskFiles, Platter
from simulations.fidelity.village import Village
from simulations.verdicts import PromiseBroken

SPARE: Final = "spare"
"""The name under which copies of disks are opened: no machine is called that."""


@dataclass(slots=True)
class Promise:
    """What a person was told, and how long it may be believed."""

    hold: bytes
    owner: str
    amount: int
    posted: bool
    believed_until: Instant

    def __str__(self) -> str:
        return f"{self.amount >> 20} MiB at {self.owner} ({self.hold.hex()[:8]})"


@dataclass(slots=True)
class Promises:
    """Remembers every answer of one village, and looks."""

    village: Village
    kept: dict[bytes, Promise] = field(default_factory=dict)

    # What was said -------------------------------------------------------------------------------

    def granted(
        self, hold: bytes, owner: str, amount: int, term: Duration, asked_at: Instant, *,
        posted: bool,
    ) -> None:  # fmt: skip
        """Somebody was told "it is yours"."""
        promise = Promise(hold, owner, amount, posted, asked_at + holder_span(term))
        self.kept[hold] = promise
        self._check_durable(promise)

    def confirmed(self, hold: bytes, term: Duration, asked_at: Instant) -> None:
        """A bare hold was posted."""
        if (promise := self.kept.get(hold)) is not None:
            promise.posted = True
            promise.believed_until = asked_at + holder_span(term)
            self._check_durable(promise)

    def given_back(self, hold: bytes) -> None:
        """Whoever had it relies on it no longer."""
        self.kept.pop(hold, None)

    def of(self, owner: str) -> list[Promise]:
        """What is relied on at one owner now."""
        now = self.village.now
        return [
            one for one in self.kept.values() if one.owner == owner and now < one.believed_until
        ]

    # What is looked at ---------------------------------------------------------------------------

    def check_start(self, owner: Resident, app: App) -> None:
        """An agent has read its journal and done nothing yet."""
        proven = app.here.birth.continuity.proven
        if owner.doubtful and not proven:
            return
        aside = [sentence for sentence in app.here.said if "set aside" in sentence]
        if aside and not owner.doubtful:
            raise self._broken("B8", f"{owner.name}'s disk is honest, and {aside[0]}")
        own = own_positions(app.here.birth.saved, owner.identity.id)
        if own and len(own) != max(own) - min(own) + 1:
            raise self._broken("I8", f"{owner.name} opens a log with a hole in it: {sorted(own)}")
        for promise in self.of(owner.name):
            if promise.posted and not _written(app.here.birth.saved, owner, promise):
                why = "and the start claims to be proven" if proven else "and the disk is honest"
                raise self._broken("B13", f"{promise} is not in the journal that opens, {why}")

    def check_image(self, owner: Resident) -> None:
        """Nobody is at work on this disk: what SQLite thinks of it."""
        if owner.doubtful:
            return
        found = integrity(self.village.platter, owner.disk.after_a_power_cut())
        if found is not None:
            raise self._broken("B8", f"the disk of {owner.name} would not open: {found}")

    def check_now(self) -> None:
        """Everybody's books, and what is relied on."""
        for resident in self.village.up:
            app = resident.app
            assert app is not None
            try:
                check_books(app.agent.ledger.books)
            except AuditError as error:
                raise self._broken("I1-I5", f"{resident.name}: {error}") from error
            check_roll(app.agent.mesh.roll)
            self._check_sums(resident, app.agent.ledger.books)
        self._check_prefixes()

    def check_logs(self) -> None:
        """Every log on every machine, from its first block; and what a machine takes for its own
        log is what lies on its disk. For quiet moments, in which nothing of it is on its way."""
        for resident in self.village.up:
            assert resident.app is not None
            chains = resident.app.agent.mesh.chains
            believed = {one.height: one.position for one in chains.chain(resident.identity.id)}
            saved = read(self.village.platter, resident.disk.after_a_power_cut())
            lying = own_positions(saved, resident.identity.id)
            if lying != believed and not resident.disk.lied:
                odd = sorted(
                    height
                    for height in believed.keys() | lying.keys()
                    if believed.get(height) != lying.get(height)
                )
                raise self._broken("B8", f"{resident.name}'s log and its disk differ at {odd[:5]}")
            for author in chains.authors():
                report = verify_chain(chains.chain(author), begins(chains, author))
                if not report.ok:
                    raise self._broken(
                        "I8", f"{resident.name} keeps a log that fails: {report.fault}"
                    )

    def _check_sums(self, owner: Resident, books: Books) -> None:
        promised = sum(books.holds_on("ram").values())
        if promised > owner.ram:
            raise self._broken("I3", f"{owner.name} promised {promised} bytes of {owner.ram}")
        if owner.doubtful:
            return
        relied_on = self.of(owner.name)
        if sum(one.amount for one in relied_on) > owner.ram:
            told = "; ".join(str(one) for one in relied_on)
            raise self._broken(
                "G1", f"{owner.name} has {owner.ram >> 20} MiB, and answered: {told}"
            )
        for one in relied_on:
            if one.posted and books.state_of(one.hold) is not HoldState.POSTED:
                state = books.state_of(one.hold).value
                raise self._broken("B13", f"{one} was answered, and is {state}")

    def _check_prefixes(self) -> None:
        up = self.village.up
        for author in up:
            assert author.app is not None
            whole = author.app.agent.mesh.chains.chain(author.identity.id)
            for keeper in up:
                assert keeper.app is not None
                copy = keeper.app.agent.mesh.chains.chain(author.identity.id)
                ours = {block.height: block for block in whole}
                bent = any(ours.get(block.height, block) != block for block in copy)
                if keeper is not author and not author.doubtful and bent:
                    raise self._broken("G3", f"{keeper.name}'s copy of {author.name}'s log is bent")

    def _check_durable(self, promise: Promise) -> None:
        owner = self.village.residents[promise.owner]
        if owner.doubtful:
            return
        try:
            saved = read(self.village.platter, owner.disk.after_a_power_cut())
        except JournalError as error:
            raise self._broken("B8", f"the disk of {owner.name} would not open: {error}") from error
        if not _written(saved, owner, promise):
            raise self._broken("B1", f"{promise} was answered, and a power cut now would lose it")

    def _broken(self, promise: str, sentence: str) -> PromiseBroken:
        return PromiseBroken(promise, f"{self.village.now / SECOND:.3f} s: {sentence}")


def read(platter: Platter, disk: Disk) -> Saved:
    """What the journal on a copy of a disk says. Raises JournalError."""
    with platter.lending(SPARE, disk):
        journal = Journal.open(
            Path(f"/{SPARE}/{disk.life}/journal.sqlite3"), DiskFiles(platter, disk)
        )
        try:
            return journal.load()
        finally:
            journal.close()


def integrity(platter: Platter, disk: Disk) -> str | None:
    """What SQLite's full check finds wrong on a copy of a disk; None: nothing, or no journal."""
    if "journal.sqlite3" not in disk.folder:
        return None
    with platter.lending(SPARE, disk):
        connection = apsw.Connection(f"/{SPARE}/{disk.life}/journal.sqlite3", vfs=platter.name)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            found = str(connection.execute("PRAGMA integrity_check").get)
        except apsw.Error as error:
            return str(error)
        finally:
            connection.close()
    return None if found == "ok" else found


def _written(saved: Saved, owner: Resident, promise: Promise) -> bool:
    """Whether the owner's own log, as read, has an entry about this hold."""
    for key, row in saved.get(SPACE_BLOCK, {}).items():
        if key.startswith(owner.identity.id) and promise.hold in row:
            return not isinstance(parse_block(row), Rejection)
    return False
