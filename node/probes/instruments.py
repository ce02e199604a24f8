"""What a probe needs in its hands, gathered once per agent."""

import os
from dataclasses import dataclass, field

from node.probes.gpus import Cards
from node.probes.patience import Patience
from node.probes.sources import Roots, RunLimited, run_in_thread
from node.probes.tools import VersionCache


@dataclass(frozen=True, slots=True)
class Instruments:
    """Where to look, how to look for a limited time, and what is remembered between looks."""

    roots: Roots
    run_limited: RunLimited
    cards: Cards
    path: str
    """The PATH in which tools are looked for."""
    versions: VersionCache = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    """With file servers."""


def instruments(roots: Roots | None = None, run_limited: RunLimited = run_in_thread) -> Instruments:
    """Instruments for this machine."""
    roots = roots or Roots()
    cards = Cards(roots, run_limited)
    return Instruments(roots, run_limited, cards, os.environ.get("PATH", os.defpath))
