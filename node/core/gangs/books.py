"""What gangs need of our own log, and what others' logs tell us of the gangs that concern us.

Two readers. As an *asker*, ganging writes into our log and must know whether it can, and who else
has it. As an *owner*, we hold members of gangs whose askers speak in logs of their own: that a gang
is over or complete is learned by reading, whatever became of the messages that say so too. And of
our own gangs that stand we note when nothing is left of them.
"""

from dataclasses import dataclass

from ledger.books import Books
from ledger.books.gangs import Gang, GangStage
from ledger.books.holds import LiveHold
from ledger.books.plans import Plan
from ledger.entries.gangs import GangEnded, GangMember
from ledger.lifecycle import HoldState
from ledger.limits import GANGS_MAX
from ledger.observations import GangSeen, GangStep
from ledger.owner.standings import CLOSED, NO_MORE, QUARANTINED
from mesh.identity import NodeId
from mesh.instant import Instant
from node.core.outlook import Choice
from node.core.picture.knowledge import Knowledge
from node.core.reserving.custody import Custody

SHUT = {
    QUARANTINED: "this node is in quarantine and writes nothing",
    CLOSED: "this node's log belongs to another machine",
}


@dataclass(frozen=True, slots=True)
class GangBooks:
    """Our own log, for ganging."""

    knowledge: Knowledge
    custody: Custody

    def cannot_write(self) -> str | None:
        """Why nothing can be put on our log now, in a sentence; None when it can."""
        return SHUT.get(self.knowledge.ledger.standing[0])

    def cannot_begin(self) -> str | None:
        """As above, for one more gang of ours."""
        live = sum(gang.live for gang in self.knowledge.ledger.books.gangs.values())
        if live >= GANGS_MAX:
            return f"{GANGS_MAX} gangs of this node stand already"
        state, reason, _ = self.knowledge.ledger.standing
        return reason if state in NO_MORE else self.cannot_write()

    def completion(self, gang: bytes) -> bytes:
        """The receipt that it is complete, as our log has it."""
        ledger = self.knowledge.ledger
        known = ledger.books.gangs.get(gang)
        if known is None or known.completed_at is None:
            return b""  # Our log was cut meanwhile: its owners will say that this proves nothing.
        return ledger.receipt(known.completed_at) or b""

    def keepers(self, gang: bytes) -> tuple[NodeId, ...] | None:
        """Who has stored that it is complete; None: there is nobody else who could."""
        known = self.knowledge.ledger.books.gangs.get(gang)
        if known is None or known.completed_at is None:
            return ()
        keepers = self.custody.keepers(known.completed_at.height)
        return keepers if keepers or self.knowledge.live_others() else None

    def session_of(self, owner: NodeId) -> bytes | None:
        """The session that a command to `owner` must name, as far as we know."""
        return self.knowledge.session_of(owner)

    def name_of(self, owner: NodeId) -> str:
        """How people call it."""
        return self.knowledge.name_of(owner)

    def standing(self, gang: bytes) -> Gang | None:
        """One of ours that is not over, as our log tells of it."""
        known = self.knowledge.ledger.books.gangs.get(gang)
        return known if known is not None and known.live else None

    def formed_for(self, mark: bytes) -> Gang | None:
        """One of ours that is not over, and that was formed for the wish of that mark."""
        ours = self.knowledge.ledger.books.gangs
        return next((one for one in ours.values() if one.live and one.id.endswith(mark)), None)

    def choice_of(self, member: GangMember) -> Choice | None:
        """What `member` is, as its owner's log has it; None: nothing that lives."""
        owner = NodeId(member.owner)
        books = self.knowledge.books(owner)
        hold = None if books is None else books.live.get(member.hold)
        plan = None if books is None else books.plans.get(member.hold)
        known = hold or plan
        return None if known is None else Choice(owner, self.name_of(owner), known.legs)

    def is_leased(self, gang: Gang) -> bool:
        """Whether it is known to be a gang of leases."""
        for member in gang.members:
            books = self.knowledge.books(NodeId(member.owner))
            hold = None if books is None else books.live.get(member.hold)
            if hold is not None and hold.gang is not None:
                return hold.gang.is_leased
        return False

    def beat(self, now: Instant) -> int:
        """The mesh's count of time."""
        return self.knowledge.mesh.footing(now).beat


def news(knowledge: Knowledge) -> list[GangSeen | GangStep]:
    """What others' logs say of members that we own, and of gangs of ours that stand."""
    ours = knowledge.ledger.books
    told: list[GangSeen | GangStep] = []
    for hold in sorted(ours.enlisted):
        member = ours.live.get(hold) or ours.plans[hold]
        over = _is_over(knowledge, member)
        if over or _is_complete(knowledge, member):
            told.append(GangSeen(hold, over=over))
    for gang in sorted(ours.gangs):
        known = ours.gangs[gang]
        if known.stage is GangStage.COMPLETED and (why := _has_passed(knowledge, known)):
            told.append(GangStep(GangEnded(gang, why)))
    return told


def _gang_of(knowledge: Knowledge, hold: LiveHold | Plan) -> Gang | None:
    books = knowledge.books(NodeId(hold.holder))
    return None if books is None or hold.gang is None else books.gangs.get(hold.gang.gang)


def _is_over(knowledge: Knowledge, hold: LiveHold | Plan) -> bool:
    gang = _gang_of(knowledge, hold)
    if gang is None or hold.gang is None:
        return False
    if not gang.live:
        # A settled member was shown that all were parked. An asker that ends the gang and does not
        # know that has forgotten it, and only takes back what it thinks was never granted.
        return hold.gang.settled_at is None or gang.completed_at is not None
    return any(_state(knowledge, one) is HoldState.DISBANDED for one in gang.members)


def _is_complete(knowledge: Knowledge, hold: LiveHold | Plan) -> bool:
    gang = _gang_of(knowledge, hold)
    return hold.on_probation and gang is not None and gang.stage is GangStage.COMPLETED


def _has_passed(knowledge: Knowledge, gang: Gang) -> str:
    """Why nothing of one of our gangs is left, or soon will be; "" while it stands."""
    states = [_state(knowledge, one) for one in gang.members]
    if HoldState.DISBANDED in states:
        return "one of its members was disbanded"
    kept = (state.live or state.ahead or state is HoldState.ABSENT for state in states)
    return "" if any(kept) else "every member has ended"


def _state(knowledge: Knowledge, member: GangMember) -> HoldState:
    books: Books | None = knowledge.books(NodeId(member.owner))
    return HoldState.ABSENT if books is None else books.state_of(member.hold)
