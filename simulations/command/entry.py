"""`holdfast simulate`: which of the things that were asked for.

A list, a service, a study, a scenario, a swarm, or one run. Each ends in an exit status of its own:
0 every promise was kept, 2 one was broken, 3 something that must come never came, 4 one seed was
two histories, 6 the simulator itself failed; 64 wrong usage and 130 Ctrl-C, as elsewhere.
"""

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Final

from mesh.instant import Instant, in_seconds
from node.cli.exits import INTERRUPTED, YES
from node.cli.render import Ink, say, tell
from simulations.campaign.transcript import EveryEvent, Transcript
from simulations.command import listing, reading
from simulations.command.bar import Bar
from simulations.command.showing import json_line, seconds_of, verdict_lines
from simulations.command.studying import study_of
from simulations.command.swarming import swarm
from simulations.command.wording import PHASES
from simulations.faults.catalogue import faults_text
from simulations.faults.nemesis import Injection
from simulations.invented.world import World
from simulations.options import Options
from simulations.results import Result
from simulations.run import Run
from simulations.scenarios.playing import BadSize, line_of, play
from simulations.serve.service import serve

LINES_KEPT: Final = 1
"""Of a transcript that is told as it happens nothing need be kept."""
SCENARIO_SECONDS: Final = 60
"""A scenario has no end that is known beforehand: its bar fills as a second hand goes around."""


def run(flags: Namespace) -> int:
    """The exit status. Raises Unable on wrong usage."""
    reading.check_together(flags)
    if flags.list:
        ink = Ink.of(sys.stdout)
        say(listing.json_line() if flags.json else list(listing.lines(ink)))
        return YES
    if flags.serve:
        return serve(sys.stdin.buffer, sys.stdout.buffer)
    if flags.cluster is not None or flags.demand is not None:
        return study_of(flags)
    if flags.swarm is not None:
        return swarm(flags)
    if flags.scenario is not None:
        return _scenario(flags)
    return _one(flags)


# One run ------------------------------------------------------------------------------------------


def _one(flags: Namespace) -> int:
    options = reading.options(flags)
    began = time.perf_counter()
    live = Run(options)
    _announce(flags, _called(options))
    _trace(flags, live.world, live.on_fault)
    try:
        with Bar(wanted=flags.trace is None) as bar:
            result = live.live(lambda phase, share: bar(PHASES.get(phase, phase), share))
    except KeyboardInterrupt:
        return _stopped(reading.line(options), live.world.now, began)
    return _show(flags, result, reading.line(options), _called(options))


def _called(options: Options) -> str:
    faults = faults_text(options.faults)
    wrong = {"all": "every kind of fault", "none": "no faults"}.get(faults, faults)
    return (
        f"seed {options.seed}: {options.nodes} machines, {seconds_of(options.duration)} of "
        f"{wrong}, {options.operations_per_second:g} requests/s"
    )


# A scenario ---------------------------------------------------------------------------------------


def _scenario(flags: Namespace) -> int:
    scenario, given, seed = reading.scenario(flags), reading.fixed(flags), reading.seed(flags)
    nodes, duration = given.get("nodes"), given.get("duration")
    began, now = time.perf_counter(), 0
    _announce(flags, f"{scenario.name}: {scenario.sentence}")
    with Bar(wanted=flags.trace is None) as bar:

        def passed(at: Instant) -> None:
            nonlocal now
            now = at
            bar(f"{scenario.name}, {in_seconds(at):.0f} s", in_seconds(at) % SCENARIO_SECONDS / 60)

        try:
            played = play(
                scenario, seed, nodes=nodes, duration=duration, passed=passed,
                watch=partial(_trace, flags),
            )  # fmt: skip
        except BadSize as error:
            raise reading.wrong(str(error)) from error
        except KeyboardInterrupt:
            options = Options(seed, nodes or scenario.nodes, duration or scenario.duration)
            return _stopped(line_of(scenario, options), now, began)
    told = f"{scenario.name}: {scenario.sentence}; {scenario.holds}"
    return _show(flags, played.result, played.line, told, scenario=scenario.name)


# Words --------------------------------------------------------------------------------------------


def _announce(flags: Namespace, sentence: str) -> None:
    if sys.stderr.isatty() and not flags.json:
        tell(sentence)


def _show(flags: Namespace, result: Result, line: str, told: str, **more: str) -> int:
    if flags.json:
        say(json_line(result, line, **more))
    else:
        say(list(verdict_lines(result, line, told, Ink.of(sys.stdout))))
    return result.exit_code


def _stopped(line: str, now: Instant, began: float) -> int:
    tell(
        f"stopped after {in_seconds(now):.0f} s of virtual time and "
        f"{time.perf_counter() - began:.0f} s of yours; nothing was broken so far"
    )
    tell(f"again: {line}")
    return INTERRUPTED


def _trace(
    flags: Namespace, world: World,
    on_fault: Callable[[Callable[[Injection], object]], None] | None = None,
) -> None:  # fmt: skip
    """With --trace: everything is told as it happens. To stderr where stdout is for one line."""
    if flags.trace is None:
        return
    kind = EveryEvent if flags.trace == "every" else Transcript
    transcript = kind(world, lines_max=LINES_KEPT, told=tell if flags.json else say)
    world.observe(transcript)
    if on_fault is not None:
        on_fault(lambda one: transcript.tell(f"{one.host}: {one.sentence} ({one.label})"))
