"""Every scenario by name."""

import difflib
from typing import Final

from mesh.instant import SECOND
from simulations.scenarios import alone, disks, links, machines, people, processes
from simulations.scenarios.scenario import Scenario

NIGHT: Final = Scenario(
    "night", "everything at once: every kind of fault, by a die, while people reserve",
    "in the morning everybody agrees, and everybody can reserve everywhere", None, nodes=5,
    nodes_min=1, duration=60 * SECOND,
)  # fmt: skip

SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for room in (links, disks, alone, machines, processes, people)
    for scenario in room.SCENARIOS
} | {NIGHT.name: NIGHT}


class UnknownScenario(ValueError):
    """There is none of that name; the message says what to write instead."""


def find(name: str) -> Scenario:
    """The scenario of that name. Raises UnknownScenario."""
    if name in SCENARIOS:
        return SCENARIOS[name]
    near = difflib.get_close_matches(name[:40], SCENARIOS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`holdfast simulate --list` names them"
    raise UnknownScenario(f"{name[:40]!r} is no scenario: {hint}")
