"""Suspicions: who doubts whom, how long a doubt may last, and when all doubt is ourselves.

A **case** opens with the first doubt, our own or somebody's word, and closes with any word of the
suspect itself. It is what we count by; it moves nobody. How long a suspect has to speak depends on
how many have looked for themselves and found nothing (Lifeguard's dynamic suspicion): with nobody's
confirmation the longest time, with enough of them the least, on a logarithm in between. Where there
is nobody left who could confirm, the least is all there is. Shortly before its time is over each
suspect gets a **last look**; nobody is declared dead but by who has just looked again.
Others may be sooner than our own first look: then their words wait for it.

    least    max(floor, 3 · Gi · (log₄ n + 3)): three times what news needs to get around twice
    longest  β times the least

The **freeze**. When more than half of all members turn suspect within two periods, the likelier
explanation is our own cable. Then nobody is declared dead for a while, and we say that we are cut
off. The while is bounded, and it is not begun again until most are back: a machine that outlives
all others must come to say so.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mesh.config import MeshConfig
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND, Duration, Instant
from mesh.timers import Timers

CONFIRMATIONS: Final = 3
"""So many others who found nothing, and the least time is enough. Lifeguard's K."""
NEWS_TIME: Final[Duration] = 100 * MILLISECOND
"""Gi: what one more round of telling takes, measured on a busy machine."""
LAST_LOOK: Final = 60
"""Before the time is over, in hundredths of a period: as long as the look takes."""
MOMENT: Final[Duration] = 100 * MILLISECOND
FREEZE: Final[Duration] = 60 * SECOND
FREEZE_PERIODS: Final = 2
FREEZE_MEMBERS_MIN: Final = 4
"""Of three others, two that are gone are not yet a sign about ourselves."""
_SHARES: Final = {1: (0, 1000), 2: (0, 631, 1000), 3: (0, 500, 792, 1000)}
"""Confirmations wanted → thousandths of the way from longest to least after 0, 1, … of them:
ln(c + 1) / ln(k + 1), written out, so that no two machines round it differently."""


@dataclass(slots=True)
class _Case:
    since: Instant
    doubters: dict[NodeId, None] = field(default_factory=dict)
    last_look: bool = False
    """Whether the look has begun behind which there is no other."""


class Due(NamedTuple):
    """It is time for the last look at `target`, or that has been in vain too (`over`)."""

    target: NodeId
    over: bool


class Suspicions:
    """All open cases, and the freeze."""

    def __init__(self, config: MeshConfig) -> None:
        self._config = config
        self._cases: dict[NodeId, _Case] = {}
        self._timers: Timers[NodeId] = Timers()
        self._alive = 0
        self._turned: deque[Instant] = deque(maxlen=config.members_max)
        self._frozen_until: Instant | None = None
        self._spent = False
        """Whether this storm has had its freeze."""

    @property
    def next_wake(self) -> Instant | None:
        first = self._timers.next
        if first is None or self._frozen_until is None:
            return first
        return max(first, self._frozen_until)

    # Cases -------------------------------------------------------------------------------------

    def __contains__(self, target: NodeId) -> bool:
        return target in self._cases

    def doubt(self, target: NodeId, doubter: NodeId, now: Instant) -> None:
        """`doubter` has looked and found nothing."""
        case = self._cases.get(target)
        if case is None:
            if len(self._cases) >= self._config.members_max:
                return  # everyone we know is a suspect already
            case = self._cases[target] = _Case(now)
        if len(case.doubters) <= CONFIRMATIONS + 1:
            case.doubters[doubter] = None
        self._set(target, case)

    def close(self, target: NodeId) -> NodeId | None:
        """`target` has spoken, or needs no longer be waited for; who doubted it first."""
        case = self._cases.pop(target, None)
        if case is None:
            return None
        self._timers.cancel(target)
        return next(iter(case.doubters), None)

    def alive(self, count: int) -> None:
        """So many others are thought to live: those who could confirm."""
        before, self._alive = min(CONFIRMATIONS, self._alive), count
        if min(CONFIRMATIONS, count) != before:
            for target, case in self._cases.items():
                self._set(target, case)

    def due(self, now: Instant) -> list[Due]:
        """What has to be done about whom."""
        if self.frozen_until(now) is not None:
            return []
        found: list[Due] = []
        for target in self._timers.due(now):
            case = self._cases[target]
            found.append(Due(target, over=case.last_look))
            if not case.last_look:
                case.last_look = True
                self._timers.set(target, max(now + self._last_look, self._deadline(case)))
        return found

    def put_off(self, target: NodeId, now: Instant) -> None:
        """Our first look at `target` is not over: due again in a moment, or when that look is."""
        self._cases[target].last_look = False
        self._timers.set(target, now + MOMENT)

    def is_confirmed(self, target: NodeId) -> bool:
        """Whether one doubter more would change nothing."""
        case = self._cases.get(target)
        return case is not None and len(case.doubters) > CONFIRMATIONS + 1

    def slept(self, lag: Duration, *, look_again: bool = False) -> None:
        """We were not there for so long: nobody's silence counts. `look_again`: nor any look."""
        for target, case in self._cases.items():
            case.since += lag
            case.last_look = case.last_look and not look_again
            if case.last_look:
                self._timers.set(target, self._deadline(case))
            self._set(target, case)

    def begin_again(self, now: Instant) -> None:
        """A new run of ours: every doubt is as new as now, and whoever shared it may not."""
        for target, case in self._cases.items():
            case.since, case.last_look = now, False
            case.doubters = dict.fromkeys(list(case.doubters)[:1])
            self._set(target, case)

    def least(self, nodes: int) -> Duration:
        """What a suspect has at the least, in a mesh of so many."""
        twice_log4 = (nodes - 1).bit_length()  # log₄ n is half of log₂ n
        told = 3 * NEWS_TIME * (twice_log4 + 6) // 2
        return max(self._config.suspicion, told)

    @property
    def _last_look(self) -> Duration:
        return self._config.probe_period * LAST_LOOK // 100

    def _deadline(self, case: _Case) -> Instant:
        least = self.least(self._alive + 2)
        wanted = min(CONFIRMATIONS, self._alive)
        if wanted == 0:
            return case.since + least
        confirmed = min(wanted, max(0, len(case.doubters) - 1))
        longest = least * self._config.suspicion_stretch
        return case.since + longest - (longest - least) * _SHARES[wanted][confirmed] // 1000

    def _set(self, target: NodeId, case: _Case) -> None:
        if not case.last_look:
            self._timers.set(target, self._deadline(case) - self._last_look)

    # The freeze --------------------------------------------------------------------------------

    def turned(self, suspects: int, members: int, now: Instant) -> bool:
        """One more has turned suspect: so many of so many by now. Whether that begins a freeze."""
        within = FREEZE_PERIODS * self._config.probe_period
        self._turned.append(now)
        while now - self._turned[0] > within:
            self._turned.popleft()
        if self._spent or members < FREEZE_MEMBERS_MIN:
            return False
        if 2 * min(suspects, len(self._turned)) <= members:
            return False
        self._spent = True
        self._frozen_until = now + FREEZE
        return True

    def calm(self, suspects: int, members: int) -> bool:
        """So many of so many are suspects by now. Whether that ends a freeze."""
        if not self._spent or 2 * suspects > members:
            return False
        ended = self._frozen_until is not None
        self._spent, self._frozen_until = False, None
        self._turned.clear()
        return ended

    def frozen_until(self, now: Instant) -> Instant | None:
        """Until when nobody is declared dead; None: deaths take their course."""
        if self._frozen_until is not None and now >= self._frozen_until:
            self._frozen_until = None
        return self._frozen_until
