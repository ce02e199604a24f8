"""Phrases: the small change of sentences for people."""

from collections.abc import Iterable


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = [*words] or ["nobody"]
    return f"{', '.join(most)} and {last}" if most else last


def counted(count: int, what: str) -> str:
    """`1 datagram`, `3 datagrams`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
