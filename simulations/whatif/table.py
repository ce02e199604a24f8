"""A file as tables that know where they stand, so that every no names file, table and key.

Nothing is read that nobody knows: a key that is written wrong is refused with its nearest
neighbour, for a `cuont` that is quietly left out is a study of something else.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from placement.amounts import AmountError, parse_duration
from placement.request import RequestError

FILE_BYTES_MAX: Final = 16 << 20
"""A mesh of a thousand says about 12 MiB with `holdfast facts --json`."""
TEXT_CHARS_MAX: Final = 200

T = TypeVar("T")


class BadFile(ValueError):
    """The file cannot be meant; the message names the place and says what to write instead."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a file. `place`: the file, and which table of it."""

    place: str
    values: Mapping[str, Any]

    def wrong(self, key: str, sentence: str) -> BadFile:
        """What is wrong with `key` here."""
        return BadFile(f"{self.place}: {key}: {sentence}")

    def know(self, keys: Iterable[str]) -> None:
        """Refuse what is none of `keys`. Raises BadFile."""
        known = sorted(keys)
        for key in self.values:
            if key not in known:
                near = difflib.get_close_matches(key[:40], known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                raise BadFile(f"{self.place}: {key[:40]!r} is no key here: {hint}")

    def text(self, key: str, default: str | None = None) -> str:
        """Text that can be printed on one line; needed when there is no `default`."""
        value = self.values.get(key, default)
        if value is None:
            raise self.wrong(key, "is missing")
        if not isinstance(value, str):
            raise self.wrong(key, f"expected text in quotes, not {_shown(value)}")
        if len(value) > TEXT_CHARS_MAX or not value.isprintable():
            raise self.wrong(key, f"is longer than {TEXT_CHARS_MAX} characters or not printable")
        return value

    def count(self, key: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise self.wrong(key, f"{_shown(value)} is no whole number from 1 to {most}")
        return value

    def amount(self, key: str, read: Callable[[str], int], default: int | None = None) -> int:
        """An amount with its unit, as `read` takes it; needed when there is no `default`."""
        if key not in self.values and default is not None:
            return default
        value = self.values.get(key)
        if value is None:
            raise self.wrong(key, "is missing")
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)  # so that a bare number gets the sentence about units
        if not isinstance(value, str):
            raise self.wrong(key, f"expected an amount in quotes, not {_shown(value)}")
        return self.reading(key, lambda: read(value))

    def duration(self, key: str, default: int | None = None) -> int:
        """Nanoseconds; `"0s"` is a time too."""
        if self.values.get(key) in ("0s", "0 s"):
            return 0
        return self.amount(key, parse_duration, default)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one."""
        value = self.values.get(key, [])
        items = value if isinstance(value, list) else [value]
        return tuple(Table(self.place, {key: item}).text(key) for item in items)

    def labels(self, key: str) -> dict[str, str]:
        """A table of texts."""
        table = self.table(key)
        return {name: table.text(name) for name in table.values}

    def table(self, key: str) -> "Table":
        """A table inside this one; empty when it is not there."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, f"expected a table, not {_shown(value)}")
        return Table(f"{self.place}: {key}", value)

    def tables(self, key: str) -> tuple["Table", ...]:
        """A list of tables inside this one."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, f"expected a list of tables, not {_shown(value)}")
        return tuple(
            Table(f"{self.place}: {key} {number}", item) for number, item in enumerate(value, 1)
        )

    def reading(self, key: str, read: Callable[[], T]) -> T:
        """What `read` returns; its doubts are told with this place."""
        try:
            return read()
        except (AmountError, RequestError) as error:
            raise self.wrong(key, str(error)) from error


def read_table(path: Path) -> Table:
    """A TOML file, or JSON when it is called so or begins like it. Raises BadFile."""
    text = _text(path)
    try:
        if path.suffix == ".json" or text.lstrip().startswith("{"):
            values = json.loads(text)
        else:
            values = tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadFile(f"{path}: {error}") from error
    except (RecursionError, ValueError) as error:
        raise BadFile(f"{path}: nested too deeply, or a number of too many digits") from error
    if not isinstance(values, dict):
        raise BadFile(f"{path}: expected a table, not {_shown(values)}")
    return Table(str(path), values)


def named_tables(whole: Table, key: str, path: Path) -> tuple[Table, ...]:
    """The `[[key]]` tables of a file, each placed by number, line (where it is sure) and name.

    Raises BadFile when there is none.
    """
    tables = whole.tables(key)
    if not tables:
        raise BadFile(f"{path}: there is no [[{key}]] in it: write one per kind of {key}")
    lines = _lines_of(key, _text(path))
    placed = []
    for number, table in enumerate(tables, 1):
        at = f", line {lines[number - 1]}" if len(lines) == len(tables) else ""
        name = table.values.get("name")
        called = f" {name[:40]!r}" if isinstance(name, str) else ""
        placed.append(Table(f"{path}{at}: [[{key}]] {number}{called}", table.values))
    return tuple(placed)


def _lines_of(key: str, text: str) -> list[int]:
    header = re.compile(rf"\s*\[\[\s*{re.escape(key)}\s*\]\]")
    return [at for at, line in enumerate(text.splitlines(), 1) if header.match(line)]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            # By what comes, and not by the size it claims: a device claims none and never ends.
            raw = file.read(FILE_BYTES_MAX + 1)
        if len(raw) > FILE_BYTES_MAX:
            raise BadFile(f"{path}: is larger than {FILE_BYTES_MAX >> 20} MiB")
        return raw.decode("utf-8")
    except OSError as error:
        raise BadFile(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{path}: is not UTF-8 text (byte {error.start})") from error


def _shown(value: object) -> str:
    return repr(value)[:60]
