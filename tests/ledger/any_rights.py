"""As `any_books`, with a quota over the whole mesh: rights come, go, and are spent by holds."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ledger.books.rights import RightsRow, Side
from ledger.commands import HOLD_ID_BYTES, Outcome
from ledger.commands.rights import Give, Issue, RightsCommand, Withdraw
from ledger.observations import RightsTold
from mesh.instant import MINUTE
from mesh.logs import Era, Position
from tests.ledger.any_books import AMOUNTS, AnyBooks
from tests.ledger.naive_rights import SORT, WHO, Rights
from tests.ledger.owner import BOB, OWNER

SOMEWHERE = Position(Era(1, bytes(16)), 3, bytes(32))


class AnyRights(AnyBooks):
    """`gold` holds what its rights here cover, and no more."""

    def __init__(self) -> None:
        self.rights = Rights()
        self._unheard = False
        super().__init__()

    def settle_in(self) -> None:
        self.owner.ledger.later.escrow.silent = lambda _: 0  # everybody shows its copy
        self._unheard = self.rights.governed
        super().settle_in()

    def _tell(self) -> None:
        """The other node's log says what it gave us, and what it took of us."""
        given = RightsRow(WHO, SORT, Side.GIVEN, OWNER.id), self.rights.taken
        taken = RightsRow(WHO, SORT, Side.TAKEN, OWNER.id), self.rights.given
        rows = tuple(row for row in (given, taken) if row[1])
        self.owner.tell(RightsTold(BOB.id, SOMEWHERE, rows, ((WHO, SORT),)))

    def _say(self, command: RightsCommand) -> Outcome:
        outcome = self.owner.ask(command, OWNER).outcome
        self.rights.governed |= outcome is Outcome.ISSUED
        return outcome

    def _words(self) -> tuple[bytes, bytes, str, str]:
        return bytes(HOLD_ID_BYTES), self.session, WHO, SORT

    # What is asked -------------------------------------------------------------------------------

    @rule(amount=AMOUNTS, plan=st.booleans(), post=st.booleans())
    def spend(self, amount: int, plan: bool, post: bool) -> None:
        start = self.owner.now + 10 * MINUTE if plan else None
        one = self.new(amount, WHO, 5 * MINUTE, start=start)
        lacks = self.rights.lacks(one, self.model)
        outcome = self.ask_for(one)
        if outcome is Outcome.HELD:
            assert not lacks, "granted beyond its rights"
            if post:
                self.do_post(one)
        assert (outcome is not Outcome.NO_RIGHTS) or lacks, "refused what its rights cover"

    @rule(amount=AMOUNTS)
    def issue(self, amount: int) -> None:
        total = self.rights.issued + amount
        assert self._say(Issue(*self._words(), total)) is Outcome.ISSUED
        self.rights.issued = total

    @rule(amount=AMOUNTS)
    def withdraw(self, amount: int) -> None:
        there = self.rights
        if not there.governed:
            return
        outcome = self._say(Withdraw(*self._words(), there.withdrawn + amount))
        if amount > there.issued - there.withdrawn:
            assert outcome is Outcome.MORE_THAN_HELD
        elif amount > there.spare(self.model):
            assert outcome is Outcome.NO_RIGHTS
        else:
            assert outcome is Outcome.WITHDRAWN
            there.withdrawn += amount

    @rule(amount=AMOUNTS, whole=st.booleans())
    def give(self, amount: int, whole: bool) -> None:
        if not self.rights.governed:
            return
        total = self.rights.given + amount
        part = min(amount, self.rights.spare(self.model))
        outcome = self._say(Give(*self._words(), BOB.id, total, whole))
        if part <= 0 or (whole and part < amount):
            assert outcome is Outcome.NO_RIGHTS
        else:
            assert outcome is Outcome.GIVEN
            self.rights.given += part

    @rule(amount=AMOUNTS)
    def are_given(self, amount: int) -> None:
        self.rights.taken += amount
        self.rights.governed = True
        for _ in range(2):
            self._tell()
        self.owner.seal()

    def meet(self) -> None:
        if self._unheard:
            for _ in range(2):
                self._tell()  # once more as soon as rights are open, as an agent does
            self.owner.seal()
            self._unheard = False
        super().meet()
        self.rights.compare(self.owner.ledger.books, self.model)
