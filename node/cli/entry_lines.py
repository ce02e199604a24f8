"""Entries of a log as lines for people."""

from collections.abc import Mapping
from typing import Any

from node.cli import when
from node.cli.render import amount, clean, short, span

PLAIN = ("kind", "id", "hold", "pool", "state", "reason", "principal", "label", "by")
"""What an entry's line begins with, in this order, when it has it."""


def entry_line(entry: dict[str, Any], names: Mapping[str, str]) -> str:
    """One entry, for people. `names`: what nodes are called, by id."""
    first = [key for key in PLAIN if entry.get(key) not in (None, "")]
    rest = sorted(key for key in entry if key not in PLAIN and entry[key] not in (None, "", []))
    much: list[str] = []
    if isinstance(entry.get("total"), int) and isinstance(entry.get("sort"), str):
        # Rights are counted by kind of pool, and only together do the two fields say how much.
        rest = [key for key in rest if key not in ("sort", "total")]
        much = [f"{clean(entry['sort'])} {amount_of(entry['sort'], entry['total'])}"]
    said = (_said(key, entry[key], names) for key in [*first[1:], *rest])
    return "  ".join([clean(entry["kind"]), *much, *said])


def _said(key: str, value: Any, names: Mapping[str, str]) -> str:
    if key == "term_ms":
        return f"for {span(value)}"
    if key == "starts_at_ms":
        return f"from {when.shown(value)}"
    if key in ("holder", "by", "to", "giver", "node") and value in names:
        return f"{key} {clean(names[value])} ({short(value)})"
    if key in ("id", "gang", "parent", "state") and isinstance(value, str):
        return f"{key} {short(value)}"
    if key == "members":
        return "members " + " ".join(_member(each, names) for each in value)
    return f"{key} {_value(value)}"


def _member(member: Mapping[str, str], names: Mapping[str, str]) -> str:
    owner = names.get(member["owner"], short(member["owner"]))
    return f"{short(member['hold'])} on {clean(owner)}"


def amount_of(pool: str, count: int) -> str:
    """So much of a pool, in its unit."""
    from ledger.pools import unit_of

    unit = unit_of(pool) or unit_of(f"{pool}:x")  # of a pool, or of all of its kind
    return amount(count, "units" if unit is None else unit.value)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " + ".join(_value(each) for each in value)
    if isinstance(value, dict):
        if {"pool", "amount"} <= value.keys():
            return f"{clean(value['pool'])} {amount_of(value['pool'], value['amount'])}"
        return " ".join(f"{clean(key)} {_value(each)}" for key, each in sorted(value.items()))
    return clean(value)
