"""B17 and B18: those who come later. A plan's room is kept clear and it starts in its time; and who
is first in a line is neither passed over nor made to wait longer, and outlives a restart.

Worked out here by plain counting, with none of the forecasts that owners make.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Final

from ledger.commands import TTL_MAX, GrantKind, Leg
from ledger.entries import Expired, Held, Planned, Reclaimed, Released, Shrunk, Started, Voided
from ledger.hall import Waiting
from ledger.holds import LiveHold
from ledger.leases import owner_span
from ledger.lifecycle import HoldState
from ledger.limits import GANG_MAX, RATE_MARGIN_PERCENT
from ledger.line import Ticket, decode_ticket, principal_of
from ledger.plans import Plan
from mesh.instant import SECOND, Duration, Instant
from mesh.persistence import SPACE_LINE, Persist
from node.core.effects import Effect
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


class LinesAreFair(Check):
    """B18: who is first in line is not passed over by one that it goes before, nor made to wait
    longer by one that it does not; and what the disk has of a line is in it after a restart."""

    promises = ("B18",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._tickets: dict[str, dict[bytes, Ticket]] = {}
        self._wrote_at: dict[str, Instant] = {}

    def started(self, host: Host) -> None:
        rows = host.disk.durable.get(SPACE_LINE, {})
        self._tickets[host.name] = _tickets(rows)
        if rows and host.agent is not None:
            self.looks("B18")
            ledger = host.agent.ledger
            lost = [
                key
                for key in rows
                if not ledger.is_waiting(key) and ledger.books.state_of(key) is HoldState.ABSENT
            ]
            if lost:
                told = f"forgot {len(lost)} of {len(rows)} places in its line over a restart"
                raise self.broken("B18", f"{host.name} {told}")

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if type(effect) is Persist:
                for write in effect.writes:
                    if write.space == SPACE_LINE and write.value is not None:
                        known = self._tickets.setdefault(host.name, {})
                        known[write.key] = decode_ticket(write.value)

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        if host.agent is None or not self._tickets.get(host.name):
            return
        line = host.agent.ledger.waiting(host.agent.knowledge.now)
        if not line or host.agent.ledger.books.plans:
            return
        if any(one.waited <= 0 for one in line):
            return  # one step reads many requests: whoever came in it may stand ahead, or not yet
        again = self._wrote_at.get(host.name) == self.world.now
        self._wrote_at[host.name] = self.world.now
        if again:
            return  # it slept, and now writes block after block of what had come meanwhile
        if not readings or readings[-1].block.height != host.agent.ledger.books.height:
            return  # the disk was slow: the books have moved on
        if host.agent.ledger.ending:
            return  # whether an end began before the grant or behind it is in no log
        entries = [entry for reading in readings for entry in reading.entries or ()]
        if any(isinstance(entry, _ENDS) for entry in entries):
            return  # who had something running when it was decided is not to be seen now
        for entry in entries:
            if isinstance(entry, Held):
                self._granted(host, entry, line)

    def _granted(self, host: Host, entry: Held, line: Sequence[Waiting]) -> None:
        books = host.alive.ledger.books
        hold = books.live.get(entry.id)
        if hold is None:
            return
        self.looks("B18")
        others = [one for one in books.live.values() if one.id != entry.id]
        busy = {principal_of(one.principal, one.holder) for one in others}
        first = self._first_without(host, line, busy)
        first_busy = principal_of(first.principal, first.holder) in busy
        its_busy = principal_of(entry.principal, entry.holder) in busy
        if self._goes_before(host, entry, first, first_busy=first_busy, its_busy=its_busy):
            return
        free = _free(host)
        without = _soonest(host, first.legs, others, free, hold.legs, None)
        with_it = _soonest(host, first.legs, others, free, (), hold)
        if without is not None and (with_it is None or with_it > without + SECOND):
            who = "one with nothing running" if not first_busy else "the first in line"
            raise self.broken("B18", f"{host.name} let somebody pass, and {who} waits longer")

    def _first_without(
        self, host: Host, line: Sequence[Waiting], busy: AbstractSet[str]
    ) -> Waiting:
        """Who was first before the grant: it made its principal one with something running, and
        everybody else who waits in that name stepped back for it."""
        tickets = self._tickets[host.name]

        def rank(one: Waiting) -> tuple[bool, int, int]:
            ticket = tickets.get(one.id)
            number = one.place if ticket is None else ticket.number
            return principal_of(one.principal, one.holder) in busy, -one.priority, number

        return min(line, key=rank)

    def _goes_before(
        self, host: Host, entry: Held, first: Waiting, *, first_busy: bool, its_busy: bool
    ) -> bool:
        """Whether who was granted stood ahead of who is first now."""
        if first_busy != its_busy:
            return first_busy
        mine = self._tickets[host.name].get(entry.id)
        other = self._tickets[host.name].get(first.id)
        if mine is None or other is None:
            return False
        return (-mine.priority, mine.number) < (-other.priority, other.number)


_ENDS: Final = (Voided, Expired, Released, Reclaimed, Shrunk)
"""What makes room in the same step, before a grant of it or behind."""


def _tickets(rows: Mapping[bytes, bytes]) -> dict[bytes, Ticket]:
    """The places on a disk; one that cannot be read is nobody's."""
    found: dict[bytes, Ticket] = {}
    for key, row in rows.items():
        with suppress(ValueError):
            found[key] = decode_ticket(row)
    return found


def _strays(span: Duration) -> Duration:
    """How far two honest clocks may be apart after `span`."""
    return 2 * span * RATE_MARGIN_PERCENT // 100


def _free(host: Host) -> dict[str, int]:
    books = host.alive.ledger.books
    rooms = host.alive.ledger.rooms()
    return {pool: min(rooms.get(pool) or 0, books.free(pool)) for pool in books.pools}


def _soonest(
    host: Host, legs: Sequence[Leg], others: Sequence[LiveHold], free: dict[str, int],
    back: Sequence[Leg], extra: LiveHold | None,
) -> Duration | None:  # fmt: skip
    """How long until `legs` fit, as the ends of `others` tell; `back` is there as well, and `extra`
    ends like them."""
    now = host.alive.knowledge.now
    ends: list[tuple[Duration, LiveHold]] = []
    for hold in [*others, *([extra] if extra else [])]:
        end = _end(host, hold, now)
        if end is not None:
            ends.append((end, hold))
    ends.sort(key=lambda end: end[0])
    have = dict(free)
    for leg in back:
        have[leg.pool] = have.get(leg.pool, 0) + leg.amount
    for at, gone in [(0, None), *ends]:
        for leg in gone.legs if gone is not None else ():
            have[leg.pool] = have.get(leg.pool, 0) + leg.amount
        if all(have.get(leg.pool, 0) >= leg.amount for leg in legs):
            return at
    return None


def _end(host: Host, hold: LiveHold, now: Instant) -> Duration | None:
    if hold.parent is not None:
        hold = host.alive.ledger.books.live[hold.parent]
    if hold.kind is GrantKind.CARRIED and hold.gang is None:
        return None
    if hold.id in host.alive.ledger.ending:
        return None
    left = host.alive.ledger.remaining(hold.id, now)
    if left is None:
        return None
    if hold.kind is GrantKind.CARRIED and hold.gang is not None:
        # A lease until it is parked, then on probation, then a booking of its whole term.
        return left + owner_span(TTL_MAX + GANG_MAX + hold.gang.term)
    unconfirmed = hold.state is HoldState.PENDING or hold.on_probation
    return left + (owner_span(hold.term) if unconfirmed else 0)
