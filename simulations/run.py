"""One run: nodes meet, people and misfortune do what they like, then everything is mended.

Safety is checked all the time, liveness in the calm: once nothing more goes wrong, everybody opens,
agrees, has answered whoever waits, and can be reserved at again, each within a time that the core's
own deadlines give (`simulations/checks/calm.py`). A run is its options and nothing else: lived
twice it is the same history.
"""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from ledger.limits import AGE_STEP, BOOK_WAIT, CHECKPOINT_ENTRIES, QUARANTINE, Limits
from ledger.policy import Policy
from mesh.instant import MINUTE, SECOND, Duration, in_seconds
from simulations.canary import Canary
from simulations.checks import all_checks
from simulations.coverage import Coverage
from simulations.faults.nemesis import Injection, Nemesis
from simulations.faults.scene import Scene
from simulations.invented.hardware import GIB, Card
from simulations.invented.observing import Observer
from simulations.invented.world import CALM, World
from simulations.options import Options
from simulations.people.crowd import Crowd
from simulations.people.spending import allotted
from simulations.results import INTERNAL, OK, STALLED, VIOLATED, Result
from simulations.verdicts import PromiseBroken, Stalled

MEET_WAIT: Final[Duration] = 2 * MINUTE
ANSWER_WAIT: Final[Duration] = QUARANTINE + BOOK_WAIT + 2 * MINUTE
"""The longest wait for an opening (some machines are gone for good), then every send and call."""
LOOK_EVERY: Final[Duration] = 5 * SECOND
STEP: Final[Duration] = SECOND // 4
"""How often it is asked whether a phase is over. Each time costs a look at everybody."""
RAM: Final = 8 * GIB
CARD: Final = 8 * GIB
TAIL_LINES: Final = 60
HOME: Final = Path(__file__).parents[1]
ROOMS_OF_THE_CORE: Final = ("mesh", "ledger", "placement", "node")
CRASHES: Final = (
    AssertionError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
    RuntimeError,
)  # fmt: skip
"""What an agent can stop itself with. Whose fault it is, the place where it was raised says."""

Progress = Callable[[str, float], object]
"""(phase, how much of it is done, 0 to 1)."""

__all__ = ["Options", "Progress", "Result", "Run"]


CHECKPOINTS_AFTER: Final = (8, 16, 32, 64, CHECKPOINT_ENTRIES)
"""Entries of a log between two checkpoints, of which each run has one."""
ALLOTTED_EVERY: Final = 3
"""In so many runs one has operators who have written down who may have how much."""
AGEING: Final = (2 * SECOND, 5 * SECOND, AGE_STEP)
"""How long somebody waits to count for one priority more."""


class Run:
    """One run. Build it, let whoever likes `observe`, and `live` it once."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.world = world = World(options.seed, CALM, scheme=options.scheme)
        world.limits = drawn_limits(options.seed)
        world.look_every = LOOK_EVERY
        for number in range(options.nodes):
            # Every third machine has a card, so that there is something to lose.
            cards = (Card(f"GPU-{number}", CARD),) if number % 3 == 2 else ()
            world.add(f"n{number}", ram=RAM, cards=cards)
        self.checks = all_checks(world)
        self.coverage = Coverage()
        self.crowd = Crowd(world, options.operations_per_second)
        self.scene = Scene(world, self.crowd, CALM)
        self.nemesis = Nemesis(self.scene, options.faults, options.without)
        for observer in (self.checks, self.coverage, self.crowd, self.scene):
            world.observe(observer)
        if options.canary:
            world.observe(Canary(self.checks))
        self._progress: Progress = lambda _phase, _share: None

    def observe(self, observer: Observer) -> None:
        """Let `observer` see everything; before `live`."""
        self.world.observe(observer)

    def on_fault(self, tell: Callable[[Injection], object]) -> None:
        """`tell` hears of every fault that happens; before `live`."""
        self.nemesis.tell = tell

    def live(self, progress: Progress | None = None) -> Result:
        """From the first start to the end of the calm. Never raises what a run may come to."""
        self._progress = progress or self._progress
        began = time.perf_counter()
        verdict, violations = self._verdict()
        self.coverage.finish()
        return self._result(verdict, violations, time.perf_counter() - began)

    def _verdict(self) -> tuple[str, tuple[str, ...]]:
        try:
            self._meet()
            self._chaos()
            self._calm()
        except PromiseBroken as broken:
            return VIOLATED, (str(broken),)
        except Stalled as stalled:
            return STALLED, (str(stalled),)
        except CRASHES as crash:
            return blame(crash)
        return OK, ()

    # Phases --------------------------------------------------------------------------------------

    def _meet(self) -> None:
        for name in self.world.hosts:
            self.world.start(name, first=True)
        self._until("meet", "V2", "the nodes never met", self._all_met, MEET_WAIT)

    def _chaos(self) -> None:
        world, duration = self.world, self.options.duration
        until = world.now + duration
        self.crowd.begin(until)
        self.nemesis.unleash(until)
        while world.now < until:
            world.run(min(SECOND, until - world.now))
            self._progress("chaos", 1 - (until - world.now) / duration)

    def _calm(self) -> None:
        self.nemesis.mend()
        self.crowd.stop()
        self._end_all_work()
        self._until(
            "answers", "V1", "somebody was never answered", lambda: not self.crowd.waiting,
            ANSWER_WAIT,
        )  # fmt: skip
        self.checks.calm(self.world)
        self._progress("calm", 1.0)

    def _end_all_work(self) -> None:
        for host in self.world.hosts.values():
            for pid in sorted(host.work):
                self.world.end_work(host.name, pid)

    def _until(
        self, phase: str, promise: str, sentence: str, done: Callable[[], bool], limit: Duration
    ) -> None:
        """Let time pass until `done`. Raises Stalled after `limit`."""
        world = self.world
        since = world.now
        while not done():
            if world.now - since >= limit:
                raise Stalled(promise, f"{in_seconds(limit):g} s into the calm: {sentence}")
            world.run(STEP)
            self._progress(phase, (world.now - since) / limit)

    # What is waited for --------------------------------------------------------------------------

    def _all_met(self) -> bool:
        others = len(self.world.hosts) - 1
        return all(
            len(host.alive.knowledge.members()) == others
            and all(
                host.alive.knowledge.fact(member.id, "live")
                for member in host.alive.knowledge.members()
            )
            for host in self.world.hosts.values()
        )

    # What it came to -----------------------------------------------------------------------------

    def _result(self, verdict: str, violations: tuple[str, ...], took: float) -> Result:
        diary, nemesis = self.crowd.diary, self.nemesis
        endings = {ending: diary.endings[ending] for ending in ("granted", "refused", "unknown")}
        return Result(
            options=self.options,
            verdict=verdict,
            violations=violations,
            trace_hash=self.world.trace.hexdigest(),
            operations=endings,
            unheard=diary.unheard,
            changed=diary.changed,
            kinds=dict(sorted(diary.kinds.items())),
            faults=dict(sorted(nemesis.counts.items())),
            states=dict(sorted((self.coverage.seen + self.checks.seen).items())),
            checks=dict(sorted(self.checks.looked.items())),
            struck=tuple(injection.label for injection in nemesis.injections),
            virtual_seconds=in_seconds(self.world.now),
            wall_seconds=took,
            transcript_tail=tuple(_told(one) for one in nemesis.injections[-TAIL_LINES:]),
        )


def drawn_limits(seed: int) -> Limits:
    """How often the nodes of a run write checkpoints: in most of them so often that logs are pruned
    all the time, and whoever was away for a minute finds no beginning. And in how many steps of
    waiting somebody becomes as important as others: in minutes, nobody in a run lives to see it."""
    entries = Random(f"{seed}/checkpoints").choice(CHECKPOINTS_AFTER)
    age_step = Random(f"{seed}/ageing").choice(AGEING)
    policy = allotted() if seed % ALLOTTED_EVERY == 0 else Policy()
    return Limits(checkpoint_entries=entries, age_step=age_step, policy=policy)


def _told(injection: Injection) -> str:
    at = in_seconds(injection.at)
    return f"{at:9.3f} s  {injection.host}: {injection.sentence} ({injection.label})"


def blame(crash: BaseException) -> tuple[str, tuple[str, ...]]:
    """Whose fault a crash is, as a verdict: of the agent under test, or of the simulator itself."""
    frames = [
        (Path(frame.filename).relative_to(HOME), frame.lineno)
        for frame in traceback.extract_tb(crash.__traceback__)
        if Path(frame.filename).is_relative_to(HOME)
    ]
    ours = [frame for frame in frames if frame[0].parts[0] in (*ROOMS_OF_THE_CORE, "simulations")]
    file, line = ours[-1]
    sentence = f"crash: {type(crash).__name__} at {file}:{line}: {crash}"
    return (VIOLATED if file.parts[0] in ROOMS_OF_THE_CORE else INTERNAL), (sentence,)
