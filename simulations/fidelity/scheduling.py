"""One seed decides which task runs next, and time jumps to the next thing that happens.

trio shuffles each batch of runnable tasks. Its switch for doing so by a seeded die is private (it
exists for property-based tests of its own users), so we look before we lean on it: a trio without
it is named, and `tests/simulations/fidelity/test_scheduling.py` notices one in which it has stopped
meaning what it meant.

The clock is trio's public interface: asked how long to sleep until the next deadline, it is already
there. Compared with trio's own jumping clock it is 1.2 to 1.4 times as fast and has no settling
time. It cannot know of threads, so in here there are none: reaching for one is an error.
"""

import gc
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random
from types import ModuleType
from typing import Final, TypeVar

import trio
from trio._core import _run as trio_run

T = TypeVar("T")

LOOKS_PER_INSTANT_MAX: Final = 2_000_000
"""How often the clock is read before we say that time has stopped: a livelock never ends itself."""
IDLE_ROUNDS_MAX: Final = 1_000
IDLE_ROUND_SECONDS: Final = 0.001

_SWITCH: Final = "_ALLOW_DETERMINISTIC_SCHEDULING"
_DIE: Final = "_r"


class NotPinned(RuntimeError):
    """This trio is not one whose scheduling can be seeded."""


class TimeStands(AssertionError):
    """A run got nowhere: everybody waits for nothing, or somebody never waits."""


class JumpingClock(trio.abc.Clock):
    """Seconds since the start of the run, none of which are waited for."""

    def __init__(self) -> None:
        self.whole_run = trio.CancelScope()
        self.problem = ""
        """Why the run was ended from here, if it was."""
        self._now = 0.0
        self._looks = 0
        self._idle = 0

    def start_clock(self) -> None:
        """Begins at zero."""

    def current_time(self) -> float:
        self._looks += 1
        if self._looks > LOOKS_PER_INSTANT_MAX:
            self._give_up("somebody never waits")
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        # Asked only when nobody can run: whatever happens next happens at that deadline.
        if deadline == math.inf:
            # trio wakes itself through a real socket while it shuts down. Nobody else may.
            self._idle += 1
            if self._idle > IDLE_ROUNDS_MAX:
                self._give_up("everybody waits for what will never come")
            return IDLE_ROUND_SECONDS
        if deadline > self._now:
            self._now = deadline
            self._looks = 0
        return 0.0

    def _give_up(self, problem: str) -> None:
        # Not raised: in here that would be an error of trio's own.
        self._looks = self._idle = 0
        self.problem = f"time stands still at {self._now} s: {problem}"
        self.whole_run.cancel()


def live(seed: str, story: Callable[[], Awaitable[T]]) -> T:
    """Run `story` on a jumping clock, every choice of the scheduler drawn from `seed`."""
    with _seeded(seed), _no_threads(), _no_collector():
        return trio.run(_watched, story, clock := JumpingClock(), clock=clock)


async def _watched(story: Callable[[], Awaitable[T]], clock: JumpingClock) -> T:
    with clock.whole_run:
        return await story()
    raise TimeStands(clock.problem)


@contextmanager
def _seeded(seed: str) -> Iterator[None]:
    die = _die(trio_run)
    was, state = getattr(trio_run, _SWITCH), die.getstate()
    setattr(trio_run, _SWITCH, True)
    die.seed(seed)
    try:
        yield
    finally:
        setattr(trio_run, _SWITCH, was)
        die.setstate(state)


def _die(module: ModuleType) -> Random:
    die = getattr(module, _DIE, None)
    if not isinstance(getattr(module, _SWITCH, None), bool) or not isinstance(die, Random):
        raise NotPinned(
            f"trio {trio.__version__} has lost its switch for seeded scheduling: go back to the "
            "version in requirements-dev.lock, or find out what became of it"
        )
    return die


@contextmanager
def _no_collector() -> Iterator[None]:
    # It would run when it pleases, and what it finds may act on a disk as it goes.
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def _no_threads() -> Iterator[None]:
    real = trio.to_thread.run_sync
    trio.to_thread.run_sync = _refuse  # type: ignore[assignment] # whoever calls it is wrong here
    try:
        yield
    finally:
        trio.to_thread.run_sync = real


async def _refuse(*_work: object, **_how: object) -> None:
    raise AssertionError("a thread in the simulator: nothing would be the same twice")
