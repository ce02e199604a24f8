"""What the books are at one point of their log, as values; and the checkpoints that sign it.

An owner writes a checkpoint every so many entries: the hash of its state, in a block of its own.
Every replica reckons the same state from its own fold and compares; a checkpoint that is false is a
fault of its author, with a name, and its log stops there. The states reckoned on the way are kept
until the author says (in a later checkpoint) that the log may begin at one of them.

What ends is forgotten here too, and nowhere else, by count: every replica forgets the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Final, Self

from ledger.accounts import AccountId, Counters, Role
from ledger.books.holds import EndedHold
from ledger.books.rights import by_name, entitled_by
from ledger.books.shelves import Shelves
from ledger.books.state import (
    RightsRows,
    State,
    encode_state,
    rights_of,
)
from ledger.entries import Checkpointed, EraOpened
from ledger.limits import RECOVERED_KEPT_MAX
from mesh.logs import (
    NO_BLOCK,
    STATE_BYTES_MAX,
    Block,
    Era,
    EraStart,
    state_hash,
)

MILESTONES_MAX: Final = 16
"""Checkpoints whose states are kept, the newest. More are never waited for (limits.py)."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A checkpoint as a fold met it: what the log came to just before it."""

    height: int
    begins: int
    state: bytes


class Checkpoints(Shelves):
    """Where a fold stands, and the checkpoints that it has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.era: Era | None = None
        self.opening: EraOpened | None = None
        """The entry that opened the present era."""
        self.bookings_open = False
        self.rights_open = False
        """Whether rights are spent in this era."""
        self.height = -1
        self.head = NO_BLOCK
        self.eras: tuple[EraStart, ...] = ()
        """The newest eras, ascending, and where each began."""
        self.milestones: tuple[Milestone, ...] = ()
        """Checkpoints at which the log may yet be made to begin, the newest last."""
        self.entries_since = 0
        self.bytes_since = 0
        """Folded since the last checkpoint."""
        self._met: Milestone | None = None
        self._reckoned: tuple[int, bytes] | None = None
        """What `reckon` last came to, and how many ends it kept; until anything else is folded."""

    def state(self) -> State:
        """Everything that was folded, as values in order."""
        return self._state_of(list(self.accounts.items()), self.endings_in_order())

    def summed_up(self, keeps: int) -> State:
        """What a checkpoint signs: all but what it forgets (see `_forget`)."""
        accounts = [row for row in self.accounts.items() if not _is_over(row)]
        ended = self.endings_in_order()
        gone = {hold.id: None for hold in _too_old(ended, keeps)}
        return self._state_of(accounts, [hold for hold in ended if hold.id not in gone])

    def reckon(self, keeps: int) -> bytes:
        """The state that a checkpoint signs, encoded. Its author reckons it to say it, and folds
        what it has said in the same breath: then it is not reckoned twice."""
        if self._reckoned is None or self._reckoned[0] != keeps:
            self._reckoned = (keeps, encode_state(self.summed_up(keeps)))
        return self._reckoned[1]

    def _state_of(
        self, accounts: list[tuple[AccountId, Counters]], ended: list[EndedHold]
    ) -> State:
        return State(
            self.era, self.opening, self.bookings_open, self.height, self.head, self.eras,
            tuple(sorted(accounts, key=_account_order)),
            tuple(sorted(self.pools.items(), key=itemgetter(0))),
            tuple([self.live[hold] for hold in sorted(self.live)]),
            tuple(ended),
            tuple([self.gangs[gang] for gang in sorted(self.gangs)]),
            tuple([self.plans[plan] for plan in sorted(self.plans)]),
            self._rights_rows(),
        )  # fmt: skip

    def _rights_rows(self) -> RightsRows | None:
        if not self.rights and not self.rights_open:
            return None
        rows = sorted(self.rights, key=by_name)
        return self.rights_open, tuple((row, self.rights[row]) for row in rows)

    def state_hash(self) -> bytes:
        """A hash over everything that was folded: equal logs give equal hashes."""
        return state_hash(encode_state(self.state()))

    def endings_in_order(self) -> list[EndedHold]:
        """Every hold that ended and is still known, the first to end first."""
        return sorted(self.ended.values(), key=attrgetter("ended_at", "id"))

    @classmethod
    def revived(cls, state: State) -> Self:
        """Books from a state. Whether it can be believed is the caller's business."""
        books = cls()
        books.era, books.opening, books.eras = state.era, state.opening, state.eras
        books.bookings_open = state.bookings_open
        books.height, books.head = state.height, state.head
        books.accounts = dict(state.accounts)
        books.pools = dict(state.pools)
        books.ended = {hold.id: hold for hold in state.ended}
        books.gangs = {gang.id: gang for gang in state.gangs}
        for plan in state.plans:
            books._set_plan(plan.id, plan)
        books.rights_open, books.rights = rights_of(state)
        books.entitled = entitled_by(books.rights)
        for hold in state.live:
            books._set_live(hold)
            if hold.parent is not None:
                books._carved[hold.parent] = books._carved.get(hold.parent, 0) + 1
        books._undo.clear()
        return books

    def _is_true(self, entry: Checkpointed, height: int) -> bool:
        """What the author says that its log comes to, against what it comes to here."""
        state = self.reckon(entry.keeps)
        if entry.state != state_hash(state) or len(state) > STATE_BYTES_MAX:
            return False
        self._met = Milestone(height, entry.begins, state)
        return True

    def _forget(self, keeps: int) -> None:
        """All ends but the newest `keeps`, and the accounts of tenants who hold nothing: they
        would grow with the history. Both columns of an account go together, so that what a pool's
        accounts come to stays as it was."""
        self._reckoned = None
        for hold in _too_old(self.endings_in_order(), keeps):
            self._put(self.ended, hold.id, None)
        for row in [row for row in self.accounts.items() if _is_over(row)]:
            self._put(self.accounts, row[0], None)

    def _count(self, block: Block) -> None:
        """`block` is folded for good."""
        self._reckoned = None
        self.entries_since += len(block.entries)
        self.bytes_since += sum(map(len, block.entries))
        if self._met is not None:
            begins = self._met.begins
            earlier = [one for one in self.milestones if one.height >= begins]
            self.milestones = (*earlier, self._met)[-MILESTONES_MAX:]
            self.entries_since = self.bytes_since = 0
            self._met = None


def _too_old(endings: Sequence[EndedHold], keeps: int) -> list[EndedHold]:
    """Those of `endings`, in order, that a checkpoint forgets. Those of holds that had been lost
    and were found in a copy are counted apart: such a copy may turn up again, and late."""
    plain = [hold for hold in endings if not hold.recovered]
    recovered = [hold for hold in endings if hold.recovered]
    most = min(keeps, RECOVERED_KEPT_MAX)
    return plain[: max(0, len(plain) - keeps)] + recovered[: max(0, len(recovered) - most)]


def _is_over(row: tuple[AccountId, Counters]) -> bool:
    """A tenant's account whose tenant holds nothing."""
    account, counters = row
    pending = counters.debits_pending or counters.credits_pending
    return account.role is Role.LEASE and not pending and counters.balance == 0


def _account_order(row: tuple[AccountId, Counters]) -> tuple[str, str, str]:
    account = row[0]
    return account.role.value, account.pool, account.tenant
