"""Accounts: four counters that only an entry moves, and never one by itself.

Per pool there is the world outside (`SUPPLY`), what may be granted (`POOL`), what was withdrawn
(`OFFLINE`), and for each principal what it holds (`LEASE`). What is free is derived from the
counters and stored nowhere, so it cannot disagree with them. Counters only ever grow, except that
a pending amount is taken back when it is confirmed or cancelled; Python's integers have no
ceiling, amounts on the wire do (int64).
"""

from enum import Enum, StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec


class Role(StrEnum):
    """What an account is for. A string, because accounts are looked up all day: those hash in C."""

    SUPPLY = "supply"
    POOL = "pool"
    OFFLINE = "offline"
    LEASE = "lease"


class PoolState(Enum):
    """Whether a pool admits holds. Only OPEN does: unknown is not zero, and not free either."""

    UNKNOWN = "unknown"
    OPEN = "open"
    IMPAIRED = "impaired"
    DRAINING = "draining"
    CLOSED = "closed"


class AccountId(NamedTuple):
    """One account. `tenant` is the principal of a LEASE account, else empty."""

    role: Role
    pool: str
    tenant: str = ""


class Counters(
    msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False
):  # fmt: skip
    """What has gone out of (debits) and into (credits) an account, in two phases."""

    debits_pending: int = 0
    debits_posted: int = 0
    credits_pending: int = 0
    credits_posted: int = 0

    @property
    def free(self) -> int:
        """What may still be debited without the account owing anything."""
        return self.credits_posted - self.debits_posted - self.debits_pending

    @property
    def balance(self) -> int:
        """Posted credits over posted debits."""
        return self.credits_posted - self.debits_posted


EMPTY: Final = Counters()
POOLS_REMEMBERED_MAX: Final = 4096
"""Whose account ids are made once. A thousand replicas name "ram" and "cores" alike."""
LEASES_REMEMBERED_MAX: Final = 16_384
"""As above, of a tenant in a pool."""


@lru_cache(POOLS_REMEMBERED_MAX)
def supply(pool: str) -> AccountId:
    """The world outside: the other side of every provision."""
    return AccountId(Role.SUPPLY, pool)


@lru_cache(POOLS_REMEMBERED_MAX)
def pool_account(pool: str) -> AccountId:
    """What may be granted. Limit: debits pending + debits posted ≤ credits posted."""
    return AccountId(Role.POOL, pool)


@lru_cache(POOLS_REMEMBERED_MAX)
def offline(pool: str) -> AccountId:
    """Capacity that was withdrawn: a fault, a vanished device."""
    return AccountId(Role.OFFLINE, pool)


@lru_cache(LEASES_REMEMBERED_MAX)
def lease(pool: str, tenant: str) -> AccountId:
    """What `tenant` holds of `pool`."""
    return AccountId(Role.LEASE, pool, tenant)
