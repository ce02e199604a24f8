"""Phrases: the small change of sentences for people."""

from collections.abc import Iterable

from ledger.pools import unit_of
from placement.amounts import format_amount


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = [*words] or ["nobody"]
    return f"{', '.join(most)} and {last}" if most else last


def counted(count: int, what: str) -> str:
    """`1 datagram`, `3 datagrams`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def amount_of(amount: int, pool: str) -> str:
    """So much of a pool, in its unit."""
    unit = unit_of(pool)
    return str(amount) if unit is None else format_amount(amount, unit.value)
