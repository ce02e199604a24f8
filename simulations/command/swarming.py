"""`holdfast simulate --swarm`: many seeds, until the time is over or one of them fails.

The first that fails ends it: it is made small, written down, and printed with the line that lives
it again. A swarm in which nothing failed says what it met, for one that met nothing proved nothing.
"""

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from mesh.instant import in_seconds
from node.cli.exits import INTERRUPTED, YES
from node.cli.render import Ink, say, tell
from simulations.campaign.report import Report, report
from simulations.campaign.swarm import Swarm
from simulations.campaign.swarm import swarm as lived
from simulations.command import reading
from simulations.command.bar import Bar
from simulations.command.showing import row, swarm_rows
from simulations.options import Options
from simulations.results import EXIT_CODES, OK

VERDICT_OF: Final = {status: verdict for verdict, status in EXIT_CODES.items()}


def swarm(flags: Namespace) -> int:
    """The exit status. Raises Unable on wrong usage."""
    seconds = in_seconds(reading.span(flags.swarm, "--swarm"))
    first, given, jobs = reading.seed(flags), reading.fixed(flags), reading.jobs(flags)
    began = time.perf_counter()
    with Bar() as bar:

        def progress(whole: Swarm) -> None:
            share = (time.perf_counter() - began) / seconds
            bar(f"{whole.tally.seeds:,} seeds, none failed", share)

        whole = lived(
            first, workers=jobs, seconds=seconds, draw=partial(Options.draw, **given),
            progress=progress,
        )  # fmt: skip
    took = time.perf_counter() - began
    try:
        found = None if whole.failure is None else report(whole.failure, jobs, tell=tell)
    except KeyboardInterrupt:
        assert whole.failure is not None  # nothing else is explained
        tell(f"stopped while it was made smaller; again: {whole.failure.options.line}")
        return INTERRUPTED
    if flags.json:
        say(json.dumps(_body(whole, found, first, took), sort_keys=True))
    else:
        say(list(_lines(whole, found, first, took)))
    if found is not None:
        return found.exit_status
    return INTERRUPTED if whole.interrupted else YES


def _lines(whole: Swarm, found: Report | None, first: int, took: float) -> Iterator[str]:
    ink = Ink.of(sys.stdout)
    yield ink.bold(f"a swarm of {whole.tally.seeds:,} seeds from {first} on, in {took:.0f} s")
    yield from swarm_rows(whole.tally)
    if found is not None:
        yield from found.lines()
        return
    how = (
        "stopped; every promise was kept so far"
        if whole.interrupted
        else "ok: every promise was kept"
    )
    yield from row("verdict", ink.good(how))
    yield from row("go on", f"holdfast simulate --swarm 30m --seed {whole.next_seed}")


def _body(whole: Swarm, found: Report | None, first: int, took: float) -> dict[str, Any]:
    """The documented keys, of the whole swarm; `seed` and `violations` of the one that failed."""
    tally, failure = whole.tally, whole.failure
    verdict, violations, seed = OK, list[str](), first
    if failure is not None and found is not None:
        seed, verdict = failure.options.seed, VERDICT_OF[found.exit_status]
        violations = list(found.sentences)
    return {
        "seed": seed,
        "verdict": verdict,
        "violations": violations,
        "trace_hash": tally.history,
        "operations": {
            name: tally.operations.get(name, 0) for name in ("granted", "refused", "unknown")
        },
        "faults": tally.faults,
        "virtual_seconds": tally.virtual_seconds,
        "wall_seconds": took,
        "seeds": tally.seeds,
        "changed": tally.changed,
        "next_seed": whole.next_seed,
        "interrupted": whole.interrupted,
        "replay": None if found is None else found.line,
        "cores": os.cpu_count(),
    }
