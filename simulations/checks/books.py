"""I1 to I10: every log adds up, at every block, and its author's books are what it adds up to."""

from collections.abc import Sequence

from ledger.books import Books
from ledger.entries import EraOpened
from ledger.limits import QUARANTINE, RATE_MARGIN_PERCENT
from ledger.owner.standings import QUARANTINED
from ledger.proving.audit import check_books, verify_chain
from ledger.proving.beginnings import books_from
from ledger.proving.tally import AuditError
from mesh.identity import NodeId
from mesh.instant import Instant
from mesh.kept.chains import Chains
from mesh.logs import check_block
from node.core.effects import Effect
from simulations.checks.archive import Reading
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host
from simulations.invented.world import World


class BooksAddUp(Check):
    """The owner's books against the auditor's tally of its log, whenever the log has grown."""

    promises = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8")

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._seen: dict[str, tuple[int, bytes]] = {}

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        for reading in readings:
            if not check_block(reading.block):
                raise self.broken("I8", f"{host.name} signed a block that is not whole")

    def second(self, world: World) -> None:
        """Between two inputs all that was written is signed."""
        for host in world.up():
            self._compare(host)

    def ended(self, host: Host, how: str) -> None:
        self._seen.pop(host.name, None)

    def _compare(self, host: Host) -> None:
        books, fold = host.alive.ledger.books, self.evidence.archive.signed[host.name]
        head = (books.height, books.head)
        if self._seen.get(host.name) == head:
            return
        self._seen[host.name] = head
        for number in self.promises:
            self.looks(number)
        try:
            check_books(books)
            fold.tally.agrees(books)
        except AuditError as error:
            raise self.broken(error.number, f"{host.name}: {error.sentence}") from error
        if fold.chain and fold.chain[-1].hash != books.head:
            raise self.broken("I8", f"{host.name}'s books stand elsewhere than its log")


class FoldIsOne(Check):
    """I9: the same log folds to the same books, whoever folds it and in whatever sittings."""

    promises = ("I9",)

    def sometimes(self, world: World) -> None:
        up = world.up()
        if not up:
            return
        host = up[world.now // 1_000_000_000 % len(up)]
        whole = Books()
        for reading in self.evidence.archive.signed[host.name].chain:
            refusal = whole.apply_block(reading.block)
            if refusal is not None:
                raise self.broken("I9", f"{host.name}'s log does not fold: {refusal.value}")
        self.looks("I9")
        if whole.state_hash() != host.alive.ledger.books.state_hash():
            raise self.broken("I9", f"{host.name}'s books are not what its log folds to")


def begins(chains: Chains, author: NodeId) -> Books | None:
    """The books that a kept log begins with, where what was before has been put away."""
    base = chains.base(author)
    return None if base is None else books_from(base)


class LogsVerify(Check):
    """I8: every log on every machine verifies from its first block, signatures included."""

    promises = ("I8",)

    def at_last(self, world: World) -> None:
        verified: dict[bytes, None] = {}
        for host in world.up():
            chains = host.alive.mesh.chains
            for author in chains.authors():
                head = chains.head(author)
                if head is None or head.hash in verified:
                    continue  # alike logs are looked at once
                self.looks("I8")
                report = verify_chain(chains.chain(author), begins(chains, author))
                if not report.ok:
                    raise self.broken("I8", f"{host.name} keeps a bad log: {report.fault}")
                verified[head.hash] = None


class QuietInQuarantine(Check):
    """I10: nothing is written in quarantine, it lasts long enough, and an era opens behind it."""

    promises = ("I10",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._since: dict[str, Instant] = {}

    def ended(self, host: Host, how: str) -> None:
        self._since.pop(host.name, None)

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        if host.agent is None or host.agent.ledger.standing[0] != QUARANTINED:
            return
        self._since.setdefault(host.name, self.world.now)

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        since = self._since.get(host.name)
        if since is None:
            return
        if host.alive.ledger.standing[0] == QUARANTINED:
            raise self.broken("I10", f"{host.name} writes in its quarantine")
        del self._since[host.name]
        self.looks("I10")
        first = readings[0].entries
        if not first or not isinstance(first[0], EraOpened):
            raise self.broken("I10", f"{host.name} writes after a quarantine without a new era")
        least = QUARANTINE * (100 - RATE_MARGIN_PERCENT) // 100
        if host.clock.honest and self.world.now - since < least:
            lasted = (self.world.now - since) / 1e9
            raise self.broken("I10", f"{host.name} left its quarantine after {lasted:.3f} s")
