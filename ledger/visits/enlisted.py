"""Enlisted: what an owner does with a hold that is one of a gang's.

The owner is never asked to believe: that all members are posted is the asker's to know, and a
member that is parked too soon only ends too soon, by its own clock. What it does ask for is proof
before it keeps a booking for its whole term, and that can only be given by the asker's own log.
Why the steps are these is told in `books/gangs.py`.
"""

from typing import TypeAlias

from ledger.books.holds import LiveHold
from ledger.books.plans import Plan
from ledger.commands import GrantKind, Hold, Outcome
from ledger.commands.gangs import Park, Settle
from ledger.desk import Desk
from ledger.effects import LedgerEffect
from ledger.entries import EndedBy, EntryRefused, Released, Voided, decode_entry
from ledger.entries.gangs import Enlisted, GangCompleted, Parked, Settled
from ledger.granting import Refused
from ledger.lifecycle import HoldState
from ledger.observations import GangSeen, GangStep
from ledger.proving.blocks import ReceiptRefused, decode_receipt
from mesh.identity import id_of
from mesh.instant import Instant
from mesh.logs import check_receipt

GangCommand: TypeAlias = Park | Settle


def malformed_enlisting(hold: Hold) -> str | None:
    """What is wrong with how a hold joins a gang, in a sentence."""
    if hold.gang is None:
        return None
    if len(hold.gang.gang) != len(hold.id):
        return f"a gang's id has {len(hold.id)} bytes"
    if hold.start is not None:
        return (
            None if hold.gang.term == hold.term else "one of a gang is planned for its whole term"
        )
    if hold.kind is not GrantKind.CARRIED:
        return "one of a gang begins as a carried lease"
    return None if hold.gang.term >= 0 else "a term is not less than nothing"


def enlist(desk: Desk, hold: Hold) -> None:
    """Beside a hold that was just written, that it is one of a gang's."""
    if hold.gang is not None:
        desk.write(Enlisted(hold.id, hold.gang.gang, hold.gang.term))


def step(desk: Desk, command: GangCommand, hold: LiveHold, now: Instant) -> Outcome | Refused:
    """Park or settle a member that lives. Asking again is answered the same way."""
    if hold.gang is None:
        return Refused(Outcome.WRONG_STEP, "it is not one of a gang's")
    if hold.state is not HoldState.POSTED:
        return Refused(Outcome.WRONG_STEP, "it was never posted")
    if isinstance(command, Park):
        if hold.gang.is_leased:
            return Refused(Outcome.WRONG_STEP, "its gang is one of leases, and stays that")
        if hold.gang.parked_at is None:
            _write(desk, Parked(hold.id), now)
        return Outcome.PARKED
    if hold.gang.parked_at is None:
        return Refused(Outcome.WRONG_STEP, "it was never parked")
    if hold.gang.settled_at is None:
        if not _proves(command.proof, hold):
            return Refused(Outcome.UNPROVEN, "that is no receipt of this gang's completion")
        _write(desk, Settled(hold.id), now)
    return Outcome.SETTLED


def settle_later(
    desk: Desk, command: GangCommand, plan: Plan, who: bytes
) -> Outcome | Refused:  # fmt: skip
    """Show one of a gang's that is planned for later that all are."""
    if who != plan.holder:
        return Refused(Outcome.NOT_HOLDER, "the hold names another key")
    if plan.gang is None or isinstance(command, Park):
        return Refused(Outcome.WRONG_STEP, "it starts later: it is planned, and not parked")
    if plan.gang.settled_at is None:
        if plan.state is not HoldState.PLANNED:
            return Refused(Outcome.WRONG_STEP, "it was never confirmed")
        if not _proves(command.proof, plan):
            return Refused(Outcome.UNPROVEN, "that is no receipt of this gang's completion")
        _settle_later(desk, plan)
    return Outcome.SETTLED


def _settle_later(desk: Desk, plan: Plan) -> None:
    desk.write(Settled(plan.id))
    desk.deadlines.drop(plan.id)


def _heard_later(desk: Desk, plan: Plan, *, over: bool) -> list[LedgerEffect]:
    if not over:
        if plan.on_probation:
            _settle_later(desk, plan)
        return []
    pencilled = plan.state is HoldState.PENCILLED
    desk.deadlines.drop(plan.id)
    desk.write(
        Voided(plan.id, desk.owner) if pencilled
        else Released(plan.id, desk.owner, EndedBy.DISBANDED)
    )  # fmt: skip
    return []


def heard(desk: Desk, news: GangSeen | GangStep, now: Instant) -> list[LedgerEffect]:
    """What the asker's log, or a fellow's end, says of a member of ours; or a step of our own, as
    asker, for our log."""
    if isinstance(news, GangStep):
        desk.write(news.entry)
        return []
    if (plan := desk.books.plans.get(news.hold)) is not None and plan.gang is not None:
        return _heard_later(desk, plan, over=news.over)
    hold = desk.books.live.get(news.hold)
    if hold is None or hold.gang is None or hold.id in desk.endings:
        return []
    if not news.over:
        if hold.on_probation:
            _write(desk, Settled(hold.id), now)
        return []
    if hold.state is HoldState.PENDING:
        desk.write(Voided(hold.id, desk.owner))
        desk.deadlines.drop(hold.id)
        return []
    return desk.end(hold.id, EndedBy.DISBANDED, desk.owner, now)


def _write(desk: Desk, entry: Parked | Settled, now: Instant) -> None:
    desk.write(entry)
    desk.arm(desk.books.live[entry.id], now)


def _proves(proof: bytes, hold: LiveHold | Plan) -> bool:
    """Whether it is the holder's own word, signed, that this hold's gang is complete."""
    try:
        receipt = decode_receipt(proof)
        entry = decode_entry(receipt.entry)
    except (ReceiptRefused, EntryRefused):
        return False
    named = hold.gang is not None and entry == GangCompleted(hold.gang.gang)
    by_holder = id_of(receipt.public) == hold.holder
    return named and by_holder and check_receipt(receipt) is not None
