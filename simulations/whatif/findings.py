"""The figures of a study, as plain data: every duration in milliseconds, every amount in its unit.

The same plan gives the same data, to the last byte: nothing of our own clock is in it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from mesh.instant import HOUR, MILLISECOND, Duration, Instant
from placement.decide import listed
from placement.decision import Decision
from placement.explain import change_sentence, passed_over_sentence
from placement.reasons import Miss, Reason
from simulations.whatif.asker import Asker, State
from simulations.whatif.study import Study
from simulations.whatif.usage import PoolUse

LONGEST_SHOWN: Final = 10
HELPS_SHOWN: Final = 3
REASONS_SHOWN: Final = 4
CSV_COLUMNS: Final = (
    "job", "number", "principal", "arrived_ms", "outcome", "waited_ms", "asks", "machine",
    "runs_ms", "done_ms", "took",
)  # fmt: skip
UNITS: Final = {"bytes": "byte_hours", "millicores": "millicore_hours", "slots": "slot_hours"}


def findings(study: Study) -> dict[str, Any]:
    """All of it, as `--json` prints it."""
    plan, horizon = study.plan, study.ended
    askers = _came(study)
    return {
        "seed": plan.seed,
        "ground": plan.ground,
        "horizon_ms": horizon // MILLISECOND,
        "machines": len(plan.cluster.machines),
        "blocks": study.blocks,
        "verdict": study.verdict,
        "violations": list(study.violations),
        "faults": study.faults,
        "total": _counted(askers, horizon),
        "jobs": [_kind(study, kind.name) for kind in plan.demand.kinds],
        "principals": _principals(study),
        "pools": [_pool(use, horizon) for use in study.usage.pools],
        "longest_waits": [_wait(one, horizon) for one in _longest(askers, horizon)],
    }


def _came(study: Study) -> list[Asker]:
    """Whoever had come when it ended: a broken promise ends it early."""
    return [asker for asker in study.askers if asker.state is not State.TO_COME]


# Jobs ---------------------------------------------------------------------------------------------


def _counted(askers: Iterable[Asker], horizon: Instant) -> dict[str, Any]:
    """How many came, and how they fared. Waits are those of whoever had to wait at all."""
    askers = list(askers)
    by = Counter(asker.state for asker in askers)
    waits = sorted(
        asker.waited(horizon)
        for asker in askers
        if not asker.at_once and asker.state is not State.NEVER
    )
    return {
        "asked": len(askers),
        "placed_at_once": sum(asker.at_once for asker in askers),
        "placed_later": sum(one.state is State.PLACED and not one.at_once for one in askers),
        "gave_up": by[State.GAVE_UP],
        "still_waiting": by[State.WAITING],
        "refused_for_ever": by[State.NEVER],
        "asks": sum(asker.asks for asker in askers),
        "waited_ms": {
            "median": _rank(waits, 50),
            "p95": _rank(waits, 95),
            "longest": _rank(waits, 100),
        },
    }


def _rank(ordered: Sequence[Duration], percent: int) -> int | None:
    """The nearest rank, in milliseconds; None when nobody waited."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] // MILLISECOND


def _kind(study: Study, name: str) -> dict[str, Any]:
    askers = [asker for asker in _came(study) if asker.job.kind.name == name]
    never = study.never.get(name)
    refused = [one for one in askers if one.first_no is not None]
    outlived = sum(one.state is State.PLACED and one.job.term < one.job.runs for one in askers)
    return {
        "name": name,
        **_counted(askers, study.ended),
        "outlived_their_booking": outlived,
        "why_never": None if never is None else [never, *_against(study.when_idle.get(name))],
        "ran_out": _ran_out(refused, study.when_idle.get(name)),
        "would_have_helped": _helps(refused),
        "told_last": _told_last(askers),
    }


def _against(decision: Decision | None) -> list[str]:
    """What the nearest machines lack even when all are idle, in the core's words."""
    if decision is None:
        return []
    nearest = [f"would fit {change_sentence(change)}" for change in decision.changes]
    return nearest + [passed_over_sentence(one) for one in decision.passed_over[:REASONS_SHOWN]]


def _ran_out(refused: Sequence[Asker], idle: Decision | None) -> list[dict[str, Any]]:
    """What was missing when they came, at the machines that would do if they were idle."""
    able = frozenset[str]() if idle is None else {fit.node for fit in listed(idle)}
    found: Counter[tuple[str, str]] = Counter()
    for asker in refused:
        assert asker.first_no is not None
        found.update(
            {
                (miss.reason.value, miss.subject)
                for node in asker.first_no.passed_over
                if node.node in able
                for miss in node.misses
            }
        )
    return [
        {"reason": reason, "subject": subject, "jobs": count}
        for (reason, subject), count in sorted(found.items(), key=lambda one: (-one[1], one[0]))
    ]


def _helps(refused: Sequence[Asker]) -> list[dict[str, Any]]:
    """The nearest change at the moment of each refusal, as the core names it, the commonest first.

    `room_least`, `room_most`: where asking for less would have done, how much there was.
    """
    found: dict[str, list[Miss]] = {}
    for asker in refused:
        assert asker.first_no is not None
        for change in asker.first_no.changes[:1]:
            less = change.miss.reason is Reason.NOT_ENOUGH_ROOM
            what = f"a smaller {change.miss.option}" if less else change_sentence(change)
            found.setdefault(what, []).append(change.miss)
    ordered = sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))
    return [_help(what, misses) for what, misses in ordered[:HELPS_SHOWN]]


def _help(what: str, misses: Sequence[Miss]) -> dict[str, Any]:
    rooms = [miss.have for miss in misses if miss.have is not None]
    return {
        "change": what,
        "jobs": len(misses),
        "room_least": min(rooms, default=None),
        "room_most": max(rooms, default=None),
        "unit": misses[0].unit,
    }


def _told_last(askers: Iterable[Asker]) -> dict[str, int]:
    """What those were told last who were not placed, and how many."""
    unhappy = Counter(
        one.sentence
        for one in askers
        if one.state in (State.WAITING, State.GAVE_UP) and one.sentence
    )
    return dict(sorted(unhappy.items(), key=lambda one: (-one[1], one[0]))[:REASONS_SHOWN])


def _longest(askers: Iterable[Asker], horizon: Instant) -> list[Asker]:
    waited = [one for one in askers if not one.at_once and one.state is not State.NEVER]
    return sorted(waited, key=lambda one: (-one.waited(horizon), one.job.number))[:LONGEST_SHOWN]


def _wait(asker: Asker, horizon: Instant) -> dict[str, Any]:
    return {
        "job": asker.job.kind.name,
        "number": asker.job.number,
        "principal": asker.job.kind.principal,
        "arrived_ms": asker.job.arrives // MILLISECOND,
        "waited_ms": asker.waited(horizon) // MILLISECOND,
        "outcome": asker.state.value,
        "machine": asker.placed.machine if asker.placed else None,
    }


# Principals ---------------------------------------------------------------------------------------


def _principals(study: Study) -> list[dict[str, Any]]:
    names = sorted({kind.principal for kind in study.plan.demand.kinds})
    found = []
    for name in names:
        askers = [one for one in _came(study) if one.job.kind.principal == name]
        counted = _counted(askers, study.ended)
        found.append({"principal": name, **counted, "taken": _taken(askers, study)})
    return found


def _taken(askers: Iterable[Asker], study: Study) -> dict[str, int]:
    """What they held, by kind of pool: amount × hours, rounded down."""
    horizon = study.ended
    facts = {
        (one.name, fact.pool): fact for one in study.plan.cluster.machines for fact in one.pools
    }
    sums: Counter[str] = Counter()
    for asker in askers:
        if asker.placed is None or asker.settled_at is None:
            continue
        end = horizon if asker.done_at is None else asker.done_at
        held = min(end - asker.settled_at, asker.job.term)
        for pool, amount in asker.placed.legs:
            fact = facts[asker.placed.machine, pool]
            sums[f"{fact.kind}_{UNITS.get(fact.unit, fact.unit)}"] += amount * held
    return {name: total // HOUR for name, total in sorted(sums.items())}


# Pools --------------------------------------------------------------------------------------------


def _pool(use: PoolUse, horizon: Duration) -> dict[str, Any]:
    """Unknown is null: of room that was never known there is no mean."""
    known = use.room_known

    def mean(total: int, of: Duration = known) -> int | float | None:
        if not of:
            return None
        # Of two licences half a one is news; of a byte it is not.
        return round(total / of, 2) if use.fact.unit == "slots" else total // of

    return {
        "machine": use.machine,
        "pool": use.fact.pool,
        "kind": use.fact.kind,
        "label": use.fact.label,
        "unit": use.fact.unit,
        "total": use.fact.total,
        "promised_mean": mean(use.promised_sum, max(1, horizon)),
        "promised_peak": use.peak,
        "free_mean": mean(use.room_sum),
        "free_least": use.room_least,
        "stranded_mean": mean(use.stranded_sum) if use.asked_for else None,
    }


# Rows ---------------------------------------------------------------------------------------------


def rows(study: Study) -> list[tuple[str, ...]]:
    """One row per job under `CSV_COLUMNS`, by arrival; empty where there is nothing to say."""
    return [_row(asker, study.ended) for asker in _came(study)]


def _row(asker: Asker, horizon: Instant) -> tuple[str, ...]:
    job, placed = asker.job, asker.placed
    return (
        job.kind.name, str(job.number), job.kind.principal, _ms(job.arrives), asker.state.value,
        "" if asker.state is State.NEVER else _ms(asker.waited(horizon)), str(asker.asks),
        placed.machine if placed else "", _ms(job.runs),
        "" if asker.done_at is None else _ms(asker.done_at),
        " ".join(f"{pool}={amount}" for pool, amount in placed.legs) if placed else "",
    )  # fmt: skip


def _ms(duration: Duration) -> str:
    return str(duration // MILLISECOND)
