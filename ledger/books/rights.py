"""Rights: a quota over the whole mesh, kept without anybody in the middle.

A quota that every node looked up somewhere would need that somewhere. So the quota is cut into
*rights*, and each right lies at exactly one node, which alone spends it (a bounded counter: Balegas
and others, "Extending Eventually Consistent Cloud Databases for Enforcing Numeric Invariants",
2015). They come into being in the log of their issuer, and move in two entries of two logs:

    beta's log    rights out   to alpha, 24 GiB in all          they are beta's no more
                                                                (in flight: nobody's)
    alpha's log   rights in    of beta, 24 GiB in all           they are alpha's

Both name totals and not steps, so there is nothing to count twice: who reads the same words again,
after a lost answer, a restart or a cut, raises no total. What a node may let a principal hold is

    issued − withdrawn + Σ taken − Σ given     and of that it spends what it holds, plans included

which no entry has to say: the accounts of its leases say it, so a hold spends its rights in the
very entry that begins it, and its end gives them back. Every replica refuses a log that spends, or
gives away, what it does not have. Hence over the mesh: spent + spendable + in flight = issued.

Amnesia is the danger, as ever. A node whose disk forgot that it gave would spend what others have.
So a new era spends nothing (`rights_open`), until every peer has shown its copy of our log; then
each total is raised to the highest that any copy shows, and to what takers say that they took.
What is said *again* in this way may leave less than nothing here: then nothing is spent until
holds have ended. A receiver takes only what it can show the whole way of (`node/core/rights`), so
whoever has rights also has the proof of all who had them before, and no giver can forget it
without a peer that remembers: and without that peer it stays shut. It errs on the closed side.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from ledger.accounts import EMPTY, AccountId, Counters, PoolState, lease
from ledger.books.plans import Plan
from ledger.commands import Leg
from ledger.entries.rights import (
    RightsBarred,
    RightsEntry,
    RightsGiven,
    RightsIssued,
    RightsTaken,
    RightsWithdrawn,
    RightsWrittenOff,
)
from ledger.pools import unit_of


class Side(Enum):
    """What a total counts."""

    ISSUED = "issued"
    WITHDRAWN = "withdrawn"
    WRITTEN_OFF = "written off"
    GIVEN = "given"
    TAKEN = "taken"
    BARRED = "barred"


class RightsRow(NamedTuple):
    """One total of one log. `party`: whom it was given to, or taken of; or who is gone."""

    principal: str
    sort: str
    side: Side
    party: bytes = b""


_SIGN: Final[Mapping[Side, int]] = {
    Side.ISSUED: 1, Side.TAKEN: 1, Side.WITHDRAWN: -1, Side.GIVEN: -1,
    Side.WRITTEN_OFF: 0, Side.BARRED: 0,
}  # fmt: skip


def row_of(entry: RightsEntry) -> tuple[RightsRow, int]:
    """Which total an entry raises, and to what."""
    match entry:
        case RightsIssued(principal, sort, total):
            return RightsRow(principal, sort, Side.ISSUED), total
        case RightsWithdrawn(principal, sort, total):
            return RightsRow(principal, sort, Side.WITHDRAWN), total
        case RightsWrittenOff(principal, sort, node, total):
            return RightsRow(principal, sort, Side.WRITTEN_OFF, node), total
        case RightsGiven(principal, sort, to, total):
            return RightsRow(principal, sort, Side.GIVEN, to), total
        case RightsTaken(principal, sort, giver, total):
            return RightsRow(principal, sort, Side.TAKEN, giver), total
        case RightsBarred(node):
            return RightsRow("", "", Side.BARRED, node), 1


def weight(row: RightsRow) -> int:
    """What one more of a total does to what may be held here: 1, -1 or 0."""
    return _SIGN[row.side]


def entitled_by(rights: Mapping[RightsRow, int]) -> dict[tuple[str, str], int]:
    """Principal and kind of pool → what may be held of it where these totals stand."""
    sums: dict[tuple[str, str], int] = {}
    for row, total in rights.items():
        if row.side is not Side.BARRED:
            key = row.principal, row.sort
            sums[key] = sums.get(key, 0) + weight(row) * total
    return sums


def by_name(row: RightsRow) -> tuple[str, str, str, bytes]:
    """The one order of totals."""
    return row.principal, row.sort, row.side.value, row.party


def barred(node: bytes) -> RightsRow:
    """The row that says that `node` is gone for good."""
    return RightsRow("", "", Side.BARRED, node)


def is_sort(sort: str) -> bool:
    """Whether there are pools of this kind."""
    whole = unit_of(sort) is not None or unit_of(f"{sort}:x") is not None
    return whole and ":" not in sort


def kind_of(pool: str) -> str:
    """What sort of pool it is: `gpu` of `gpu:<uuid>`."""
    return pool.partition(":")[0]


def by_kind(legs: Iterable[Leg]) -> list[tuple[str, int]]:
    """What legs take of each kind of pool, in order."""
    sums: dict[str, int] = {}
    for leg in legs:
        kind = kind_of(leg.pool)
        sums[kind] = sums.get(kind, 0) + leg.amount
    return sorted(sums.items())


def held_of(
    accounts: Mapping[AccountId, Counters], pools: Mapping[str, PoolState],
    plans: Mapping[bytes, Plan], principal: str, sort: str,
) -> int:  # fmt: skip
    """What a principal holds of all pools of one kind: pending, granted, and planned."""
    total = 0
    for pool in pools:
        if kind_of(pool) == sort:
            account = accounts.get(lease(pool, principal), EMPTY)
            total += account.credits_pending + account.balance
    for plan in plans.values():
        if plan.principal == principal:
            total += sum(leg.amount for leg in plan.legs if kind_of(leg.pool) == sort)
    return total
