"""One owner and its naive model side by side: every step is put to both."""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.commands import (
    Enlisting,
    Extend,
    GrantKind,
    Hold,
    Leg,
    Outcome,
    Park,
    Post,
    Release,
    Renew,
    Settle,
    Shrink,
    Transfer,
    Void,
    Wait,
)
from ledger.entries import decode_entry
from ledger.lifecycle import HoldState
from ledger.limits import Limits
from ledger.observations import CapacitySeen
from ledger.policy import Policy, Principal
from ledger.proving.audit import check_books, verify_chain
from ledger.proving.beginnings import books_from
from mesh.identity import id_text
from mesh.instant import HOUR, MINUTE, SECOND
from tests.ledger.naive import GANG_TERM, LEASE, QUOTAS, Naive, Promise
from tests.ledger.owner import ALICE, OWNER, PROVEN, Owner, reading
from tests.ledger.test_calendar import WALL
from tests.ledger.test_gangs import proof

ME = (id_text(ALICE.id),)
LIMITS = Limits(
    checkpoint_entries=6,
    ended_kept=4,
    policy=Policy(
        {
            "red": Principal("red", {"ram": QUOTAS["red"]}, may_force=True, peers=ME),
            "blue": Principal("blue", {"ram": QUOTAS["blue"]}, peers=ME),
            "green": Principal("green", peers=ME),
            "gold": Principal("gold", peers=ME),
        }
    ),
)
AMOUNTS = st.integers(1, 60)
WHOSE = st.sampled_from(["red", "blue", "green", "green"])
NUMBER = st.integers(0, 99)


class AnyBooks(RuleBasedStateMachine):
    """Whatever happens, the books say what plain addition says."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Naive()
        self.last = 0
        self.holds: dict[int, Hold] = {}
        self.seen: Counter[str] = Counter()
        """What was written, by kind; and how often the log was made to begin later."""
        self._counted = -1
        self.owner = Owner(first=True, limits=LIMITS)
        self.settle_in()

    def settle_in(self) -> None:
        self.owner.peer_answered()
        self.see(self.model.total)

    def see(self, total: int) -> None:
        now = self.owner.now
        self.owner.tell(
            CapacitySeen((reading(total=total, free=total),), WALL + now - 1000 * SECOND)
        )
        self.owner.do(self.owner.ledger.wake(now))
        self.owner.seal()
        self.meet()
        self.model.looked(total)

    def meet(self) -> None:
        self.model.meet(self.owner.ledger.books, self.owner.now)

    @property
    def session(self) -> bytes:
        return self.owner.session

    # What people ask for -----------------------------------------------------------------------

    def wish(self, one: Promise, force: str = "") -> Hold:
        kind = GrantKind.CARRIED if one.carried else GrantKind.BOOKING
        enlisting = Enlisting(one.id, GANG_TERM) if one.gang else None
        start = None if one.start is None else WALL + one.start - 1000 * SECOND
        hold = Hold(
            one.id, self.session, (Leg("ram", one.amount),), kind, one.term, one.whose, "",
            enlisting, start=start, force=force,
        )  # fmt: skip
        self.holds[one.number] = hold
        return hold

    def new(self, amount: int, whose: str, term: int, **more: object) -> Promise:
        self.last += 1
        return Promise(self.last, amount, whose, term, **more)  # type: ignore[arg-type]  # by name

    def ask_for(self, one: Promise, *, force: str = "", wait: bool = False) -> Outcome:
        hold = self.wish(one, force)
        command = Wait(hold.id, self.session, hold, HOUR, one.number % 10) if wait else hold
        answer = self.owner.ask(command)
        self.model.held(one, answer.outcome, bool(force), self.owner.now)
        one.receipts = answer.receipts
        return answer.outcome

    @rule(
        amount=AMOUNTS, whose=WHOSE, carried=st.booleans(), force=st.booleans(), post=st.booleans()
    )
    def hold(self, amount: int, whose: str, carried: bool, force: bool, post: bool) -> None:
        one = self.new(amount, whose, LEASE if carried else 5 * MINUTE, carried=carried)
        outcome = self.ask_for(one, force="it must be today" if force else "")
        if post and outcome is Outcome.HELD:
            self.do_post(one)

    @rule(amount=AMOUNTS, whose=WHOSE, term=st.sampled_from([MINUTE, 20 * MINUTE]))
    def wait_for_it(self, amount: int, whose: str, term: int) -> None:
        self.ask_for(self.new(amount, whose, term), wait=True)

    @precondition(lambda self: self.model.waiting)
    @rule()
    def ask_again(self) -> None:
        for one in list(self.model.waiting.values()):
            hold = self.holds[one.number]
            again = Hold(
                hold.id, self.session, hold.legs, hold.kind, hold.term, hold.principal, hold.label
            )
            answer = self.owner.ask(Wait(hold.id, self.session, again, HOUR, one.number % 10))
            self.model.held(one, answer.outcome, False, self.owner.now)
            self.meet()

    @rule(
        amount=AMOUNTS,
        whose=WHOSE,
        ahead=st.sampled_from([MINUTE, 10 * MINUTE]),
        post=st.booleans(),
    )
    def plan(self, amount: int, whose: str, ahead: int, post: bool) -> None:
        one = self.new(amount, whose, 10 * MINUTE, start=self.owner.now + ahead)
        if self.ask_for(one) is Outcome.HELD and post:
            self.do_post(one)

    @rule(amount=AMOUNTS, steps=st.integers(0, 3))
    def one_of_a_gang(self, amount: int, steps: int) -> None:
        one = self.new(amount, "green", LEASE, carried=True, gang="enlisted")
        if self.ask_for(one) is Outcome.HELD and steps:
            self.do_post(one)
            for step in range(1, steps):
                self.gang_step(one, settle=step == 2)

    # What becomes of it ------------------------------------------------------------------------

    def some(self, number: int, *states: HoldState) -> Promise | None:
        found = [one for one in self.model.promises.values() if one.state in states]
        return found[number % len(found)] if found else None

    def do_post(self, one: Promise) -> None:
        answer = self.owner.ask(Post(one.id, self.session))
        assert answer.outcome is Outcome.POSTED, answer
        one.receipts = answer.receipts
        self.model.posted(one, self.owner.now)

    def gang_step(self, one: Promise, *, settle: bool) -> None:
        ask = Settle(one.id, self.session, proof(one.id)) if settle else Park(one.id, self.session)
        outcome = self.owner.ask(ask).outcome
        if outcome is Outcome.PARKED and one.gang == "enlisted":
            one.gang, one.carried, one.term = "parked", False, GANG_TERM
            one.lasts(MINUTE, self.owner.now)
        elif outcome is Outcome.SETTLED and one.gang == "parked":
            one.gang = "settled"
            one.lasts(GANG_TERM, self.owner.now)

    @rule(number=NUMBER)
    def post(self, number: int) -> None:
        one = self.some(number, HoldState.PENDING, HoldState.PENCILLED)
        if one is not None:
            self.do_post(one)

    @rule(number=NUMBER, settle=st.booleans())
    def go_on_with_a_gang(self, number: int, settle: bool) -> None:
        one = self.some(number, HoldState.POSTED)
        if one is not None and one.gang:
            self.gang_step(one, settle=settle)

    @rule(number=NUMBER)
    def renew(self, number: int) -> None:
        one = self.some(number, HoldState.POSTED)
        if one is not None and one.carried:
            outcome = self.owner.ask(Renew(one.id, self.session, b"n")).outcome
            assert outcome is Outcome.RENEWED or one.parent is not None
            if outcome is Outcome.RENEWED:
                one.lasts(one.term, self.owner.now)

    @rule(number=NUMBER, minutes=st.integers(5, 40))
    def extend(self, number: int, minutes: int) -> None:
        one = self.some(number, HoldState.POSTED)
        if one is not None and not one.carried and not one.gang:
            outcome = self.owner.ask(Extend(one.id, self.session, minutes * MINUTE)).outcome
            if outcome is Outcome.EXTENDED and minutes * MINUTE > one.term:
                self.model.extended(one, minutes * MINUTE, self.owner.now)

    @rule(number=NUMBER, amount=AMOUNTS)
    def shrink(self, number: int, amount: int) -> None:
        one = self.some(number, HoldState.POSTED)
        if one is not None and amount <= one.amount:
            legs = (Leg("ram", amount),)
            answer = self.owner.ask(Shrink(one.id, self.session, legs))
            if answer.outcome is Outcome.SHRUNK:
                self.model.shrunk(one, amount)
                one.receipts = answer.receipts
                one.owed = min(one.owed, amount)

    @rule(number=NUMBER, amount=AMOUNTS, carried=st.booleans())
    def transfer(self, number: int, amount: int, carried: bool) -> None:
        above = self.some(number, HoldState.POSTED)
        if above is None:
            return
        child = self.new(amount, above.whose, LEASE, carried=carried, parent=above.number)
        kind = GrantKind.CARRIED if carried else GrantKind.BOOKING
        legs = (Leg("ram", amount),)
        command = Transfer(
            child.id, self.session, above.id, b"", legs, kind, LEASE, above.whose, "part"
        )
        if self.owner.ask(command).outcome is Outcome.TRANSFERRED:
            self.model.carved(above, child, self.owner.now)

    @rule(number=NUMBER)
    def give_back(self, number: int) -> None:
        one = self.some(
            number, HoldState.PENDING, HoldState.POSTED, HoldState.PENCILLED, HoldState.PLANNED
        )
        if one is None:
            return
        parts = [part for part in self.model.live() if part.parent == one.number]
        one.given_back = not parts
        posted = one.state is HoldState.POSTED
        ask = Release(one.id, self.session) if posted else Void(one.id, self.session)
        outcome = self.owner.ask(ask).outcome
        assert outcome.positive is not bool(parts), outcome

    @precondition(lambda self: self.model.waiting)
    @rule(number=NUMBER)
    def leave_the_line(self, number: int) -> None:
        waiting = list(self.model.waiting.values())
        one = waiting[number % len(waiting)]
        assert self.owner.ask(Void(one.id, self.session)).outcome is Outcome.VOIDED
        del self.model.waiting[one.number]

    # What happens ------------------------------------------------------------------------------

    @rule(
        duration=st.sampled_from(
            [1, SECOND, 5 * SECOND, 9 * SECOND, 31 * SECOND, 2 * MINUTE, 11 * MINUTE, 41 * MINUTE]
        )
    )
    def time_passes(self, duration: int) -> None:
        self.owner.advance(duration)

    @rule(total=st.sampled_from([60, 100, 100, 120]))
    def look(self, total: int) -> None:
        self.see(total)

    @rule()
    def prune(self) -> None:
        before = self.owner.ledger.books.state_hash()
        self.seen["pruned"] += self.owner.prune()
        assert self.owner.ledger.books.state_hash() == before

    @rule(prune=st.booleans())
    def restart(self, prune: bool) -> None:
        """The process died; its disk has all, from where its log begins."""
        if prune:
            self.owner.prune()
        before = self.owner.ledger.books.state_hash()
        old = self.owner
        self.owner = Owner(
            old.disk, PROVEN, now=old.now + SECOND, counter=old.counter + 1, limits=LIMITS
        )
        assert self.owner.ledger.books.state_hash() == before
        self.model.restarted(self.owner.now)
        self.settle_in()

    # What must be so ---------------------------------------------------------------------------

    @invariant()
    def the_books_say_what_plain_addition_says(self) -> None:
        self.meet()
        for block in self.owner.disk.chain:
            if block.height > self._counted:
                self._counted = block.height
                self.seen.update(type(decode_entry(raw)).__name__ for raw in block.entries)
        check_books(self.owner.ledger.books)
        in_line = {one.id for one in self.owner.ledger.waiting(self.owner.now)}
        self.model.asks_no_more(in_line, self.owner.now)

    def teardown(self) -> None:
        """When everybody has gone home everything is free, and whoever reads the log agrees."""
        self.see(100)
        for one in [*self.model.live()[::-1], *self.model.ahead()]:
            self.meet()
            if one.state.live or one.state.ahead:
                one.given_back = True
                posted = one.state is HoldState.POSTED
                ask = Release(one.id, self.session) if posted else Void(one.id, self.session)
                assert self.owner.ask(ask).outcome.positive
        self.see(100)
        assert self.owner.free == 100, "room was lost"
        disk = self.owner.disk
        report = verify_chain(disk.chain, None if disk.base is None else books_from(disk.base))
        assert report.ok, report.fault
        assert report.state_hash == self.owner.ledger.books.state_hash()
        assert OWNER.id == self.owner.ledger.chain[0].author
