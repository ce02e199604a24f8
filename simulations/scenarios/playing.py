"""One scenario, from its first start to its result."""

import shlex
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from mesh.instant import Duration, in_seconds
from placement.amounts import format_duration
from simulations.faults.catalogue import read_faults
from simulations.invented.world import World
from simulations.options import Options
from simulations.results import OK, STALLED, VIOLATED, Result
from simulations.run import CRASHES, Run, blame
from simulations.scenarios.cluster import Cluster, Passed
from simulations.scenarios.scenario import Scenario, Script
from simulations.verdicts import PromiseBroken, Stalled

NODES_MAX: Final = 200
"""More show nothing that fewer don't; large meshes are what plain runs are for."""

Watch = Callable[[World], object]
"""Lets whoever likes observe the world before anything happens in it."""


class BadSize(ValueError):
    """The scenario cannot be told with so many machines; the message says with how many."""


class Played(NamedTuple):
    """What came of a scenario, and the line that repeats it."""

    scenario: Scenario
    result: Result
    line: str


def play(
    scenario: Scenario, seed: int, *, nodes: int | None = None, duration: Duration | None = None,
    passed: Passed | None = None, watch: Watch | None = None,
) -> Played:  # fmt: skip
    """Live the scenario once. Raises BadSize; never what its script may come to."""
    count = scenario.nodes if nodes is None else nodes
    if not scenario.nodes_min <= count <= NODES_MAX:
        raise BadSize(f"{scenario.name} needs {scenario.nodes_min} to {NODES_MAX} machines")
    options = Options(seed, count, scenario.duration if duration is None else duration)
    line = line_of(scenario, options)
    if scenario.script is None:
        night = Run(options.but(faults=read_faults("all")))
        if watch is not None:
            watch(night.world)
        told = passed or (lambda _at: None)
        result = night.live(lambda *_: told(night.world.now))
        return Played(scenario, result, line)
    cluster = Cluster(seed, options.nodes, options.duration, passed=passed)
    if watch is not None:
        watch(cluster.world)
    began = time.perf_counter()
    verdict, violations = _verdict(scenario.script, cluster)
    took = time.perf_counter() - began
    return Played(scenario, _result(cluster, options, verdict, violations, took), line)


def line_of(scenario: Scenario, options: Options) -> str:
    """What to type to get this very play again."""
    words = ["holdfast", "simulate", "--scenario", scenario.name, "--seed", str(options.seed)]
    if options.nodes != scenario.nodes:
        words += ["--nodes", str(options.nodes)]
    if options.duration != scenario.duration:
        words += ["--for", format_duration(options.duration)]
    return shlex.join(words)


def _verdict(script: Script, cluster: Cluster) -> tuple[str, tuple[str, ...]]:
    try:
        script(cluster)
        cluster.checks.calm(cluster.world)
    except PromiseBroken as broken:
        return VIOLATED, (str(broken),)
    except Stalled as stalled:
        return STALLED, (str(stalled),)
    except CRASHES as crash:
        return blame(crash)
    return OK, ()


def _result(
    cluster: Cluster, options: Options, verdict: str, violations: tuple[str, ...], took: float
) -> Result:
    diary = cluster.diary
    return Result(
        options=options,
        verdict=verdict,
        violations=violations,
        trace_hash=cluster.world.trace.hexdigest(),
        operations={name: diary.endings[name] for name in ("granted", "refused", "unknown")},
        unheard=diary.unheard,
        changed=diary.changed,
        kinds=dict(sorted(diary.kinds.items())),
        faults=dict(sorted(cluster.faults.items())),
        states=dict(sorted(cluster.checks.seen.items())),
        checks=dict(sorted(cluster.checks.looked.items())),
        struck=(),
        virtual_seconds=in_seconds(cluster.world.now),
        wall_seconds=took,
    )
