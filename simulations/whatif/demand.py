"""Which jobs, and when: a TOML or JSON file of kinds of job.

    [[job]]
    name = "training"
    request = { gpus = ["nvidia:20GiB:2"], ram = "32GiB" }   # as `holdfast where` takes it
    rate = "4/h"            # or at = "10s", or every = "5m"
    runs = "20m..2h"
    principal = "anna"
    gives_up = "6h"

Arrivals and running times are drawn from the seed, a stream of dice per kind, so that a kind that
is added or taken away reshuffles no other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, Final

from ledger.limits import BOOKING_TERM_MAX, PRINCIPAL_CHARS_MAX
from mesh.identity import NodeId
from mesh.instant import HOUR, MILLISECOND, MINUTE, SECOND, Duration, Instant
from node.core.choosing import request_of
from node.core.requests import Refused
from placement.amounts import AmountError, format_duration, parse_duration
from simulations.whatif.table import BadFile, Table, named_tables, read_table

KINDS_MAX: Final = 1000
JOBS_MAX: Final = 200_000
"""Of one study, over all kinds: more is refused, not cut short."""
HORIZON: Final[Duration] = 24 * HOUR
HORIZON_MAX: Final[Duration] = 366 * 24 * HOUR
ASK_AGAIN: Final[Duration] = MINUTE
_KEYS: Final = (
    "name", "request", "count", "at", "every", "rate", "runs", "term", "principal", "from",
    "ask_again", "gives_up",
)  # fmt: skip
_PER: Final = {"s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": 24 * HOUR}
_NOBODY: Final = NodeId(bytes(16))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job. `every` and `mean_gap` None: all `count` of them come at `at`."""

    name: str
    ask: dict[str, Any]
    """The request document, or {"words": …} with what stands beside them."""
    count: int
    at: Instant
    every: Duration | None
    mean_gap: Duration | None
    """Of a Poisson stream."""
    runs: tuple[Duration, Duration]
    """Shortest and longest; evenly drawn between."""
    term: Duration | None
    """How long it is booked for; None: as long as it runs."""
    principal: str
    sits_at: str
    """The machine it asks from; empty: any."""
    ask_again: Duration
    gives_up: Duration | None


@dataclass(frozen=True, slots=True)
class Job:
    """One job, before it has asked."""

    kind: Kind
    number: int
    """Its place among all jobs, by arrival."""
    arrives: Instant
    runs: Duration
    term: Duration


@dataclass(frozen=True, slots=True)
class Demand:
    """All kinds, and how long is looked at."""

    kinds: tuple[Kind, ...]
    horizon: Duration

    def jobs(self, seed: int, horizon: Duration) -> tuple[Job, ...]:
        """Every job that comes within `horizon`, by arrival. Raises BadFile for too many."""
        drawn: list[tuple[Instant, int, int, Kind, Duration]] = []
        for place, kind in enumerate(self.kinds):
            runs = Random(f"{seed}/job/{kind.name}/runs")
            for number, at in enumerate(_arrivals(kind, seed, horizon)):
                drawn.append((at, place, number, kind, runs.randint(*kind.runs)))
                if len(drawn) > JOBS_MAX:
                    raise BadFile(
                        f"more than {JOBS_MAX} jobs come within {format_duration(horizon)}: "
                        "give a count, a lower rate, or a shorter --for"
                    )
        drawn.sort(key=lambda one: one[:3])
        return tuple(
            Job(kind, number, at, runs, _booked(kind, runs))
            for number, (at, _, _, kind, runs) in enumerate(drawn)
        )


def read_demand(path: Path) -> Demand:
    """Raises BadFile."""
    whole = read_table(path)
    whole.know(("job", "for"))
    horizon = whole.duration("for", HORIZON)
    if not 0 < horizon <= HORIZON_MAX:
        raise whole.wrong("for", "write a time from 1s to 366d")
    tables = named_tables(whole, "job", path)
    if len(tables) > KINDS_MAX:
        raise BadFile(f"{path}: {len(tables)} kinds of job: {KINDS_MAX} are the most")
    kinds = tuple(_kind(table) for table in tables)
    names = [kind.name for kind in kinds]
    for table, name in zip(tables, names, strict=True):
        if names.count(name) > 1:
            raise table.wrong("name", f"two kinds of job are called {name!r}: name one otherwise")
    return Demand(kinds, horizon)


def _kind(table: Table) -> Kind:
    table.know(_KEYS)
    name = table.text("name")
    if not name:
        raise table.wrong("name", "is empty")
    at = table.duration("at", 0)
    every = _positive(table, "every")
    gap = _gap(table)
    if every is not None and gap is not None:
        raise table.wrong("rate", "stands beside `every`: write one of them")
    repeats = every is not None or gap is not None
    principal = table.text("principal", "")
    if len(principal) > PRINCIPAL_CHARS_MAX:
        raise table.wrong("principal", f"{PRINCIPAL_CHARS_MAX} characters are the most")
    return Kind(
        name, _ask(table), _count(table, endless=repeats), at, every,
        gap, _runs(table), _term(table), principal, table.text("from", ""),
        _positive(table, "ask_again") or ASK_AGAIN, _positive(table, "gives_up"),
    )  # fmt: skip


def _count(table: Table, *, endless: bool) -> int:
    """How many; a stream without a count goes on, and is refused where too many come of it."""
    if endless and "count" not in table.values:
        return JOBS_MAX + 1
    return table.count("count", 1, JOBS_MAX)


def _ask(table: Table) -> dict[str, Any]:
    """By the parser of `holdfast where`, so that what is refused there is refused here."""
    value = table.values.get("request")
    ask = {"words": value} if isinstance(value, str) else value
    if not isinstance(ask, dict) or not ask:
        raise table.wrong("request", 'write words in quotes, or a table such as { ram = "8GiB" }')
    if not isinstance(ask.get("words", ""), str):
        raise table.wrong("request", "words: expected text in quotes")
    try:
        request_of(ask, _NOBODY)
    except Refused as refused:
        hint = f" ({refused.hint})" if refused.hint else ""
        raise table.wrong("request", f"{refused}{hint}") from refused
    return ask


def _positive(table: Table, key: str) -> Duration | None:
    if key not in table.values:
        return None
    duration = table.duration(key)
    if duration < MILLISECOND:
        raise table.wrong(key, "is under a millisecond: write 30s or 5m")
    return duration


def _gap(table: Table) -> Duration | None:
    """`12/h` → the mean time from one to the next."""
    if "rate" not in table.values:
        return None
    text = table.text("rate")
    found = re.fullmatch(r"\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*/\s*([a-z]{1,3})\s*", text)
    per = _PER.get(found[2]) if found else None
    if found is None or per is None or not Fraction(found[1]):
        raise table.wrong("rate", f"{text[:40]!r} is no rate: write '12/h', '3/m' or '0.5/d'")
    return max(1, round(per / Fraction(found[1])))


def _runs(table: Table) -> tuple[Duration, Duration]:
    text = table.text("runs")
    ends = [part.strip() for part in text.split("..")]
    if len(ends) > 2:
        raise table.wrong("runs", f"{text[:40]!r} has too many ends: write '20m' or '10m..40m'")
    try:
        shortest, longest = parse_duration(ends[0]), parse_duration(ends[-1])
    except AmountError as error:
        raise table.wrong("runs", str(error)) from error
    if not MILLISECOND <= shortest <= longest:
        raise table.wrong("runs", f"{text[:40]!r} ends before it begins, or is under a millisecond")
    if "term" not in table.values and longest > BOOKING_TERM_MAX:
        raise table.wrong("runs", "is longer than any booking (30d): write the `term` it books for")
    return shortest, longest


def _term(table: Table) -> Duration | None:
    term = _positive(table, "term")
    if term is not None and term > BOOKING_TERM_MAX:
        raise table.wrong("term", f"a booking lasts {format_duration(BOOKING_TERM_MAX)} at most")
    return term


def _booked(kind: Kind, runs: Duration) -> Duration:
    """In whole milliseconds, as `holdfast reserve` books."""
    wanted = runs if kind.term is None else kind.term
    return min(-(-wanted // MILLISECOND) * MILLISECOND, BOOKING_TERM_MAX)


def _arrivals(kind: Kind, seed: int, horizon: Duration) -> Iterator[Instant]:
    dice = Random(f"{seed}/job/{kind.name}/arrivals")
    at = kind.at
    if kind.mean_gap is not None:
        at += _gap_drawn(dice, kind.mean_gap)
    for _ in range(kind.count):
        if at >= horizon:
            return
        yield at
        if kind.mean_gap is not None:
            at += _gap_drawn(dice, kind.mean_gap)
        else:
            at += kind.every or 0


def _gap_drawn(dice: Random, mean: Duration) -> Duration:
    return 1 + round(dice.expovariate(1 / mean))
