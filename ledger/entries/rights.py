"""What logs say of rights: issued, moved, taken back. What it means is told in `books/rights.py`.

No entry says "so much more". Each says how much there has been in all, so what is said twice, or
read twice, counts once. `again`: it was said before, in a part of this log that was lost, and is
believed elsewhere: it counts whatever is left here.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta

from ledger.commands import AMOUNT_MAX
from ledger.entries.fields import EntryFields, Node, Principal, Reason
from ledger.limits import POOL_BYTES_MAX
from mesh.logs import Position

Sort: TypeAlias = Annotated[str, Meta(min_length=1, max_length=POOL_BYTES_MAX)]
"""A kind of pool, as in a quota: `ram`, `gpu`, `slots`."""
Total: TypeAlias = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
"""From the first entry of its sort to this one."""


class RightsIssued(EntryFields, tag="rights issue", frozen=True):
    """The author has made so many rights for `principal`."""

    principal: Principal
    sort: Sort
    total: Total
    again: bool = False


class RightsWithdrawn(EntryFields, tag="rights withdraw", frozen=True):
    """The author has done away with so many of those that it issued, which lay here unused."""

    principal: Principal
    sort: Sort
    total: Total
    again: bool = False


class RightsWrittenOff(EntryFields, tag="rights write off", frozen=True):
    """Of those that the author issued, so many were lost with `node`, which is gone for good."""

    principal: Principal
    sort: Sort
    node: Node
    total: Total
    reason: Reason
    again: bool = False


class RightsGiven(EntryFields, tag="rights out", frozen=True):
    """So many have left this node for `to`. Until `to` says that it has them they are nobody's."""

    principal: Principal
    sort: Sort
    to: Node
    total: Total
    again: bool = False


class RightsTaken(EntryFields, tag="rights in", frozen=True):
    """So many have come here of what `giver` gave us. `shown`: where its log said so."""

    principal: Principal
    sort: Sort
    giver: Node
    total: Total
    shown: Position
    again: bool = False


class RightsBarred(EntryFields, tag="rights bar", frozen=True):
    """`node` is gone for good: from here on nothing of its rights is taken, and none given it."""

    node: Node
    again: bool = False


class RightsOpened(EntryFields, tag="rights open", frozen=True):
    """Rights are spent again in this era. `reason`: whose word that rests on, or how many answered.

    Unlike bookings they never open by waiting: a booking runs out, a right does not.
    """

    by_word: bool
    reason: Reason


RightsEntry: TypeAlias = (
    RightsIssued | RightsWithdrawn | RightsWrittenOff | RightsGiven | RightsTaken | RightsBarred
)
