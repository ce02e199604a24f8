"""Admission: whether a new hold is granted, and what it owes if it was forced.

The guards of the policy and of granting.py in one column, in the order of `Outcome`. Force goes
over two of them and no more: a quota, which is the operator's own word, and what others use of the
machine, which may well go away. Over the books nothing goes: what is promised is promised. Nor over
rights, which are the whole mesh's: they come last, so none are fetched for what has no room.
"""

from typing import NamedTuple

from ledger.books.legs import least, together
from ledger.commands import Hold, Leg, Outcome
from ledger.desk import Desk
from ledger.desk.hall import others_wait
from ledger.desk.planner import in_the_way
from ledger.granting import Refused, refuse_kind, refuse_room
from ledger.granting.guests import Guest
from ledger.granting.quotas import forbidden, over_quota
from mesh.identity import NodeId
from mesh.instant import SECOND, Instant


class Admitted(NamedTuple):
    """It is granted. `owed`: so much of it over a quota, or over what the machine has left."""

    owed: tuple[Leg, ...]


def admit(desk: Desk, hold: Hold, guest: Guest, who: NodeId, now: Instant) -> Admitted | Refused:
    """Whether `hold`, new and well-formed, is granted to `guest`, for whom `who` asks."""
    books, readings = desk.books, desk.readings
    refused = (
        _may_not_force(hold, guest)
        or (None if guest.rules is None else forbidden(hold, guest.rules))
        or refuse_kind(hold, books, readings, desk.limits)
        or _too_fast(desk, guest, now)
    )
    if refused is not None:
        return refused
    told, owed = over_quota(hold.legs, guest, books)
    if told and not hold.force:
        return Refused(Outcome.OVER_QUOTA, f"quota: {told}")
    refused = refuse_room(hold, books, readings)
    if refused is not None:
        if not hold.force or refused.outcome is not Outcome.NO_ROOM or not books.fits(hold.legs):
            return refused
        lacking = [Leg(one.pool, one.need - (one.have or 0)) for one in refused.shortfalls]
        owed = least(together(owed, lacking), hold.legs)
    refused = in_the_way(desk, hold, now) or others_wait(desk, hold, who, now)
    refused = refused or desk.escrow.refuse(desk, hold, guest)
    return refused or Admitted(owed)


def _may_not_force(hold: Hold, guest: Guest) -> Refused | None:
    if not hold.force:
        return None
    if hold.start is not None:
        return Refused(Outcome.MAY_NOT_FORCE, "what starts later is not forced: force it then")
    if guest.may_force:
        return None
    name = guest.name or "whoever asks from another node"
    return Refused(Outcome.MAY_NOT_FORCE, f"{name} may not force anything here")


def _too_fast(desk: Desk, guest: Guest, now: Instant) -> Refused | None:
    rate = None if guest.rules is None else guest.rules.holds_per_minute
    wait = 0 if rate is None else desk.pace.wait(guest.name, rate, now)
    if not wait:
        return None
    sentence = (
        f"{guest.name} has {rate} new holds a minute here: the next in {-(-wait // SECOND)} s"
    )
    return Refused(Outcome.TOO_FAST, sentence)
