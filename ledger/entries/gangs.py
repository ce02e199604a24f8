"""What logs say of gangs: of a member, in its owner's; of the whole, in its asker's.

What they mean is in `books/gangs.py`.
"""

from typing import Annotated, NamedTuple, TypeAlias

from msgspec import Meta

from ledger.commands import GANG_MEMBERS_MAX
from ledger.entries.fields import EntryFields, GangTerm, HoldId, Node, Reason


class Enlisted(EntryFields, tag="enlist", frozen=True):
    """A hold that was just begun, or taken back, is one of a gang's: a booking of `term` at last,
    or, with a term of 0, a lease for as long as its asker renews it.
    An entry of its own, because a hold's has one encoding and old logs are read for ever."""

    id: HoldId
    gang: HoldId
    term: GangTerm


class Parked(EntryFields, tag="park", frozen=True):
    """All of its gang are posted: a booking from here on, until GANG_MAX without proof."""

    id: HoldId


class Settled(EntryFields, tag="settle", frozen=True):
    """All of its gang are parked, as its holder's log proves: the booking lasts its term."""

    id: HoldId


class GangMember(NamedTuple):
    """One hold of a gang, and who would grant it."""

    owner: Node
    hold: HoldId


Members: TypeAlias = Annotated[
    tuple[GangMember, ...], Meta(min_length=2, max_length=GANG_MEMBERS_MAX)
]


class GangBegun(EntryFields, tag="gang", frozen=True):
    """The author will ask these owners for these holds: all of them or none."""

    gang: HoldId
    members: Members


class GangCommitted(EntryFields, tag="gang commit", frozen=True):
    """Every owner holds its member: they will be posted."""

    gang: HoldId


class GangCompleted(EntryFields, tag="gang complete", frozen=True):
    """Every member is posted and parked. The proof that their owners wait for."""

    gang: HoldId


class GangEnded(EntryFields, tag="gang end", frozen=True):
    """It is over: no member lasts."""

    gang: HoldId
    why: Reason
