"""Reopening: from what recovery found to books that can be stood behind.

Works on a desk whose era has just been opened and whose pools have just been provisioned. The rule
for everything found: what may still be believed in is kept; what cannot be believed in any more is
ended the ordinary way, fence first; what turns up too late to fit is closed with a name and told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from ledger.books import Books
from ledger.books.holds import LiveHold
from ledger.books.legs import least, less, within
from ledger.commands import GrantKind, Leg
from ledger.desk import Desk
from ledger.effects import Alarm, Fence, LedgerEffect
from ledger.entries import (
    ClosedHow,
    EndedBy,
    EraOpened,
    Expired,
    Extended,
    Posted,
    Shrunk,
    Voided,
)
from ledger.leases import encode_remaining, owner_span, rearmed
from ledger.lifecycle import HoldState
from ledger.limits import REASON_CHARS_MAX
from ledger.recovery import Chain, Claim, ended_anywhere, lost_bookings, lost_plans
from ledger.recovery.quarantine import Quarantine
from mesh.instant import Duration, Instant
from mesh.persistence import SPACE_REMAINING, Persist, Write


def open_era(desk: Desk, opening: EraOpened) -> None:
    """Write the entry that opens an era, as going on from where the books of `desk` are."""
    reason = opening.reason[:REASON_CHARS_MAX]
    desk.write(msgspec.structs.replace(opening, cut=desk.books.position, reason=reason))


def carry_on(desk: Desk, remaining: Mapping[bytes, Duration], now: Instant) -> None:
    """Nothing was lost: every promise goes on, carried ones with their full time again."""
    for hold in desk.books.live_holds():
        _arm(desk, hold, remaining, now)
    desk.open_line(now)


def over_and_done(
    books: Books, claims: Mapping[bytes, Claim], ended: AbstractSet[bytes]
) -> list[bytes]:
    """Holds of our log that nobody can believe in any more: to be fenced before anything opens.

    What was resumed stays, and so does every booking unless a copy of our log shows its end. A
    pending hold is fenced like a lease: its post, and work under it, may have been in a lost tail.
    """
    return [
        hold.id
        for hold in books.live_holds()
        if hold.id in ended or not (hold.is_booking or hold.id in claims)
    ]


def settle(
    desk: Desk, quarantine: Quarantine, chains: Sequence[Chain],
    remaining: Mapping[bytes, Duration], now: Instant,
) -> list[LedgerEffect]:  # fmt: skip
    """Holds that our log knows: write off what is gone, end what is not, keep the rest."""
    effects: list[LedgerEffect] = []
    claims, ended = quarantine.claims, ended_anywhere(chains)
    for hold_id in over_and_done(desk.books, claims, ended):
        why = EndedBy.ELSEWHERE if hold_id in ended else None
        effects.extend(desk.end(hold_id, why, desk.owner, now))
        if quarantine.fencing.get(hold_id):
            effects = [one for one in effects if not isinstance(one, Fence) or one.hold != hold_id]
            effects.extend(desk.fenced(hold_id, gone=True))
    for hold in desk.books.live_holds():
        if hold.id in desk.endings:
            continue
        if hold.state is HoldState.PENDING and claims[hold.id].posted:
            desk.write(Posted(hold.id))  # The post was in the lost tail.
        _arm(desk, desk.books.live[hold.id], remaining, now)
    effects.extend(catch_up(desk, claims, chains, now))
    for plan in list(desk.books.plans.values()):
        if plan.state is HoldState.PENCILLED:
            desk.write(Expired(plan.id))  # as every hold that nobody confirmed
    desk.open_line(now)
    return effects


def catch_up(
    desk: Desk, claims: Mapping[bytes, Claim], chains: Sequence[Chain], now: Instant
) -> list[LedgerEffect]:
    """What was changed in a part of our log that is cut off holds as an end there does: who was
    told of more time has it, and who gave back room relies on no more than is left."""
    effects: list[LedgerEffect] = []
    for hold in desk.books.live_holds():
        if hold.state is not HoldState.POSTED or hold.id in desk.endings:
            continue
        whole, term = desk.books.whole(hold), hold.term
        for told_legs, told_term in _told_elsewhere(hold, claims, chains):
            whole, term = least(whole, told_legs), max(term, told_term)
        over = less(desk.books.whole(hold), whole)
        if over and within(over, hold.legs) and (left := less(hold.legs, over)):
            desk.write(Shrunk(hold.id, left))
        if hold.is_booking and term > hold.term:
            desk.write(Extended(hold.id, term))
            effects.extend(desk.lengthen(hold, term, now))
    return effects


def _told_elsewhere(
    hold: LiveHold, claims: Mapping[bytes, Claim], chains: Sequence[Chain]
) -> Iterator[tuple[tuple[Leg, ...], Duration]]:
    """What copies of our log, and the receipts of its carrier, say that `hold` takes, and how long
    it lasts."""
    for chain in chains:
        there = chain.books.live.get(hold.id)
        if there is not None and there.state is HoldState.POSTED:
            yield chain.books.whole(there), there.term
    claim = claims.get(hold.id)
    if claim is not None and hold.kind is GrantKind.CARRIED:
        yield claim.legs, claim.term


def take_back(
    desk: Desk, claims: Iterable[Claim], remaining: Mapping[bytes, Duration], now: Instant,
    how: ClosedHow | None = None,
) -> list[LedgerEffect]:  # fmt: skip
    """Holds that our log had lost, the newest first: adopt what fits, close what does not. `how`:
    where what was granted since proves nothing about them."""
    effects: list[LedgerEffect] = []
    newest = sorted(claims, key=lambda one: one.age_key, reverse=True)
    for claim in sorted(newest, key=lambda one: one.parent is not None):  # parents before children
        if _carvable(desk, claim) or desk.books.fits(claim.legs):
            desk.write(claim.carving() if _carvable(desk, claim) else claim.adoption())
            for entry in claim.enlisting():
                desk.write(entry)
            _arm(desk, desk.books.live[claim.id], remaining, now)
            continue
        closed = how or _why_it_does_not_fit(desk, claim)
        desk.write(claim.closing(closed))
        effects.extend(_told(claim, closed))
    return effects


def _carvable(desk: Desk, claim: Claim) -> bool:
    """Whether it can be carved out of its parent once more: then it needs no room of its own."""
    parent = desk.books.live.get(claim.parent or b"")
    if parent is None or not parent.is_booking or parent.parent or parent.id in desk.endings:
        return False
    return within(claim.legs, parent.legs)


def take_back_lost(
    desk: Desk, claims: Mapping[bytes, Claim], chains: Sequence[Chain],
    remaining: Mapping[bytes, Duration], now: Instant,
) -> list[LedgerEffect]:  # fmt: skip
    """Whatever our log had lost, bookings and leases, and plans."""
    effects = take_back(desk, lost_claims(desk.books, claims, chains), remaining, now)
    take_back_plans(desk, chains, now)
    return effects


def take_back_plans(desk: Desk, chains: Sequence[Chain], now: Instant) -> None:
    """Plans that our log had lost are planned again, and what was given up in a copy is given up.
    Whether they all fit is seen when they start: a plan takes no room before."""
    ended = ended_anywhere(chains)
    for plan in list(desk.books.plans.values()):
        if plan.id in ended:
            desk.write(Voided(plan.id, desk.owner))
    for again, of_gang in lost_plans(chains, desk.books):
        for entry in (again, *of_gang):
            desk.write(entry)
        desk.pencil(again.id, now)


def lost_claims(
    books: Books, claims: Mapping[bytes, Claim], chains: Sequence[Chain]
) -> list[Claim]:
    """What was resumed or found in a copy, ended in none, and is not in our books."""
    ended = ended_anywhere(chains)
    lost = {claim.id: claim for claim in lost_bookings(chains, books)}
    # A receipt in its holder's hand says no more than a copy, but it is the fresher word.
    lost |= {
        hold: claim
        for hold, claim in claims.items()
        if hold not in books.live and hold not in books.ended and hold not in ended
    }
    return list(lost.values())


def end_what_ended(desk: Desk, chains: Sequence[Chain], now: Instant) -> list[LedgerEffect]:
    """Bookings that live here and were released in a part of our log that was cut off."""
    ended = ended_anywhere(chains)
    effects: list[LedgerEffect] = []
    for hold in desk.books.live_holds():
        if hold.is_booking and hold.id in ended and hold.id not in desk.endings:
            effects.extend(desk.end(hold.id, EndedBy.ELSEWHERE, desk.owner, now))
    return [*effects, *catch_up(desk, {}, chains, now)]


def lengthen_old(
    remaining: dict[bytes, Duration], own: Books, books: Books
) -> list[LedgerEffect]:  # fmt: skip
    """Times of bookings are as old as our disk. Where `books`, out of a copy, know of an extension
    that our `own` log has forgotten, its time was written before it: it comes on top, or whoever
    was told of it would lose what it was told."""
    writes = []
    for hold in sorted(remaining):
        before, after = own.live.get(hold), books.live.get(hold)
        if before is not None and after is not None and after.term > before.term:
            remaining[hold] += owner_span(after.term) - owner_span(before.term)
            writes.append(Write(SPACE_REMAINING, hold, encode_remaining(remaining[hold])))
    return [Persist(tuple(writes))] if writes else []


def forget_gone(remaining: dict[bytes, Duration], books: Books) -> list[LedgerEffect]:
    """Times of bookings that are no more leave the journal."""
    gone = sorted(hold for hold in remaining if hold not in books.live)
    for hold in gone:
        del remaining[hold]
    writes = tuple(Write(SPACE_REMAINING, hold, None) for hold in gone)
    return [Persist(writes)] if writes else []


def _arm(desk: Desk, hold: LiveHold, remaining: Mapping[bytes, Duration], now: Instant) -> None:
    counted = hold.is_booking and not hold.on_probation
    left = rearmed(remaining.get(hold.id), hold.term) if counted else None
    desk.arm(hold, now, left)


def _why_it_does_not_fit(desk: Desk, claim: Claim) -> ClosedHow:
    """A newer grant in its place proves that it had been released; else the promise is broken.

    Newer is what a later era granted. Within one number of an era heights prove nothing: a disk
    that was lost with its first start begins a second one under the same number.
    """
    for leg in claim.legs:
        if desk.books.free(leg.pool) >= leg.amount:
            continue
        newer = any(
            desk.books.live[hold].origin.era > claim.origin.era.counter
            for hold in desk.books.holds_on(leg.pool)
        )
        if not newer:
            return ClosedHow.BROKEN
    return ClosedHow.SUPERSEDED


def _told(claim: Claim, how: ClosedHow) -> list[LedgerEffect]:
    if how is ClosedHow.SUPERSEDED:
        sentence = "an old hold turned up whose room was granted again since: closed"
        return [Alarm("hold-superseded", sentence, claim.id), Fence(claim.id)]
    sentence = "a hold that this node promised turned up after its room was lost: broken"
    return [Alarm("hold-broken", sentence, claim.id), Fence(claim.id)]
