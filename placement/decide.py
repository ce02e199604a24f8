"""decide(request, picture, policy) → Decision: the middle of this room.

Three steps, all pure. *Screen*: every rule against every node, by masks (`screening.py`). *Rank*:
the best of those that pass, by one figure (`ranking.py`). *Tell*: for the nodes worth showing, the
exact legs that would be held or every rule that failed (`legs.py`, `rules.py`). Up to a few dozen
nodes everybody is worth showing; beyond that the nearest, with exact counts for all.

A decision is a hint. Only the owner's grant binds, after its own look at live room; so a decision
carries runners-up, and costs nothing to make again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from placement.decision import Change, Decision, Fit, Leg, Metric, PassedOver, PoolFit
from placement.judging.columns import Prepared, prepare
from placement.judging.legs import Placing, choose
from placement.judging.needs import NO_CARD, RAM, Need, supply
from placement.judging.objectives import BY_FIGURE, NAMES, score_of
from placement.judging.ranking import best_first, nearest_first
from placement.judging.rules import verdict_of_misses
from placement.judging.screening import Screening, screen
from placement.reasons import Miss, Reason, verdict_of, worst
from placement.request import Objective, Request, question_digest
from placement.view import ClusterView, PoolView

TOLD_IN_FULL_NODES_MAX: Final = 64
TOLD_FITTING: Final = 16
TOLD_NEAR: Final = 16
CHANGES_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Policy:
    """How a decision is told. `list_all`: every node in full, however many there are. `brief`: the
    choice, the exact counts, and nobody besides. `fitting_min`: so many that fit, if there are."""

    list_all: bool = False
    brief: bool = False
    fitting_min: int = 0


TELL_THE_NEAREST: Final = Policy()
BRIEF: Final = Policy(brief=True)


def decide(
    request: Request, view: ClusterView | Prepared, policy: Policy = TELL_THE_NEAREST
) -> Decision:
    """Where this should run, and why. Equal questions about equal pictures get equal decisions."""
    prepared = prepare(view) if isinstance(view, ClusterView) else view
    screening = screen(request, prepared)
    count = len(prepared.view.nodes)
    fitting, near_most = _how_many(policy, count)
    fits = _fits(request, prepared, screening, screening.fitting, fitting)
    soon = [] if fits else _fits(request, prepared, screening, screening.soon, fitting)
    near = nearest_first(prepared, screening, screening.nearness(), near_most) if near_most else []
    passed_over = tuple(_passed_over(prepared, screening, near))
    return Decision(
        question=question_digest(request),
        objective=request.objective.value,
        chosen=fits[0] if fits else None,
        runners_up=tuple(fits[1:]),
        soon=tuple(soon),
        passed_over=passed_over,
        changes=() if fits else _changes(passed_over),
        considered=count,
        fitting=screening.fitting.bit_count(),
        counts=tuple((reason.value, number) for reason, number in screening.counts().items()),
        complete=near_most >= count,
        guesses=request.guesses,
    )


def _how_many(policy: Policy, count: int) -> tuple[int, int]:
    """Nodes to tell of: at most so many that fit, and so many that do not."""
    if policy.brief:
        return 1, 0
    if policy.list_all or count <= TOLD_IN_FULL_NODES_MAX:
        return count, count
    return max(TOLD_FITTING, policy.fitting_min), TOLD_NEAR


def _fits(
    request: Request, prepared: Prepared, screening: Screening, among: int, limit: int
) -> list[Fit]:
    if not among:
        return []
    best = best_first(request, prepared, screening, among, limit)
    return [_fit(request, prepared, at, screening.needs) for at in best]


def _fit(request: Request, prepared: Prepared, at: int, needs: tuple[Need, ...]) -> Fit:
    node = prepared.view.nodes[at]
    placing = choose(request, node, needs, prepared.stock_of(at))
    assert placing is not None, "screening lets no node pass that cannot be placed on"
    pools = _pool_fits(placing)
    metric, score = _metric(request, prepared, at, placing)
    return Fit(
        node=node.id,
        name=node.name,
        verdict=worst([pool.verdict for pool in pools]),
        metric=metric,
        score=score,
        legs=tuple(Leg(pool.pool, pool.amount) for pool in pools),
        pools=pools,
    )


def _pool_fits(placing: Placing) -> tuple[PoolFit, ...]:
    """One line per pool: needs that meet in a pool are one leg, charged once."""
    # Added up, and not read off its room: a card may see less of a pool than the pool has.
    amounts: dict[str, int] = {}
    for one in placing.taken:
        amounts[one.pool.pool] = amounts.get(one.pool.pool, 0) + one.amount
    pools = {one.pool.pool: one.pool for one in placing.taken}
    return tuple(_pool_fit(pool, amounts[name], placing.left[name]) for name, pool in pools.items())


def _pool_fit(pool: PoolView, amount: int, left: int) -> PoolFit:
    room, label = left + amount, pool.label or pool.pool
    verdict = verdict_of(room, left, pool.unit)
    return PoolFit(pool.pool, label, pool.unit, amount, room, left, verdict)


def _metric(
    request: Request, prepared: Prepared, at: int, placing: Placing
) -> tuple[Metric, int]:  # fmt: skip
    """The figure that ranked this node, and its score: the share of the whole pool, in percent."""
    node = prepared.view.nodes[at]
    if request.objective in BY_FIGURE:
        figures = prepared.figures(request)
        name, unit = NAMES[request.objective]
        value, origin = figures[at]
        best = min((one.value for one in figures if one.value is not None), default=None)
        score = score_of(request.objective, value, best)
        return Metric(name, value, unit, "", origin), score
    if request.objective is Objective.LOCAL:
        hops = 0 if node.id == request.asker else 1
        return Metric("distance from the asker", hops, "hops", "", "computed"), 100 - 50 * hops
    pool = placing.deciding or supply(RAM, node).best
    if pool is None or pool.room is None:
        return Metric("room left", None, "bytes", "", "unknown"), 0
    left = placing.left.get(pool.pool, pool.room)
    share = min(100, 100 * left // max(1, pool.total or pool.room))
    score = 100 - share if request.objective is Objective.PACK else share
    return Metric("room left", left, pool.unit, pool.pool, "computed"), score


def _passed_over(
    prepared: Prepared, screening: Screening, places: list[int]
) -> Iterator[PassedOver]:  # fmt: skip
    told = screening.misses_at(prepared, places) if places else []
    for at, found in zip(places, told, strict=True):
        node = prepared.view.nodes[at]
        yield PassedOver(node.id, node.name, verdict_of_misses(found), found)


def _changes(passed_over: tuple[PassedOver, ...]) -> tuple[Change, ...]:
    """The nearest change of each kind: nodes that fail one rule, the kinds in checking order."""
    nearest: dict[Reason, Change] = {}
    for node in passed_over:
        if len(node.misses) == 1 and _can_change(node.misses[0]):
            miss = node.misses[0]
            nearest.setdefault(miss.reason, Change(node.node, node.name, miss))
    ordered = sorted(nearest.values(), key=_easiest)
    return tuple(ordered[:CHANGES_MAX])


def _can_change(miss: Miss) -> bool:
    """Whether the asker could ask for something that this node has."""
    if miss.reason is Reason.NO_SUCH_DEVICE:
        return miss.found != NO_CARD
    return miss.reason is not Reason.NOT_ENOUGH_ROOM or bool(miss.have)


def _easiest(change: Change) -> tuple[bool, int]:
    # Asking for less is in the asker's hand; the rest is not always.
    reason = change.miss.reason
    return reason is not Reason.NOT_ENOUGH_ROOM, reason.place


def listed(decision: Decision) -> tuple[Fit, ...]:
    """Where to ask, in turn: the chosen node, then each runner-up."""
    return (() if decision.chosen is None else (decision.chosen,)) + decision.runners_up
