"""Shelves: the tables of the books, and the one way in which they change.

A stranger may write the log, and a block that fails half-way is taken back whole. So nothing is put
on a shelf without a note of what stood there before.
"""

from typing import TypeVar

from ledger.accounts import EMPTY, AccountId, Counters, PoolState
from ledger.books.gangs import Gang
from ledger.books.holds import EndedHold, LiveHold, Token
from ledger.books.plans import Plan
from ledger.books.postings import Posting, credited, debited
from ledger.books.rights import RightsRow
from ledger.lifecycle import HoldState

K = TypeVar("K")
V = TypeVar("V")


class Shelves:
    """`live`, `ended`, `pools` and `accounts` are for reading; `_put` alone changes them."""

    def __init__(self) -> None:
        self.accounts: dict[AccountId, Counters] = {}
        self.pools: dict[str, PoolState] = {}
        self.live: dict[bytes, LiveHold] = {}
        self.ended: dict[bytes, EndedHold] = {}
        self.plans: dict[bytes, Plan] = {}
        """Bookings that start later: they take no room yet."""
        self.gangs: dict[bytes, Gang] = {}
        """Of the log's author, as asker: what it says of gangs (`ledger/books/gangs.py`)."""
        self.enlisted: dict[bytes, bytes] = {}
        """Hold or plan → its gang, of those that are one of a gang's."""
        self.rights: dict[RightsRow, int] = {}
        """Totals (`ledger/books/rights.py`)."""
        self.entitled: dict[tuple[str, str], int] = {}
        """Principal and kind of pool → what the totals come to: what it may hold here."""
        self._on_pool: dict[str, dict[bytes, int]] = {}
        self._carved: dict[bytes, int] = {}
        """Parent → how many children of it live."""
        self._undo: list[tuple[dict[object, object], object, object]] = []
        self._noting = True
        """Off for what we write ourselves: an entry is checked in full before it changes anything,
        and a block of our own is never taken back."""
        self.plan_changes = 0
        """How often `plans` has changed: what was worked out over it before is stale."""

    def _post_all(self, postings: tuple[Posting, ...]) -> None:
        accounts = self.accounts
        for posting in postings:
            amount, phase = posting.amount, posting.phase
            debit = debited(accounts.get(posting.debit, EMPTY), amount, phase)
            credit = credited(accounts.get(posting.credit, EMPTY), amount, phase)
            self._put(accounts, posting.debit, debit)
            self._put(accounts, posting.credit, credit)

    def _set_live(self, hold: LiveHold) -> None:
        self._put(self.live, hold.id, hold)
        if hold.gang is not None:
            self._put(self.enlisted, hold.id, hold.gang.gang)
        for leg in hold.legs:
            self._put(self._on_pool.setdefault(leg.pool, {}), hold.id, leg.amount)

    def _set_ended(self, hold: LiveHold, state: HoldState, at: Token) -> None:
        self._put(self.live, hold.id, None)
        if hold.gang is not None:
            self._put(self.enlisted, hold.id, None)
        for leg in hold.legs:
            self._put(self._on_pool[leg.pool], hold.id, None)
        ended = EndedHold(
            hold.id, state, hold.digest, hold.holder, hold.held_at, hold.posted_at, at,
            hold.origin != hold.held_at,
        )  # fmt: skip
        self._put(self.ended, hold.id, ended)

    def _put(self, table: dict[K, V], key: K, value: V | None) -> None:
        # One place that changes a table, so that nothing can change without being noted. The cast
        # is what a list of differently typed tables costs.
        if self._noting:
            self._undo.append((table, key, table.get(key)))  # type: ignore[arg-type]  # see above
        if value is None:
            del table[key]
        else:
            table[key] = value

    def _restore(self) -> None:
        """Everything as it was when the notes were last thrown away."""
        for table, key, before in reversed(self._undo):
            if before is None:
                table.pop(key, None)
            else:
                table[key] = before
        self._undo.clear()
        self.plan_changes += 1

    def _set_plan(self, plan: bytes, stands: Plan | None) -> None:
        known = self.plans.get(plan) if stands is None else stands
        if known is not None and known.gang is not None:
            self._put(self.enlisted, plan, None if stands is None else known.gang.gang)
        self._put(self.plans, plan, stands)
        self.plan_changes += 1
