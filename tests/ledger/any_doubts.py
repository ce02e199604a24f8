"""As `any_rights`, with starts that cannot prove that they forgot nothing, and some that did.

The power fails, and the disk is as it was; or it comes back as it was some time ago, and a peer has
a copy of what it forgot, or nobody has. Then the books are as whoever remembers most knows them.
Holders of leases come forward meanwhile, or do not.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ledger.commands import Outcome, Renew, Resume
from ledger.lifecycle import HoldState
from ledger.limits import QUARANTINE
from mesh.instant import SECOND
from mesh.logs import Base, Block
from tests.ledger.any_books import LIMITS, NUMBER
from tests.ledger.any_rights import AnyRights
from tests.ledger.naive import Naive, Promise
from tests.ledger.naive_rights import Rights
from tests.ledger.owner import UNPROVEN, Disk, Owner


@dataclass
class Backup:
    """A disk as it was, and what was true then."""

    chain: list[Block]
    remaining: dict[bytes, int]
    base: Base | None
    model: Naive
    rights: Rights


class AnyDoubts(AnyRights):
    """Whoever may have forgotten something keeps all that anybody still believes in."""

    def __init__(self) -> None:
        self.backup: Backup | None = None
        super().__init__()

    @rule()
    def back_up(self) -> None:
        disk = self.owner.disk
        self.backup = Backup(
            list(disk.chain), dict(disk.remaining), disk.base, deepcopy(self.model),
            replace(self.rights),
        )  # fmt: skip

    @rule(set_back=st.booleans(), copies=st.booleans(), come=NUMBER)
    def doubt(self, set_back: bool, copies: bool, come: int) -> None:
        """`come`: which holders of leases come forward."""
        old, now_known, backup = self.owner, self.model, self.backup
        disk, known = old.disk, now_known
        if set_back and backup is not None and backup.base is old.disk.base:
            disk = Disk(
                list(backup.chain), dict(backup.remaining), old.disk.line, old.disk.calendar,
                old.disk.base, old.disk.proofs,
            )  # fmt: skip
            if not copies:
                known = backup.model
                self.rights = self.rights.forgotten(backup.rights)
            self.seen["set back"] += 1
        self.backup = None
        lost = old.disk.chain[len(disk.chain) :]
        self.owner = Owner(
            disk, UNPROVEN, now=old.now + SECOND, counter=old.counter + 1, limits=LIMITS
        )
        self._counted = min(self._counted, disk.first + len(disk.chain) - 1)
        believed = [one for one in now_known.live() if one.until > self.owner.now]
        coming = [one for one in believed if one.number % 3 != come % 3 and may_come(one, known)]
        self.come_forward(coming)
        if copies and lost:
            self.owner.show(*lost)
        self.go_through(coming)
        known.waiting, known.total, known.shut = now_known.waiting, now_known.total, now_known.shut
        self.model = known
        known.doubted(coming, self.owner.now)
        self.seen["came forward"] += len(coming)
        self.settle_in()
        assert self.owner.state == "open"

    def forgets(self, last: Callable[[], None], copies: bool, come: int) -> None:
        """The last thing that happened is what the disk has not."""
        self.back_up()
        last()
        self.the_books_say_what_plain_addition_says()
        self.doubt(True, copies, come)

    def come_forward(self, coming: Iterable[Promise]) -> None:
        for one in coming:
            answer = self.owner.ask(Resume(one.id, self.session, one.receipts))
            assert answer.outcome is Outcome.RESUMED, answer

    def go_through(self, coming: list[Promise]) -> None:
        """The quarantine; who came forward renews meanwhile."""
        for _ in range(2):
            self.owner.advance(QUARANTINE // 2 + SECOND)
            for one in coming:
                if one.state is HoldState.POSTED:
                    answer = self.owner.ask(Renew(one.id, self.session, b"n"))
                    assert answer.outcome is Outcome.RENEWED, answer
        assert self.owner.state == "quarantine", "open, and nobody has looked at the machine"


def may_come(one: Promise, known: Naive) -> bool:
    """Whether its holder has something to come forward with, and is told of nothing else than what
    its receipts say: a bare hold or a lease, by itself."""
    lease = one.carried or one.state is HoldState.PENDING
    before = known.promises.get(one.number)
    plain = not one.gang or (before is not None and before.state.live)
    return lease and one.parent is None and plain and bool(one.receipts)
