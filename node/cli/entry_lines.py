"""Entries of a log as lines for people."""

from typing import Any

from node.cli.render import amount, clean, span

PLAIN = ("kind", "id", "hold", "pool", "state", "reason", "principal", "label", "by")
"""What an entry's line begins with, in this order, when it has it."""


def entry_line(entry: dict[str, Any]) -> str:
    """One entry, for people."""
    first = [key for key in PLAIN if entry.get(key) not in (None, "")]
    rest = sorted(key for key in entry if key not in PLAIN and entry[key] not in (None, "", []))
    said = [clean(entry["kind"])]
    for key in [*first[1:], *rest]:
        # Terms are kept in nanoseconds, as the ledger signs them.
        value = span(entry[key] // 1_000_000) if key == "term" else _value(entry[key])
        said.append(f"{key} {value}")
    return "  ".join(said)


def amount_of(pool: str, count: int) -> str:
    """So much of a pool, in its unit."""
    from ledger.pools import unit_of

    unit = unit_of(pool)
    return amount(count, "units" if unit is None else unit.value)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " + ".join(_value(each) for each in value)
    if isinstance(value, dict):
        if {"pool", "amount"} <= value.keys():
            return f"{clean(value['pool'])} {amount_of(value['pool'], value['amount'])}"
        return " ".join(f"{clean(key)} {_value(each)}" for key, each in sorted(value.items()))
    return clean(value)
