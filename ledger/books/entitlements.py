"""Entitlements: the fold of rights, which quotas over the whole mesh are made of (`rights.py`).

A table of totals that only grow, and from it, per principal and kind of pool, what may be held
here. Where a principal has a row in it, every hold of its must fit below that; where it has none,
this log knows of no such quota, and whether one should have been asked for is the owner's business.
"""

from collections.abc import Iterable

from ledger.books.checkpoints import Checkpoints
from ledger.books.refusal import Refusal
from ledger.books.rights import RightsRow, Side, barred, by_kind, held_of, is_sort, row_of, weight
from ledger.commands import AMOUNT_MAX, Leg
from ledger.entries.rights import (
    RightsBarred,
    RightsEntry,
    RightsGiven,
    RightsOpened,
    RightsTaken,
    RightsWithdrawn,
    RightsWrittenOff,
)
from ledger.limits import RIGHTS_ROWS_MAX


class Entitlements(Checkpoints):
    """The part of the books that folds them."""

    def spare(self, principal: str, sort: str) -> int:
        """What `principal` may still hold of `sort` here. Less than nothing after a loss."""
        return self.entitled.get((principal, sort), 0) - self.held(principal, sort)

    def held(self, principal: str, sort: str) -> int:
        """What `principal` holds here of one kind of pool: pending, granted, and planned."""
        return held_of(self.accounts, self.pools, self.plans, principal, sort)

    def issued(self, principal: str, sort: str) -> int:
        """What this log has issued and not taken back."""
        taken_back = self._sum(principal, sort, Side.WITHDRAWN)
        taken_back += self._sum(principal, sort, Side.WRITTEN_OFF)
        return self._sum(principal, sort, Side.ISSUED) - taken_back

    def is_barred(self, node: bytes) -> bool:
        """Whether `node` is gone for good, by this log."""
        return barred(node) in self.rights

    def uncovered(self, principal: str, legs: Iterable[Leg]) -> list[tuple[str, int]]:
        """By how much of each kind `legs` more would be too much here, where rights are wanted."""
        over: list[tuple[str, int]] = []
        for kind, more in by_kind(legs):
            if (principal, kind) in self.entitled:
                lack = more - self.spare(principal, kind)
                over += [(kind, lack)] if lack > 0 else []
        return over

    def _covers(self, principal: str, legs: tuple[Leg, ...]) -> Refusal | None:
        """Whether a hold fits below what may be held, wherever that is laid down."""
        if not self.entitled:
            return None  # as in most logs
        if not any((principal, kind) in self.entitled for kind, _ in by_kind(legs)):
            return None
        if not self.rights_open:
            return Refusal.RIGHTS_CLOSED
        return Refusal.OVER_RIGHTS if self.uncovered(principal, legs) else None

    def _entitle(self, entry: RightsEntry | RightsOpened) -> Refusal | None:
        if isinstance(entry, RightsOpened):
            self.rights_open = True
            return None
        row, total = row_of(entry)
        more = total - self.rights.get(row, 0)
        fresh = row not in self.rights
        if more <= 0:
            return Refusal.NOT_ALLOWED  # a total only grows
        if not isinstance(entry, RightsBarred) and not (row.principal and is_sort(row.sort)):
            return Refusal.UNKNOWN_POOL
        if fresh and len(self.rights) >= RIGHTS_ROWS_MAX:
            return Refusal.OVER_LIMIT
        refusal = None if entry.again else self._may_not(entry, row, more)
        if refusal is not None:
            return refusal
        key = row.principal, row.sort
        self._put(self.rights, row, total)
        if not isinstance(entry, RightsBarred):
            became = self.entitled.get(key, 0) + weight(row) * more
            self._put(self.entitled, key, became)
        return None

    def _may_not(self, entry: RightsEntry, row: RightsRow, more: int) -> Refusal | None:
        match entry:
            case RightsGiven() | RightsTaken() if self.is_barred(row.party):
                return Refusal.NOT_ALLOWED
            case RightsGiven() | RightsTaken() | RightsWithdrawn() if not self.rights_open:
                # Who may have forgotten something may have forgotten that somebody is gone.
                return Refusal.RIGHTS_CLOSED
            case RightsGiven() | RightsWithdrawn():
                if more > self.spare(row.principal, row.sort):
                    return Refusal.OVER_RIGHTS
            case RightsWrittenOff() if not self.is_barred(row.party):
                return Refusal.NOT_ALLOWED
        takes_back = isinstance(entry, RightsWithdrawn | RightsWrittenOff)
        if takes_back and more > self.issued(row.principal, row.sort):
            return Refusal.OVER_RIGHTS
        return None

    def _sum(self, principal: str, sort: str, side: Side) -> int:
        rows = self.rights.items()
        return sum(n for row, n in rows if row[:3] == (principal, sort, side))


assert RIGHTS_ROWS_MAX * AMOUNT_MAX < 2**127, "no sum of totals is ever more than can be written"
