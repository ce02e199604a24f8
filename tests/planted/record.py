"""The record of what caught what: `caught.toml`, written by machine, read to begin with the seeds
that are known to show a bug."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from tests.planted.trials import Trial

CAUGHT: Final = Path(__file__).with_name("caught.toml")
SEEDS_KEPT: Final = 6
HEAD: Final = """\
# Planted bugs, and the seeds that showed them: `python -m tests.planted --remember` writes this.
# `caught` of `tried` seeds broke a promise that the bug breaks; a trial ends at its third catch
# unless it was told to go through all (`--all`).
"""


class Known(NamedTuple):
    """What is known of one bug. `seeds`: of those that caught it, the first."""

    caught: int
    tried: int
    promises: tuple[str, ...]
    seeds: tuple[int, ...]


def read(path: Path = CAUGHT) -> dict[str, Known]:
    """Bug → what is known; nothing when there is no record yet."""
    if not path.exists():
        return {}
    plain = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Known(row["caught"], row["tried"], tuple(row["promises"]), tuple(row["seeds"]))
        for name, row in plain.items()
    }


def remember(trials: Iterable[Trial], path: Path = CAUGHT) -> None:
    """Put what was just seen beside what is known of other bugs."""
    rows = read(path) | {
        trial.bug.name: Known(
            len(trial.caught), trial.tried, tuple(sorted(trial.promises)),
            tuple(trial.caught[:SEEDS_KEPT]),
        )
        for trial in trials
    }  # fmt: skip
    path.write_text(HEAD + "".join(_row(name, rows[name]) for name in sorted(rows)), "utf-8")


def _row(name: str, known: Known) -> str:
    promises = ", ".join(f'"{promise}"' for promise in known.promises)
    seeds = ", ".join(map(str, known.seeds))
    return (
        f"\n[{name}]\ncaught = {known.caught}\ntried = {known.tried}\n"
        f"promises = [{promises}]\nseeds = [{seeds}]\n"
    )
