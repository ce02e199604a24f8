"""Real processes under real trouble; every answer is held against every other at the end.

    python -m simulations.truth --for 60s --seed 7 --nodes 3

It makes namespaces of its own, ends by itself, and leaves nothing behind, also when it is killed.
Exit status 0: nothing was found; 1: a promise was broken, or calm never came; 2: wrong usage;
3: this machine does not permit the namespaces it needs.
"""

import argparse
import re
import shlex
import sys
import time
from pathlib import Path
from typing import Final

from simulations.demo.nodes import COMMAND, StepFailed
from simulations.truth import campaign, sandbox

NODES: Final = (2, 9)
SECONDS_MAX: Final = 3600.0
NOT_PERMITTED: Final = 3


def main() -> int:
    """Outside: make the sandbox. Inside (`--folder`): the run itself."""
    parser = argparse.ArgumentParser(
        prog="python -m simulations.truth", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--for", dest="seconds", type=_seconds, default=20.0, metavar="DURATION")
    parser.add_argument("--seed", type=int, default=1, help="what goes wrong, and when")
    parser.add_argument("--nodes", type=int, default=3, help=f"{NODES[0]} to {NODES[1]}")
    parser.add_argument(
        "--agent", type=shlex.split, default=[str(COMMAND)], help="the program to try"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="write history, troubles and logs down there"
    )
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if not NODES[0] <= flags.nodes <= NODES[1]:
        parser.error(f"--nodes must be from {NODES[0]} to {NODES[1]}")
    if flags.folder is not None:
        return _inside(flags)
    if (reason := sandbox.why_not()) is not None:
        sys.stderr.write(f"truth: not run here: {reason}\n")
        return NOT_PERMITTED
    return sandbox.run_inside(["-m", "simulations.truth", *sys.argv[1:]])


def _inside(flags: argparse.Namespace) -> int:
    began = time.perf_counter()
    try:
        report = campaign.run(
            flags.folder, seed=flags.seed, nodes=flags.nodes, seconds=flags.seconds,
            command=tuple(flags.agent), keep=flags.keep,
        )  # fmt: skip
    except StepFailed as failed:
        sys.stderr.write(f"truth: {failed} (seed {flags.seed})\n")
        return 1
    for sentence in report.violations:
        sys.stderr.write(f"truth: {sentence}\n")
    told = ", ".join(f"{count} {name}" for name, count in sorted(report.operations.items()))
    wrong = ", ".join(f"{count} {name}" for name, count in sorted(report.faults.items()))
    verdict = (
        f"{len(report.violations)} promises broken"
        if report.violations
        else "no double grant, no lost lease, no gang in part or twice, every log verifies"
    )
    sys.stdout.write(
        f"requests: {told}\ntrouble: {wrong}\n"
        f"looks into books: {report.looks}; logs checked: {report.logs}\n"
        f"truth: {verdict}; {flags.nodes} nodes, seed {flags.seed}, "
        f"{time.perf_counter() - began:.0f} s\n"
    )
    return 1 if report.violations else 0


def _seconds(word: str) -> float:
    found = re.fullmatch(r"([0-9]+)(s|m)?", word)
    seconds = int(found[1]) * (60 if found[2] == "m" else 1) if found else 0
    if not 0 < seconds <= SECONDS_MAX:
        raise argparse.ArgumentTypeError(f"a duration such as 25s or 5m, at most 1 hour: {word!r}")
    return float(seconds)


if __name__ == "__main__":
    sys.exit(main())
