"""Try planted bugs, and say by how many seeds and by which promise each was caught.

python -m tests.planted                      every bug, until its third catch, within 200 seeds
python -m tests.planted NAME … --all         these, on all of the seeds
python -m tests.planted --quick              known seeds first: what every change is tried on
python -m tests.planted --remember           … and write down which seeds caught what
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from mesh.instant import SECOND
from simulations.options import Options
from simulations.results import OK
from simulations.run import Run
from tests.planted.bug import Bug
from tests.planted.catalogue import ALL, BUGS
from tests.planted.record import read, remember
from tests.planted.trials import CATCHES, Trial, in_order, try_clean, try_on

SEEDS: Final = 200
QUICK_SEEDS: Final = 40
HEAD: Final = f"{'bug':<26} {'caught':>9}  {'by':<18} {'first':>5} {'s':>6}  course"


def main(words: Sequence[str] | None = None) -> int:
    """0 when every bug was caught often enough, nothing clean failed, and the canary did."""
    given = _read(words)
    bugs = [ALL[name] for name in given.names] or list(BUGS.values())
    known = {} if given.fresh or given.remember else read()
    print(HEAD)
    trials: list[Trial] = []
    for bug in bugs:
        seeds = known[bug.name].seeds if bug.name in known else ()
        trial = try_on(bug, in_order(seeds, given.seeds), given.jobs, every_one=given.all)
        trials.append(trial)
        print(_row(trial, given.seeds), flush=True)
    if given.remember:
        remember(trials)
    escaped = [trial.bug.name for trial in trials if not trial.enough]
    if escaped:
        print(f"caught by fewer than {CATCHES} of {given.seeds} seeds: {', '.join(escaped)}")
    sound = given.bugs_only or _is_sound(bugs, given.clean, given.jobs)
    return 1 if escaped or not sound else 0


def _read(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="bugs; none: every one")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="tried on seeds 1 to this")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    parser.add_argument("--all", action="store_true", help="do not stop at the third catch")
    parser.add_argument("--quick", action="store_true", help=f"within {QUICK_SEEDS} seeds")
    parser.add_argument("--fresh", action="store_true", help="in plain order, nothing known")
    parser.add_argument("--remember", action="store_true", help="write tests/planted/caught.toml")
    parser.add_argument("--clean", type=int, default=1, help="clean runs of each course")
    parser.add_argument("--bugs-only", action="store_true", help="no clean runs, no canary")
    given = parser.parse_args(words)
    given.seeds = QUICK_SEEDS if given.quick else given.seeds
    if unknown := [name for name in given.names if name not in ALL]:
        parser.error(f"no bug is called {unknown[0]!r}; there are {', '.join(ALL)}")
    return given


def _row(trial: Trial, seeds: int) -> str:
    early = "" if trial.tried == seeds else " (stopped early)"
    by = " ".join(f"{promise}" for promise, _ in trial.promises.most_common()) or "-"
    first = str(trial.caught[0]) if trial.caught else "-"
    other = ", ".join(f"{promise} {count}" for promise, count in trial.elsewhere.items())
    counts = f"{len(trial.caught)} of {trial.tried}"
    row = f"{trial.bug.name:<26} {counts:>9}  {by:<18} {first:>5} {trial.seconds:6.1f}"
    return f"{row}  {trial.bug.course}{early}" + (f"; elsewhere: {other}" if other else "")


def _is_sound(bugs: Sequence[Bug], clean: int, jobs: int) -> bool:
    """Without a bug no course finds anything, and a run that must fail does."""
    sound = True
    courses = dict.fromkeys(bug.course for bug in bugs)
    for course in courses:
        failed = try_clean(course, range(1, clean + 1), jobs)
        if failed:
            print(f"clean, and not well: {course}: {failed}")
            sound = False
    if sound:
        print(f"{clean * len(courses)} clean runs of {len(courses)} courses: nothing found")
    if Run(Options(1, 3, 10 * SECOND, canary=True)).live().verdict == OK:
        print("the canary passed: nobody is looking")
        sound = False
    return sound


if __name__ == "__main__":
    sys.exit(main())
