"""B17: a plan's room is kept clear, and it starts in its time and not before.

Worked out here by plain counting, with none of the forecasts that owners make.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ledger.books.holds import LiveHold
from ledger.books.plans import Plan
from ledger.desk import Desk
from ledger.entries import Entry, Extended, Held, Planned, Started
from ledger.lifecycle import HoldState
from ledger.limits import RATE_MARGIN_PERCENT
from mesh.identity import NODE_ID_BYTES
from mesh.instant import SECOND, Duration, Instant
from mesh.persistence import SPACE_BLOCK, Write
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host
from simulations.invented.world import World

SLACK: Final[Duration] = 10 * SECOND
"""Between a start and its entry lies a turn of the agent, an end that is being seen to, and a look
at the wall; beyond that comes what two honest clocks may stray."""


class Given(NamedTuple):
    """A decision by which something stands where it stands."""

    at: Instant
    after: Instant
    """From when on it stands there by this decision: an extension's begins with the old end."""
    had: Mapping[str, int]
    """What there was of each pool then."""


class PlansStart(Check):
    """B17: nothing that came after a plan stands in its place when its time has come, and nothing
    starts before it. A machine that was off or slept meanwhile, or whose clocks are not honest, is
    excused: what it granted lasts longer by the wall than was said. So is one that has less now
    than it had when it decided."""

    promises = ("B17",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._plans: dict[bytes, tuple[Instant, Planned]] = {}
        """Plan → when it was pencilled in."""
        self._given: dict[str, dict[bytes, list[Given]]] = {}
        """Of an agent's present life: hold → what gave it its room, first to last."""

    def ended(self, host: Host, how: str) -> None:
        self._given.pop(host.name, None)

    def deciding(self, host: Host, desk: Desk, entry: Entry) -> None:
        if not isinstance(entry, Planned | Held | Started | Extended):
            return
        now = self.world.now
        if isinstance(entry, Planned):
            self._plans[entry.id] = now, entry
            return
        decided, after = now, now
        if isinstance(entry, Extended):
            after += desk.remaining(entry.id, host.clock.read(now)) or 0
        had = {pool: desk.books.capacity(pool) for pool in desk.books.pools}
        given = self._given.setdefault(host.name, {}).setdefault(entry.id, [])
        if isinstance(entry, Started) and entry.id in self._plans:
            decided, plan = self._plans[entry.id]
            self._started(host, plan)
            # Its own place was decided on with it. What a late start takes behind that is new.
            given.append(Given(now, max(now, now + plan.start + plan.term - host.wall(now)), had))
        given.append(Given(decided, after, had))

    def durable(self, host: Host, writes: Sequence[Write]) -> None:
        """Nobody has heard of a start before it is on disk, nor may rely on it."""
        if not self._plans or host.agent is None:
            return
        rows = (w for w in writes if w.space == SPACE_BLOCK and w.key[:NODE_ID_BYTES] == host.id)
        for row in rows:
            reading = None if row.value is None else self.evidence.archive.read(row.value)
            for entry in (reading.entries or ()) if reading is not None else ():
                if isinstance(entry, Started) and entry.id in self._plans:
                    self.evidence.promises.began(host, entry.id, self.world.now)

    def second(self, world: World) -> None:
        for host in world.up():
            plans = host.alive.ledger.books.plans
            if plans and self._is_honest(host) and self.evidence.circumstances.is_open(host):
                for plan in plans.values():
                    self._look(host, plan)

    def _started(self, host: Host, plan: Planned) -> None:
        self.looks("B17")
        early = plan.start - host.wall(self.world.now)
        if self._is_honest(host) and early > _strays(plan.term) + SLACK:
            raise self.broken("B17", f"{host.name} starts a plan {early / 1e9:.1f} s early")

    def _look(self, host: Host, plan: Plan) -> None:
        late = host.wall(self.world.now) - plan.start
        if plan.state is not HoldState.PLANNED or late < SLACK or plan.origin != plan.held_at:
            return
        if plan.id not in self._plans:
            return
        self.looks("B17")
        books = host.alive.ledger.books
        for leg in plan.legs:
            free = books.free(leg.pool)
            taken = sum(
                one.amount
                for hold in self._came_later(host, plan, leg.pool, late)
                for one in hold.legs
                if one.pool == leg.pool
            )
            if free < leg.amount <= free + taken:
                sentence = f"{host.name} gave what a plan needs of {leg.pool} to who came later"
                raise self.broken("B17", f"{sentence}: {late / 1e9:.0f} s late")

    def _came_later(self, host: Host, plan: Plan, pool: str, late: Duration) -> Iterator[LiveHold]:
        """What stands in a plan's place by a decision that was taken after it was pencilled in."""
        ledger, given = host.alive.ledger, self._given.get(host.name, {})
        planned, ending = self._plans[plan.id][0], set(ledger.ending)
        for hold in ledger.books.live_holds():
            if hold.id not in ending and any(
                one.at > planned
                and late > SLACK + _strays(self.world.now - one.at)
                and self.world.now > one.after + SLACK + _strays(one.after - one.at)
                and ledger.books.capacity(pool) >= one.had.get(pool, 0)
                for one in given.get(hold.id, ())
            ):
                yield hold

    def _is_honest(self, host: Host) -> bool:
        _, length = self.evidence.circumstances.slept(host)
        steady = not host.wall_stepped and length < SLACK
        return steady and host.clock.honest and not self.evidence.is_cloned(host)


def _strays(span: Duration) -> Duration:
    """How far two honest clocks may be apart after `span`."""
    return 2 * span * RATE_MARGIN_PERCENT // 100
