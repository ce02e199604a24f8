"""What a kind of fault is: a name, where it strikes, how often, and how it begins.

`begin` brings it about and returns how it ends, or None when there was nothing to strike: a host
that is down cannot be killed, and what did not happen is not counted. Every draw of one occurrence
comes from the dice it is given, so leaving one occurrence out changes no other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from mesh.instant import Duration
from simulations.faults.scene import Scene
from simulations.invented.host import Host

End: TypeAlias = Callable[[], None]
"""Mends what a fault did. Called once, at the latest when the calm begins."""

Begin: TypeAlias = Callable[[Scene, Host, Random, float], End | None]
"""(scene, whom, dice, strength) → how it ends; None: it could not happen now."""

STRENGTH_MAX = 100.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind. `strength` 1 is an evil day, not a plausible one: rates are far above real life."""

    name: str
    room: str
    """network | processes | disks | clocks | machines | people | identity: the file it is in."""
    sentence: str
    """Completes "it happens that …"."""
    every: Duration
    """Mean time between two on one host (or on the mesh) at strength 1."""
    begin: Begin
    lasts: tuple[Duration, Duration] = (0, 0)
    """Shortest and longest; (0, 0) for what is over as soon as it has happened."""
    per_mesh: bool = False
    """Drawn once for all hosts together, and not for each."""


def over() -> None:
    """The end of what needs no mending."""
