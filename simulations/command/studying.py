"""`holdfast simulate --cluster … --demand …`: their own machines and jobs."""

import csv
import io
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from mesh.instant import SECOND
from node.cli.exits import INTERRUPTED, Unable
from node.cli.render import Ink, say, tell
from placement.amounts import format_duration
from simulations.command import reading
from simulations.command.bar import Bar
from simulations.results import EXIT_CODES
from simulations.whatif.cluster import Cluster, read_cluster
from simulations.whatif.demand import HORIZON_MAX, Demand, read_demand
from simulations.whatif.findings import CSV_COLUMNS, findings, rows
from simulations.whatif.study import Plan, Study, study
from simulations.whatif.table import BadFile
from simulations.whatif.tables import lines

SEED_DEFAULT: Final = 1
"""Two people who try the same files see the same figures."""
MESHED_MAX: Final = 3_600 * 1_000
"""Machine-seconds of whole agents: an hour of a thousand, or some hours of our time. Beyond it the
question is one for the shared view."""
HINT: Final = "docs/guides/what-if.md shows both files"


def study_of(flags: Namespace) -> int:
    """The exit status. Raises Unable on wrong usage and on files that cannot be meant."""
    try:
        plan = _plan(flags)
        with Bar() as bar:
            told = f"{len(plan.cluster.machines):,} machines, {format_duration(plan.horizon)}"
            came_to = study(plan, lambda share: bar(told, share))
    except BadFile as error:
        raise reading.wrong(str(error), HINT) from error
    except KeyboardInterrupt:
        tell("stopped: a study is told when it is whole")
        return INTERRUPTED
    if flags.csv is not None:
        _write(Path(flags.csv), came_to)
    found = findings(came_to)
    if flags.json:
        say(json.dumps(found, sort_keys=True))
    else:
        say(list(lines(found, Ink.of(sys.stdout))))
    return EXIT_CODES[came_to.verdict]


def _plan(flags: Namespace) -> Plan:
    if flags.cluster is None or flags.demand is None:
        raise reading.wrong("--cluster and --demand belong together: write both", HINT)
    cluster, demand = read_cluster(Path(flags.cluster)), read_demand(Path(flags.demand))
    given = reading.fixed(Namespace(**(vars(flags) | {"duration": None})))
    seed = SEED_DEFAULT if flags.seed is None else reading.seed(flags)
    plan = Plan(cluster, demand, seed, _horizon(flags, demand), given.get("faults"))
    _check(plan, cluster)
    return plan


def _horizon(flags: Namespace, demand: Demand) -> int:
    if flags.duration is None:
        return demand.horizon
    horizon = reading.span(flags.duration, "--for")
    if horizon > HORIZON_MAX:
        raise reading.wrong("--for: a year is the most that is looked at")
    return horizon


def _check(plan: Plan, cluster: Cluster) -> None:
    if plan.faults is None:
        return
    machine_seconds = len(cluster.machines) * plan.horizon // SECOND
    if machine_seconds > MESHED_MAX:
        raise reading.wrong(
            f"--faults: whole agents for {machine_seconds:,} machine-seconds would take hours: "
            "shorten --for, or leave --faults out (one shared view)"
        )


def _write(path: Path, came_to: Study) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(rows(came_to))
    try:
        path.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise Unable(
            "bad_request", f"--csv: {path} cannot be written: {error.strerror}", ""
        ) from error
