"""Beside the drawn lives: the few that reach what no drawn one comes to."""

import msgspec

from simulations.coverage import BESIDE, Coverage
from simulations.scenarios.catalogue import find
from simulations.scenarios.playing import play


class Beside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of them, and what came of it. `states`: how often it reached each rare one."""

    line: str
    verdict: str
    violations: tuple[str, ...]
    states: dict[str, int]


def lived(seed: int) -> tuple[Beside, ...]:
    """Each of them once."""
    return tuple(_lived(name, seed) for name in dict.fromkeys(BESIDE.values()))


def _lived(name: str, seed: int) -> Beside:
    coverage = Coverage()
    played = play(find(name), seed, watch=lambda world: world.observe(coverage))
    result, states = played.result, dict(sorted(coverage.seen.items()))
    return Beside(played.line, result.verdict, result.violations, states)
