"""How gangs are spoken of: the bodies of `ReserveGang` and of a gang's release."""

from typing import Any

from ledger.books.holds import LiveHold
from ledger.books.plans import Plan
from ledger.commands import TTL_MAX, Outcome
from mesh.identity import NodeId
from mesh.instant import MILLISECOND
from node.core import answers
from node.core.gangs.gang import Disbanded, Formed, Member, is_leased
from node.core.picture.knowledge import Knowledge


def formed(knowledge: Knowledge, done: Formed) -> dict[str, Any]:
    """A gang that stands."""
    leased = is_leased(done.reserve)
    term = TTL_MAX // MILLISECOND if leased else done.reserve.term_ms
    members = [_member(knowledge, member, term) for member in done.members]
    alone = (
        [] if leased else [member["owner"]["name"] for member in members if not member["stored_on"]]
    )
    warnings = []
    if alone:
        names = ", ".join(alone)
        warnings.append(f"no other peer has a copy of what {names} granted yet")
    left = [member["remaining_ms"] for member in members]
    return {
        "id": done.gang.hex(),
        "state": "complete",
        "kind": "carried" if leased else "booking",
        "term_ms": term,
        "starts_at_ms": done.reserve.start_at_ms,
        "remaining_ms": None if None in left else min(left),
        "members": members,
        "tried": list(done.tried),
        "stored_on": [knowledge.name_of(peer) for peer in done.stored_on],
        "warnings": warnings,
    }


def _member(knowledge: Knowledge, member: Member, term_ms: int) -> dict[str, Any]:
    assert member.choice is not None and member.answer is not None  # noqa: PT018 - one fact: it was granted
    return {
        "id": member.hold.hex(),
        "owner": answers.who(knowledge, member.owner),
        "legs": [answers.leg(leg) for leg in member.choice.legs],
        **answers.proof(knowledge, member.answer, term_ms),
        "environment": f"HOLDFAST_HOLD={member.hold.hex()}",
    }


def membership(knowledge: Knowledge, hold: LiveHold | Plan) -> dict[str, Any] | None:
    """Of which gang a hold is, and how far that has come as its asker's log says; null for one
    that stands alone."""
    if hold.gang is None:
        return None
    books = knowledge.books(NodeId(hold.holder))
    known = None if books is None else books.gangs.get(hold.gang.gang)
    return {
        "id": hold.gang.gang.hex(),
        "stage": "unknown" if known is None else known.stage.value,
        "members": len(known.members) if known is not None and known.live else None,
        "settled": hold.gang.settled_at is not None,
    }


def disbanded(knowledge: Knowledge, done: Disbanded) -> dict[str, Any]:
    """A gang that was given back: what each of its owners said."""
    members: list[dict[str, Any]] = [
        {
            "id": member.hold.hex(),
            "owner": answers.who(knowledge, member.owner),
            "outcome": "no answer" if member.answer is None else member.answer.outcome.value,
        }
        for member in done.members
    ]
    silent = [one["owner"]["name"] for one in members if one["outcome"] == "no answer"]
    detail = ""
    if silent:
        detail = f"{', '.join(silent)} did not answer, and will end it on reading this node's log"
    return {
        "id": done.gang.hex(),
        "owner": answers.who(knowledge, NodeId(knowledge.us)),
        "outcome": Outcome.RELEASED.value,
        "detail": detail,
        "members": members,
    }
