"""The probe cycle: one member per period gets a careful look.

Each period takes the next member of a shuffled roll, so everyone is looked at once per round and
nobody is forgotten by chance. A look is up to three pings, then a question to a few helpers, and
only at the end of the period "no answer". Any fresh word from the target ends every look at it: an
answer is an answer, whatever it was an answer to.

A **last look** is the same, begun because somebody accused the target; its failure counts as our
own evidence, but is not passed on, or one death would cost N² accusations.

When we ourselves were late (the process was stopped, the laptop slept), the silence was ours: every
running look begins again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple, TypeAlias

from mesh.config import MeshConfig
from mesh.identity import NodeId
from mesh.instant import Instant, earliest

LOOKS_MAX: Final = 256
ERRANDS_MAX: Final = 64
"""Looks we take for others at one time."""


class Knock(NamedTuple):
    """Ping `target`. On the `last` try a hello goes along: perhaps it lost our session."""

    target: NodeId
    last: bool


class AskHelpers(NamedTuple):
    """Ask a few others to ping `target`."""

    target: NodeId


class NoAnswer(NamedTuple):
    """The look is over and nothing came back. `accuse`: tell the others."""

    target: NodeId
    accuse: bool


class Report(NamedTuple):
    """Tell `asker` what came of its request `seq` to look at `target`."""

    asker: NodeId
    seq: int
    target: NodeId
    alive: bool


Step: TypeAlias = Knock | AskHelpers | NoAnswer | Report


@dataclass(slots=True)
class _Look:
    started: Instant
    accuse: bool
    tries: int = 0
    asked_helpers: bool = False


class _Errand(NamedTuple):
    asker: NodeId
    seq: int
    target: NodeId


class Prober:
    """Looks under way, by target; errands for others beside them."""

    def __init__(self, config: MeshConfig, random: Random) -> None:
        self._config = config
        self._random = random
        self._order: list[NodeId] = []
        self._next_period: Instant | None = None
        self._looks: dict[NodeId, _Look] = {}
        self._errands: dict[_Errand, Instant] = {}

    @property
    def next_wake(self) -> Instant | None:
        if not self._looks and not self._errands:
            return self._next_period
        looks = [self._next_step(look) for look in self._looks.values()]
        return earliest(self._next_period, *looks, *self._errands.values())

    def start(self, now: Instant) -> None:
        """Begin the cycle, unless it runs. The phase is random: a mesh must not probe in step."""
        if self._next_period is None:
            self._next_period = now + self._random.randrange(self._config.probe_period)

    def look(self, target: NodeId, now: Instant, *, accuse: bool) -> None:
        """Take a look at `target`, unless one is under way."""
        if target not in self._looks and len(self._looks) < LOOKS_MAX:
            self._looks[target] = _Look(now, accuse)

    def run_errand(self, asker: NodeId, seq: int, target: NodeId, now: Instant) -> list[Step]:
        """`asker` cannot reach `target`: ping it, and report."""
        if len(self._errands) >= ERRANDS_MAX:
            return [Report(asker, seq, target, alive=False)]
        self._errands[_Errand(asker, seq, target)] = now + self._config.helper_patience
        return [Knock(target, last=False)]

    def heard(self, target: NodeId) -> list[Step]:
        """A fresh word from `target` itself: all looks at it are over."""
        self._looks.pop(target, None)
        errands = [errand for errand in self._errands if errand.target == target]
        for errand in errands:
            del self._errands[errand]
        return [Report(*errand, alive=True) for errand in errands]

    def vouched(self, target: NodeId) -> None:
        """A helper reached `target`: no reason to accuse, though no word of its own to us."""
        look = self._looks.get(target)
        if look is not None and look.asked_helpers:
            del self._looks[target]

    def forgive(self, now: Instant) -> None:
        """We were the ones who slept: begin every look again."""
        for look in self._looks.values():
            look.started, look.tries, look.asked_helpers = now, 0, False
        self._errands.clear()
        if self._next_period is not None:
            self._next_period = now + self._config.probe_period

    def wake(
        self, now: Instant, candidates: Sequence[NodeId], suspects: Sequence[NodeId]
    ) -> list[Step]:
        """Everything that is due. `suspects` get another look every period."""
        if self._next_period is not None and now >= self._next_period:
            self._begin_period(now, candidates, suspects)
        steps: list[Step] = []
        for target in list(self._looks):
            steps += self._steps(target, self._looks[target], now)
        for errand, until in list(self._errands.items()):
            if now >= until:
                del self._errands[errand]
                steps.append(Report(*errand, alive=False))
        return steps

    def _begin_period(
        self, now: Instant, candidates: Sequence[NodeId], suspects: Sequence[NodeId]
    ) -> None:
        if not candidates:
            self._next_period = None
            return
        self._next_period = now + self._config.probe_period
        target = self._next_target(candidates)
        self.look(target, now, accuse=target not in suspects)
        for suspect in suspects:
            self.look(suspect, now, accuse=False)

    def _next_target(self, candidates: Sequence[NodeId]) -> NodeId:
        while self._order:
            target = self._order.pop()
            if target in candidates:  # nearly always at the first: no set of them all for that
                return target
        self._order = sorted(candidates)
        self._random.shuffle(self._order)
        return self._order.pop()

    def _steps(self, target: NodeId, look: _Look, now: Instant) -> list[Step]:
        steps: list[Step] = []
        if now >= look.started + self._config.probe_period:
            del self._looks[target]
            return [NoAnswer(target, look.accuse)]
        tries = self._config.probe_tries
        while look.tries < len(tries) and now >= look.started + tries[look.tries]:
            look.tries += 1
            steps.append(Knock(target, last=look.tries == len(tries)))
        if not look.asked_helpers and now >= look.started + self._config.helpers_after:
            look.asked_helpers = True
            steps.append(AskHelpers(target))
        return steps

    def _next_step(self, look: _Look) -> Instant:
        tries = self._config.probe_tries
        if look.tries < len(tries):
            return look.started + tries[look.tries]
        if not look.asked_helpers:
            return look.started + self._config.helpers_after
        return look.started + self._config.probe_period
