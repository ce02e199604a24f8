"""Entitling: what an owner does when it is asked about rights (`books/rights.py`).

To make them and to take them back is the word of this machine's own operator, so only the node
itself asks for that. To give some away may be asked by whoever shall have them: nobody spends them
there without being the principal, and what is spent here is not spare.
"""

import msgspec

from ledger.books.holds import Token
from ledger.books.rights import RightsRow, Side
from ledger.commands import Asked, Hold, Outcome, Wait
from ledger.commands.rights import Give, Issue, RightsCommand, Withdraw, WriteOff
from ledger.desk import Desk
from ledger.desk.answers import Draft
from ledger.effects import Reply
from ledger.entries.rights import (
    RightsEntry,
    RightsGiven,
    RightsIssued,
    RightsWithdrawn,
    RightsWrittenOff,
)
from ledger.granting import Refused
from ledger.granting.guests import guest_of
from ledger.lifecycle import HoldState
from ledger.limits import RIGHTS_ROWS_MAX
from ledger.pools import much
from ledger.visits.admission import admit
from ledger.visits.checking import checked
from mesh.identity import NodeId, PublicKey, id_of
from mesh.instant import Instant

_DONE = {
    Issue: Outcome.ISSUED, Withdraw: Outcome.WITHDRAWN, WriteOff: Outcome.WITHDRAWN,
    Give: Outcome.GIVEN,
}  # fmt: skip


def entitle(desk: Desk, asker: int, command: RightsCommand, who: NodeId) -> list[Reply] | Refused:
    """Do it, or say why not. What is so already is answered with the same yes."""
    may = who == desk.owner or (isinstance(command, Give) and who == command.to)
    if not may:
        return Refused(Outcome.NOT_HOLDER, "rights are made and moved by the word of their node")
    known = desk.books.rights.get(_row(command), 0)
    rests_on: tuple[Token, ...] = ()
    if command.total > known:
        entry = _give(desk, command) if isinstance(command, Give) else _change(desk, command)
        if isinstance(entry, Refused):
            return entry
        rests_on = (desk.write(entry),)
    done = Draft(asker, _DONE[type(command)], command.id, rests_on=rests_on)
    return [*desk.counter.say(done)]


def lacking(desk: Desk, asked: Asked, now: Instant) -> tuple[str, list[tuple[str, int]]]:
    """For whom and of what rights are missing here to grant a hold that is fine apart from that;
    nothing, if nothing is missing, or they would not help. Changes nothing."""
    if not desk.escrow.is_wanted(desk):
        return "", []
    command = checked(asked, desk.owner, desk.counter.session, None)
    hold = command.hold if isinstance(command, Wait) else command
    fresh = isinstance(hold, Hold) and desk.books.state_of(hold.id) is HoldState.ABSENT
    if not isinstance(hold, Hold) or not fresh or desk.refusals.get(hold.id) is not None:
        return "", []
    who = id_of(PublicKey(asked.public))
    policy = desk.limits.policy
    guest = guest_of(policy, hold.principal, hold.proof, hold.id, who, desk.owner)
    if isinstance(guest, Refused):
        return "", []
    hold = msgspec.structs.replace(hold, principal=guest.name)
    admitted = admit(desk, hold, guest, who, now)
    if not isinstance(admitted, Refused) or admitted.outcome is not Outcome.NO_RIGHTS:
        return "", []
    lack = desk.escrow.lacks(desk, hold.legs, guest) or []
    return guest.name, [(kind, more) for kind, more in lack if more > 0]


def _row(command: RightsCommand) -> RightsRow:
    match command:
        case Issue():
            return RightsRow(command.principal, command.sort, Side.ISSUED)
        case Withdraw():
            return RightsRow(command.principal, command.sort, Side.WITHDRAWN)
        case WriteOff():
            return RightsRow(command.principal, command.sort, Side.WRITTEN_OFF, command.node)
        case Give():
            return RightsRow(command.principal, command.sort, Side.GIVEN, command.to)


def _give(desk: Desk, give: Give) -> RightsEntry | Refused:
    """As much of it as is spare here; with `whole`, all of it or nothing."""
    if give.to == desk.owner or desk.books.is_barred(give.to):
        return Refused(Outcome.WRONG_STEP, "rights are given to another node that is still there")
    spare = desk.books.spare(give.principal, give.sort)
    refused = _cannot_spend(desk) or _too_many(desk, give)
    if refused is not None:
        return refused
    known = desk.books.rights.get(_row(give), 0)
    part = min(give.total - known, spare)
    if part <= 0 or (give.whole and part < give.total - known):
        return _not_so_many(give, give.total - known, spare)
    return RightsGiven(give.principal, give.sort, give.to, known + part)


def _change(desk: Desk, command: Issue | Withdraw | WriteOff) -> RightsEntry | Refused:
    refused = _too_many(desk, command)
    if refused is not None:
        return refused
    if isinstance(command, Issue):
        return RightsIssued(command.principal, command.sort, command.total)
    books = desk.books
    more = command.total - books.rights.get(_row(command), 0)
    issued = books.issued(command.principal, command.sort)
    if more > issued:
        sentence = f"{much(issued, command.sort)} are all that this node issued to it"
        return Refused(Outcome.MORE_THAN_HELD, sentence)
    if isinstance(command, WriteOff):
        if not books.is_barred(command.node):
            return Refused(Outcome.WRONG_STEP, "that node is not gone for good, by our log")
        return RightsWrittenOff(
            command.principal, command.sort, command.node, command.total, command.reason
        )
    spare = books.spare(command.principal, command.sort)
    if (shut := _cannot_spend(desk)) is not None:
        return shut
    if more > spare:
        return _not_so_many(command, more, spare)
    return RightsWithdrawn(command.principal, command.sort, command.total)


def _cannot_spend(desk: Desk) -> Refused | None:
    if desk.books.rights_open:
        return None
    sentence = "rights stay where they are until every peer has shown its copy of our log"
    return Refused(Outcome.RIGHTS_CLOSED, sentence)


def _too_many(desk: Desk, command: RightsCommand) -> Refused | None:
    if _row(command) in desk.books.rights or len(desk.books.rights) < RIGHTS_ROWS_MAX:
        return None
    return Refused(Outcome.TOO_MANY_ENTRIES, f"{RIGHTS_ROWS_MAX} totals of rights are the limit")


def _not_so_many(command: Give | Withdraw, more: int, spare: int) -> Refused:
    has, sort = max(0, spare), command.sort
    sentence = f"{command.principal} has {much(has, sort)} of {sort} rights to spare here"
    return Refused(Outcome.NO_RIGHTS, f"{sentence}, and not {much(more, sort)}")
