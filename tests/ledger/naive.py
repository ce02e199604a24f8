"""A naive model of one owner's books: a list of promises, each with an amount and two times.

It knows nothing of accounts, postings, forecasts, turns or logs. It is told what was asked and what
was answered, and it says what that allows: a yes needs room by plain addition, a no needs its
reason, and what is in the books ends by its holder's word or by its time and by nothing else.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from ledger.books import Books
from ledger.commands import Outcome
from ledger.lifecycle import HoldState
from mesh.instant import HOUR, MINUTE, SECOND, Duration, Instant
from tests.ledger.owner import hold_id

QUOTAS: Final = {"red": 40, "blue": 30}
"""Principal → the most it may have here. Red may force; green has no quota, and gold one over the
whole mesh (`naive_rights.py`)."""
WHOSE: Final = (*QUOTAS, "green", "gold")
PENDING: Final[Duration] = 30 * SECOND
LEASE: Final[Duration] = 30 * SECOND
PROBATION: Final[Duration] = MINUTE
SILENCE: Final[Duration] = 15 * SECOND
GANG_TERM: Final[Duration] = HOUR
FOR_EVER: Final[Instant] = 1 << 62


@dataclass
class Promise:
    """One id, and all that was ever said about it."""

    number: int
    amount: int
    whose: str
    term: Duration
    carried: bool = False
    gang: str = ""
    """"", or how far a member has come: enlisted, parked, settled."""
    start: Instant | None = None
    parent: int | None = None
    state: HoldState = HoldState.ABSENT
    until: Instant = 0
    """It is not over before."""
    latest: Instant = 0
    """It is over by then."""
    given_back: bool = False
    owed: int = 0
    receipts: tuple[bytes, ...] = ()
    """What its holder has in hand."""
    returns: bool = False
    """It came forward to an owner whose log may have forgotten it."""
    heard: Instant = 0
    """When who waits for it last asked."""

    @property
    def id(self) -> bytes:
        return hold_id(self.number)

    def lasts(self, span: Duration, now: Instant) -> None:
        """From now for `span`; its owner may count a little longer, and never less."""
        self.until, self.latest = now + span, now + span + span // 20 + SECOND


@dataclass
class Naive:
    """Everything that was promised, waited for or planned, and how much there is."""

    total: int = 100
    shut: bool = False
    """Less was seen than is promised, and nobody has looked since."""
    promises: dict[int, Promise] = field(default_factory=dict)
    waiting: dict[int, Promise] = field(default_factory=dict)

    def live(self) -> list[Promise]:
        return [one for one in self.promises.values() if one.state.live]

    def ahead(self) -> list[Promise]:
        return [one for one in self.promises.values() if one.state.ahead]

    @property
    def taken(self) -> int:
        return sum(one.amount for one in self.live())

    def has(self, whose: str) -> int:
        """What somebody has and plans."""
        return sum(one.amount for one in [*self.live(), *self.ahead()] if one.whose == whose)

    def excess(self, one: Promise) -> int:
        """By how much it is too much for its principal."""
        most = QUOTAS.get(one.whose)
        return (
            0 if most is None else min(one.amount, max(0, self.has(one.whose) + one.amount - most))
        )

    def peak(self, start: Instant, end: Instant, but: int = 0) -> int:
        """The most that is promised at any moment of a window, by what cannot be over sooner."""
        spans = [(one.start, one.start + one.term, one.amount) for one in self.ahead()
                 if one.start is not None]  # fmt: skip
        spans += [(0, one.until, one.amount) for one in self.live() if one.number != but]
        moments = [start, *(at for at, _, _ in spans if start < at < end)]
        return max(
            sum(amount for begin, over, amount in spans if begin <= at < over) for at in moments
        )

    # What answers mean ---------------------------------------------------------------------------

    def held(self, one: Promise, outcome: Outcome, forced: bool, now: Instant) -> None:
        """An answer to the first or a later question for a new hold."""
        excess = self.excess(one)
        others = [who for who in self.waiting if who != one.number]
        short = one.amount > self.total - self.taken
        match outcome:
            case Outcome.HELD:
                assert not excess or forced, "granted over a quota"
                assert not forced or one.whose == "red", "who may not force it did"
                assert not self._passes(one, now), "somebody waits for that, and goes before"
                span = one.term if one.start is not None else PENDING + one.term
                begin = now if one.start is None else one.start
                assert self.peak(begin, begin + span) + one.amount <= self.total, "sold twice"
                if one.start is None:
                    assert not short, "granted what is not there"
                one.owed = excess
                one.state = HoldState.PENDING if one.start is None else HoldState.PENCILLED
                one.lasts(PENDING, now)
                self.promises[one.number] = one
                self.waiting.pop(one.number, None)
            case Outcome.WAITING:
                assert not excess or self.shut, "nobody waits for more than it may have"
                assert short or others or self.shut or self.ahead(), "made to wait for nothing"
                one.heard = now
                self.waiting[one.number] = one
            case Outcome.OVER_QUOTA:
                assert excess, "refused over a quota that it keeps"
            case Outcome.NO_RIGHTS:
                pass  # whether it lacks any is for `naive_rights.py` to say
            case Outcome.MAY_NOT_FORCE:
                assert forced
                assert one.whose != "red" or one.start is not None, "who may force may not"
            case Outcome.NO_ROOM:
                assert short, "refused what is there"
            case Outcome.POOL_NOT_OPEN:
                assert self.shut, "shut without a reason"
            case Outcome.OTHERS_WAIT:
                assert others, "nobody waits"
            case Outcome.TAKEN_THEN:
                assert self.ahead() or one.start is not None, "nothing is planned"
            case _:
                raise AssertionError(f"{outcome} is no answer to this")
        if outcome not in (Outcome.HELD, Outcome.WAITING):
            self.waiting.pop(one.number, None)

    def _passes(self, one: Promise, now: Instant) -> bool:
        """Whether granting `one` takes what the only one who waits could have had at once."""
        waiting = [other for other in self.waiting.values() if now - other.heard < SILENCE]
        if len(waiting) != 1 or self.ahead() or one.start is not None or self.shut:
            return False
        (other,) = waiting
        free = self.total - self.taken
        has = {name for name in WHOSE if any(p.whose == name for p in self.live())}
        first = (other.whose in has) <= (one.whose in has)
        enough = other.amount <= free and other.amount > free - one.amount
        return other is not one and other.number != one.number and first and enough

    def posted(self, one: Promise, now: Instant) -> None:
        if one.state is HoldState.PENCILLED:
            one.state, one.until, one.latest = HoldState.PLANNED, FOR_EVER, FOR_EVER
        elif one.state is HoldState.PENDING:
            one.state = HoldState.POSTED
            one.lasts(one.term, now)

    def carved(self, parent: Promise, child: Promise, now: Instant) -> None:
        parent.amount -= child.amount
        assert parent.amount >= 0, "a part is more than the whole"
        child.state = HoldState.POSTED
        child.lasts(child.term, now)
        self.promises[child.number] = child

    def shrunk(self, one: Promise, amount: int) -> None:
        back, one.amount = one.amount - amount, amount
        if one.parent is not None and self.promises[one.parent].state.live:
            self.promises[one.parent].amount += back

    def extended(self, one: Promise, term: Duration, now: Instant) -> None:
        more = term - one.term
        if more and one.parent is None:  # a part lasts within what it was carved out of
            assert self._may_last(one, more), "it lasts into what is planned"
        one.term, one.until, one.latest = term, one.until + more, one.latest + more + more // 20

    def _may_last(self, one: Promise, more: Duration) -> bool:
        """Whether there is room for `more` of it, from whenever it would have ended."""
        most = max(self.total, self.taken) - one.amount
        plans = [(plan.start, plan.start + plan.term) for plan in self.ahead() if plan.start]
        ends = [one.until, one.latest, *(at for begin, end in plans for at in (begin - more, end))]
        return any(
            self.peak(end, end + more, one.number) <= most
            for end in ends if one.until <= end <= one.latest
        )  # fmt: skip

    def looked(self, total: int) -> None:
        self.total, self.shut = total, self.taken > total

    def restarted(self, now: Instant) -> None:
        """Nothing was lost; counts go on from what was written, or begin again: never less."""
        for one in self.live():
            again = Promise(one.number, 0, "", 0)
            again.lasts(one.term if one.state is HoldState.POSTED else PENDING, now)
            if one.gang == "parked":
                again.lasts(PROBATION, now)
            one.latest = max(one.latest, again.latest)
            if one.state is HoldState.PENDING or one.gang == "parked" or one.carried:
                one.until = max(one.until, again.until)
        for one in self.ahead():
            if one.state is HoldState.PENCILLED:
                one.lasts(PENDING, now)
        for one in self.waiting.values():
            one.heard = now

    def doubted(self, returning: list[Promise], now: Instant) -> None:
        """The books are open again behind a quarantine, and this is what somebody remembers. Who
        came forward goes on, whether it was remembered or not; every other lease is over."""
        for one in returning:
            before = self.promises.get(one.number)
            known = before is not None and before.state.live
            self.promises[one.number] = again = replace(one, returns=not known)
            again.owed = before.owed if before is not None and known else 0
            again.lasts(one.term if one.state is HoldState.POSTED else PENDING, now)
        for one in self.live():
            if one.carried or one.state is HoldState.PENDING:
                continue
            again = Promise(one.number, 0, "", 0)
            again.lasts(PROBATION if one.gang == "parked" else one.term, now)
            one.latest = max(one.latest, again.latest)
            if one.gang == "parked":
                one.until = max(one.until, again.until)
        for one in self.waiting.values():
            one.heard = now

    # Time ----------------------------------------------------------------------------------------

    def meet(self, books: Books, now: Instant) -> None:
        """The books as they are: what is over may be, what starts may, and the rest is the same."""
        for one in [one for one in self.promises.values() if one.state is HoldState.PLANNED]:
            self._begun(one, books, now)
        gone = [
            one for one in [*self.live(), *self.ahead()]
            if not (state := books.state_of(one.id)).live and not state.ahead
        ]  # fmt: skip
        over = {one.number for one in gone}
        for one in gone:
            unfit = one.returns and self.taken > self.total
            ended = one.given_back or now >= one.until or self._ends_with(one, over) or unfit
            assert ended, f"{one} is over, and nobody ended it"
            self._over(one)
        for one in self.live():
            one.returns = False
        self._compare(books, now)

    def _begun(self, one: Promise, books: Books, now: Instant) -> None:
        assert one.start is not None
        state = books.state_of(one.id)
        if state is HoldState.POSTED:
            assert now >= one.start, "it started too early"
            one.state = HoldState.POSTED
            one.until, one.latest = one.start + one.term, one.start + one.term + SECOND
        elif state is HoldState.PLANNED:
            fits = self.taken + one.amount <= self.total
            late = now - one.start > 2 * SECOND and now < one.start + one.term
            assert not (fits and late), "there is room for it, and it does not start"
        elif not one.given_back:
            assert now >= one.start + one.term, "a plan is over before its time"
            one.until = now  # it was missed, or came and went

    def _ends_with(self, one: Promise, over: set[int]) -> bool:
        return one.parent is not None and one.parent in over

    def _over(self, one: Promise) -> None:
        one.state = HoldState.RELEASED
        if one.parent is not None:
            self.promises[one.parent].amount += one.amount

    def _compare(self, books: Books, now: Instant) -> None:
        live = {one.id: one for one in self.live()}
        assert set(books.live) == set(live), "other holds live than were granted"
        assert set(books.plans) == {one.id for one in self.ahead()}, "other plans than were made"
        for one in [*self.live(), *self.ahead()]:
            assert books.state_of(one.id) is one.state, f"{one} stands elsewhere"
            assert now <= one.latest, f"{one} is kept for too long"
        for hold in books.live.values():
            one = live[hold.id]
            assert sum(leg.amount for leg in hold.legs) == one.amount, f"{one} is another amount"
            assert hold.principal == one.whose
            assert sum(leg.amount for leg in hold.owed) == one.owed, f"{one} owes something else"
            assert hold.parent == (None if one.parent is None else hold_id(one.parent))
        assert books.capacity("ram") - books.free("ram") == self.taken
        assert books.capacity("ram") >= min(self.total, self.taken)

    def asks_no_more(self, lined_up: set[bytes], now: Instant) -> None:
        """Who waits is in the line until it was silent for too long."""
        for number, one in list(self.waiting.items()):
            if one.id not in lined_up:
                assert now - one.heard >= SILENCE, "a place was lost"
                del self.waiting[number]
        assert lined_up == {one.id for one in self.waiting.values()}, "a stranger in the line"
