"""Choosing: a surface's words become a placement request, and a decision becomes owners to ask."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from ledger.commands import AMOUNT_MAX, LABEL_CHARS_MAX, Leg
from ledger.limits import (
    BOOKING_TERM_MAX,
    PATIENCE_MAX,
    PRINCIPAL_CHARS_MAX,
    PRIORITY_MAX,
    REASON_CHARS_MAX,
)
from ledger.owner.standings import BOOKINGS_CLOSED
from mesh.identity import NodeId, id_text, parse_id
from mesh.instant import HOUR, MILLISECOND
from node.core.names import find_node
from node.core.outlook import Choice, Onlooker, Outlook, legs_of, work_of
from node.core.picture.knowledge import Knowledge
from node.core.requests import Refused, Reserve
from node.core.requests.gangs import ReserveGang
from node.core.reserving.wishes import is_carried
from placement.asking.documents import request_from_document
from placement.decide import decide, listed
from placement.decision import Decision
from placement.explain import change_sentence, explain
from placement.history import NOTHING, History
from placement.judging.columns import Prepared, prepare
from placement.request import Kind, Request, RequestError, Window
from placement.supposing import suppose
from placement.view import ClusterView
from placement.windows import within

AnyReserve = TypeVar("AnyReserve", Reserve, ReserveGang)

RAM: Final = "ram"
NOT_UNDERSTOOD: Final = "unknown"
"""The workload of words in which no known kind of work was read."""


def request_of(ask: dict[str, Any], asker: NodeId) -> Request:
    """The placement request that `ask` means. Raises Refused("bad_request") with what to write."""
    try:
        words = ask.get("words")
        if isinstance(words, str):
            rest = {key: value for key, value in ask.items() if key != "words"}
            return _understood(words, request_from_document(rest, id_text(asker)))
        return request_from_document(ask, id_text(asker))
    except RequestError as error:
        raise Refused("bad_request", str(error)) from error


def _understood(words: str, base: Request) -> Request:
    """What `words` ask for on top of `base`. Words that say nothing are no question: every node
    would fit, and a script would take that for a yes. Raises Refused("bad_request")."""
    # Behind it lies all that is known of models: two megabytes, and most agents are never asked so.
    from placement.asking.words import read_words

    reading = read_words(words, base)
    asked = reading.request
    wants = (
        asked.ram_bytes, asked.memory_bytes, asked.gpus, asked.cpu_millicores, asked.disks,
        asked.slots, asked.tools, asked.labels, asked.os, asked.arch,
    )  # fmt: skip
    if reading.workload == NOT_UNDERSTOOD and not any(wants):
        hint = (
            "write amounts (--ram 8GiB, --memory, --gpu), or 'run ollama inference on a 7b model'"
        )
        raise Refused("bad_request", f"nothing in {words[:60]!r} says what it needs", hint)
    return asked


def pinned(knowledge: Onlooker, request: Request) -> Request:
    """`request` with the nodes it names as ids: a name that two share is asked about, not
    guessed. Raises Refused("not_found" | "ambiguous")."""
    names = knowledge.names()
    if request.near is not None and request.near.node:
        holder = id_text(find_node(request.near.node, names))
        request = request.but(near=msgspec.structs.replace(request.near, node=holder))
    if request.node is None:
        return request
    return request.but(node=id_text(find_node(request.node, names)))


def reserve_request(knowledge: Knowledge, reserve: Reserve) -> Request:
    """As `request_of`, for a reservation. Work that is tied by pid runs here and nowhere else."""
    us = knowledge.us
    request = pinned(knowledge, request_of(reserve.ask, us))
    _check_terms(reserve)
    if reserve.pid is not None and request.node not in (None, id_text(us)):
        sentence = "--pid names a process of this machine, so it can only hold here"
        raise Refused("bad_request", sentence, "leave out --node, or book there with --for")
    kind = Kind.CARRIED if is_carried(reserve) else Kind.BOOKING
    request = request.but(duration=reserve.term_ms * MILLISECOND, kind=kind)
    wall = knowledge.ledger.later.calendar.wall(knowledge.now)
    if reserve.start_at_ms is not None and wall is not None:
        start = max(wall, reserve.start_at_ms * MILLISECOND)  # its owner says whether it is past
        request = request.but(window=Window(wall, start, request.duration))
    if reserve.pid is None:
        return request
    if reserve.pid_started is None:
        raise Refused("bad_request", "a pid needs its start time beside it, against reuse")
    return request.but(node=id_text(us))


def _check_terms(reserve: Reserve) -> None:
    """What no owner would take is said here, once, before anybody is asked."""
    if reserve.term_ms <= 0:
        raise Refused("bad_request", "a reservation needs a time: write --for 2h")
    if not is_carried(reserve) and reserve.term_ms * MILLISECOND > BOOKING_TERM_MAX:
        days = BOOKING_TERM_MAX // (24 * HOUR)
        raise Refused("bad_request", f"a booking lasts {days} days at the most", "book again then")
    if reserve.lasts_ms and reserve.pid is None:
        raise Refused("bad_request", "only what is tied to a process has a latest end", "--pid PID")
    if not 0 <= reserve.lasts_ms * MILLISECOND <= BOOKING_TERM_MAX:
        days = BOOKING_TERM_MAX // (24 * HOUR)
        raise Refused("bad_request", f"a latest end is {days} days away at the most", "--for 2h")
    if not 0 <= reserve.wait_ms * MILLISECOND <= PATIENCE_MAX:
        days = PATIENCE_MAX // (24 * HOUR)
        raise Refused("bad_request", f"nobody waits longer than {days} days", "write --wait 30m")
    if not 0 <= reserve.priority <= PRIORITY_MAX:
        raise Refused("bad_request", f"a priority is from 0 to {PRIORITY_MAX}", "--priority 5")
    _check_start(reserve)
    if reserve.token and not reserve.principal:
        raise Refused("bad_request", "a token is somebody's: say whose", "write --principal NAME")
    for what, text, most in (
        ("reason", reserve.force, REASON_CHARS_MAX),
        ("label", reserve.label, LABEL_CHARS_MAX),
        ("principal", reserve.principal, PRINCIPAL_CHARS_MAX),
    ):
        if len(text) > most:
            sentence = f"the {what} has {len(text)} characters; {most} is the most"
            raise Refused("bad_request", sentence)


def _check_start(reserve: Reserve) -> None:
    if reserve.start_at_ms is None:
        return
    if is_carried(reserve):
        sentence = "what starts later is a booking, and nobody keeps it up"
        raise Refused("bad_request", sentence, "leave out --pid and --carried")
    if not 0 < reserve.start_at_ms * MILLISECOND <= AMOUNT_MAX:
        raise Refused("bad_request", "that is no time of day", "write --start 'tomorrow 14:00'")


def in_time(knowledge: Knowledge, reserve: AnyReserve) -> AnyReserve:
    """`reserve`, with no more patience than there is until its start: nobody waits for what is
    past."""
    start = reserve.start_at_ms
    at = None if start is None else knowledge.ledger.later.calendar.at(start * MILLISECOND)
    if at is None or not reserve.wait_ms:
        return reserve
    left = max(0, at - knowledge.now) // MILLISECOND
    return msgspec.structs.replace(reserve, wait_ms=min(reserve.wait_ms, left))


def later(knowledge: Knowledge, request: Request) -> Outlook:
    """Whom to ask for a booking that starts later: first those whose calendars have room then, as
    far as we know them; then all that could have it, for what we know of then is a floor."""
    decision = decide(request, prepare(then(knowledge.view(), request)))
    fits = [choice for choice in _choices(decision, request) if choice.legs]
    there = {choice.owner for choice in fits}
    able = [choice for choice in lines(knowledge, request) if choice.owner not in there]
    if fits or able:
        return Outlook((*fits, *able), "", "", None, None, (*fits, *able))
    why, hint = why_not(decision)
    return Outlook((), why, hint, None, None)


def then(view: ClusterView, request: Request) -> ClusterView:
    """`view` as it will be when `request` would run."""
    return view if request.window is None else within(view, request.window)


def _choices(decision: Decision, request: Request) -> tuple[Choice, ...]:
    return tuple(
        Choice(parse_id(fit.node), fit.name, legs_of(fit.legs), work_of(request))
        for fit in listed(decision)
    )


def lines(knowledge: Knowledge, request: Request) -> tuple[Choice, ...]:
    """Owners that could serve `request` if all that they have promised ended, the best first."""
    decision = decide(request, freed(knowledge.view()))
    return tuple(choice for choice in _choices(decision, request) if choice.legs)


def freed(view: ClusterView) -> ClusterView:
    """`view` if all that is promised had ended."""
    promised = {
        row.id: {pool.pool: pool.promised for pool in row.pools if pool.promised}
        for row in view.nodes
    }
    return suppose(view, freed=promised)


def is_a_guess(ask: Mapping[str, Any]) -> bool:
    """Whether how much memory `ask` needs was read into its words, and not said by anybody."""
    return isinstance(ask.get("words"), str) and not ask.get("ram") and not ask.get("memory")


def outlook(
    knowledge: Knowledge, request: Request, prepared: Prepared, *, patient: bool = False,
    guessed: bool = False,
) -> Outlook:  # fmt: skip
    """What the picture says now about `request`: whom to ask, why nobody, or who opens soon; and,
    for who is `patient`, in whose lines to stand. `guessed`: nobody said how much memory it needs,
    so what such work took at an owner before is asked of it, where that is more."""
    found = _outlook(knowledge, request, prepared)
    if patient:
        found = found._replace(lines=lines(knowledge, request))
    if not guessed or not any(request.scope):
        return found
    past = {node.id: node.history for node in prepared.view.nodes}
    return found._replace(
        choices=tuple(_corrected(one, request, past) for one in found.choices),
        lines=tuple(_corrected(one, request, past) for one in found.lines),
    )


def _corrected(choice: Choice, request: Request, past: Mapping[str, History]) -> Choice:
    """A guess is a floor, and what was seen may raise it: never below what arithmetic says."""
    seen = past.get(id_text(choice.owner), NOTHING).observed(request.scope)
    peak = 0 if seen is None else seen.peak_ram or 0
    legs = (Leg(leg.pool, max(leg.amount, peak)) if leg.pool == RAM else leg for leg in choice.legs)
    return choice._replace(legs=tuple(legs))


def _outlook(knowledge: Knowledge, request: Request, prepared: Prepared) -> Outlook:
    decision = decide(request, prepared)
    fits = [] if decision.chosen is None else [decision.chosen, *decision.runners_up]
    choices = tuple(
        Choice(parse_id(fit.node), fit.name, legs_of(fit.legs), work_of(request))
        for fit in fits
        if fit.legs
    )
    if choices:
        return Outlook(choices, "", "", None, None)
    if fits:
        why = "nothing was asked for that can be held"
        return Outlook((), why, "say how much: --ram 4GiB", None, None)
    why, hint = why_not(decision)
    nodes = [(parse_id(fit.node), fit.name) for fit in decision.soon]
    opening = [(knowledge.opens_in(node), name) for node, name in nodes]
    counted = sorted((left, name) for left, name in opening if left is not None)
    if counted:
        left, name = counted[0]
        node = next(node for node, called in nodes if called == name)
        return Outlook((), why, hint, f"{name} {_not_yet(knowledge, node)}", left)
    waiting = f"{opening[0][1]} opens when its peers have answered" if opening else None
    return Outlook((), why, hint, waiting, None)


def _not_yet(knowledge: Knowledge, node: NodeId) -> str:
    """What an owner is doing that will grant."""
    standing = knowledge.standing(node)
    if standing is not None and standing.state == BOOKINGS_CLOSED:
        return "waits to hear what it promised before"
    return "is in quarantine"


def why_not(decision: Decision) -> tuple[str, str]:
    """Why nothing fits, in one sentence, and the nearest change that would."""
    hints = [f"would fit {change_sentence(change)}" for change in decision.changes]
    hint = hints[0] if hints else "`holdfast where` with the same words shows every reason"
    return explain(decision)[0], hint
