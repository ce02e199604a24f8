"""Sums of legs: what is more than what, what is left, what two make together."""

from collections.abc import Iterable

from ledger.commands import Leg


def within(part: Iterable[Leg], whole: Iterable[Leg]) -> bool:
    """Whether `whole` has all of `part`."""
    had = dict(whole)
    return all(leg.amount <= had.get(leg.pool, 0) for leg in part)


def less(whole: Iterable[Leg], part: Iterable[Leg]) -> tuple[Leg, ...]:
    """`whole` without `part`, in order; a pool of which nothing is left is not named."""
    left = dict(whole)
    for pool, amount in part:
        left[pool] -= amount
        assert left[pool] >= 0, "a part is within its whole"
    return tuple(Leg(pool, left[pool]) for pool in sorted(left) if left[pool])


def together(one: Iterable[Leg], other: Iterable[Leg]) -> tuple[Leg, ...]:
    """Both, pool by pool, in order."""
    sums = dict(one)
    for pool, amount in other:
        sums[pool] = sums.get(pool, 0) + amount
    return tuple(Leg(pool, sums[pool]) for pool in sorted(sums))


def least(one: Iterable[Leg], other: Iterable[Leg]) -> tuple[Leg, ...]:
    """Of each pool that both name, the smaller amount, in order."""
    mine, theirs = dict(one), dict(other)
    shared = sorted(pool for pool in mine if pool in theirs)
    return tuple(Leg(pool, min(mine[pool], theirs[pool])) for pool in shared)
