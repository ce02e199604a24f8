"""What was fed, by whom it can be fed again, and what came of it: `simulations/records/fuzz.json`.

A record has one entry per run: a run is one seed on one commit. The totals are sums over the runs
that found nothing; a run with a fault in it stays, and says so.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from simulations.campaign.origin import origin
from simulations.fuzz.feeding import Fed

Record = dict[str, Any]


def added(path: Path, seed: int, fed: Mapping[str, Fed]) -> Record:
    """The record at `path` (or an empty one) and the run `fed` of `seed` behind the others."""
    runs: list[Record] = []
    if path.exists():
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    runs.append(_run(seed, fed))
    targets: dict[str, int] = {}
    for run in runs:
        for name, inputs in run["targets"].items():
            targets[name] = targets.get(name, 0) + inputs
    return {
        "inputs": sum(targets.values()),
        "faults": sum(run["faults"] for run in runs),
        "cpu_seconds": round(sum(run["cpu_seconds"] for run in runs)),
        "targets": targets,
        "runs": runs,
    }


def written(record: Record) -> str:
    """As it lies in its file."""
    return json.dumps(record, indent=1) + "\n"


def _run(seed: int, fed: Mapping[str, Fed]) -> Record:
    inputs = sum(one.inputs for one in fed.values())
    return {
        "command": f"python -m simulations.fuzz --inputs {inputs} --seed {seed}",
        "seed": seed,
        "inputs": inputs,
        "taken": sum(one.taken for one in fed.values()),
        "faults": sum(len(one.faults) for one in fed.values()),
        "cpu_seconds": round(sum(one.seconds for one in fed.values()), 1),
        "slowest_ms": round(max((one.slowest_ms for one in fed.values()), default=0.0), 1),
        "targets": {name: one.inputs for name, one in fed.items()},
        "origin": msgspec.to_builtins(origin()),
    }
