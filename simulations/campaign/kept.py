"""Seeds that once failed, each with what it taught; lived through again with every check.

What a seed draws changes whenever the dice do, so a kept one names its options in full: the kinds
of fault and the time that it took. It is kept for its lesson, not for its exact history.
"""

import json
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

from simulations.options import Options

SEEDS: Final = Path(__file__).parents[1] / "seeds.toml"
HANDFUL: Final = range(1, 31)
"""Beside the kept ones: twelve swarms, twelve with everything on, six with one kind alone."""


class Kept(NamedTuple):
    """A run that once failed."""

    options: Options
    taught: str


def kept_seeds(path: Path = SEEDS) -> tuple[Kept, ...]:
    """Every kept seed. Raises simulations.options.BadOptions or KeyError on a bad row."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["seed"]
    return tuple(
        Kept(Options.from_json(json.dumps(row["options"])), row["taught"].strip()) for row in rows
    )


def standing() -> tuple[Options, ...]:
    """What every check lives through: the kept seeds, and the handful as they draw themselves."""
    return (*(one.options for one in kept_seeds()), *(Options.draw(seed) for seed in HANDFUL))
