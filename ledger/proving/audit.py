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

import msgspec

from ledger.accounts import EMPTY, AccountId, Role, lease, pool_account
from ledger.books import Books
from ledger.books.rights import entitled_by
from ledger.entries import (
    EraOpened,
    decode_entry,
)
from ledger.lifecycle import HoldState
from ledger.proving.tally import AuditError, Tally
from mesh.logs import Block, check_block


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
    if books.entitled != entitled_by(books.rights):
        raise AuditError("I4", "what may be held is not what the totals of rights come to")
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
        if min(msgspec.structs.astuple(books.accounts[account])) < 0:
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
    of_gangs |= {plan.id: plan.gang.gang for plan in books.plans.values() if plan.gang is not None}
    if of_gangs != books.enlisted:
        raise AuditError("I4", "the members of gangs are not those that are listed")
    for ended in books.ended.values():
        if ended.state.live or ended.ended_at < (ended.posted_at or ended.held_at):
            raise AuditError("I5", "ended before it was granted")


def _account_key(account: AccountId) -> tuple[str, str, str]:
    return account.role.value, account.pool, account.tenant
