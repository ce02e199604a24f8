"""Spans: how long something lasts, as people say it."""

from typing import Final

from mesh.instant import SECOND, Duration

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
"""Seconds in each."""


def spoken(span: Duration) -> str:
    """In its two largest units: `30 d`, `1 h 30 min`, `20 s`."""
    parts, rest = [], span // SECOND
    for size, name in _UNITS:
        count, rest = divmod(rest, size)
        parts += [f"{count} {name}"] if count else []
    return " ".join(parts[:2]) or "less than 1 s"
