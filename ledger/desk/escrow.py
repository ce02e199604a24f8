"""Escrow: what an owner does about rights beside granting (`books/rights.py` has the theory).

It hears what others' logs say: that they gave us rights, or took of us more than our log remembers
having given; or that a node is gone for good. It decides when rights are spent again after an era
began. And it knows for whom rights are wanted at all: for whoever has some anywhere, as far as we
have heard, and for whom the operator of this machine wrote that they are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ledger.books import Books
from ledger.books.rights import RightsRow, Side, barred, by_kind, by_name
from ledger.commands import Hold, Leg, Outcome
from ledger.effects import Alarm
from ledger.entries.rights import (
    RightsBarred,
    RightsEntry,
    RightsGiven,
    RightsIssued,
    RightsOpened,
    RightsTaken,
    RightsWithdrawn,
    RightsWrittenOff,
)
from ledger.granting import Refused
from ledger.granting.guests import Guest
from ledger.limits import REASON_CHARS_MAX, RIGHTS_ROWS_MAX
from ledger.observations import RightsTold
from ledger.pools import much
from mesh.logs import Position

if TYPE_CHECKING:
    from ledger.desk import Desk
    from ledger.recovery import Chain

GOVERNED_MAX: Final = 4096
"""Principals and kinds that others' logs name; who comes after needs rights once some are here."""


@dataclass(slots=True)
class Escrow:
    """It outlives every desk. The two functions are the agent's, which knows the mesh."""

    silent: Callable[[Sequence[bytes]], int | None] = lambda _parties: None
    """How many of these nodes, and of all on the roll, have not shown their copy of our log yet;
    None: there is nobody. Who is alone may have been in company before its disk was set back."""
    elsewhere: Callable[[str, str], str] = lambda _principal, _sort: ""
    """What is known of a principal's rights at other nodes, in a sentence."""
    governed: dict[tuple[str, str], None] = field(default_factory=dict)
    """Principal and kind of pool, of which some log says that there are rights."""
    word: str | None = None
    """A person's, that nothing was given away which this log does not show."""

    def wants(self, desk: "Desk", guest: Guest, sort: str) -> bool:
        """Whether `guest` holds of `sort` only what its rights cover."""
        key = guest.name, sort
        told = key in self.governed or key in desk.books.entitled
        return told or (guest.rules is not None and sort in guest.rules.rights)

    def refuse(self, desk: "Desk", hold: Hold, guest: Guest) -> Refused | None:
        """Why the rights that lie here do not cover `hold`; None when they do, or none are
        wanted."""
        lack = self.lacks(desk, hold.legs, guest)
        if lack is None:
            return None
        if not desk.books.rights_open:
            sentence = (
                f"{guest.name} holds {', '.join(kind for kind, _ in lack)} by rights, which are "
                f"not spent here until every peer has shown its copy of our log"
            )
            return Refused(Outcome.RIGHTS_CLOSED, sentence)
        short = [(kind, more) for kind, more in lack if more > 0]
        if not short:
            return None
        told = [
            f"{guest.name} lacks {much(more, kind)} of {kind} rights here"
            + self.elsewhere(guest.name, kind)
            for kind, more in short
        ]
        return Refused(Outcome.NO_RIGHTS, "; ".join(told)[:REASON_CHARS_MAX])

    def lacks(
        self, desk: "Desk", legs: Iterable[Leg], guest: Guest
    ) -> list[tuple[str, int]] | None:
        """Of each kind that rights are wanted for, how much more of them would be needed; None:
        of no kind are they."""
        if not self.governed and not desk.books.entitled and guest.rules is None:
            return None  # as in most meshes
        kinds = [(kind, n) for kind, n in by_kind(legs) if self.wants(desk, guest, kind)]
        if not kinds:
            return None
        return [(kind, more - desk.books.spare(guest.name, kind)) for kind, more in kinds]

    # What others' logs say -----------------------------------------------------------------------

    def hear(self, desk: "Desk", told: RightsTold) -> list[Alarm]:
        """Write down what concerns us. Told again, it is known."""
        alarms: list[Alarm] = []
        for key in told.governed:
            if key in self.governed or len(self.governed) < GOVERNED_MAX:
                self.governed[key] = None
        for node in told.gone:
            if barred(node) not in desk.books.rights:
                _raise(desk, barred(node), 1, None)
        for row, total in told.theirs:
            if row.side is Side.GIVEN:  # to us, by the node whose log it is
                mine = row._replace(side=Side.TAKEN, party=told.author)
                if desk.books.rights_open and not desk.books.is_barred(told.author):
                    _raise(desk, mine, total, told.at)
            elif row.side is Side.TAKEN:  # of us; so we gave it, whatever our log remembers
                mine = row._replace(side=Side.GIVEN, party=told.author)
                alarms += _raise(desk, mine, total, told.at, again=True)
        return alarms

    # When they are spent -------------------------------------------------------------------------

    def open_if_allowed(self, desk: "Desk", chains: Callable[[], Sequence["Chain"]]) -> list[Alarm]:
        """Write that rights are spent in this era, if anything allows it: never time alone."""
        books = desk.books
        if books.rights_open or not self.is_wanted(desk):
            return []
        silent = self.silent(self.parties(books))
        if silent is None and books.opening is not None and books.opening.first:
            silent = 0  # who has promised nothing yet, and knows nobody, has given nothing away
        if self.word is None and silent != 0:
            return []
        alarms = restore(desk, chains())
        if self.word is not None:
            desk.write(RightsOpened(True, self.word))
        else:
            desk.write(RightsOpened(False, "every peer has shown its copy"))
        self.word = None
        return alarms

    @staticmethod
    def parties(books: Books) -> list[bytes]:
        """Whom these books gave rights or took them of, and who is not gone for good."""
        named = [row.party for row in books.rights if row.party]
        return [node for node in dict.fromkeys(named) if not books.is_barred(node)]

    def is_wanted(self, desk: "Desk") -> bool:
        """Whether there is anybody for whom rights are."""
        written = any(rules.rights for rules in desk.limits.policy.principals.values())
        return written or bool(self.governed or desk.books.entitled)


def restore(desk: "Desk", chains: Iterable["Chain"]) -> list[Alarm]:
    """Raise every total to the highest that any copy of our log shows."""
    alarms: list[Alarm] = []
    for chain in chains:
        shown = chain.blocks[-1].position if chain.blocks else None
        for row in sorted(chain.books.rights, key=by_name):
            alarms += _raise(desk, row, chain.books.rights[row], shown, again=True)
    return alarms


def _raise(
    desk: "Desk", row: RightsRow, total: int, at: Position | None, *, again: bool = False
) -> list[Alarm]:
    known = desk.books.rights.get(row, 0)
    full = row not in desk.books.rights and len(desk.books.rights) >= RIGHTS_ROWS_MAX
    if total <= known or full:
        return []
    desk.write(_entry(row, total, at or desk.books.position, again))
    spare = desk.books.spare(row.principal, row.sort)
    if not again or spare >= 0:
        return []
    sentence = (
        f"{row.principal} holds {much(-spare, row.sort)} of {row.sort} more here than its rights "
        "cover: this log had forgotten that they were given away"
    )
    return [Alarm("rights-overdrawn", sentence)]


def _entry(row: RightsRow, total: int, at: Position | None, again: bool) -> RightsEntry:
    principal, sort, side, party = row
    match side:
        case Side.ISSUED:
            return RightsIssued(principal, sort, total, again)
        case Side.WITHDRAWN:
            return RightsWithdrawn(principal, sort, total, again)
        case Side.WRITTEN_OFF:
            return RightsWrittenOff(principal, sort, party, total, "as written before", again)
        case Side.GIVEN:
            return RightsGiven(principal, sort, party, total, again)
        case Side.TAKEN:
            assert at is not None, "an open owner has a log"
            return RightsTaken(principal, sort, party, total, at, again)
        case Side.BARRED:
            return RightsBarred(party, again)


def totals(rights: Mapping[RightsRow, int], side: Side) -> dict[tuple[str, str, bytes], int]:
    """The totals of one side, by principal, kind and party."""
    return {
        (row.principal, row.sort, row.party): total
        for row, total in rights.items()
        if row.side is side
    }
