"""Gangs: several holds on several owners, all or none; here, as logs tell of them.

A gang is a promise of nobody: each member is granted by its own owner, and no two owners write into
one log. What holds it together is one more log, the asker's own, which says how far it has come:

    begun      these holds will be asked for; written before the first is sent
    committed  every owner holds; written before the first post
    completed  every member is posted and parked: the proof that members wait for
    ended      it is over, whatever it was; every owner that reads this ends its member

No word is an abort: who asked may be gone for good. So a member is at first a hold that lapses,
then a carried lease that nobody renews, then a booking on *probation*, which its owner ends after
GANG_MAX unless it was shown the proof; only a settled one lasts for its term. A member that was
ended for lack of proof is `disbanded`, and since everybody reads everybody's log, that word alone
ends its fellows.

    held ──▶ enlisted ──▶ posted ──▶ parked ──▶ settled          (in the owner's log)
                                       └──▶ disbanded: an end, an abort, or no proof in time
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from msgspec.structs import replace

from ledger.books.holds import Enlistment, LiveHold, Token
from ledger.commands import GrantKind
from ledger.entries.gangs import (
    Enlisted,
    GangBegun,
    GangCommitted,
    GangCompleted,
    GangEnded,
    GangMember,
    Parked,
    Settled,
)
from ledger.limits import GANGS_ENDED_MAX, GANGS_MAX

GangEntry = GangBegun | GangCommitted | GangCompleted | GangEnded
MemberEntry = Enlisted | Parked | Settled


class GangStage(Enum):
    """How far a gang has come, as its asker's log tells it."""

    BEGUN = "begun"
    COMMITTED = "committed"
    COMPLETED = "completed"
    ENDED = "ended"


class Gang(NamedTuple):
    """What one log says of a gang of its author's. `at`: the entry that says `stage`."""

    id: bytes
    stage: GangStage
    members: tuple[GangMember, ...]
    at: Token
    completed_at: Token | None = None
    why: str = ""
    """Why it ended. Its members are named no more: that it is over is all that they ask."""

    @property
    def live(self) -> bool:
        return self.stage is not GangStage.ENDED


def gang_after(known: Gang | None, entry: GangEntry, at: Token) -> Gang | None:
    """What `entry` makes of what was known of its gang; None when it may not happen."""
    match entry:
        case GangBegun(gang, members):
            if known is not None or not _each_once(members):
                return None
            return Gang(gang, GangStage.BEGUN, members, at)
        case GangCommitted():
            if known is None or known.stage is not GangStage.BEGUN:
                return None
            return known._replace(stage=GangStage.COMMITTED, at=at)
        case GangCompleted():
            if known is None or known.stage is not GangStage.COMMITTED:
                return None
            return known._replace(stage=GangStage.COMPLETED, at=at, completed_at=at)
        case GangEnded(_, why):
            if known is None or not known.live:
                return None
            return known._replace(stage=GangStage.ENDED, members=(), at=at, why=why)


def room_for_one(gangs: Mapping[bytes, Gang]) -> bool:
    """Whether one log may begin another gang."""
    return sum(gang.live for gang in gangs.values()) < GANGS_MAX


def forgotten(gangs: Mapping[bytes, Gang]) -> bytes | None:
    """The gang that has been over for longest, once there are too many of them."""
    over = [gang for gang in gangs.values() if not gang.live]
    if len(over) <= GANGS_ENDED_MAX:
        return None
    return min(over, key=lambda gang: gang.at).id


def member_after(hold: LiveHold, entry: MemberEntry, at: Token) -> LiveHold | None:
    """What `entry` makes of a live hold that the table lets it step; None when it may not."""
    gang = hold.gang
    match entry:
        case Enlisted(_, name, term):
            if gang is not None:
                return None
            booked = hold.kind is GrantKind.BOOKING
            return replace(hold, gang=Enlistment(name, term, at, at if booked else None))
        case Parked():
            if gang is None or hold.kind is GrantKind.BOOKING:
                return None
            parked = gang._replace(parked_at=at)
            return replace(hold, kind=GrantKind.BOOKING, term=gang.term, gang=parked)
        case Settled():
            if gang is None or not hold.on_probation:
                return None
            return replace(hold, gang=gang._replace(settled_at=at))


def _each_once(members: tuple[GangMember, ...]) -> bool:
    """One owner, one member; in the one order in which a gang is written."""
    owners = [member.owner for member in members]
    return owners == sorted({*owners}) and len({member.hold for member in members}) == len(members)
