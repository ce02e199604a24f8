"""Flags into options: what was written, what is meant by leaving it out, and what is wrong with it.

Everything wrong is refused by name, with what to write instead, before a single world is built.
"""

import os
from argparse import Namespace
from random import SystemRandom
from typing import Any, Final

from mesh.instant import MILLISECOND, SECOND, Duration
from node.cli.exits import SIMULATE_MISUSED, Unable, wrong_usage
from placement.amounts import AmountError, parse_duration
from simulations.faults.catalogue import UnknownFault, read_faults
from simulations.options import NODES_MAX, SCHEMES, BadOptions, Options
from simulations.scenarios.catalogue import UnknownScenario, find
from simulations.scenarios.scenario import Scenario

TOUR: Final[dict[str, Any]] = {
    "nodes": 50,
    "duration": 10 * SECOND,
    "faults": read_faults("all"),
    "operations_per_second": 20.0,
    "scheme": "stand-in",
}
"""What is not written is as in the tour: large enough to be a mesh, short enough to be watched."""

SEED_MAX: Final = 10**18
SEED_DIGITS_MAX: Final = 19
JOBS_MAX: Final = 1024
FIRST_SEEDS: Final = range(1, 1_000_000)
"""Of a run whose number nobody gave: short enough to be read out."""

HINT: Final = "`holdfast simulate --help` shows how, `holdfast simulate --list` what there is"


def wrong(sentence: str, hint: str = HINT) -> Unable:
    """It has to be written differently."""
    return wrong_usage(f"holdfast simulate: {sentence}", hint, SIMULATE_MISUSED)


def check_together(flags: Namespace) -> None:
    """Refuse flags that make no sense beside each other. Raises Unable."""
    told = {name for name, value in vars(flags).items() if value not in (None, False)}
    for one, other, why in _APART:
        if {one, other} <= told:
            raise wrong(f"{_flag(one)} and {_flag(other)} do not go together: {why}")
    if "csv" in told and "cluster" not in told:
        raise wrong("--csv is for --cluster: it has a row per job")
    if "jobs" in told and "swarm" not in told:
        raise wrong("--jobs is for --swarm: one run is one process")


def options(flags: Namespace) -> Options:
    """The one run that is asked for. Raises Unable.

    `--replay N` alone is the run that N draws; with any other word about the run, as with `--seed`,
    what is not written is as in the tour.
    """
    given = fixed(flags)
    try:
        if flags.replay is not None and not given:
            return Options.draw(number(flags.replay, "--replay"))
        chosen = number(flags.replay, "--replay") if flags.replay is not None else seed(flags)
        return Options(chosen, **(TOUR | given))
    except BadOptions as error:
        raise wrong(str(error)) from error


def line(options: Options) -> str:
    """What to type to get this very run again: as short as what is not written allows."""
    if options == Options(options.seed, **TOUR):
        return f"holdfast simulate --seed {options.seed}"
    return options.line


def fixed(flags: Namespace) -> dict[str, Any]:
    """What was written about a run, by the names of `Options`. Raises Unable."""
    given: dict[str, Any] = {}
    if flags.nodes is not None:
        given["nodes"] = number(flags.nodes, "--nodes", low=1, high=NODES_MAX)
    if flags.duration is not None:
        given["duration"] = span(flags.duration, "--for")
    if flags.faults is not None:
        given["faults"] = _faults(flags.faults)
    if flags.operations is not None:
        given["operations_per_second"] = _rate(flags.operations)
    if flags.scheme is not None:
        given["scheme"] = flags.scheme
    if flags.without is not None:
        given["without"] = tuple(filter(None, flags.without.split(",")))
    if flags.canary:
        given["canary"] = True
    return given


def seed(flags: Namespace) -> int:
    """The number that was given, or another one every time. Raises Unable."""
    if flags.seed is not None:
        return number(flags.seed, "--seed")
    return SystemRandom().choice(FIRST_SEEDS)


def jobs(flags: Namespace) -> int:
    """How many processes. Raises Unable."""
    if flags.jobs is not None:
        return number(flags.jobs, "--jobs", low=1, high=JOBS_MAX)
    return os.cpu_count() or 1


def scenario(flags: Namespace) -> Scenario:
    """The one that was named. Raises Unable."""
    try:
        return find(flags.scenario)
    except UnknownScenario as error:
        raise wrong(f"--scenario: {error}") from error


def number(text: str, flag: str, low: int = 0, high: int = SEED_MAX) -> int:
    """A whole number from `low` to `high`. Raises Unable."""
    digits = text.removeprefix("+").replace("_", "")
    plain = digits.isascii() and digits.isdigit() and len(digits) <= SEED_DIGITS_MAX
    if not plain or not low <= int(digits) <= high:
        told = repr(text[:40])
        raise wrong(f"{flag}: {told} is no whole number from {low} to {high}")
    return int(digits)


def span(text: str, flag: str) -> Duration:
    """How long. Raises Unable."""
    try:
        duration = parse_duration(text[:40])
    except AmountError as error:
        raise wrong(f"{flag}: {error}") from error
    if duration <= 0 or duration % MILLISECOND:
        raise wrong(f"{flag}: {text[:40]!r} is no time in whole milliseconds: write 30s or 10m")
    return duration


def _faults(text: str) -> Any:
    try:
        return read_faults(text)
    except UnknownFault as error:
        raise wrong(f"--faults: {error}") from error


def _rate(text: str) -> float:
    try:
        return float(text[:40])
    except ValueError:
        raise wrong(f"--operations: {text[:40]!r} is no number: write 20 or 0.5") from None


def _flag(name: str) -> str:
    return {"duration": "--for"}.get(name, f"--{name}")


_OWN: Final = "a scenario brings its own"
_SAID: Final = "each cluster is described by the line that makes it"
_STUDY: Final = "the two files say what is there and who asks; `--seed`, `--for`, `--faults` fit"
_APART: Final = (
    ("scenario", "faults", _OWN),
    ("scenario", "operations", _OWN),
    ("scenario", "without", _OWN),
    ("scenario", "canary", _OWN),
    ("scenario", "scheme", _OWN),
    ("replay", "seed", "both are the number of the run"),
    ("swarm", "trace", "a swarm tells what happened when one seed fails"),
    ("swarm", "without", "each seed has occurrences of its own"),
    *(
        ("cluster", other, _STUDY)
        for other in ("nodes", "operations", "scheme", "without", "canary", "trace")
    ),
    *(
        ("serve", other, _SAID)
        for other in (
            "nodes", "duration", "faults", "seed", "operations", "scheme", "without", "canary",
            "trace",
        )
    ),
)  # fmt: skip

assert SCHEMES[0] == TOUR["scheme"]
