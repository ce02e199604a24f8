"""The verdict, on one screen: what ran, what went wrong on purpose, what came of it."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mesh.instant import SECOND
from node.cli.render import Ink, clean
from placement.amounts import format_duration
from simulations.campaign.tally import Tally
from simulations.command.wording import VERDICTS, promise
from simulations.results import INTERNAL, OK, STALLED, Result

LABEL_CHARS: Final = 11
LINE_CHARS: Final = 100
KINDS_MAX: Final = 60
"""More kinds of one thing than this are summed up."""


def verdict_lines(result: Result, line: str, told: str, ink: Ink) -> Iterator[str]:
    """All that is said of one run. `told`: what it was called; `line`: what repeats it."""
    yield ink.bold(clean(told))
    yield from row("took", _took(result))
    yield from row("went wrong", _faults(result.faults))
    yield from row("asked", _heard(result.operations, result.unheard))
    if result.states:
        yield from row("reached", _counts(result.states))
    yield from row("checked", _checked(result.checks))
    yield from _verdict(result, ink)
    yield from row("seed", str(result.seed))
    yield from row("trace", result.trace_hash)
    yield "again".ljust(LABEL_CHARS) + line  # whole, however long: it is there to be copied
    yield from row("", "with --trace behind it: event by event")


def swarm_rows(tally: Tally) -> Iterator[str]:
    """What many runs met, together."""
    by = {name: tally.operations.get(name, 0) for name in ("granted", "refused", "unknown")}
    yield from row("went wrong", _faults(tally.faults))
    yield from row("asked", _heard(by, tally.unheard))
    yield from row("reached", _counts(tally.states) or "nothing rare")
    yield from row("checked", _checked(tally.checks))
    yield from row("twice", f"{tally.lived_twice:,} seeds were lived twice, and were one history")
    yield from row("history", tally.history)


def json_line(result: Result, line: str, **more: Any) -> str:
    """The one line of `--json`: the documented keys, and what else is known."""
    return json.dumps(result.to_json() | {"replay": line} | more, sort_keys=True)


def _verdict(result: Result, ink: Ink) -> Iterator[str]:
    paint = ink.good if result.verdict == OK else ink.bad
    label = "verdict".ljust(LABEL_CHARS)
    yield f"{label}{paint(result.verdict)}: {VERDICTS.get(result.verdict, '')}"
    for violation in result.violations:
        number, _, sentence = violation.partition(": ")
        yield from row("", f"{promise(number)}: {sentence}" if sentence else violation)
    if result.verdict not in (OK, STALLED, INTERNAL) and result.transcript_tail:
        yield from row("", "what had gone wrong just before:")
        yield from (f"{' ' * LABEL_CHARS}{clean(one)}" for one in result.transcript_tail[-5:])


def _took(result: Result) -> str:
    rate = result.options.nodes * result.virtual_seconds / max(result.wall_seconds, 1e-9)
    return (
        f"{result.virtual_seconds:.0f} s of virtual time in {result.wall_seconds:.1f} s "
        f"({rate:,.0f} machine-seconds per second)"
    )


def _faults(faults: Mapping[str, int]) -> str:
    struck = {kind: count for kind, count in faults.items() if count}
    if not struck:
        return "nothing, on purpose"
    return f"{sum(struck.values()):,} times, {len(struck)} kinds: {_counts(struck)}"


def _heard(by: Mapping[str, int], unheard: int) -> str:
    answered = sum(by.values())
    heard = (
        f"{answered:,} answers: {by['granted']:,} granted, {by['refused']:,} refused, "
        f"{by['unknown']:,} unknown"
    )
    return heard + (f"; {unheard:,} askers died waiting" if unheard else "")


def _checked(checks: Mapping[str, int]) -> str:
    if not checks:
        return "nothing"
    return ", ".join(
        f"{promise(number)} ×{checks[number]:,}" for number in sorted(checks, key=_by_number)
    )


def _by_number(number: str) -> tuple[str, int, str]:
    digits = "".join(mark for mark in number if mark.isdigit())
    return number.rstrip("0123456789"), int(digits or 0), number


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {count:,}" for name, count in list(counts.items())[:KINDS_MAX]]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def row(label: str, text: str) -> Sequence[str]:
    """A label, and its text wrapped beside it."""
    return textwrap.wrap(
        clean(text), LINE_CHARS, initial_indent=label.ljust(LABEL_CHARS),
        subsequent_indent=" " * LABEL_CHARS, break_long_words=False, break_on_hyphens=False,
    ) or [label]  # fmt: skip


def seconds_of(duration: int) -> str:
    """A duration, as it is written behind --for."""
    return format_duration(duration) if duration % SECOND else f"{duration // SECOND} s"
