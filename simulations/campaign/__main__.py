"""Many runs, until enough have passed or one fails. The last line can be counted.

python -m simulations.campaign --count 500 [--seed 1] [--jobs 2]
python -m simulations.campaign --for 30m
python -m simulations.campaign --kept
python -m simulations.campaign --operations 1000000 --seeds-min 5000 --record FILE [--resume]
python -m simulations.campaign --judge FILE
"""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from mesh.instant import in_seconds
from placement.amounts import parse_duration
from simulations.campaign import keeping
from simulations.campaign.kept import standing
from simulations.campaign.progress import Progress
from simulations.campaign.record import Aim, Unfit, canary_options
from simulations.campaign.report import report
from simulations.campaign.swarm import Failure, Swarm, live, swarm
from simulations.campaign.tally import Tally
from simulations.coverage import never_reached, never_struck
from simulations.results import EXIT_CODES, INTERNAL, OK

INTERRUPTED: Final = 130
MISUSED: Final = 64
"""EX_USAGE of sysexits.h: 2, 3, 4 and 6 are verdicts."""
COUNT: Final = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or that of the failure (see `simulations.results`), or 130 for Ctrl-C."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    flags = _parse(words)
    if flags.record is not None:
        command = shlex.join(["python", "-m", "simulations.campaign", *words])
        return _record(flags, command)
    if flags.judge is not None:
        return _judge(flags.judge)
    if flags.kept:
        return _kept(flags)
    return _swarm(flags)


class _Parser(argparse.ArgumentParser):
    """argparse, but a typing error is not taken for a broken promise, whose status is 2."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(MISUSED, f"{self.prog}: {message}\n")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m simulations.campaign", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--count", type=_positive, metavar="N", help="so many seeds")
    parser.add_argument("--for", type=_seconds, dest="seconds", metavar="30m", help="for so long")
    parser.add_argument("--seed", type=_whole, default=1, help="the first seed (1)")
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--kept", action="store_true", help="the seeds that once failed, and a fixed handful"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="write down what was shown")
    parser.add_argument("--operations", type=_positive, default=1_000_000, help="for a record")
    parser.add_argument("--seeds-min", type=_positive, default=5_000, help="for a record")
    parser.add_argument(
        "--horizon", type=_positive, metavar="S",
        help="for a record: chaos of at most S seconds, but for every eleventh seed (as drawn)",
    )  # fmt: skip
    parser.add_argument("--judge", type=Path, metavar="FILE", help="a record, by today's demands")
    parser.add_argument("--resume", action="store_true", help="go on with a record")
    flags = parser.parse_args(words)
    if flags.resume and flags.record is None:
        parser.error("--resume goes with --record FILE")
    if flags.horizon and flags.record is None:
        parser.error("--horizon goes with --record FILE")
    plain = flags.count is not None or flags.seconds is not None
    if flags.kept + plain + (flags.record is not None) + (flags.judge is not None) > 1:
        parser.error("--kept, --record, --judge, and --count or --for are four different things")
    return flags


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _positive(text: str) -> int:
    if (number := _whole(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _seconds(text: str) -> float:
    try:
        return in_seconds(parse_duration(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


# Kinds of campaign -------------------------------------------------------------------------------


def _swarm(flags: argparse.Namespace) -> int:
    count = flags.count or (None if flags.seconds else COUNT)
    progress = Progress(seeds=count, seconds=flags.seconds)
    done = swarm(
        flags.seed, workers=flags.jobs, count=count, seconds=flags.seconds,
        progress=lambda so_far: progress.show(so_far.tally),
    )  # fmt: skip
    progress.end()
    return _closed(done, flags.jobs)


def _kept(flags: argparse.Namespace) -> int:
    runs = standing()
    progress = Progress(seeds=len(runs))
    done = swarm(
        0, workers=flags.jobs, count=len(runs), draw=lambda number: runs[number],
        progress=lambda so_far: progress.show(so_far.tally),
    )  # fmt: skip
    progress.end()
    return _closed(done, flags.jobs)


def _record(flags: argparse.Namespace, command: str) -> int:
    progress: list[Progress] = []
    aim = Aim(flags.operations, flags.seeds_min, flags.seed, flags.horizon)

    def show(tally: Tally) -> None:
        if not progress:
            aims = {"seeds": flags.seeds_min, "operations": flags.operations}
            progress.append(Progress(**aims, before=tally))
        progress[0].show(tally)

    try:
        kept = keeping.keep(
            flags.record, command, aim, workers=flags.jobs, resume=flags.resume,
            progress=show,
        )  # fmt: skip
    except Unfit as error:
        _say(str(error))
        return MISUSED
    finally:
        for one in progress:
            one.end()
    if isinstance(kept, keeping.Stopped):
        return _stopped(kept.failure, kept.tally, flags.jobs)
    return _told(kept)


def _judge(path: Path) -> int:
    try:
        return _told(keeping.judge(path))
    except Unfit as error:
        _say(str(error))
        return MISUSED


def _told(kept: keeping.Kept) -> int:
    _print_counts(kept.record.tally)
    for sentence in kept.objections:
        _say(f"not a record: {sentence}")
    return _last_line(kept.record.tally, failed=len(kept.objections))


# What is told ------------------------------------------------------------------------------------


def _closed(done: Swarm, workers: int) -> int:
    if done.interrupted or done.failure is not None:
        return _stopped(done.failure, done.tally, workers)
    tally = done.tally
    silent = [*never_struck(tally.faults, tally.seeds), *never_reached(tally.states, tally.seeds)]
    for sentence in silent:
        _say(f"in {tally.seeds} seeds this never happened: {sentence}")
    canary = live(canary_options(1))
    if canary.verdict == OK:
        _say("the run that must fail passed: nobody is looking")
    _print_counts(tally)
    return _last_line(tally, failed=len(silent) + (canary.verdict == OK))


def _stopped(failure: Failure | None, tally: Tally, workers: int) -> int:
    """A person or a failure ended it."""
    if failure is None:
        _say(f"stopped by a person after {tally.seeds} seeds, {tally.answered} operations")
        return INTERRUPTED
    told = report(failure, workers, tell=_say)
    for line in told.lines():
        _say(line)
    passed = tally.verdicts.get(OK, 0)
    sys.stdout.write(f"campaign: {passed} passed, 1 failed\n")
    return told.exit_status


def _print_counts(tally: Tally) -> None:
    sys.stdout.write(
        f"{tally.seeds} seeds, {tally.virtual_seconds:.0f} virtual seconds, "
        f"{tally.lived_twice} lived twice; {tally.answered} operations answered "
        f"({', '.join(f'{n} {how}' for how, n in tally.operations.items())}), "
        f"{tally.share_changed:.0%} changed a book\n"
        f"faults: {_counts(tally.faults)}\nstates: {_counts(tally.states)}\n"
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items()) or "none"


def _last_line(tally: Tally, failed: int) -> int:
    sys.stdout.write(f"campaign: {tally.verdicts.get(OK, 0)} passed, {failed} failed\n")
    return EXIT_CODES[INTERNAL] if failed else 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` would ignore it
    sys.exit(main())
