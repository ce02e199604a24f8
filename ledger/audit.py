"""The auditor: says whether books and logs keep their invariants, trusting neither.

`check_books` looks at one state, `verify_chain` at a whole log. The second keeps a tally of its
own, simple enough to be seen through (a dictionary per hold, a sum per pool), and compares it with
the books after every block: two ways to the same figure, so that a mistake must be made twice.

    I1  every counter of every account is ≥ 0
    I2  per pool, debits equal credits, pending and posted apart
    I3  per pool, debits pending + posted ≤ credits posted: never more promised than there is
    I4  a pool's pending debits are its pending holds; a tenant's balance is its posted holds
    I5  a hold is resolved at most once, in the order hold, post, end; a parent after its children
    I6  an id stands for one request: live or ended, never both
    I7  nothing is granted on a pool that is not open
    I8  blocks are signed, contiguous and linked; eras grow and name their cut
    I9  the same log folds to the same books, however it is cut into sittings
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.accounts import EMPTY, AccountId, PoolState, Role, lease, pool_account
from ledger.books import Books
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
    Transferred,
    Voided,
    WentOffline,
    decode_entry,
)
from ledger.gang_entries import (
    Enlisted,
    GangBegun,
    GangCommitted,
    GangCompleted,
    GangEnded,
    Parked,
    Settled,
)
from ledger.gangs import GangStage
from ledger.legs import less, together, within
from ledger.lifecycle import HoldState
from mesh.logs import Block, check_block

_GANG_STEPS = {GangBegun: 1, GangCommitted: 2, GangCompleted: 3, GangEnded: 4}


class AuditError(Exception):
    """An invariant does not hold. `number` says which, `sentence` how."""

    def __init__(self, number: str, sentence: str) -> None:
        super().__init__(f"{number}: {sentence}")
        self.number = number
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a log was found to be. `fault` None: it verifies from first to last block."""

    blocks: int
    entries: int
    eras: int
    live: int
    ended: int
    state_hash: bytes
    fault: str | None

    @property
    def ok(self) -> bool:
        return self.fault is None


def check_books(books: Books) -> None:
    """Raises AuditError when the books break one of I1 to I6, or name no era for what they say."""
    _check_counters(books)
    _check_balance(books)
    _check_holds(books)
    _check_ids(books)
    if books.era is None and (books.accounts or books.live or books.plans or books.ended):
        raise AuditError("I8", "entries without an era")


def verify_chain(blocks: Sequence[Block], begin: Books | None = None) -> VerifyReport:
    """Check a whole log: every signature, link and entry, and every invariant after every block.

    `begin`: the books that it begins with, if what lay before was put away (beginnings.py).
    """
    books = Books() if begin is None else begin
    tally = Tally.of(books)
    entries = eras = 0
    fault: str | None = None
    for block in blocks:
        fault = _fault_of(books, tally, block)
        if fault is not None:
            break
        entries += len(block.entries)
        eras += isinstance(decode_entry(block.entries[0]), EraOpened)
    return VerifyReport(
        books.height + 1, entries, eras, len(books.live), len(books.ended),
        books.state_hash(), fault,
    )  # fmt: skip


def check_fold(blocks: Sequence[Block], sittings: Iterable[int]) -> None:
    """I9: folding `blocks` in one go or in sittings (heights to stop at) gives the same books."""
    whole = _folded(Books(), blocks)
    pieces, start = Books(), 0
    for stop in [*sorted(sittings), len(blocks)]:
        pieces = _folded(pieces, blocks[start:stop])
        start = max(start, stop)
    if whole.state_hash() != pieces.state_hash():
        raise AuditError("I9", "the same log gave different books")


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
        for gang in books.gangs.values():
            tally.gangs[gang.id] = [*GangStage].index(gang.stage) + 1
        return tally

    def count(self, entry: Entry) -> None:
        """Take one entry into account. Raises AuditError at I5, I6 or I7."""
        match entry:
            case EraOpened() | BookingsOpened() | Checkpointed():
                pass  # They move nothing.
            case Enlisted() | Parked() | Settled():
                known = self.live if isinstance(entry, Enlisted) else self.posted
                self._must(entry.id in known, "I5", "one of a gang, and never held or posted")
            case GangBegun() | GangCommitted() | GangCompleted() | GangEnded():
                self._gang(entry.gang, _GANG_STEPS[type(entry)])
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
        if not was_posted and hold in self.plans:
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
        self._must(sorted(self.plans) == sorted(books.plans), "I4", "plans differ")

    @staticmethod
    def _must(holds: bool, number: str, sentence: str) -> None:
        if not holds:
            raise AuditError(number, sentence)


def _fault_of(books: Books, tally: Tally, block: Block) -> str | None:
    if not check_block(block):
        return f"block {block.height}: I8: not whole, or not signed by its author"
    refusal = books.apply_block(block)
    if refusal is not None:
        return f"block {block.height}: {refusal.value}"
    try:
        for raw in block.entries:
            tally.count(decode_entry(raw))
        tally.agrees(books)
        check_books(books)
    except AuditError as error:
        return f"block {block.height}: {error}"
    return None


def _folded(books: Books, blocks: Sequence[Block]) -> Books:
    for block in blocks:
        refusal = books.apply_block(block)
        if refusal is not None:
            raise AuditError("I8", f"block {block.height}: {refusal.value}")
    return books


def _check_counters(books: Books) -> None:
    for account in sorted(books.accounts, key=_account_key):
        if min(books.accounts[account]) < 0:
            raise AuditError("I1", f"{account.role.value} {account.pool} has a negative counter")
        if account.role is Role.POOL and books.accounts[account].free < 0:
            raise AuditError("I3", f"{account.pool} promises more than it has")


def _check_balance(books: Books) -> None:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for account, counters in books.accounts.items():
        sums[account.pool][0] += counters.debits_pending - counters.credits_pending
        sums[account.pool][1] += counters.debits_posted - counters.credits_posted
    for pool in sorted(sums):
        if sums[pool] != [0, 0]:
            raise AuditError("I2", f"{pool} does not balance: {sums[pool]}")


def _check_holds(books: Books) -> None:
    pending: dict[str, int] = defaultdict(int)
    held: dict[AccountId, int] = defaultdict(int)
    for hold in books.live.values():
        for leg in hold.legs:
            if hold.state is HoldState.PENDING:
                pending[leg.pool] += leg.amount
            else:
                held[lease(leg.pool, hold.principal)] += leg.amount
            if books.holds_on(leg.pool).get(hold.id) != leg.amount:
                raise AuditError("I4", f"{leg.pool} does not list one of its holds")
    for pool in sorted(books.pools):
        if books.accounts.get(pool_account(pool), EMPTY).debits_pending != pending[pool]:
            raise AuditError("I4", f"pending debits of {pool} are not its pending holds")
    for account, counters in books.accounts.items():
        if account.role is Role.LEASE and counters.balance != held[account]:
            raise AuditError(
                "I4", f"{account.tenant} holds other than its grants of {account.pool}"
            )


def _check_ids(books: Books) -> None:
    for hold_id, hold in books.live.items():
        if hold_id in books.ended or hold_id in books.plans:
            raise AuditError("I6", "an id is live and ended")
        if hold.state is HoldState.POSTED and hold.posted_at is None:
            raise AuditError("I5", "a grant that was never posted")
        if hold.posted_at is not None and hold.posted_at < hold.held_at:
            raise AuditError("I5", "posted before it was held")
    for plan_id, plan in books.plans.items():
        if plan_id in books.ended:
            raise AuditError("I6", "an id is planned and ended")
        if not plan.state.ahead or (plan.posted_at is None) is (plan.state is HoldState.PLANNED):
            raise AuditError("I5", "a plan out of its order")
    of_gangs = {hold.id: hold.gang.gang for hold in books.live.values() if hold.gang is not None}
    if of_gangs != books.enlisted:
        raise AuditError("I4", "the members of gangs are not those that are listed")
    for ended in books.ended.values():
        if ended.state.live or ended.ended_at < (ended.posted_at or ended.held_at):
            raise AuditError("I5", "ended before it was granted")


def _account_key(account: AccountId) -> tuple[str, str, str]:
    return account.role.value, account.pool, account.tenant
