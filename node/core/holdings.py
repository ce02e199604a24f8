"""Holdings: who holds what, as this node knows it, as plain JSON rows for `holds`.

Only wording happens here, as in `answers`. What is ours comes from our own books and our last look;
what is another's from our copy of its log and from what it last published, with its age.
"""

from typing import Any, Final

import msgspec

from ledger.books import Books
from ledger.books.holds import LiveHold
from ledger.books.plans import Plan
from ledger.commands import GrantKind, Leg
from ledger.leases import owner_span, warned_before
from ledger.lifecycle import HoldState
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, Duration
from node.core import answers
from node.core.gangs import answers as gang_answers
from node.core.picture.dangers import Danger, dangers
from node.core.picture.idling import IdleFact, idle_sentence
from node.core.picture.knowledge import Knowledge
from node.core.picture.topics import Live

SLOTS: Final = "slots:"
MEASURED_BY_HOLD: Final = ("ram", "unified", "gpu:", "mig:")
"""Memory. Of cores and disks nobody can tell which hold's work uses how much."""
ENDED_SHOWN_MAX: Final = 50
FOREIGN_SHOWN_MAX: Final = 50


def holds(knowledge: Knowledge) -> list[dict[str, Any]]:
    """Every live hold that this replica knows of."""
    rows = []
    for node in sorted(knowledge.names()):
        books = knowledge.books(node)
        if books is not None:
            alarms = _alarms(books, knowledge.live(node))
            rows += [_planned(knowledge, node, books, plan) for plan in books.plans.values()]
            rows += [
                _hold(knowledge, node, books, hold, alarms.get(hold.id, []))
                for hold in books.live_holds()
            ]
    return rows


def foreign(knowledge: Knowledge) -> list[dict[str, Any]]:
    """Who uses memory that nobody reserved, on every machine, the largest first."""
    rows = [
        {"node": answers.who(knowledge, node), **msgspec.structs.asdict(one)}
        for node in sorted(knowledge.names())
        if (live := knowledge.live(node)) is not None
        for one in live.foreign
    ]
    return sorted(rows, key=lambda row: -row["ram"] - row["vram"])[:FOREIGN_SHOWN_MAX]


def ended(knowledge: Knowledge) -> list[dict[str, Any]]:
    """The holds that ended last, as far as this replica knows, the newest last."""
    ends, now = knowledge.ends, knowledge.now
    rows = [
        (ends.ago(hold.id, now), hold.ended_at, node, hold)
        for node in sorted(knowledge.names())
        if (books := knowledge.books(node)) is not None
        for hold in books.ended.values()
    ]
    # One log's heights say nothing of another's; so first by what we know of the time.
    rows.sort(key=lambda row: (row[0] is not None, -(row[0] or 0), row[1], row[2]))
    return [
        {
            "id": hold.id.hex(),
            "owner": {**answers.who(knowledge, node), "liveness": knowledge.liveness_of(node)},
            "state": hold.state.value,
            "holder": answers.who(knowledge, NodeId(hold.holder)),
            "ended_at": {"era": at.era, "height": at.height},
            "heard_ms_ago": answers.ms(ago),
        }
        for ago, at, node, hold in rows[-ENDED_SHOWN_MAX:]
    ]


def _alarms(books: Books, live: Live | None) -> dict[bytes, list[Danger]]:
    """Hold → what endangers it."""
    found: dict[bytes, list[Danger]] = {}
    for danger in dangers(books, live) if live is not None else ():
        if danger.passes:
            found.setdefault(danger.hold, []).append(danger)
    return found


def _hold(
    knowledge: Knowledge, owner: NodeId, books: Books, hold: LiveHold, alarms: list[Danger]
) -> dict[str, Any]:
    remaining = knowledge.remaining(owner, hold)
    live = knowledge.live(owner)
    position = books.position
    tied = None if live is None else _tied(live, hold)
    idle = knowledge.idle(owner, hold)
    return {
        "id": hold.id.hex(),
        "owner": {**answers.who(knowledge, owner), "liveness": knowledge.liveness_of(owner)},
        "state": hold.state.value,
        "kind": hold.kind.value,
        "legs": [{**answers.leg(one), "used": _used(live, one, hold)} for one in hold.legs],
        "principal": hold.principal,
        "label": hold.label,
        "holder": answers.who(knowledge, NodeId(hold.holder)),
        "parent": None if hold.parent is None else hold.parent.hex(),
        "parts": [child.id.hex() for child in books.children(hold.id)],
        "debt": _debt(hold),
        "lapses_soon": _lapses_soon(remaining, hold),
        "term_ms": answers.ms(hold.term),
        "remaining_ms": None if remaining is None else _left(remaining, hold),
        "starts_at_ms": None,
        "as_of": None
        if position is None
        else {"era": position.era.counter, "height": position.height},
        "age_ms": answers.ms(knowledge.age(owner, "log")) if owner != knowledge.us else 0,
        "tied": tied,
        "gang": gang_answers.membership(knowledge, hold),
        "processes": [*knowledge.running.get(hold.id, ())] if owner == knowledge.us else None,
        "alarms": [one.body for one in alarms],
        "idle": None if idle is None else msgspec.structs.asdict(idle),
        "note": _note(hold, tied, idle, alarms),
    }


def _planned(knowledge: Knowledge, owner: NodeId, books: Books, plan: Plan) -> dict[str, Any]:
    """A booking that starts later."""
    position = books.position
    return {
        "id": plan.id.hex(),
        "owner": {**answers.who(knowledge, owner), "liveness": knowledge.liveness_of(owner)},
        "state": plan.state.value,
        "kind": GrantKind.BOOKING.value,
        "legs": [{**answers.leg(one), "used": None} for one in plan.legs],
        "principal": plan.principal,
        "label": plan.label,
        "holder": answers.who(knowledge, NodeId(plan.holder)),
        "parent": None,
        "parts": [],
        "debt": None,
        "lapses_soon": False,
        "term_ms": answers.ms(plan.term),
        "remaining_ms": None,
        "starts_at_ms": plan.start // MILLISECOND,
        "as_of": None
        if position is None
        else {"era": position.era.counter, "height": position.height},
        "age_ms": answers.ms(knowledge.age(owner, "log")) if owner != knowledge.us else 0,
        "tied": None,
        "gang": gang_answers.membership(knowledge, plan),
        "processes": None,
        "alarms": [],
        "idle": None,
        "note": "",
    }


def _lapses_soon(remaining: Duration | None, hold: LiveHold) -> bool:
    """Whether its holder should extend it now, or let it go."""
    told = remaining is not None and hold.is_booking and not hold.on_probation
    return told and (remaining or 0) <= warned_before(hold.term)


def _debt(hold: LiveHold) -> dict[str, Any] | None:
    """What was forced of it, and why."""
    if not hold.owed:
        return None
    return {"legs": [answers.leg(one) for one in hold.owed], "reason": hold.reason}


def _note(hold: LiveHold, tied: bool | None, idle: IdleFact | None, alarms: list[Danger]) -> str:
    """What its holder should know first."""
    if alarms:
        return alarms[0].sentence
    if hold.owed:
        return f"forced: {hold.reason}"
    if idle is not None:
        return idle_sentence(idle)
    return "" if tied in (None, True) else "nothing runs under it: an unused promise"


def _left(remaining: Duration, hold: LiveHold) -> int | None:
    # The owner counts a margin for clocks on top; people are told what they asked for, and see it
    # run down from the first second.
    margin = owner_span(hold.term) - hold.term if hold.state is HoldState.POSTED else 0
    return answers.ms(min(max(0, remaining - margin), hold.term))


def _tied(live: Live, hold: LiveHold) -> bool | None:
    """Whether anything was seen running under it, however little it uses. Slots may be used by
    what runs anywhere: of them alone nobody can say that they are not."""
    seen = any(hold.id.hex() in figures.used for figures in live.pools.values())
    only_slots = bool(hold.legs) and all(leg.pool.startswith(SLOTS) for leg in hold.legs)
    return None if only_slots and not seen else seen


def _used(live: Live | None, leg: Leg, hold: LiveHold) -> int | None:
    """What the hold's own work was seen to use of one pool; None when nobody can say.

    Only memory is measured by hold; a 0 of cores or of a disk would say that they were too.
    """
    figures = live.pools.get(leg.pool) if live else None
    if figures is None or not leg.pool.startswith(MEASURED_BY_HOLD):
        return None
    return figures.used.get(hold.id.hex(), 0)
