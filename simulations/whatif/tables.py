"""A study in words: who waits, what stays free, what would have helped. Units on every figure.

Nothing is worked out here that `findings` does not hold, but shares and sums for the eye.
"""

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mesh.instant import HOUR, MILLISECOND, MINUTE, SECOND, Duration
from node.cli.render import Ink, clean, table
from placement.amounts import format_amount, format_bytes, format_cores, format_duration

MACHINES_SHOWN: Final = 40
REASONS_SHOWN: Final = 2
SHARED: Final = (
    "one shared view: real books and placement; every asker sees every owner as it is, answers "
    "come at once. No gossip, disks, streams or faults (`--faults none` lives the whole mesh)."
)
MESHED: Final = "the whole mesh: whole agents with gossip, disks, streams, faults and every check."
RETRY: Final = (
    "no waiting line yet: whoever found no room asks again after its `ask_again` (usually 1m), and "
    "the first to ask gets what came back, whoever came first."
)
KINDS: Final = ("vram", "ram", "unified", "cpu", "disk", "slots")
CALLED: Final = {"vram": "cards", "ram": "memory", "unified": "unified", "cpu": "cores",
                 "disk": "disks", "slots": "slots"}  # fmt: skip


LINE_CHARS: Final = 100


def lines(found: Mapping[str, Any], ink: Ink) -> Iterator[str]:
    """All of it, on one or two screens."""
    yield ink.bold(_title(found))
    for sentence in _ground(found):
        yield from _wrapped(sentence)
    yield ""
    yield ink.bold("who waits")
    yield from table(*_jobs(found["jobs"]))
    for sentence in _reasons(found["jobs"]):
        yield from _wrapped(sentence)
    if any(one["principal"] for one in found["principals"]):
        yield ""
        yield ink.bold("in whose name")
        yield from table(*_principals(found["principals"]))
    if found["longest_waits"]:
        yield ""
        yield ink.bold("the longest waits")
        yield from table(*_longest(found["longest_waits"]))
    yield ""
    yield ink.bold("what stays free")
    yield from table(*_pools(found["pools"]))
    yield ""
    yield from _machines(found, ink)


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(
        clean(sentence), LINE_CHARS, subsequent_indent="  ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _title(found: Mapping[str, Any]) -> str:
    total = found["total"]
    return (
        f"{total['asked']:,} jobs on {found['machines']:,} machines in "
        f"{_ms(found['horizon_ms'])}, seed {found['seed']}"
    )


def _ground(found: Mapping[str, Any]) -> Iterator[str]:
    yield MESHED if found["ground"] == "whole mesh" else SHARED
    yield RETRY
    if found["ground"] == "whole mesh":
        struck = ", ".join(f"{name} {count}" for name, count in found["faults"].items() if count)
        yield f"went wrong, on purpose: {struck or 'nothing'}; verdict: {found['verdict']}"
        yield from found["violations"]


# Who waits ----------------------------------------------------------------------------------------


def _jobs(jobs: Sequence[Mapping[str, Any]]) -> tuple[Sequence[str], list[Sequence[str]]]:
    header = (
        "job", "asked", "at once", "later", "gave up", "waiting", "never", "median wait", "p95",
        "longest",
    )  # fmt: skip
    return header, [(clean(one["name"]), *_fared(one)) for one in jobs]


def _fared(one: Mapping[str, Any]) -> tuple[str, ...]:
    counts = ("asked", "placed_at_once", "placed_later", "gave_up", "still_waiting",
              "refused_for_ever")  # fmt: skip
    waited = one["waited_ms"]
    return (
        *(f"{one[name]:,}" for name in counts),
        *(_ms(waited[name]) for name in ("median", "p95", "longest")),
    )


def _reasons(jobs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in jobs:
        if one["why_never"] is not None and one["asked"]:
            told = "; ".join(why.rstrip(".") for why in one["why_never"][: REASONS_SHOWN + 1])
            yield clean(f"{one['name']}: never: {told}")
        if one["ran_out"]:
            ran = "; ".join(
                f"{miss['reason']}: {miss['subject']} (for {miss['jobs']:,})"
                for miss in one["ran_out"][:REASONS_SHOWN]
            )
            yield clean(f"{one['name']}: what ran out when they came: {ran}")
        for change in one["would_have_helped"][:1]:
            helped = f"would have helped {change['jobs']:,} of them at once"
            yield f"{one['name']}: {helped}: {_help(change)}"
        if one["outlived_their_booking"]:
            count = one["outlived_their_booking"]
            yield clean(f"{one['name']}: {count:,} ran on after their booking had run out")


def _help(change: Mapping[str, Any]) -> str:
    if change["room_least"] is None:
        return str(change["change"])
    least, most = (format_amount(change[name], change["unit"]) for name in _ROOMS)
    there = least if least == most else f"{least} to {most}"
    return f"{change['change']} (there was room for {there})"


_ROOMS: Final = ("room_least", "room_most")


def _principals(found: Sequence[Mapping[str, Any]]) -> tuple[Sequence[str], list[Sequence[str]]]:
    header = ("principal", "asked", "at once", "later", "gave up", "waiting", "never",
              "median wait", "p95", "longest", "held")  # fmt: skip
    return header, [
        (clean(one["principal"]) or "(nobody)", *_fared(one), _held(one["taken"])) for one in found
    ]


def _held(taken: Mapping[str, int]) -> str:
    told = []
    for name, total in taken.items():
        kind, _, unit = name.partition("_")
        if unit == "byte_hours":
            told.append(f"{format_bytes(total)}·h {CALLED.get(kind, kind)}")
        elif unit == "millicore_hours":
            told.append(f"{total // 1000:,} core·h")
        elif unit == "slot_hours":
            told.append(f"{total:,} slot·h")
        else:
            told.append(f"{total:,} {unit}")
    return ", ".join(told) or "nothing"


def _longest(found: Sequence[Mapping[str, Any]]) -> tuple[Sequence[str], list[Sequence[str]]]:
    header = ("job", "number", "came after", "waited", "outcome", "machine")
    return header, [
        (
            clean(one["job"]), f"#{one['number']}", _ms(one["arrived_ms"]), _ms(one["waited_ms"]),
            one["outcome"], clean(one["machine"] or ""),
        )
        for one in found
    ]  # fmt: skip


# What stays free ----------------------------------------------------------------------------------


def _pools(pools: Sequence[Mapping[str, Any]]) -> tuple[Sequence[str], list[Sequence[str]]]:
    header = ("of all", "in all", "promised (mean)", "free (mean)", "stranded (mean)")
    by: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for pool in pools:
        by[pool["kind"]].append(pool)
    rows: list[Sequence[str]] = []
    for kind in sorted(by, key=lambda name: KINDS.index(name) if name in KINDS else len(KINDS)):
        unit = by[kind][0]["unit"]
        rows.append((CALLED.get(kind, kind), *(_sum(by[kind], name, unit) for name in _FIGURES)))
    return header, rows


_FIGURES: Final = ("total", "promised_mean", "free_mean", "stranded_mean")


def _sum(pools: Sequence[Mapping[str, Any]], name: str, unit: str) -> str:
    """The sum of what is known; what is not is said beside it."""
    known = [pool[name] for pool in pools if pool[name] is not None]
    if not known:
        return "not asked for" if name == "stranded_mean" else "unknown"
    total = round(sum(known), 2)  # means of slots are hundredths
    total = int(total) if total == int(total) else total
    text = format_cores(total // 10 * 10) if unit == "millicores" else format_amount(total, unit)
    missing = len(pools) - len(known)
    return text + (f" + {missing} unknown" if missing and name != "stranded_mean" else "")


def _machines(found: Mapping[str, Any], ink: Ink) -> Iterator[str]:
    by: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for pool in found["pools"]:
        by[pool["machine"]][pool["kind"]].append(pool)
    kinds = [kind for kind in KINDS if any(kind in pools for pools in by.values())]
    yield ink.bold("by machine: promised on average / at the peak, and stranded, of each pool")
    header = ("machine", *(CALLED[kind] for kind in kinds))
    shown = list(by.items())[:MACHINES_SHOWN]
    yield from table(
        header, [(clean(name), *(_share(pools[kind]) for kind in kinds)) for name, pools in shown]
    )
    if len(by) > len(shown):
        yield f"and {len(by) - len(shown):,} machines more: --json has them all"


def _share(pools: Sequence[Mapping[str, Any]]) -> str:
    """`61 % / 88 %, 3 %`: of what is known in all. A peak is the sum of each pool's own."""
    totals = [pool["total"] for pool in pools]
    if not pools or None in totals or not sum(totals):
        return "unknown" if pools else ""
    whole = sum(totals)
    mean, peak = (sum(pool[name] for pool in pools) for name in ("promised_mean", "promised_peak"))
    told = f"{_percent(mean, whole)} / {_percent(peak, whole)}"
    stranded = [p["stranded_mean"] for p in pools if p["stranded_mean"] is not None]
    return f"{told}, {_percent(sum(stranded), whole)}" if stranded else told


def _percent(part: float, whole: int) -> str:
    return f"{int(100 * part // whole)} %"


def _ms(milliseconds: int | None) -> str:
    """To the minute from an hour on, to the second from a minute on."""
    if milliseconds is None:
        return "–"
    duration: Duration = milliseconds * MILLISECOND
    for least, step in ((HOUR, MINUTE), (MINUTE, SECOND), (SECOND, SECOND)):
        if duration >= least:
            return format_duration(duration // step * step)
    return format_duration(duration)
