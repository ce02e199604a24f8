"""One study: machines, jobs, a seed and a horizon become figures.

Without faults it is lived over one shared view; with faults (or `none` of them, but asked for) by
the whole mesh, in which every second of every machine costs about a millisecond of ours.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.identity import NodeId
from mesh.instant import Duration, Instant
from node.core.choosing import why_not
from node.core.requests import Refused
from placement.decide import Policy, decide, listed
from placement.decision import Decision
from placement.request import Request
from simulations.faults.catalogue import Chosen
from simulations.whatif.asker import Asker
from simulations.whatif.cluster import Cluster
from simulations.whatif.demand import Demand, Job, Kind
from simulations.whatif.line import Line
from simulations.whatif.shared_view import SharedView
from simulations.whatif.usage import Usage, sort_of
from simulations.whatif.whole_mesh import WholeMesh

SHARED_VIEW = "one shared view"
WHOLE_MESH = "whole mesh"
EVERYBODY = Policy(list_all=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a study is made of. `faults` None: one shared view."""

    cluster: Cluster
    demand: Demand
    seed: int
    horizon: Duration
    faults: Chosen | None = None

    @property
    def ground(self) -> str:
        return SHARED_VIEW if self.faults is None else WHOLE_MESH


@dataclass(slots=True)
class Study:
    """What a plan came to."""

    plan: Plan
    askers: list[Asker]
    usage: Usage
    never: dict[str, str]
    """Kind → why no machine takes it, even when all are idle."""
    when_idle: dict[str, Decision]
    """Kind → where it would run, and where not and why, while nothing else does."""
    blocks: int
    ended: Instant
    """The horizon; earlier where a broken promise ended it."""
    verdict: str = "ok"
    violations: tuple[str, ...] = ()
    faults: dict[str, int] = field(default_factory=dict)


def study(
    plan: Plan, progress: Callable[[float], object] = lambda _: None, *, patient: bool = True
) -> Study:
    """Live it. Raises BadFile when too many jobs would come."""
    jobs = plan.demand.jobs(plan.seed, plan.horizon)
    first = SharedView(plan.seed, plan.cluster.machines)
    idle = _Idle(first, plan.demand)
    if plan.faults is None:
        return _shared(plan, jobs, first, idle, progress, patient=patient)
    return _meshed(plan, jobs, idle, progress)


class _Idle:
    """What could be, while nothing runs anywhere."""

    def __init__(self, view: SharedView, demand: Demand) -> None:
        self.never: dict[str, str] = {}
        self.decisions: dict[str, Decision] = {}
        self.requests: list[Request] = []
        self.asked_for: dict[str, frozenset[str]] = {}
        for kind in demand.kinds:
            try:
                self._look(view, kind)
            except Refused as refused:
                self.never[kind.name] = (
                    f"{refused} ({refused.hint})" if refused.hint else f"{refused}"
                )

    def _look(self, view: SharedView, kind: Kind) -> None:
        request = view.request_of(kind, _asker(view, kind))
        decision = decide(request, view.prepared(), EVERYBODY)
        self.decisions[kind.name] = decision
        fits = [fit for fit in listed(decision) if fit.legs]
        if not fits:
            why = (
                "nothing was asked for that can be held"
                if decision.chosen
                else why_not(decision)[0]
            )
            self.never[kind.name] = why
            return
        self.requests.append(request)
        for fit in fits:
            kinds = {pool for pool, _ in fit.legs}
            node = next(one for one in view.prepared().view.nodes if one.id == fit.node)
            alike = {p.pool for p in node.pools for q in node.pools if q.pool in kinds
                     and sort_of(p) == sort_of(q)}  # fmt: skip
            self.asked_for[fit.name] = self.asked_for.get(fit.name, frozenset()) | alike


def _asker(view: SharedView, kind: Kind) -> NodeId:
    return view.asker_of(kind, 0)


def _shared(
    plan: Plan, jobs: tuple[Job, ...], view: SharedView, idle: _Idle,
    progress: Callable[[float], object], *, patient: bool,
) -> Study:  # fmt: skip
    usage = Usage.of(view, plan.cluster.machines, idle.requests, idle.asked_for)
    view.touched = usage.touch
    line = Line(view, jobs, idle.never, patient=patient)

    def passed(now: Instant) -> None:
        usage.advance(now)
        progress(now / plan.horizon)

    view.run(plan.horizon, passed)
    usage.finish(plan.horizon)
    line.finish(plan.horizon)
    blocks = sum(owner.blocks for owner in view.owners.values())
    return Study(plan, line.askers, usage, idle.never, idle.decisions, blocks, plan.horizon)


def _meshed(
    plan: Plan, jobs: tuple[Job, ...], idle: _Idle, progress: Callable[[float], object]
) -> Study:
    assert plan.faults is not None
    mesh = WholeMesh(plan.seed, plan.cluster, plan.faults)
    usage = Usage.of(mesh, plan.cluster.machines, idle.requests, idle.asked_for)
    verdict, violations = mesh.meet()
    line = Line(mesh, jobs, idle.never, patient=False)

    def passed(now: Instant) -> None:
        for machine in plan.cluster.machines:
            usage.touch(machine.name)
        usage.advance(now)
        progress(now / plan.horizon)

    if verdict == "ok":
        verdict, violations = mesh.run(plan.horizon, passed)
    usage.finish(max(mesh.now, 1))
    line.finish(mesh.now)
    return Study(
        plan, line.askers, usage, idle.never, idle.decisions, mesh.blocks, mesh.now,
        verdict, violations, mesh.faults,
    )  # fmt: skip
