"""B18: who is first in a line is neither passed over nor made to wait longer, and outlives a
restart. B19: nor is the first of the gangs that wait, from where its asker claims its room.

Whether somebody pushed in cannot be told from a log: a grant makes its principal one with something
running, ends make room a moment before or behind it, and a look at the machine changes what is
free. So the judge stands beside the desk. It is shown every promise while line, books and counts
are still as they were when that was decided (`ledger.desk.later.Onlooker`), and works out by plain
counting, with none of the forecasts that owners make, from when on the first in the line could run,
with that promise and without it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.books.holds import LiveHold
from ledger.commands import TTL_MAX, GrantKind, Leg
from ledger.desk import Desk
from ledger.desk.hall import KEPT
from ledger.entries import Entry, Extended, Held, Owed, Planned
from ledger.entries.gangs import Enlisted
from ledger.granting.capacity import rooms_now
from ledger.leases import owner_span
from ledger.lifecycle import HoldState
from ledger.limits import ENDS_FORESEEN_MAX, GANG_AGED, GANG_MAX, PRIORITY_MAX, Limits
from ledger.waiting.line import CLAIM_MOVES, Ticket, principal_of
from mesh.instant import SECOND, Duration, Instant
from mesh.persistence import SPACE_LINE
from node.core.effects import Effect
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host

SLACK: Final[Duration] = SECOND
"""An owner works its line out anew every second, and whoever waits asks every two."""

Legs = Sequence[Leg]
Rank = tuple[bool, float, float]


class Claim(NamedTuple):
    """Something that takes room from `start` to `end`; `end` None: until nobody knows when."""

    legs: Legs
    start: Instant
    end: Instant | None


class LinesAreFair(Check):
    """B18: nothing is promised for which the first in line, where it goes before, waits longer; and
    what the disk has of a line is in it after a restart. B19: of gangs, from their claim on."""

    promises = ("B18", "B19")

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._leases: dict[str, tuple[Scene, Held]] = {}
        """Owner → a lease it just wrote: its next entry says whether it is a member of a gang."""

    def started(self, host: Host) -> None:
        self._leases.pop(host.name, None)
        ledger = host.alive.ledger
        rows = host.disk.durable.get(SPACE_LINE, {})
        if rows:
            self.looks("B18")
            lost = [
                key
                for key in rows
                if not ledger.is_waiting(key) and ledger.books.state_of(key) is HoldState.ABSENT
            ]
            if lost:
                told = f"forgot {len(lost)} of {len(rows)} places in its line over a restart"
                raise self.broken("B18", f"{host.name} {told}")

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        if self._leases:
            self._is_a_lease(host, None)

    def deciding(self, host: Host, desk: Desk, entry: Entry) -> None:
        if self._leases:
            self._is_a_lease(host, entry)
        if type(entry) not in _PROMISES or not len(desk.hall.line):
            return
        if len(desk.books.live) > ENDS_FORESEEN_MAX:
            return  # an owner looks at no more ends than that
        scene = Scene(desk, host.clock.read(self.world.now))
        if isinstance(entry, Held) and entry.kind is GrantKind.CARRIED:
            self._leases[host.name] = scene, entry
        elif isinstance(entry, Held):
            self._granted(host, scene, entry, _booking_span(entry.term, desk.limits))
        elif isinstance(entry, Planned):
            start = desk.planner.calendar.at(entry.start)
            assert start is not None, "nothing is planned where nobody knows the time"
            self._judge(host, scene, Claim(entry.legs, start, start + entry.term))
        elif isinstance(entry, Extended):
            hold = desk.books.live[entry.id]
            end = scene.end_of(hold)
            if hold.parent is None and end is not None:
                more = owner_span(entry.term) - owner_span(hold.term)
                self._judge(host, scene, Claim(hold.legs, end, end + more))

    def _is_a_lease(self, host: Host, behind: Entry | None) -> None:
        """What its owner wrote before `behind` is judged: a lease, or the beginning of a gang."""
        if isinstance(behind, Owed):
            return  # It was forced, which says nothing about how long it lasts.
        scene, entry = self._leases.pop(host.name, (None, None))
        if scene is None or entry is None:
            return
        span = None
        if isinstance(behind, Enlisted) and behind.id == entry.id and behind.term:
            span = owner_span(scene.limits.pending_ttl + TTL_MAX + GANG_MAX + behind.term)
        self._granted(host, scene, entry, span)

    def _granted(self, host: Host, scene: "Scene", entry: Held, span: Duration | None) -> None:
        end = None if span is None else scene.now + span
        claim = Claim(entry.legs, scene.now, end)
        if scene.has_a_gang_of(entry):
            return  # its place in the line was its own, or it did not stand for this
        if not scene.is_before_gangs(entry):
            self._judge_for_gangs(host, scene, claim, entry)
        if scene.goes_before(entry):
            self.looks("B18")
        else:
            self._judge(host, scene, claim, entry.id)

    def _judge_for_gangs(
        self, host: Host, scene: "Scene", claim: Claim, entry: Held
    ) -> None:  # fmt: skip
        """Whether `claim` takes what is kept for the first gang, where a gang stands first."""
        first = scene.first_gang_but(entry.id)
        if first is None:
            return
        self.looks("B19")
        kept_from = max(scene.now, first[1])
        without = scene.soonest(first[0], after=kept_from)
        with_it = scene.soonest(first[0], claim, after=kept_from)
        if without is not None and (with_it is None or with_it > without + SLACK + CLAIM_MOVES):
            raise self.broken("B19", f"{host.name} gave away what was kept for a gang")

    def _judge(self, host: Host, scene: "Scene", claim: Claim, mine: bytes = b"") -> None:
        """Whether `claim`, for which `mine` waited, makes the first of the others wait longer."""
        first = scene.first_but(mine)
        if first is None or scene.is_behind_a_gang(first):
            return
        self.looks("B18")
        without = scene.soonest(first)
        with_it = scene.soonest(first, claim)
        if without is None:
            # It waits for what nobody knows the end of. That may be now.
            without = scene.soonest(first, whenever=scene.now)
            with_it = scene.soonest(first, claim, whenever=scene.now)
        if without is not None and (with_it is None or with_it > without + SLACK):
            who = "the first in line" if scene.is_busy(first) else "one with nothing running"
            raise self.broken("B18", f"{host.name} let somebody pass, and {who} waits longer")


_PROMISES: Final = (Held, Planned, Extended)
"""What room is given away by. What is carved out of a grant, or adopted, takes none anew."""


class Scene:
    """What there was at one moment: who waits, what is free, and what takes room until when."""

    def __init__(self, desk: Desk, now: Instant) -> None:
        self.now = now
        self.limits: Limits = desk.limits
        self._desk = desk
        line = desk.hall.line
        self._waited = {one.hold.id: line.waited(one.hold.id, now) for one in line.tickets()}
        self._tickets = [one for one in line.tickets() if not one.is_gang]
        self._gangs = [one for one in line.tickets() if one.is_gang]
        self._claims = {
            one.hold.id: line.claim(one.hold.id)
            for one in self._gangs if line.serves(one.hold.id) not in desk.books.live
        }  # fmt: skip
        live = desk.books.live.values()
        self._busy = frozenset(principal_of(hold.principal, hold.holder) for hold in live)
        self._free = _free(desk)
        self._ends = [(hold.legs, self.end_of(hold)) for hold in live]
        self._plans = self._planned()

    def is_busy(self, ticket: Ticket) -> bool:
        """Whether something runs on whose behalf this one waits."""
        return principal_of(ticket.hold.principal, ticket.holder) in self._busy

    def has_a_gang_of(self, entry: Held) -> bool:
        """Whether the holder of `entry` waits here with a gang that needs just that."""
        wanted = sorted(entry.legs)
        return any(
            one.holder == entry.holder and sorted(Leg(*leg) for leg in one.legs) == wanted
            for one in self._gangs
        )

    def is_behind_a_gang(self, ticket: Ticket) -> bool:
        """Whether room that it waits for is kept for a gang: then it may have to wait for that."""
        kept = {
            Leg(*leg).pool
            for one in self._gangs if self._claims.get(one.hold.id) is not None
            for leg in one.legs
        }  # fmt: skip
        return any(Leg(*leg).pool in kept for leg in ticket.legs)

    def first_gang_but(self, mine: bytes) -> tuple[Ticket, Instant] | None:
        """The first of the gangs and from when on its room is kept, where a gang stands first."""
        if not self._gangs:
            return None
        for ago in _AGO:
            ahead = min([*self._tickets, *self._gangs], key=lambda one: self._rank(one, ago))
            if not ahead.is_gang or ahead.hold.id == mine:
                return None
        first = min(self._gangs, key=_gang_rank)
        claim = self._claims.get(first.hold.id)
        return None if claim is None else (first, claim)

    def first_but(self, mine: bytes) -> Ticket | None:
        """Who is first of the others; None if waiting has made it another in this last second."""
        others = [one for one in self._tickets if one.hold.id != mine]
        firsts = [min(others, key=lambda one: self._rank(one, ago)) for ago in _AGO if others]
        return firsts[0] if firsts and firsts[0] is firsts[-1] else None

    def goes_before(self, entry: Held) -> bool:
        """Whether who is granted `entry` stands before all others."""
        others = [one for one in self._tickets if one.hold.id != entry.id]
        mine = next((one for one in self._tickets if one.hold.id == entry.id), None)
        busy = principal_of(entry.principal, entry.holder) in self._busy
        return any(
            all(
                ((busy, 0.0, _LAST) if mine is None else self._rank(mine, ago))
                < self._rank(one, ago)
                for one in others
            )
            for ago in _AGO
        )

    def is_before_gangs(self, entry: Held) -> bool:
        """Whether nothing runs on behalf of `entry`, and something does for each gang that waits:
        then it goes before them, whether it waited or not."""
        busy = principal_of(entry.principal, entry.holder) in self._busy
        return not busy and all(self._rank(one, 0)[0] for one in self._gangs)

    def soonest(
        self, ticket: Ticket, beside: Claim | None = None, whenever: Instant | None = None,
        after: Instant | None = None,
    ) -> Instant | None:  # fmt: skip
        """From when on, `after` or now, what is waited for fits for its whole time, `beside`
        something more. `whenever`: when that ends of which nobody knows when; None: never."""
        changes: list[tuple[Instant | None, Legs, int]] = [
            (end or whenever, legs, 1) for legs, end in self._ends
        ]
        for claim in [*self._plans, *([beside] if beside is not None else [])]:
            changes += [(claim.start, claim.legs, -1), (claim.end, claim.legs, 1)]
        known = [(max(at, self.now), legs, sign) for at, legs, sign in changes if at is not None]
        begin = self.now if after is None else after
        moments = sorted({begin, *(at for at, _, _ in known if at > begin)})

        def fits(at: Instant) -> bool:
            have = dict(self._free)
            for _, legs, sign in (change for change in known if change[0] <= at):
                for leg in legs:
                    have[leg.pool] = have.get(leg.pool, 0) + sign * leg.amount
            return all(have.get(leg.pool, 0) >= leg.amount for leg in ticket.legs)

        fitting = {at: fits(at) for at in moments}
        span = _span(ticket, self.limits)
        for at in moments:
            over = [one for one in moments if one >= at and (span is None or one < at + span)]
            if all(fitting[one] for one in over):
                return at
        return None

    def end_of(self, hold: LiveHold) -> Instant | None:
        """When `hold` is over at the latest; None: nobody knows."""
        books, desk = self._desk.books, self._desk
        if hold.parent is not None:
            hold = books.live[hold.parent]
        left = desk.remaining(hold.id, self.now)
        if hold.id in desk.endings or left is None:
            return None
        leased = hold.gang is None or hold.gang.is_leased
        if hold.kind is GrantKind.CARRIED and leased:
            return None
        if hold.kind is GrantKind.CARRIED and hold.gang is not None:
            # A lease until it is parked, then on probation, then a booking of its whole term.
            left += owner_span(TTL_MAX + GANG_MAX + hold.gang.term)
        elif hold.state is HoldState.PENDING or hold.on_probation:
            left += owner_span(hold.term)
        return self.now + left

    def _rank(self, ticket: Ticket, ago: Duration) -> Rank:
        waited = max(0, self._waited[ticket.hold.id] - ago)
        if ticket.is_gang and waited >= GANG_AGED:
            return False, -PRIORITY_MAX, ticket.number
        importance = min(PRIORITY_MAX, ticket.priority + waited // self.limits.age_step)
        return self.is_busy(ticket), -importance, ticket.number

    def _planned(self) -> list[Claim]:
        calendar, claims = self._desk.planner.calendar, []
        for plan in self._desk.books.plans.values():
            start, end = calendar.at(plan.start), calendar.at(plan.end)
            if start is None or end is None or calendar.suspended:
                claims.append(Claim(plan.legs, self.now, None))
            elif end <= self.now:  # a jump of the clock passed it over
                claims.append(Claim(plan.legs, self.now, self.now + plan.term))
            else:
                claims.append(Claim(plan.legs, start, end))
        return claims


_AGO: Final = (0, KEPT)
"""Whose turn it is was worked out now, or a moment ago, when everybody had waited less."""
_LAST: Final = float("inf")
"""Behind all who wait: a newcomer, whatever its priority."""


def _gang_rank(ticket: Ticket) -> tuple[int, bytes]:
    """The one order of gangs, with every owner."""
    return ticket.rank, b"" if ticket.hold.gang is None else ticket.hold.gang.gang


def _free(desk: Desk) -> dict[str, int]:
    rooms = rooms_now(desk.books, desk.readings or {})
    return {pool: min(rooms.get(pool) or 0, desk.books.free(pool)) for pool in desk.books.pools}


def _booking_span(term: Duration, limits: Limits) -> Duration:
    return owner_span(limits.pending_ttl) + owner_span(term)


def _span(ticket: Ticket, limits: Limits) -> Duration | None:
    """For how long what is waited for takes its room, from its grant; None: nobody knows."""
    hold = ticket.hold
    if hold.gang is not None and hold.gang.term:
        return owner_span(limits.pending_ttl + TTL_MAX + GANG_MAX + hold.gang.term)
    return None if hold.kind is GrantKind.CARRIED else _booking_span(hold.term, limits)
