"""Planning: where something would run, now or supposing; and whether a plan still holds.

The picture is the agent's own, or one in which a person supposed something (`placement.supposing`).
Tokens are given for the real picture only.
"""

from typing import Any

from mesh.identity import id_text
from mesh.instant import MILLISECOND
from node.core import answers, choosing
from node.core.names import find_hold
from node.core.outlook import Onlooker
from node.core.requests import Plan, Refused, Where
from node.core.requests.gangs import WhereGang
from placement.decide import Policy, decide
from placement.decision import Decision, decision_bytes, digest
from placement.explain import explain
from placement.judging.columns import prepare
from placement.plans import changed_since, node_of, plan_all, token_of
from placement.request import Request, RequestError
from placement.supposing import Freed, suppose
from placement.view import ClusterView
from placement.windows import window_of


def where(knowledge: Onlooker, asked: Where) -> dict[str, Any]:
    """Where it would run, with every reason, and what the answer rests on."""
    request = choosing.pinned(knowledge, choosing.request_of(asked.ask, knowledge.us))
    request = timed(request, asked)
    policy = Policy(asked.list_all, asked.brief)
    supposed = bool(asked.without or asked.plus or asked.freed)
    view = _supposing(knowledge, asked) if supposed else knowledge.view()
    seen = choosing.then(view, request)
    decision = decide(
        request, knowledge.prepared() if seen is knowledge.view() else prepare(seen), policy
    )
    token = None if supposed or asked.start_at_ms else token_of(request, decision, view)
    told = explain(decision)
    return {
        **_answer(decision, token),
        "view": view.versions,
        "when": when(request),
        "ages_ms": knowledge.ages_ms(),
        "text": ["Supposing that, and nothing else changed:", *told] if supposed else list(told),
    }


def timed(request: Request, asked: Where | WhereGang) -> Request:
    """`request` for the time that is asked about, if one is. May raise Refused."""
    if asked.asked_at_ms is None:
        if asked.start_at_ms is not None:
            raise Refused("bad_request", "a start needs to know when it was asked: asked_at_ms")
        return request
    start = None if asked.start_at_ms is None else asked.start_at_ms * MILLISECOND
    try:
        return request.but(window=window_of(request, asked.asked_at_ms * MILLISECOND, start))
    except RequestError as error:
        raise Refused("bad_request", str(error), "write --start 'tomorrow 14:00'") from error


def when(request: Request) -> dict[str, Any] | None:
    """The time that an answer is about, for surfaces; null: now, and nothing was said of later."""
    if request.window is None:
        return None
    span = request.window.span
    return {
        "start_at_ms": request.window.start // MILLISECOND,
        "span_ms": None if span is None else span // MILLISECOND,
    }


def plan(knowledge: Onlooker, asked: Plan) -> dict[str, Any]:
    """Several requests, each on what the earlier ones leave."""
    if not asked.jobs:
        raise Refused("bad_request", "a plan needs at least one job")
    us, view = knowledge.us, knowledge.view()
    jobs = [choosing.pinned(knowledge, choosing.request_of(job, us)) for job in asked.jobs]
    try:
        planned = plan_all(jobs, view)
    except RequestError as error:
        raise Refused("bad_request", str(error)) from error
    jobs_told = [_answer(decision, token) for decision, token in planned]
    # What all rest on is said once: of a thousand jobs it would be most of the answer.
    return {"jobs": jobs_told, "view": view.versions, "ages_ms": knowledge.ages_ms()}


def taken(knowledge: Onlooker, request: Request, token: str) -> Request:
    """`request` at the node that `token` was given for. Raises Refused when the world has moved."""
    try:
        changed = changed_since(token, request, knowledge.view())
        node = node_of(token)
    except RequestError as error:
        raise Refused("bad_request", str(error)) from error
    if changed:
        sentence = f"the plan no longer holds: {'; '.join(changed)}"
        raise Refused("refused", sentence, "ask again: `holdfast plan`")
    return request.but(node=node)


def _answer(decision: Decision, token: str | None) -> dict[str, Any]:
    body = decision_bytes(decision)
    return {
        "decision": answers.as_json(body),
        "bytes": body.decode(),
        "digest": digest(decision),
        "plan": token,
    }


def _supposing(knowledge: Onlooker, asked: Where) -> ClusterView:
    try:
        return suppose(
            knowledge.view(), without=asked.without, plus=asked.plus,
            freed=_freed(knowledge, asked.freed),
        )  # fmt: skip
    except RequestError as error:
        raise Refused("bad_request", str(error)) from error


def _freed(knowledge: Onlooker, ids: list[str]) -> Freed:
    """What the ends of these holds would give back. Raises Refused for one that nobody knows."""
    live = {
        hold.id: (owner, hold)
        for owner in sorted(knowledge.names())
        if (books := knowledge.books(owner)) is not None
        for hold in books.live_holds()
    }
    freed: dict[str, dict[str, int]] = {}
    for text in ids:
        owner, hold = live[find_hold(text, live)]
        pools = freed.setdefault(id_text(owner), {})
        for leg in hold.legs:
            pools[leg.pool] = pools.get(leg.pool, 0) + leg.amount
    return freed
