"""B17: a plan's room is kept clear, and it starts in its time and not before.

Worked out here by plain counting, with none of the forecasts that owners make.
"""

from collections.abc import Sequence
from typing import Final

from ledger.entries import Held, Planned, Started
from ledger.lifecycle import HoldState
from ledger.limits import RATE_MARGIN_PERCENT
from ledger.plans import Plan
from mesh.instant import SECOND, Duration, Instant
from simulations.checks.archive import Reading
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.host import Host
from simulations.world import World

SLACK: Final[Duration] = 10 * SECOND
"""Between a start and its entry lies a turn of the agent, an end that is being seen to, and a look
at the wall; beyond that comes what two honest clocks may stray."""


class PlansStart(Check):
    """B17: nothing that came after a plan stands in its place when its time has come, and nothing
    starts before it. A machine that was off or slept meanwhile, or whose clocks are not honest, is
    excused: what it granted lasts longer by the wall than was said."""

    promises = ("B17",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._plans: dict[bytes, Planned] = {}
        self._granted: dict[str, dict[bytes, Instant]] = {}
        """Holds of an agent's present life → when it granted them."""

    def ended(self, host: Host, how: str) -> None:
        self._granted.pop(host.name, None)

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        granted = self._granted.setdefault(host.name, {})
        for reading in readings:
            for entry in reading.entries or ():
                if isinstance(entry, Planned):
                    self._plans[entry.id] = entry
                elif isinstance(entry, Held):
                    granted[entry.id] = self.world.now
                elif isinstance(entry, Started):
                    self._started(host, entry.id)

    def second(self, world: World) -> None:
        for host in world.up():
            plans = host.alive.ledger.books.plans
            if plans and self._is_honest(host) and self.evidence.circumstances.is_open(host):
                for plan in plans.values():
                    self._look(host, plan)

    def _started(self, host: Host, hold: bytes) -> None:
        plan = self._plans.get(hold)
        if plan is None:
            return
        self.looks("B17")
        self.evidence.promises.began(host, hold, self.world.now)
        early = plan.start - host.wall(self.world.now)
        if self._is_honest(host) and early > _strays(plan.term) + SLACK:
            raise self.broken("B17", f"{host.name} starts a plan {early / 1e9:.1f} s early")

    def _look(self, host: Host, plan: Plan) -> None:
        now = self.world.now
        late = host.wall(now) - plan.start
        if plan.state is not HoldState.PLANNED or late < SLACK or plan.origin != plan.held_at:
            return
        self.looks("B17")
        books, granted = host.alive.ledger.books, self._granted.get(host.name, {})
        ending = host.alive.ledger.ending
        later = [
            hold
            for hold in books.live_holds()
            if hold.held_at > plan.held_at and hold.id in granted and hold.id not in ending
            and late > SLACK + _strays(now - granted[hold.id])
        ]  # fmt: skip
        for leg in plan.legs:
            free = books.free(leg.pool)
            taken = sum(one.amount for hold in later for one in hold.legs if one.pool == leg.pool)
            if free < leg.amount <= free + taken:
                sentence = f"{host.name} gave what a plan needs of {leg.pool} to who came later"
                raise self.broken("B17", f"{sentence}: {late / 1e9:.0f} s late")

    def _is_honest(self, host: Host) -> bool:
        _, length = self.evidence.circumstances.slept(host)
        steady = not host.wall_stepped and length < SLACK
        return steady and host.clock.honest and not self.evidence.is_cloned(host)


def _strays(span: Duration) -> Duration:
    """How far two honest clocks may be apart after `span`."""
    return 2 * span * RATE_MARGIN_PERCENT // 100
