"""What people read: tables, amounts with their units, ages, and a little colour.

Two rules. A figure never stands without its unit, and what is not known is written `unknown`,
never 0. Names and labels come from other machines, so whatever could steer a terminal is taken out
before it is printed.
"""

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final, TextIO

UNKNOWN: Final = "unknown"
COLUMN_GAP: Final = "  "
CELL_CHARS_MAX: Final = 72
ID_CHARS: Final = 10

_FIGURE: Final = re.compile(r"[0-9]+([.,][0-9]+)?( [^0-9]+)?|unknown")
_UNIT_WORDS: Final = {"name": "", "percent": "%", "celsius": "°C"}
_SPANS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def clean(text: object) -> str:
    """`text` without control characters: a name must not move anybody's cursor."""
    return "".join(mark if unicodedata.category(mark)[0] != "C" else "�" for mark in str(text))


def amount(value: int | None, unit: str) -> str:
    """An amount of a pool: `3.5 GiB`, `1.5 cores`, `unknown`."""
    if value is None:
        return UNKNOWN
    from placement.amounts import format_amount  # rounds room down: the one home of how

    return clean(format_amount(value, unit))


def rate(per_second: int) -> str:
    """What a link carries, by the unit that network cards are sold with: `94.1 Mbit/s`."""
    bits = per_second * 8
    for unit, size in (("Gbit/s", 10**9), ("Mbit/s", 10**6)):
        if bits >= size:
            return f"{bits / size:.1f} {unit}"
    return f"{bits / 1000:.1f} kbit/s"


def span(ms: int | None) -> str:
    """A duration, in its two largest units: `1 h 58 min`, `32 s`, `unknown`."""
    if ms is None:
        return UNKNOWN
    if ms < 1000:
        return f"{ms} ms"
    parts: list[str] = []
    rest = ms
    for factor, name in _SPANS:
        count, rest = divmod(rest, factor)
        if count or parts:
            parts.append(f"{count} {name}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 "))


def age(ms: int | None) -> str:
    """How old: `3 s ago`, `just now`, `unknown`."""
    if ms is None:
        return UNKNOWN
    return "just now" if ms < 1000 else f"{_largest(ms)} ago"


def metric(reading: Mapping[str, Any] | None) -> str:
    """A Metric as `node.core.picture.topics` has it: value and unit, or why there is none."""
    if reading is None or reading.get("value") is None:
        note = clean((reading or {}).get("note", ""))
        return f"{UNKNOWN} ({note})" if note else UNKNOWN
    value, unit = reading["value"], str(reading.get("unit", ""))
    if unit in ("bytes", "millicores") and isinstance(value, int):
        return amount(value, unit)
    if unit == "flag":
        return "yes" if value else "no"
    unit = _UNIT_WORDS.get(unit, unit)
    shown = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else clean(value)
    return f"{shown} {clean(unit)}".rstrip()


def legs(entries: Sequence[Mapping[str, Any]]) -> str:
    """The legs of a hold in one cell: `ram 4 GiB + cpu 2 cores`."""
    return " + ".join(
        f"{clean(leg['pool'])} {amount(leg['amount'], leg['unit'])}" for leg in entries
    )


def short(identifier: object) -> str:
    """The front of an id, for tables."""
    return clean(identifier)[:ID_CHARS]


def or_unknown(value: object) -> str:
    """Whatever it is, or `unknown` for None and nothing."""
    return UNKNOWN if value is None or value == "" else clean(value)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns under headers. Numbers stand on the right where a whole column is numeric."""
    if not rows:
        return []
    cells = [[_fitting(clean(cell)) for cell in row] for row in (headers, *rows)]
    columns = list(zip(*cells, strict=True))
    widths = [max(_width(cell) for cell in column) for column in columns]
    right = [
        all(cell[:1].isdigit() or cell == UNKNOWN for cell in column[1:]) for column in columns
    ]
    return [
        COLUMN_GAP.join(
            _pad(cell, width, to_the_right)
            for cell, width, to_the_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]


def narrowed(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    expendable: Sequence[str],
    width: int | None,
) -> tuple[list[str], list[str]]:
    """A table that fits in `width`, and the columns that gave way, the first expendable first."""
    dropped: list[str] = []
    while True:
        kept = [index for index, name in enumerate(headers) if name not in dropped]
        cut = [[row[index] for index in kept] for row in (headers, *rows)]
        lines = table(cut[0], cut[1:])
        fits = width is None or max(map(_width, lines), default=0) <= width
        if fits or len(dropped) == len(expendable):
            return lines, dropped
        dropped.append(expendable[len(dropped)])


def width_of(stream: TextIO, environment: Mapping[str, str] = os.environ) -> int | None:
    """How wide a line may be there: COLUMNS, else the terminal's own. A pipe takes any width."""
    said = environment.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said[:5]) > 0:
        return int(said[:5])
    return shutil.get_terminal_size().columns if stream.isatty() else None


def pairs(facts: Sequence[tuple[str, str]]) -> list[str]:
    """`name   value` lines, values aligned."""
    width = max((len(name) for name, _value in facts), default=0)
    return [f"{name.ljust(width)}{COLUMN_GAP}{clean(value)}".rstrip() for name, value in facts]


class Ink:
    """Colour, where somebody can see it: on a terminal, unless NO_COLOR says otherwise."""

    def __init__(self, on: bool) -> None:
        self.on = on

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str] = os.environ) -> "Ink":
        """Whether this stream takes colour (no-color.org: any non-empty NO_COLOR turns it off)."""
        wanted = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        return cls(wanted and stream.isatty())

    def good(self, text: str) -> str:
        """Green."""
        return self._painted("32", text)

    def bad(self, text: str) -> str:
        """Red."""
        return self._painted("31", text)

    def warn(self, text: str) -> str:
        """Yellow."""
        return self._painted("33", text)

    def dim(self, text: str) -> str:
        """Faint."""
        return self._painted("2", text)

    def bold(self, text: str) -> str:
        """Bold."""
        return self._painted("1", text)

    def _painted(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text else text


class Unwritten(Exception):
    """Stdout does not take what we have to say: a full disk, a closed file."""


def say(lines: Sequence[str] | str) -> None:
    """To stdout, and all the way: what was asked for. Raises Unwritten, or BrokenPipeError."""
    try:
        for line in [lines] if isinstance(lines, str) else lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritten(error.strerror or "the system refused") from error


def tell(line: str) -> None:
    """To stderr: what happened on the way. Never part of an answer."""
    print(line, file=sys.stderr, flush=True)


def _largest(ms: int) -> str:
    for factor, name in _SPANS:
        if ms >= factor:
            return f"{ms // factor} {name}"
    return f"{ms} ms"


def _fitting(cell: str) -> str:
    return cell if len(cell) <= CELL_CHARS_MAX else cell[: CELL_CHARS_MAX - 1] + "…"


def _width(cell: str) -> int:
    return sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in cell)


def _pad(cell: str, width: int, to_the_right: bool) -> str:
    gap = " " * (width - _width(cell))
    return gap + cell if to_the_right else cell + gap
