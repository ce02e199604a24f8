"""Pool ids: what can be promised, and in which unit.

A pool is a real memory (or cores, or a disk), not a product name: `ram`, `cpu`, `disk:/mnt`,
`gpu:<uuid>`, `mig:<uuid>`, `unified`, `slots:<name>`. A card is named by its UUID and never by its
index, because an index changes hands at the next boot.
"""

from enum import Enum
from functools import lru_cache
from typing import Final

from ledger.limits import POOL_BYTES_MAX

_MIB: Final = 1 << 20
_GIB: Final = 1 << 30


class Unit(Enum):
    """What an amount counts. Always a whole number."""

    BYTES = "bytes"
    MILLICORES = "millicores"
    SLOTS = "slots"


SLOTS: Final = "slots"
POOLS_READ_MAX: Final = 4096
"""Ids, true or not, whose unit is not looked for twice. They are short, or they are not read."""
_WHOLE: Final = {"ram": Unit.BYTES, "unified": Unit.BYTES, "cpu": Unit.MILLICORES}
_PREFIXED: Final = {
    "disk": Unit.BYTES,
    "gpu": Unit.BYTES,
    "mig": Unit.BYTES,
    SLOTS: Unit.SLOTS,
}


@lru_cache(POOLS_READ_MAX)
def unit_of(pool: str) -> Unit | None:
    """The unit that `pool` is counted in; None when this is no pool id."""
    if not pool.isprintable() or len(pool.encode(errors="replace")) > POOL_BYTES_MAX:
        return None
    if pool in _WHOLE:
        return _WHOLE[pool]
    prefix, colon, name = pool.partition(":")
    return _PREFIXED.get(prefix) if colon and name else None


def much(amount: int, kind: str) -> str:
    """So much of one kind of pool, for people."""
    unit = unit_of(kind) or unit_of(f"{kind}:x")
    if unit is Unit.BYTES:
        if amount < _MIB:
            return f"{amount} B"
        if amount % _GIB == 0:
            return f"{amount // _GIB} GiB"
        small = amount < 10 * _GIB
        return f"{amount / _MIB:.0f} MiB" if small else f"{amount / _GIB:.1f} GiB"
    if unit is Unit.MILLICORES:
        return f"{amount / 1000:g} cores"
    if unit is Unit.SLOTS:
        return "1 slot" if amount == 1 else f"{amount} slots"
    return str(amount)
