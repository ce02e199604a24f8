"""A decision in words: sentences for a person, rows for a table. Plain text, no colours.

The figures are the decision's own; nothing is worked out here that the decision does not hold.
"""

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from mesh.instant import MILLISECOND
from placement.amounts import format_amount, format_bytes, format_duration
from placement.decision import Change, Decision, Fit, PassedOver
from placement.judging.near import SIZE_UNKNOWN
from placement.judging.needs import SLOTS
from placement.judging.objectives import UNKNOWN
from placement.reasons import Miss, Reason
from placement.request import Objective

HEADER: Final = ("node", "verdict", "score", "room left", "why")
REASONS_SHOWN_MAX: Final = 8
FAR_SHOWN_MAX: Final = 8
NEEDS_REMEMBERED_MAX: Final = 64
ALIKE_SHOWN_MAX: Final = 3
WHOLE_SECONDS_FROM_MS: Final = 10_000
FAR_HINT: Final = "; `holdfast peers measure` times a link"
FAR_HINTS: Final = {SIZE_UNKNOWN: "; write it, as in HOST:/path=40GB"}


def explain(decision: Decision) -> tuple[str, ...]:
    """Chosen, why, who is next, what speaks against the others, and what was guessed."""
    lines = [_answer(decision)]
    if decision.chosen is not None:
        lines += [f"  takes {leg}" for leg in _legs(decision.chosen)]
    if decision.runners_up:
        lines.append(f"Runner-up: {_placed(decision.runners_up[0])}.")
    lines += _far(decision)
    lines += [f"Soon: {fit.name}, when its books open; {_left(fit)}." for fit in decision.soon]
    lines += [f"Would fit {change_sentence(change)}." for change in decision.changes]
    if decision.complete:
        lines += [passed_over_sentence(node) for node in decision.passed_over]
    else:
        lines += [*_together(decision.passed_over), _counts(decision)]
    lines += [f"Guessed: {guess}" for guess in decision.guesses]
    return tuple(lines)


def _far(decision: Decision) -> list[str]:
    """Nodes that fit and come last because nobody knows how far the data is from them."""
    if decision.objective != Objective.NEAR.value:
        return []
    far = [fit for fit in decision.runners_up if fit.metric.value is None]
    if not far:
        return []
    shown = ", ".join(fit.name for fit in far[:FAR_SHOWN_MAX])
    more = f" and {len(far) - FAR_SHOWN_MAX} more" if len(far) > FAR_SHOWN_MAX else ""
    why = far[0].metric.source
    hint = FAR_HINTS.get(why, FAR_HINT if why.startswith("no link") else "")
    return [f"Last, because not known: {shown}{more} ({why}){hint}."]


def rows(decision: Decision) -> tuple[tuple[str, str, str, str, str], ...]:
    """One row per node told, best first, under `HEADER`."""
    fits = (() if decision.chosen is None else (decision.chosen,)) + decision.runners_up
    told = [
        (fit.name, fit.verdict.value, str(fit.score), _left(fit), "; ".join(_legs(fit)))
        for fit in fits
    ]
    told += [
        (node.name, node.verdict.value, "", "", "; ".join(map(miss_sentence, node.misses)))
        for node in decision.passed_over
    ]
    return tuple(told)


def passed_over_sentence(node: PassedOver) -> str:
    """`attic: not enough room on ram (needs 8 GiB, has 4.7 GiB, 3.3 GiB short).`"""
    return f"{node.name}: {'; '.join(map(miss_sentence, node.misses))}."


def _together(nodes: tuple[PassedOver, ...]) -> list[str]:
    """Of a large mesh those who lack the same in one line: there may be a hundred of one kind."""
    alike: dict[str, list[str]] = {}
    for node in nodes:
        alike.setdefault("; ".join(map(miss_sentence, node.misses)), []).append(node.name)
    return [f"{_several(names)}: {why}." for why, names in alike.items()]


def _several(names: list[str]) -> str:
    more = len(names) - ALIKE_SHOWN_MAX
    return ", ".join(names[:ALIKE_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")


def miss_sentence(miss: Miss) -> str:
    """One failing rule, with its figures."""
    return _SENTENCES[miss.reason.place](miss)


def _no_room(miss: Miss) -> str:
    if miss.unit != SLOTS:
        return f"not enough room on {miss.subject} ({_figures(miss)})"
    figures = f"needs {miss.need}, has {miss.have} free of {miss.total}"
    return f"not enough slots called {miss.subject} ({figures})"


def _no_pool(miss: Miss) -> str:
    if miss.option != f"--{SLOTS}":
        return _plainly(miss)
    instead = f" ({miss.found} here)" if miss.found else ""
    return f"no {miss.subject}{instead}"


def _room_unknown(miss: Miss) -> str:
    much, free = ("many", "are") if miss.unit == SLOTS else ("much", "is")
    return f"room unknown: nobody can say how {much} {miss.subject} {free} free"


def _plainly(miss: Miss) -> str:
    instead = f" ({miss.found} here)" if miss.found else ""
    return f"{miss.reason.value}: {miss.subject}{instead}"


_SAID: Final[dict[Reason, Callable[[Miss], str]]] = {
    Reason.POOL_MISSING: _no_pool,
    Reason.NOT_ENOUGH_ROOM: _no_room,
    Reason.FAILED_BEFORE: lambda miss: (
        f"failed before: {miss.subject} {miss.found}, of late, at such work"
    ),
    Reason.PEAK_TOO_HIGH: lambda miss: f"such work took more here before ({_figures(miss)})",
    Reason.NOT_ENOUGH_DEVICES: lambda miss: (
        f"not enough devices: {miss.have} of {miss.need} {miss.subject}"
    ),
    Reason.ROOM_UNKNOWN: _room_unknown,
    Reason.NOT_TOGETHER: lambda miss: f"{miss.subject} fit one by one, but not at the same time",
    Reason.SUSPECT: lambda _: "suspect: it has stopped answering",
    Reason.QUARANTINED: lambda _: (
        "quarantined: it waits until every older promise has surely ended"
    ),
    Reason.STANDING_UNKNOWN: lambda _: "standing unknown: it has not said whether it grants",
    Reason.NOT_ALIVE: lambda miss: miss.reason.value,
    Reason.BOOKINGS_CLOSED: lambda miss: miss.reason.value,
    Reason.CLOSED: lambda miss: miss.reason.value,
    Reason.OUTCAST: lambda _: "kept out: it was revoked, and grants nothing more",
    Reason.DISK_FULL: lambda _: "disk full: it keeps what it promised, and can write no more",
    Reason.PRESSURE: lambda miss: f"{miss.reason.value}: {miss.found}",
    Reason.BATTERY_LOW: lambda miss: f"{miss.reason.value}: {miss.found}",
    Reason.TOO_HOT: lambda miss: f"{miss.reason.value}: {miss.found}",
}
_SENTENCES: Final = tuple(_SAID.get(reason, _plainly) for reason in Reason)
"""By place: a thousand nodes have some two thousand misses, and each is told."""


def change_sentence(change: Change) -> str:
    """`with --ram ≤ 12.3GiB on attic`: what to ask for, or to wait for, instead."""
    miss = change.miss
    match miss.reason:
        case Reason.NOT_ENOUGH_ROOM if miss.unit == SLOTS:
            return f"with {miss.option} {miss.subject}:{miss.have} on {change.name}"
        case Reason.NOT_ENOUGH_ROOM:
            return f"with {miss.option} ≤ {_typeable(miss)} on {change.name}"
        case Reason.QUARANTINED | Reason.BOOKINGS_CLOSED | Reason.CLOSED:
            return f"on {change.name} once its books open"
        case Reason.OUTCAST:
            return f"on {change.name} once it has joined anew under another id"
        case Reason.DISK_FULL:
            return f"on {change.name} once there is room on its disk"
        case Reason.NOT_ALIVE | Reason.SUSPECT:
            return f"on {change.name} once it answers again"
        case Reason.TOOL_MISSING:
            return f"on {change.name} once {miss.subject} is installed there"
        case Reason.FAILED_BEFORE:
            return f"on {change.name} with {miss.option} ({miss.subject} {miss.found})"
        case Reason.PEAK_TOO_HIGH:
            return f"on {change.name} once {_short(miss)} more is free there"
        case Reason.PRESSURE | Reason.BATTERY_LOW | Reason.TOO_HOT:
            return f"on {change.name} once it is calmer ({miss.reason.value}, {miss.found})"
        case Reason.NOT_ENOUGH_DEVICES:
            return f"with {miss.have} instead of {miss.need} {miss.subject} on {change.name}"
        case Reason.PINNED_ELSEWHERE:
            return f"on {change.name}, without {miss.option}"
        case _ if miss.option and miss.found:
            return f"on {change.name} with another {miss.option} ({miss.found})"
        case _:
            return f"on {change.name} but for one thing: {miss_sentence(miss)}"


def _answer(decision: Decision) -> str:
    if decision.chosen is not None:
        count = f"best of {decision.fitting} that fit of {decision.considered}"
        return f"{_placed(decision.chosen)}: {count}, by {_objective(decision)}."
    if decision.considered == 0:
        return "Nowhere: no node is known."
    return f"Nowhere: none of {decision.considered} nodes fits now."


def _objective(decision: Decision) -> str:
    meaning = {
        "headroom": "most room left",
        "pack": "least room left",
        "local": "nearest to the asker, then most room left",
        "soonest": "ready first",
        "fastest": "took least time before",
        "spread": "least of its memory promised",
        "near": "data there first",
    }
    return f"{decision.objective} ({meaning[decision.objective]})"


def _placed(fit: Fit) -> str:
    return f"{fit.name} {fit.verdict.value}, {_left(fit)}, score {fit.score}"


def _left(fit: Fit) -> str:
    figure = fit.metric
    if figure.unit in {"ms", "basis points"}:
        if figure.value is None:
            why = "" if figure.source == UNKNOWN else f" ({figure.source})"
            return f"{figure.name}: not known{why}"
        if figure.unit == "ms":
            return f"{figure.name} {_roughly(figure.value)} ({figure.source})"
        return f"{figure.value / 100:.0f} % promised already"
    if fit.metric.value is None:
        return "room not known"
    if fit.metric.unit == "hops":
        return "here" if fit.metric.value == 0 else "elsewhere"
    return f"{format_amount(fit.metric.value, fit.metric.unit)} left"


def _roughly(ms: int) -> str:
    """From ten seconds on in whole ones, rounded up: nothing here is known more exactly."""
    return format_duration(
        (-(-ms // 1000) * 1000 if ms >= WHOLE_SECONDS_FROM_MS else ms) * MILLISECOND
    )


def _legs(fit: Fit) -> list[str]:
    """One line for each pool; equal cards share one."""
    lines = [
        f"{format_amount(pool.amount, pool.unit, up=True)}{_of(pool.label, pool.unit)}, "
        f"leaving {format_amount(pool.left, pool.unit)} ({pool.verdict.value})"
        for pool in fit.pools
    ]
    counted = Counter(lines)
    return [line if times == 1 else f"{times} times {line}" for line, times in counted.items()]


def _of(label: str, unit: str) -> str:
    return "" if unit == "millicores" else f" of {label}"  # cores say themselves what they are


def _figures(miss: Miss) -> str:
    need, have, short = miss.need or 0, miss.have or 0, miss.missing or 0
    figures = (
        f"needs {_needed(need, miss.unit)}, has {format_amount(have, miss.unit)}, "
        f"{format_amount(short, miss.unit, up=True)} short"
    )
    if miss.total is not None and miss.total < need:
        figures += f"; {format_amount(miss.total, miss.unit)} even when empty"
    return figures


@lru_cache(NEEDS_REMEMBERED_MAX)
def _needed(amount: int, unit: str) -> str:
    """What was asked for is the same for all who lack it."""
    return format_amount(amount, unit, up=True)


def _short(miss: Miss) -> str:
    return format_amount(miss.missing or 0, miss.unit, up=True)


def _typeable(miss: Miss) -> str:
    """The room as an amount that can be typed back, and then fits."""
    have = miss.have or 0
    if miss.unit != "bytes":
        return f"'{format_amount(have, miss.unit)}'"
    return format_bytes(have).replace(" ", "")


def _counts(decision: Decision) -> str:
    shown = [f"{count} {reason}" for reason, count in decision.counts[:REASONS_SHOWN_MAX]]
    return f"Of {decision.considered} nodes, {decision.fitting} fit; against others: " + (
        ", ".join(shown) + "." if shown else "nothing."
    )
