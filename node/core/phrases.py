"""Phrases: the small change of sentences for people."""

from collections.abc import Iterable
from typing import Final

from ledger.pools import unit_of
from mesh.instant import MINUTE
from placement.amounts import format_amount

WAY_BACK: Final = (
    "`holdfast up --new-identity` joins anew, as another node; who lists whom it trusts adds that "
    "one with `holdfast peers trust`"
)
"""For a node that is kept out."""


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


def utc(wall: int) -> str:
    """A moment, ns since 1970: `2026-11-21 23:58 UTC`.

    The core knows no calendar but this, which counts the days of the 400 years that repeat from a
    first of March on, so that the odd day of a leap year is the last.
    """
    days, minute = divmod(wall // MINUTE, 24 * 60)
    cycle, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153  # of five months in a row, 153 days
    day -= (153 * month + 2) // 5
    month += 3 if month < 10 else -9
    year += 400 * cycle + (month < 3)
    return f"{year:04}-{month:02}-{day + 1:02} {minute // 60:02}:{minute % 60:02} UTC"
