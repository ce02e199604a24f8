"""The counter for gangs: what is asked for becomes a look at the picture, and an id a gang."""

import hashlib
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from ledger.books.gangs import Gang
from ledger.commands import GANG_MEMBERS_MAX
from mesh.identity import NodeId, parse_id
from node.core import answers, choosing, planning
from node.core.gangs.gang import is_later, is_leased
from node.core.names import find_hold
from node.core.outlook import Choice, Onlooker, Outlook, legs_of, work_of
from node.core.picture.knowledge import Knowledge
from node.core.requests import Refused, Reserve
from node.core.requests.gangs import ReserveGang, WhereGang
from placement.explain_gang import explain_offer
from placement.gangs import Wish, decide_gang, offer, offer_bytes
from placement.judging.columns import prepare
from placement.request import Request, RequestError

NODES_MIN: Final = 2


def opening(knowledge: Knowledge, reserve: ReserveGang) -> Callable[[], Outlook]:
    """A look at the picture of the moment on behalf of `reserve`. May raise Refused."""
    check_count(reserve.nodes)
    if reserve.pid is not None and reserve.pid_started is None:
        raise Refused("bad_request", "a pid needs its start time beside it, against reuse")
    if is_later(reserve) and is_leased(reserve):
        sentence = "what starts later is booked, and not kept up by its asker"
        raise Refused("bad_request", sentence, "leave out --pid and --carried")
    one = Reserve(
        reserve.ask, reserve.term_ms, reserve.label, reserve.principal,
        wait_for_opening=reserve.wait_for_opening, wait_ms=reserve.wait_ms,
        priority=reserve.priority, carried=is_leased(reserve), start_at_ms=reserve.start_at_ms,
    )  # fmt: skip
    asks = reserve.parts or [reserve.ask] * reserve.nodes
    if len(asks) != reserve.nodes:
        raise Refused("bad_request", f"{len(asks)} parts do not go on {reserve.nodes} nodes")
    wish = {str(ask): choosing.reserve_request(knowledge, replace(one, ask=ask)) for ask in asks}
    for request in wish.values():
        check_pin(request)
    parts = tuple(wish[str(ask)] for ask in asks)
    stands_in_line = reserve.wait_ms > 0 and not is_later(reserve)
    return lambda: outlook(knowledge, parts, patient=stands_in_line)


def check_count(nodes: int) -> None:
    """Raises Refused for what is no gang."""
    if not NODES_MIN <= nodes <= GANG_MEMBERS_MAX:
        sentence = f"{nodes} nodes are no gang: {NODES_MIN} to {GANG_MEMBERS_MAX} are"
        raise Refused("bad_request", sentence, "leave out --nodes for one node")


def check_pin(request: Request) -> None:
    """Raises Refused where one node is named for all of them."""
    if request.node is not None:
        hint = "leave out --node; --prefer and --avoid may name several"
        raise Refused("bad_request", "--node names one node, and a gang is on several", hint)


def outlook(
    knowledge: Knowledge, parts: tuple[Request, ...], *, patient: bool = False
) -> Outlook:  # fmt: skip
    """What the picture says now: enough owners and some to spare, or why there are too few; and,
    for who is `patient`, in whose lines to stand."""
    able = lines(knowledge, parts) if patient else ()
    later = parts[0].window is not None
    prepared = prepare(choosing.then(knowledge.view(), parts[0])) if later else knowledge.prepared()
    decision = decide_gang(parts, prepared)
    choices = tuple(
        Choice(parse_id(fit.node), fit.name, legs_of(fit.legs), work_of(parts[0]))
        for fit in (*decision.members, *decision.spare)
    )
    if decision.members and not all(choice.legs for choice in choices):
        why = "nothing was asked for that can be held"
        return Outlook((), why, "say how much: --ram 4GiB", None, None)
    if decision.members:
        return Outlook(choices, "", "", None, None, able)
    if later and len(could := lines(knowledge, parts)) >= len(parts):
        return Outlook(could, "", "", None, None)  # what we know of then is a floor
    soon = f"{decision.soon[0].name} opens soon" if decision.soon else None
    return Outlook(choices, decision.why_not, decision.hint, soon, None, able)


def lines(knowledge: Knowledge, parts: tuple[Request, ...]) -> tuple[Choice, ...]:
    """Owners that could serve `parts` if all that they have promised ended: one for each part, and
    some that could serve the most demanding. Whichever is missing, one of those can stand in."""
    decision = decide_gang(parts, prepare(choosing.freed(knowledge.view())))
    return tuple(
        Choice(parse_id(fit.node), fit.name, legs_of(fit.legs), work_of(parts[0]))
        for fit in (*decision.members, *decision.spare)
        if fit.legs
    )


def where(knowledge: Onlooker, asked: WhereGang) -> dict[str, Any]:
    """Where several can run at once, and what the answer rests on. May raise Refused."""
    wishes = tuple(
        Wish(way.how, tuple(_request(knowledge, ask, asked) for ask in way.asks), tuple(way.parts))
        for way in asked.ways
    )
    first = next((one for wish in wishes for one in wish.asks), None)
    prepared = knowledge.prepared()
    if first is not None and first.window is not None:
        prepared = prepare(choosing.then(knowledge.view(), first))
    try:
        made = offer(wishes, prepared)
    except RequestError as error:
        raise Refused("bad_request", str(error)) from error
    body = offer_bytes(made)
    return {
        "offer": answers.as_json(body),
        "bytes": body.decode(),
        "digest": hashlib.sha256(body).hexdigest(),
        "view": knowledge.view().versions,
        "ages_ms": knowledge.ages_ms(),
        "when": None if first is None else planning.when(first),
        "text": list(explain_offer(made)),
    }


def _request(knowledge: Onlooker, ask: dict[str, Any], asked: WhereGang) -> Request:
    request = planning.timed(choosing.request_of(ask, knowledge.us), asked)
    check_pin(request)
    return request


def named(knowledge: Knowledge, text: str) -> Gang | None:
    """The gang of ours that `text` means: by its own id, or by that of one of its members. None
    when it means something else. Raises Refused for the gang of another."""
    wanted = text.strip().lower().removeprefix("holdfast_hold=")
    ours = knowledge.ledger.books.gangs
    live = {gang.id: gang for gang in ours.values() if gang.live}
    of_members = {one.hold: gang for gang in live.values() for one in gang.members}
    known = {**of_members, **live}
    if any(name.hex().startswith(wanted) for name in known):
        others = dict.fromkeys(knowledge.holds())
        found = find_hold(text, {**others, **known})
        return known.get(found)
    for node in sorted(knowledge.names()):
        books = knowledge.books(node)
        if node == knowledge.us or books is None or not wanted:
            continue
        if any(gang.live and gang.id.hex().startswith(wanted) for gang in books.gangs.values()):
            name = knowledge.name_of(NodeId(node))
            raise Refused("refused", f"that gang is {name}'s to end", f"run it on {name}")
    return None


def check_whole(knowledge: Knowledge, gang: Gang) -> None:
    """Raises Refused for a gang of which parts were handed on and live: others believe in them, and
    nobody has told them anything."""
    owners = [
        knowledge.name_of(NodeId(member.owner))
        for member in gang.members
        if (books := knowledge.books(NodeId(member.owner))) is not None
        and books.children(member.hold)
    ]
    if owners:
        sentence = f"parts of it on {', '.join(owners)} are handed on, and released first"
        hint = "`holdfast release --with-parts` gives back what was handed on as well"
        raise Refused("refused", sentence, hint)
