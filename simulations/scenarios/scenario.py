"""What a scenario is: a name, a sentence, a size, and a script."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mesh.instant import SECOND, Duration
from simulations.scenarios.cluster import Cluster

Script: TypeAlias = Callable[[Cluster], None]
"""Lives the story. Raises PromiseBroken, Stalled, or whatever an agent stopped itself with."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One bad day. The standing checks hold in each; `holds` says what else must."""

    name: str
    sentence: str
    """What goes wrong."""
    holds: str
    """What must hold at the end, beyond the standing checks."""
    script: Script | None
    """None: a whole run of `simulations.run` with every kind of fault, and people at random."""
    nodes: int = 6
    nodes_min: int = 3
    duration: Duration = 30 * SECOND
    """How long things go wrong, unless somebody says otherwise."""
