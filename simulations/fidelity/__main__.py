"""Live many evenings: `python -m simulations.fidelity --count 100 --seed 1`.

Ends 0 when every promise was kept, 1 at the first that was not; then the evening is told, and the
line that repeats it.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from simulations.fidelity.faults import CATALOGUE
from simulations.fidelity.run import OK, Options, Result, run

TOLD_LINES_MAX: Final = 40
SEEDS_FOR_ALL_FAULTS: Final = 50
"""From here on a kind of fault that never struck is a campaign that has shown nothing of it."""


@dataclass(slots=True)
class Tally:
    """What a campaign saw."""

    evenings: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    starts: int = 0
    node_seconds: float = 0.0
    wall_seconds: float = 0.0

    def add(self, result: Result) -> None:
        self.evenings += 1
        self.operations += result.operations
        self.faults += result.faults
        self.crashes += result.crashes
        self.starts += result.starts
        self.node_seconds += result.node_seconds
        self.wall_seconds += result.wall_seconds

    def closing_line(self) -> str:
        """What a person is told at the end."""
        said = ", ".join(f"{self.operations[kind]} {kind}" for kind in OUTCOMES)
        wall = self.wall_seconds or 1e-9
        return (
            f"{self.evenings} evenings: {self.operations.total()} questions ({said}), "
            f"{self.faults.total()} faults, {self.crashes} kills, {self.starts} starts; "
            f"every promise was kept ({self.node_seconds / wall:.0f} node-seconds per second)"
        )


OUTCOMES: Final = ("granted", "refused", "unknown")


def main(arguments: list[str] | None = None) -> int:
    """The command. See the module's docstring."""
    told = _parser().parse_args(arguments)
    faults = tuple(told.faults.split(",")) if told.faults else None
    if faults and (strange := sorted(set(faults) - set(CATALOGUE))):
        sys.stderr.write(f"no fault is called {strange[0]!r}; there are: {', '.join(CATALOGUE)}\n")
        return 2
    tally = Tally()
    for seed in range(told.seed, told.seed + told.count):
        result = run(Options.draw(seed, faults))
        tally.add(result)
        if result.verdict != OK:
            sys.stdout.write(_failure(result, told.faults))
            return 1
    if told.count == 1:
        sys.stdout.write("\n".join(result.told) + f"\ntrace {result.trace_hash}\n")
    never = [name for name in CATALOGUE if not tally.faults[name]]
    if faults is None and told.count >= SEEDS_FOR_ALL_FAULTS and never:
        sys.stdout.write(f"no evening had these, so nothing is shown of them: {', '.join(never)}\n")
        return 1
    sys.stdout.write(tally.closing_line() + "\n")
    return 0


def _failure(result: Result, faults: str) -> str:
    seed = result.options.seed
    again = f"python -m simulations.fidelity --count 1 --seed {seed}"
    again += f" --faults {faults}" if faults else ""
    lines = [
        *result.told[-TOLD_LINES_MAX:],
        f"seed {seed}: {result.verdict}",
        *result.violations,
        f"again: {again}",
    ]
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulations.fidelity", description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="how many evenings")
    parser.add_argument("--seed", type=int, default=1, help="the first one's number")
    parser.add_argument("--faults", default="", help="only these, by name, with commas")
    return parser


if __name__ == "__main__":
    sys.exit(main())
