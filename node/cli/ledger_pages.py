"""`holdfast ledger history` and `holdfast ledger export`: a log from its oldest kept block on.

A log is asked for page by page and never held whole: an export of a year is written while it is
read. What a history is about may be a hold (its id, shortened as one likes), a pool, or a
principal; of the latter two it shows every hold that began there, to its end.
"""

import csv
import json
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from node.cli.asking import answer, show
from node.cli.entry_lines import entry_line
from node.cli.exits import NO, YES, Unable
from node.cli.progress import ProgressLine
from node.cli.render import Ink, or_unknown, short

ENTRIES_SHOWN_MAX: Final = 10_000
"""Of a history, the newest. All of them: `ledger export`."""
HEX: Final = frozenset("0123456789abcdef")
HOLD_CHARS_MIN: Final = 4
COLUMNS: Final = (
    "author", "era", "height", "line", "hash", "kind", "id", "holder", "principal", "label",
    "grant", "term_ms", "starts_at_ms", "legs", "pool", "state", "by", "why", "reason",
)  # fmt: skip
"""Of a table. An entry of another kind has more to say: JSON lines keep all of it."""

Entry = dict[str, Any]


class About:
    """Which entries a history shows."""

    def __init__(self, what: str | None) -> None:
        self._what = what
        self._holds: dict[str, None] = {}

    def __call__(self, entry: Entry) -> bool:
        """Asked of every entry in its order: what a pool's holds did later names no pool."""
        if self._what is None:
            return True
        hold = str(entry.get("id", ""))
        legs = entry.get("legs") or ()
        if self._names(hold):
            return True
        if self._what == entry.get("principal") or any(leg["pool"] == self._what for leg in legs):
            self._holds[hold] = None
            return True
        return hold in self._holds or entry.get("pool") == self._what

    def _names(self, hold: str) -> bool:
        what = (self._what or "").lower()
        return len(what) >= HOLD_CHARS_MIN and HEX.issuperset(what) and hold.startswith(what)


def pages(flags: Namespace, node: str | None) -> Iterator[dict[str, Any]]:
    """Every page of a log, oldest first."""
    start: int | None = 0
    while start is not None:
        body = answer(flags, {"type": "ledger_history", "node": node, "start": start})
        yield body
        if body["next"] is not None and body["next"] <= start:
            raise Unable("bad_answer", "the agent turns the same page for ever", "restart it")
        start = body["next"]


def history(flags: Namespace) -> int:
    """The entries of a log, all or those about one thing. 1 when there are none."""
    found: deque[Entry] = deque(maxlen=ENTRIES_SHOWN_MAX)
    about, count = About(flags.about), 0
    body: dict[str, Any] = {}
    names: dict[str, str] = {}
    with _telling() as tell:
        for body in pages(flags, flags.of):
            names |= body.get("names", {})
            kept = [entry for entry in body["entries"] if about(entry)]
            count += len(kept)
            found += kept
            tell(_sentence(body))
    plain = {
        "author": body["author"], "about": flags.about, "age_ms": body["age_ms"],
        "begins": body["begins"], "length": body["length"], "problem": body["problem"],
        "found": count, "names": names, "entries": list(found),
    }  # fmt: skip
    show(flags, plain, lambda ink: _lines(plain, ink))
    return YES if found else NO


def _lines(body: dict[str, Any], ink: Ink) -> list[str]:
    author = body["author"]
    about = f", about {body['about']}" if body["about"] else ""
    lines = [ink.bold(f"ledger of {or_unknown(author['name'])} ({short(author['id'])}){about}")]
    if body["found"] > len(body["entries"]):
        lines.append(f"the last {len(body['entries'])} of {body['found']} entries")
    for entry in body["entries"]:
        rest = {key: entry[key] for key in entry if key not in ("era", "height", "line", "hash")}
        place = f"{entry['era']}.{entry['height']}.{entry['line']:<3}"
        lines.append(f"{place} {entry_line(rest, body['names'])}")
    return lines if body["entries"] else [*lines, "nothing that is kept here says anything of it"]


def export(flags: Namespace) -> int:
    """All entries of a log, one line each, as they are read."""
    with _opened(flags.out) as out, _telling() as tell:
        write = _written_as(flags.format, out)
        for body in pages(flags, flags.about):
            for entry in body["entries"]:
                write({"author": body["author"]["id"], **entry})
            tell(_sentence(body))
    return YES


def _written_as(form: str, out: TextIO) -> Callable[[Entry], None]:
    if form == "jsonl":
        return lambda entry: print(json.dumps(entry, sort_keys=True), file=out)
    table = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    return lambda entry: table.writerow({**entry, "legs": _legs(entry)})


def _legs(entry: Entry) -> str:
    legs = entry.get("legs") or ()
    return "; ".join(
        f"{leg['pool']}={leg['amount']} {leg.get('unit') or ''}".strip() for leg in legs
    )


def _sentence(body: dict[str, Any]) -> str:
    last = body["entries"][-1]["height"] + 1 if body["entries"] else body["length"]
    return f"read {last} of {body['length']} blocks"


@contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    line = ProgressLine()
    try:
        yield lambda sentence: line({"sentence": sentence}) if sys.stderr.isatty() else None
    finally:
        line.done()


@contextmanager
def _opened(path: str | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        with Path(path).expanduser().open("w", encoding="utf-8", newline="") as out:
            yield out
    except OSError as error:
        raise Unable("cannot_write", f"{path}: {error.strerror}", "name another file") from error
