"""Long nights, many of them: lived through on every core, and counted.

    python -m simulations.nights --count 1000 [--seed 1] [--jobs 2]

What happens in a night, and what must never happen, is in `night.py`. A seed that ever failed stays
in `seeds.toml`, with a sentence on what it taught.
"""

import argparse
import os
import sys
import time
import tomllib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from ledger.audit import AuditError
from simulations.checkers import PromiseBroken
from simulations.night import Night, Tally

ENOUGH: Final = 200
"""Nights after which everything must have happened at least once."""
FAULTS: Final = (
    "killed", "without power", "a disk set back", "a disk lost", "a cut", "a one-way cut",
    "bad weather", "fair weather", "foreign memory",
)  # fmt: skip
OUTCOMES: Final = (
    "reserve: posted", "reserve: held", "reserve: refused", "reserve: not_possible",
    "post: posted", "release: released", "release: voided", "release: unknown",
    "the asker died waiting", "answered with a copy", "answered without a copy", "quarantines",
    "kept through a quarantine", "forgotten with every copy that could be asked",
)  # fmt: skip
STORY_LINES_MAX: Final = 60
SEEDS: Final = Path(__file__).with_name("seeds.toml")


def kept_seeds() -> dict[int, str]:
    """Every seed that ever failed, and what it taught."""
    rows = tomllib.loads(SEEDS.read_text(encoding="utf-8"))["night"]
    return {row["seed"]: row["taught"] for row in rows}


def one_night(seed: int) -> Tally:
    """One night by its number. Raises PromiseBroken with the seed and the story."""
    tally = Tally()
    night = Night(seed, tally)
    try:
        night.live_through()
    except (AssertionError, AuditError) as broken:
        story = "\n".join(night.story[-STORY_LINES_MAX:])
        raise PromiseBroken(f"seed {seed}: {broken}\n{story}") from broken
    return tally


def never_happened(tally: Tally) -> list[str]:
    """What a campaign of enough nights must have met and did not: then it has shown nothing."""
    silent = [fault for fault in FAULTS if not tally.faults[fault]]
    silent += [outcome for outcome in OUTCOMES if not tally.outcomes[outcome]]
    return silent if tally.nights >= ENOUGH else []


def campaign(count: int, first_seed: int, jobs: int) -> Tally:
    """`count` nights on `jobs` cores. Raises PromiseBroken."""
    whole = Tally()
    with ProcessPoolExecutor(jobs) as pool:
        for tally in pool.map(one_night, range(first_seed, first_seed + count), chunksize=4):
            whole.add(tally)
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{whole.nights} of {count} nights")
    return whole


def main() -> int:
    """The campaign, with a line that can be counted at the end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="nights to live through")
    parser.add_argument("--seed", type=int, default=1, help="the first night's seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes to use")
    flags = parser.parse_args()
    if flags.count < 1 or flags.jobs < 1:
        parser.error("--count and --jobs must be at least 1")
    began = time.perf_counter()
    try:
        tally = campaign(flags.count, flags.seed, flags.jobs)
    except PromiseBroken as broken:
        sys.stderr.write(f"\n{broken}\nreplay: --count 1 --seed THAT --jobs 1\n")
        return 1
    if silent := never_happened(tally):
        sys.stderr.write(f"in {tally.nights} nights this never happened: {', '.join(silent)}\n")
        return 1
    took = time.perf_counter() - began
    sys.stdout.write(
        f"\n{tally.nights} nights in {took:.0f} s ({tally.nights / took:.1f}/s)\n"
        f"outcomes: {dict(sorted(tally.outcomes.items()))}\n"
        f"faults: {dict(sorted(tally.faults.items()))}\n"
        f"nights: {tally.nights} passed, 0 failed\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
