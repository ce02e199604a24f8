"""G5: what is spent of a quota, what may be, and what is under way, is never more than was issued.

Reckoned from logs as they lie on disks, and from nothing an agent says of itself: the totals of
rights by the auditor's tally, and what a principal holds by the entries that began its holds.

A disk that forgot says less than was so. So what was issued counts for good, and so does what was
taken: what is still under way is what was given and never taken. A hold that had ended counts for
nothing, though a disk that forgot shows it again. Of a log that does not spend (no `rights open` is
behind its last era), or that has forgotten since it said so, only what is held counts.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ledger.books.rights import RightsRow, Side, kind_of
from ledger.commands import Leg
from ledger.entries import Adopted, EraOpened, Held, Planned, Replanned, Transferred
from ledger.entries.rights import RightsOpened
from mesh.identity import NodeId
from mesh.instant import Instant
from mesh.persistence import Write
from simulations.checks.archive import Fold, Reading
from simulations.checks.check import Check
from simulations.invented.host import Host

if TYPE_CHECKING:
    from simulations.checks.evidence import Evidence
    from simulations.invented.world import World

Key = tuple[str, str]
"""A principal and a kind of pool."""
BEGINS: Final = (Held, Adopted, Transferred, Planned, Replanned)


class RightsHold(Check):
    """At every second: spent + spendable + under way ≤ issued."""

    promises = ("G5",)

    def __init__(self, evidence: "Evidence") -> None:
        super().__init__(evidence)
        self._ever: dict[tuple[NodeId, RightsRow], int] = {}
        """The highest that each total ever was on its author's disk."""
        self._of: dict[bytes, str] = {}
        """Hold → its principal, of those that hold by rights."""
        self._ended: dict[bytes, None] = {}
        self._opened: dict[str, Instant] = {}
        """When each machine last said that it spends rights."""

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        for reading in readings:
            for entry in reading.entries or ():
                if isinstance(entry, RightsOpened):
                    self._opened[host.name] = self.world.now
                if isinstance(entry, BEGINS) and self._by_rights(host, entry.principal, entry.legs):
                    self._of.setdefault(entry.id, entry.principal)

    def started(self, host: Host) -> None:
        """What a crash let through was on the disk, though its agent was never told."""
        self._count(host)

    def durable(self, host: Host, writes: Sequence[Write]) -> None:
        """Remembered at once: what is on a disk now may not be there a moment later."""
        self._count(host)

    def _count(self, host: Host) -> None:
        for row, total in self.evidence.archive.durable[host.name].tally.rights.items():
            self._ever[host.id, row] = max(total, self._ever.get((host.id, row), 0))

    def second(self, world: "World") -> None:
        if any(len(machines) > 1 for machines in self.evidence.identities.values()):
            return  # what two machines with one key do is the twins' own story
        folds = self.evidence.archive.durable
        logs = [(host.id, folds[host.name]) for host in world.hosts.values() if host.name in folds]
        self._remember(logs)
        for key in self._keys():
            self.looks("G5")
            issued = self._issued(logs, key)
            parts = [(node, self._share(node, fold, key)) for node, fold in logs]
            flying = self._flying(logs, key)
            if sum(share for _, share in parts) + flying > issued:
                told = ", ".join(f"{self._name(node)} {share}" for node, share in parts if share)
                sentence = f"{key[0]} has {told}, {flying} under way, and {issued} were issued"
                raise self.broken("G5", sentence)

    def at_last(self, world: "World") -> None:
        """Who is up has heard of every quota that is not forgotten everywhere, and so grants
        nothing beside it."""
        self.second(world)
        known = {key: None for host in world.up() for key in host.alive.ledger.books.entitled}
        for host in world.up():
            books, escrow = host.alive.ledger.books, host.alive.ledger.later.escrow
            for key in known:
                if key not in books.entitled and key not in escrow.governed:
                    raise self.broken("G5", f"{host.name} never heard of the quota of {key[0]}")

    def _by_rights(self, host: Host, principal: str, legs: Sequence[Leg]) -> bool:
        """What was granted before its owner had heard of a quota is beside it, as people expect."""
        ledger = host.alive.ledger
        keys = [(principal, kind_of(leg.pool)) for leg in legs]
        return any(
            key in ledger.books.entitled or key in ledger.later.escrow.governed for key in keys
        )

    def _remember(self, logs: list[tuple[NodeId, Fold]]) -> None:
        for _, fold in logs:
            if self._of:
                ended = (hold for hold in self._of if hold in fold.ended)
                self._ended.update(dict.fromkeys(ended))

    def _keys(self) -> list[Key]:
        return sorted({(row.principal, row.sort): None for _, row in self._ever if row.principal})

    def _issued(self, logs: list[tuple[NodeId, Fold]], key: Key) -> int:
        made = RightsRow(*key, Side.ISSUED)
        issued = sum(total for (_, row), total in self._ever.items() if row == made)
        return issued - sum(_sum(fold, key, Side.WITHDRAWN) for _, fold in logs)

    def _share(self, node: NodeId, fold: Fold, key: Key) -> int:
        """What is spent by this log, and what it may still spend."""
        spent = sum(amount for _, amount in self._held(fold, key, alive=True))
        if not _spends(fold) or self._forgot(node):
            return spent
        has = _sum(fold, key, Side.ISSUED) + _sum(fold, key, Side.TAKEN)
        has -= _sum(fold, key, Side.GIVEN) + _sum(fold, key, Side.WITHDRAWN)
        held = sum(amount for _, amount in self._held(fold, key, alive=False))
        return spent + max(0, has - held)

    def _held(self, fold: Fold, key: Key, *, alive: bool) -> Iterator[tuple[bytes, int]]:
        for hold, principal in self._of.items():
            if principal != key[0] or (alive and hold in self._ended):
                continue
            legs = fold.tally.live.get(hold) or fold.tally.plans.get(hold) or ()
            amount = sum(leg.amount for leg in legs if kind_of(leg.pool) == key[1])
            if amount:
                yield hold, amount

    def _flying(self, logs: list[tuple[NodeId, Fold]], key: Key) -> int:
        flying = 0
        for node, fold in logs:
            for row, total in fold.tally.rights.items():
                if row[:3] == (*key, Side.GIVEN):
                    came = RightsRow(*key, Side.TAKEN, node)
                    flying += max(0, total - self._ever.get((NodeId(row.party), came), 0))
        return flying

    def _forgot(self, node: NodeId) -> bool:
        """Whether a machine lost some of its log since it said that it spends."""
        name = self._name(node)
        forgot = self.evidence.archive.forgot.get(name)
        return forgot is not None and forgot.at >= self._opened.get(name, 0)

    def _name(self, node: NodeId) -> str:
        machine = self.evidence.machine_of(node)
        return "somebody" if machine is None else machine.name


def _sum(fold: Fold, key: Key, side: Side) -> int:
    return sum(total for row, total in fold.tally.rights.items() if row[:3] == (*key, side))


def _spends(fold: Fold) -> bool:
    """Whether the last era of this log spends rights."""
    for reading in reversed(fold.chain):
        for entry in reversed(reading.entries or ()):
            if isinstance(entry, RightsOpened):
                return True
            if isinstance(entry, EraOpened):
                return False
    return False
