"""What there is to choose from: every scenario and every kind of fault, a sentence each."""

import json
from collections.abc import Iterator
from typing import Any

from node.cli.render import Ink
from simulations.faults.catalogue import CATALOGUE, GROUPS, ROOMS
from simulations.scenarios.catalogue import SCENARIOS


def listed() -> dict[str, Any]:
    """As `--json` prints it."""
    return {
        "scenarios": {
            one.name: {
                "sentence": one.sentence,
                "holds": one.holds,
                "nodes": one.nodes,
                "seconds": one.duration / 1e9,
            }
            for one in SCENARIOS.values()
        },
        "faults": {
            fault.name: {"room": fault.room, "sentence": fault.sentence}
            for fault in CATALOGUE.values()
        },
        "groups": {name: list(kinds) for name, kinds in GROUPS.items()},
    }


def json_line() -> str:
    return json.dumps(listed(), sort_keys=True)


def lines(ink: Ink) -> Iterator[str]:
    """For people."""
    width = max(map(len, (*SCENARIOS, *CATALOGUE, *GROUPS))) + 2
    yield ink.bold("scenarios: holdfast simulate --scenario NAME")
    for one in SCENARIOS.values():
        yield f"  {one.name:<{width}}{one.sentence}"
        yield f"  {'':<{width}}{ink.dim('must hold: ' + one.holds)}"
    for room in ROOMS:
        yield ""
        yield ink.bold(f"faults of {room}: holdfast simulate --faults {room}")
        for fault in CATALOGUE.values():
            if fault.room == room:
                yield f"  {fault.name:<{width}}{fault.sentence}"
    yield ""
    yield ink.bold(
        "groups: holdfast simulate --faults lossy,kill=2,storm=0.5 (a strength; 1 is usual)"
    )
    for name, kinds in GROUPS.items():
        if name not in ROOMS:
            told = "every kind" if name == "all" else ", ".join(kinds) or "no kind"
            yield f"  {name:<{width}}{told}"
