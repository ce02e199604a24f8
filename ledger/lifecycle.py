"""What a hold may become: one table. What is not in it cannot happen.

"Ending" is no state of its own: it is what the owner does between deciding that a grant ends and
seeing that it is gone. Until then the grant is posted, and its room is not free.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class HoldState(StrEnum):
    """Where a hold stands, as its owner's log tells it."""

    ABSENT = "absent"
    PENCILLED = "pencilled"
    PLANNED = "planned"
    PENDING = "pending"
    POSTED = "posted"
    VOIDED = "voided"
    EXPIRED = "expired"
    RELEASED = "released"
    RECLAIMED = "reclaimed"
    SUPERSEDED = "superseded"
    BROKEN = "broken"
    DISBANDED = "disbanded"

    @property
    def live(self) -> bool:
        """Whether it holds room."""
        return self is HoldState.PENDING or self is HoldState.POSTED

    @property
    def ahead(self) -> bool:
        """Whether it will hold room later, and holds none yet."""
        return self is HoldState.PENCILLED or self is HoldState.PLANNED


class Step(StrEnum):
    """What an entry does to a hold."""

    HOLD = "hold"
    POST = "post"
    VOID = "void"
    EXPIRE = "expire"
    RELEASE = "release"
    RECLAIM = "reclaim"
    PENCIL = "pencil in"
    START = "start"
    ENLIST = "enlist"
    PARK = "park"
    SETTLE = "settle"
    DISBAND = "disband"
    OWE = "owe"
    EXTEND = "extend"
    SHRINK = "shrink"
    CARVE = "carve"
    TRANSFER = "transfer"
    ADOPT_PENDING = "adopt pending"
    ADOPT_POSTED = "adopt posted"
    ADOPT_PLANNED = "adopt planned"
    SUPERSEDE = "supersede"
    BREAK = "break"


TABLE: Final[Mapping[tuple[HoldState, Step], HoldState]] = {
    (HoldState.ABSENT, Step.HOLD): HoldState.PENDING,
    (HoldState.PENDING, Step.POST): HoldState.POSTED,
    (HoldState.PENDING, Step.VOID): HoldState.VOIDED,
    (HoldState.PENDING, Step.EXPIRE): HoldState.EXPIRED,
    (HoldState.POSTED, Step.RELEASE): HoldState.RELEASED,
    (HoldState.POSTED, Step.RECLAIM): HoldState.RECLAIMED,
    # A booking that starts later (plans.py): it takes room from its start on.
    (HoldState.ABSENT, Step.PENCIL): HoldState.PENCILLED,
    (HoldState.PENCILLED, Step.POST): HoldState.PLANNED,
    (HoldState.PENCILLED, Step.VOID): HoldState.VOIDED,
    (HoldState.PENCILLED, Step.EXPIRE): HoldState.EXPIRED,
    (HoldState.PLANNED, Step.START): HoldState.POSTED,
    (HoldState.PLANNED, Step.VOID): HoldState.VOIDED,
    (HoldState.PLANNED, Step.EXPIRE): HoldState.EXPIRED,
    # As one of a gang (gangs.py). What is taken back after amnesia is enlisted where it stands.
    (HoldState.PENDING, Step.ENLIST): HoldState.PENDING,
    (HoldState.POSTED, Step.ENLIST): HoldState.POSTED,
    (HoldState.POSTED, Step.PARK): HoldState.POSTED,
    (HoldState.POSTED, Step.SETTLE): HoldState.POSTED,
    (HoldState.POSTED, Step.DISBAND): HoldState.DISBANDED,
    (HoldState.PENCILLED, Step.ENLIST): HoldState.PENCILLED,
    (HoldState.PLANNED, Step.ENLIST): HoldState.PLANNED,
    (HoldState.PLANNED, Step.SETTLE): HoldState.PLANNED,
    (HoldState.PLANNED, Step.DISBAND): HoldState.DISBANDED,
    # A hold that was forced, and what it owes.
    (HoldState.PENDING, Step.OWE): HoldState.PENDING,
    # A grant that changes and goes on: longer, or smaller, or with a part of it carved out for a
    # child, which is a grant from its first moment.
    (HoldState.POSTED, Step.EXTEND): HoldState.POSTED,
    (HoldState.POSTED, Step.SHRINK): HoldState.POSTED,
    (HoldState.POSTED, Step.CARVE): HoldState.POSTED,
    (HoldState.ABSENT, Step.TRANSFER): HoldState.POSTED,
    # After amnesia: found again in a receipt or in a copy of our log, or found too late to keep.
    (HoldState.ABSENT, Step.ADOPT_PENDING): HoldState.PENDING,
    (HoldState.ABSENT, Step.ADOPT_POSTED): HoldState.POSTED,
    (HoldState.ABSENT, Step.ADOPT_PLANNED): HoldState.PLANNED,
    (HoldState.ABSENT, Step.SUPERSEDE): HoldState.SUPERSEDED,
    (HoldState.ABSENT, Step.BREAK): HoldState.BROKEN,
}


def after(state: HoldState, step: Step) -> HoldState | None:
    """What `step` makes of a hold in `state`; None when it may not happen."""
    return TABLE.get((state, step))
