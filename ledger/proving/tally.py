"""The auditor's own account of a log, simple enough to be seen through.

A dictionary per hold and a sum per pool, and nothing of how the books do it: what both come to is
compared by audit.py after every block, so a mistake must be made twice.
"""

from collections import defaultdict
from collections.abc import Iterable

from ledger.accounts import PoolState
from ledger.books import Books
from ledger.books.gangs import GangEntry, GangStage, MemberEntry
from ledger.books.legs import less, together, within
from ledger.books.rights import RightsRow, row_of
from ledger.commands import Leg
from ledger.entries import (
    Adopted,
    BookingsOpened,
    CameOnline,
    Checkpointed,
    Closed,
    Entry,
    EraOpened,
    Expired,
    Extended,
    Held,
    Owed,
    Planned,
    PoolStateSet,
    Posted,
    Provisioned,
    Reclaimed,
    Released,
    Replanned,
    Retired,
    Shrunk,
    Started,
    Succeeded,
    Transferred,
    Voided,
    WentOffline,
)
from ledger.entries.gangs import (
    Enlisted,
    GangBegun,
    GangCommitted,
    GangCompleted,
    GangEnded,
)
from ledger.entries.rights import RightsEntry, RightsOpened
from ledger.lifecycle import HoldState

_GANG_STEPS = {GangBegun: 1, GangCommitted: 2, GangCompleted: 3, GangEnded: 4}


class AuditError(Exception):
    """An invariant does not hold. `number` says which, `sentence` how."""

    def __init__(self, number: str, sentence: str) -> None:
        super().__init__(f"{number}: {sentence}")
        self.number = number
        self.sentence = sentence


class Tally:
    """The auditor's own account of a log: what each hold takes, and what each pool has."""

    def __init__(self) -> None:
        self.capacity: dict[str, int] = defaultdict(int)
        self.shut: dict[str, PoolState] = {}
        self.live: dict[bytes, tuple[Leg, ...]] = {}
        self.posted: dict[bytes, None] = {}
        self.gone: dict[bytes, None] = {}
        self.plans: dict[bytes, tuple[Leg, ...]] = {}
        """What takes no room yet. `posted` says which of it is confirmed."""
        self.gangs: dict[bytes, int] = {}
        """Gang of the author's → how many of its steps were taken, in their order."""
        self.parents: dict[bytes, bytes] = {}
        """Child → whom its room goes back to."""
        self.rights: dict[RightsRow, int] = {}

    @classmethod
    def of(cls, books: Books) -> "Tally":
        """What the auditor would have counted, had it seen the log that led to `books`."""
        tally = cls()
        tally.shut = {pool: books.pools[pool] for pool in sorted(books.pools)}
        for hold in books.live_holds():
            tally.live[hold.id] = hold.legs
            if hold.state is HoldState.POSTED:
                tally.posted[hold.id] = None
            if hold.parent is not None:
                tally.parents[hold.id] = hold.parent
        for plan in books.plans.values():
            tally.plans[plan.id] = plan.legs
            if plan.posted_at is not None:
                tally.posted[plan.id] = None
        tally.gone = dict.fromkeys(books.ended)
        for pool in tally.shut:
            tally.capacity[pool] = books.free(pool) + tally.taken(pool)
        tally.rights = dict(books.rights)
        for gang in books.gangs.values():
            tally.gangs[gang.id] = [*GangStage].index(gang.stage) + 1
        return tally

    def count(self, entry: Entry) -> None:
        """Take one entry into account. Raises AuditError at I5, I6 or I7."""
        match entry:
            case EraOpened() | BookingsOpened() | RightsOpened() | Checkpointed() | Succeeded():
                pass  # They move nothing.
            case _ if isinstance(entry, RightsEntry):
                row, total = row_of(entry)
                self._must(total > self.rights.get(row, 0), "I5", "a total of rights went back")
                self.rights[row] = total
            case _ if isinstance(entry, GangEntry | MemberEntry):
                self._of_gangs(entry)
            case Held() | Adopted():
                self._begin(entry)
            case Planned() | Replanned() | Started():
                self._ahead(entry)
            case Posted():
                self._post(entry.id)
            case Extended() | Shrunk() | Transferred() | Owed():
                self._change(entry)
            case Voided() | Expired():
                self._end(entry.id, was_posted=False)
            case Released() | Reclaimed():
                self._end(entry.id, was_posted=True)
            case Closed():
                self._must(entry.id not in self.live, "I6", "closed while it lives")
                self.gone[entry.id] = None
            case PoolStateSet():
                self.shut[entry.pool] = entry.state
            case Provisioned() | CameOnline():
                self._resize(entry.legs, 1)
            case Retired() | WentOffline():
                self._resize(entry.legs, -1)

    def _of_gangs(self, entry: GangEntry | MemberEntry) -> None:
        if isinstance(entry, GangEntry):
            self._gang(entry.gang, _GANG_STEPS[type(entry)])
            return
        begun = entry.id in self.live or entry.id in self.plans
        known = begun if isinstance(entry, Enlisted) else entry.id in self.posted
        self._must(known, "I5", "one of a gang, and never held or posted")

    def _gang(self, gang: bytes, step: int) -> None:
        taken = self.gangs.get(gang, 0)
        ends = step == _GANG_STEPS[GangEnded] and 0 < taken < step
        self._must(ends or step == taken + 1, "I5", "a gang out of its order")
        self.gangs[gang] = step

    def _resize(self, legs: Iterable[Leg], sign: int) -> None:
        for leg in legs:
            self.capacity[leg.pool] += sign * leg.amount

    def _begin(self, entry: Held | Adopted) -> None:
        fresh = not any(entry.id in ids for ids in (self.live, self.gone, self.plans))
        self._must(fresh, "I6", "one id, two holds")
        for leg in entry.legs:
            admitted = self.shut.get(leg.pool, PoolState.OPEN) is PoolState.OPEN
            self._must(admitted or isinstance(entry, Adopted), "I7", f"{leg.pool} is not open")
        self.live[entry.id] = entry.legs
        if isinstance(entry, Adopted) and entry.posted:
            self.posted[entry.id] = None

    def _post(self, hold: bytes) -> None:
        known = hold in self.live or hold in self.plans
        self._must(known and hold not in self.posted, "I5", "posted twice, or never held")
        self.posted[hold] = None

    def _ahead(self, entry: Planned | Replanned | Started) -> None:
        if isinstance(entry, Started):
            ready = entry.id in self.plans and entry.id in self.posted
            self._must(ready, "I5", "started, and never planned")
            self.live[entry.id] = self.plans.pop(entry.id)
            return
        taken = (self.live, self.gone, self.plans)
        self._must(not any(entry.id in ids for ids in taken), "I6", "one id, two holds")
        self.plans[entry.id] = entry.legs
        if isinstance(entry, Replanned):
            self.posted[entry.id] = None

    def _end(self, hold: bytes, was_posted: bool) -> None:
        if hold in self.plans:  # given up, lapsed, or (once it is confirmed) disbanded
            self._must(not was_posted or hold in self.posted, "I5", "disbanded out of order")
            del self.plans[hold]
            self.posted.pop(hold, None)
            self.gone[hold] = None
            return
        self._must(hold in self.live, "I5", "ended without having lived, or twice")
        self._must((hold in self.posted) is was_posted, "I5", "ended out of order")
        self._must(hold not in self.parents.values(), "I5", "ended before a child of it")
        legs = self.live.pop(hold)
        self._hand_back(hold, legs)
        self.parents.pop(hold, None)
        self.posted.pop(hold, None)
        self.gone[hold] = None

    def _change(self, entry: Extended | Shrunk | Transferred | Owed) -> None:
        match entry:
            case Owed():
                known = entry.id in self.live and entry.id not in self.posted
                self._must(known and within(entry.legs, self.live[entry.id]), "I5", "owed by none")
            case Extended():
                self._must(entry.id in self.posted, "I5", "extended without having been granted")
            case Shrunk():
                self._shrink(entry)
            case Transferred():
                self._carve(entry)

    def _shrink(self, entry: Shrunk) -> None:
        self._must(entry.id in self.posted, "I5", "shrunk without having been granted")
        legs = self.live[entry.id]
        smaller = entry.legs != legs and within(entry.legs, legs)
        self._must(smaller, "I3", "shrunk to more than it held")
        self.live[entry.id] = entry.legs
        self._hand_back(entry.id, less(legs, entry.legs))

    def _carve(self, entry: Transferred) -> None:
        fresh = not any(entry.id in ids for ids in (self.live, self.gone, self.plans))
        self._must(fresh, "I6", "one id, two holds")
        parent = entry.parent
        fit = parent in self.posted and parent not in self.parents
        self._must(fit, "I5", "carved out of what is no grant of its own")
        self._must(within(entry.legs, self.live[parent]), "I3", "a child exceeds its parent")
        self.live[parent] = less(self.live[parent], entry.legs)
        self.live[entry.id] = entry.legs
        self.posted[entry.id], self.parents[entry.id] = None, parent

    def _hand_back(self, hold: bytes, legs: tuple[Leg, ...]) -> None:
        parent = self.parents.get(hold)
        if parent is not None:
            self.live[parent] = together(self.live[parent], legs)

    def taken(self, pool: str) -> int:
        """The sum of all live holds on `pool`."""
        legs = (leg for legs in self.live.values() for leg in legs)
        return sum(leg.amount for leg in legs if leg.pool == pool)

    def agrees(self, books: Books) -> None:
        """Raises AuditError when the books say otherwise."""
        for pool in books.pools:
            free, taken = books.free(pool), self.taken(pool)
            self._must(free >= 0, "I3", f"{pool} owes {-free}")
            same = self.capacity[pool] == free + taken
            self._must(same, "I4", f"{pool}: {self.capacity[pool]} ≠ {free} free + {taken} taken")
        same = self.live == {hold.id: hold.legs for hold in books.live.values()}
        self._must(same, "I4", "live holds differ")
        self._must(self.rights == books.rights, "I4", "totals of rights differ")
        self._must(sorted(self.plans) == sorted(books.plans), "I4", "plans differ")

    @staticmethod
    def _must(holds: bool, number: str, sentence: str) -> None:
        if not holds:
            raise AuditError(number, sentence)
