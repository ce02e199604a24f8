"""Looks: how we find out whether somebody is there, without taking a lost packet for a death.

A **careful look** is the scheduled one. Three knocks at the pace at which this peer is known to
answer; then, twice, a few helpers are asked to knock for us, and we knock along, for a lost answer
is likelier than a lost peer. Helpers who get nothing say so early: when all have said no the look
is over, and when none says anything it is we who are not heard. At a fifth of all datagrams lost
the chance that all of it fails is about one in a hundred thousand.

A **quick look** begins because somebody accused the target: five knocks, nobody is asked. A
**glance** is what a suspect gets once per period.

Any fresh word from the target ends every look at it: an answer is an answer, whatever it was an
answer to. When we ourselves were late (the process was stopped, the laptop slept), the silence was
ours: running looks are put off by as much, or begin again.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from mesh.config import MeshConfig
from mesh.identity import NodeId
from mesh.instant import Duration, Instant, earliest

LOOKS_MAX: Final = 1024
"""As many as there may be members: a roll call looks at everybody."""
ERRANDS_MAX: Final = 64
"""Looks we take for others at one time."""
PERCENT: Final = 100


class Kind(Enum):
    """What kind of look, from the one that says most to the one that says least."""

    CAREFUL = "careful"
    QUICK = "quick"
    GLANCE = "glance"


class _Shape(NamedTuple):
    """When things happen in a look, in hundredths of a period, beside the paced knocks."""

    paced: tuple[int, ...]
    """In halves of the peer's patience."""
    knocks: tuple[int, ...]
    waves: tuple[int, ...]
    over: int


_SHAPES: Final = {
    # The second wave's last no comes at 45 + NACK_AT: a tenth of a period is left for its way.
    Kind.CAREFUL: _Shape((0, 2, 5), (30, 45, 60), (30, 45), 75),
    Kind.QUICK: _Shape((0, 2, 5), (40, 50), (), 60),
    Kind.GLANCE: _Shape((0,), (40,), (), 60),
}
KNOCKS_MAX: Final = 6
"""In one look."""
NACK_AT: Final = 20
"""A helper says no after so many hundredths of a period: well before the asker's look is over. A
no that comes later poisons the asker's judgement of itself (it did in memberlist for years)."""


class Knock(NamedTuple):
    """Ping `target`. With `hello` a hello goes along: perhaps it lost our session. That is before
    any helper can vouch for it, or we would hear for ever that it lives, and never it itself."""

    target: NodeId
    hello: bool


class AskHelpers(NamedTuple):
    """Ask a few others to ping `target`."""

    target: NodeId


class NoAnswer(NamedTuple):
    """The look is over and nothing came back. `unheard`: no helper said anything either."""

    target: NodeId
    kind: Kind
    unheard: bool


class Report(NamedTuple):
    """Tell `asker` what came of its request `seq` to look at `target`."""

    asker: NodeId
    seq: int
    target: NodeId
    alive: bool


Step: TypeAlias = Knock | AskHelpers | NoAnswer | Report


@dataclass(slots=True)
class _Look:
    kind: Kind
    started: Instant
    knocks: list[Duration]
    waves: list[Duration]
    over: Duration
    hello_at: Duration
    asked: dict[NodeId, None] = field(default_factory=dict)
    denied: dict[NodeId, None] = field(default_factory=dict)

    @property
    def next_step(self) -> Instant:
        first = self.over
        for row in (self.knocks, self.waves):
            if row and row[0] < first:
                first = row[0]
        return self.started + first


class _Errand(NamedTuple):
    asker: NodeId
    seq: int
    target: NodeId


@dataclass(slots=True)
class _Running:
    knocks: list[Instant]
    until: Instant


class Prober:
    """Looks under way, by target; errands for others beside them."""

    def __init__(self, config: MeshConfig) -> None:
        self._period = config.probe_period
        self._looks: dict[NodeId, _Look] = {}
        self._errands: dict[_Errand, _Running] = {}

    @property
    def next_wake(self) -> Instant | None:
        if not self._looks and not self._errands:
            return None
        first: Instant | None = None
        for look in self._looks.values():
            first = earliest(first, look.next_step)
        for errand in self._errands.values():
            first = earliest(first, *errand.knocks[:1], errand.until)
        return first

    def is_looking(self, target: NodeId) -> bool:
        """Whether a look at `target` is under way."""
        return target in self._looks

    def look(
        self, target: NodeId, kind: Kind, patience: Duration, now: Instant, scale: int = 1
    ) -> None:
        """Begin a look at `target`, unless one is under way. `scale`: of our own fitness."""
        if target in self._looks or len(self._looks) >= LOOKS_MAX:
            return
        shape = _SHAPES[kind]
        unit = self._period * scale // PERCENT
        knocks = sorted(
            [
                *(half * patience // 2 for half in shape.paced),
                *(part * unit for part in shape.knocks),
            ]
        )
        waves = [part * unit for part in shape.waves]
        hello_at = shape.knocks[0] * unit
        self._looks[target] = _Look(kind, now, knocks, waves, shape.over * unit, hello_at)

    def asked(self, target: NodeId, helpers: tuple[NodeId, ...]) -> None:
        """These have been asked to look at `target` for us."""
        if (look := self._looks.get(target)) is not None:
            look.asked |= dict.fromkeys(helpers)

    def already_asked(self, target: NodeId) -> tuple[NodeId, ...]:
        """Helpers of the look under way."""
        look = self._looks.get(target)
        return tuple(look.asked) if look is not None else ()

    def run_errand(
        self, asker: NodeId, seq: int, target: NodeId, patience: Duration, now: Instant
    ) -> list[Step]:
        """`asker` cannot reach `target`: ping it, once more if need be, and report."""
        if len(self._errands) >= ERRANDS_MAX:
            return [Report(asker, seq, target, alive=False)]
        until = now + NACK_AT * self._period // PERCENT
        self._errands[_Errand(asker, seq, target)] = _Running([now + patience], until)
        return [Knock(target, hello=False)]

    def heard(self, target: NodeId) -> list[Step]:
        """A fresh word from `target` itself: all looks at it are over."""
        self._looks.pop(target, None)
        if not self._errands:
            return []
        errands = [errand for errand in self._errands if errand.target == target]
        for errand in errands:
            del self._errands[errand]
        return [Report(*errand, alive=True) for errand in errands]

    def vouched(self, target: NodeId, helper: NodeId) -> bool:
        """A helper reached `target`: no reason to accuse, though no word of its own to us."""
        look = self._looks.get(target)
        if look is None or helper not in look.asked:
            return False
        del self._looks[target]
        return True

    def denied(self, target: NodeId, helper: NodeId) -> list[Step]:
        """A helper got nothing either. With the last of them the look is over."""
        look = self._looks.get(target)
        if look is None or helper not in look.asked:
            return []
        look.denied[helper] = None
        if look.waves or len(look.denied) < len(look.asked):
            return []
        return self._end(target, look)

    def slept(self, lag: Duration) -> None:
        """We were away for so long: put off by as much what runs."""
        for look in self._looks.values():
            look.started += lag
        for errand in self._errands.values():
            errand.knocks = [at + lag for at in errand.knocks]
            errand.until += lag

    def forget_all(self) -> None:
        """We were away so long that nothing that ran means anything any more."""
        self._looks.clear()
        self._errands.clear()

    def wake(self, now: Instant) -> list[Step]:
        """Everything that is due."""
        steps: list[Step] = []
        for target, look in list(self._looks.items()):
            if now >= look.next_step:
                steps += self._steps(target, look, now)
        for errand, running in list(self._errands.items()):
            if now >= running.until:
                del self._errands[errand]
                steps.append(Report(*errand, alive=False))
            elif running.knocks and now >= running.knocks[0]:
                running.knocks.pop()
                steps.append(Knock(errand.target, hello=False))
        return steps

    def _steps(self, target: NodeId, look: _Look, now: Instant) -> list[Step]:
        if now >= look.started + look.over:
            return self._end(target, look)
        steps: list[Step] = []
        while look.knocks and now >= look.started + look.knocks[0]:
            steps.append(Knock(target, hello=look.knocks.pop(0) == look.hello_at))
        while look.waves and now >= look.started + look.waves[0]:
            look.waves.pop(0)
            steps.append(AskHelpers(target))
        return steps

    def _end(self, target: NodeId, look: _Look) -> list[Step]:
        del self._looks[target]
        return [NoAnswer(target, look.kind, unheard=bool(look.asked) and not look.denied)]
