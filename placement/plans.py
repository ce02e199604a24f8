"""Plans: an answer that can be taken later, and says what changed if it cannot.

A **token** names the question, the node, the legs, and what the answer rested on: the versions of
everything slow about that node (its record, inventory, standing, log, liveness) and the room that
each leg's pool had. Live figures move all day, so they are held to what matters: room that still
takes the leg and is no less than it was. A token is no promise: it only refuses to be taken for an
answer about a world that has moved.

Several requests are planned one after the other on one picture, each on what the earlier ones leave
(`plan_all`): a batch that was decided job by job on a picture that does not change would put every
job into the same gap.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from placement.decide import BRIEF, TELL_THE_NEAREST, Policy, decide
from placement.decision import Decision, Fit, Leg
from placement.judging.columns import prepare, redraw
from placement.request import Kind, Request, RequestError, question_digest
from placement.view import ClusterView, NodeView

PREFIX: Final = "plan1-"
TOKEN_CHARS_MAX: Final = 8 * 1024
JOBS_MAX: Final = 1000
LIVE: Final = "live"
"""The topic whose versions change all day: rooms stand for it."""
VERSION_CHARS: Final = 48
QUESTION_CHARS: Final = 32


class _Rested(msgspec.Struct, frozen=True, array_like=True):
    question: str
    node: str
    legs: tuple[Leg, ...]
    versions: tuple[tuple[str, str], ...]
    rooms: tuple[int, ...]
    """Per leg."""


def token_of(request: Request, decision: Decision, view: ClusterView) -> str | None:
    """The token of a decision's choice; None when nothing was chosen."""
    fit = decision.chosen
    if fit is None:
        return None
    node = _node(view, fit.node)
    assert node is not None, "what was chosen is in the picture"
    rested = _Rested(
        _asked(request), fit.node, fit.legs, _versions(node),
        tuple(_room(node, leg) or 0 for leg in fit.legs),
    )  # fmt: skip
    body = base64.urlsafe_b64encode(msgspec.msgpack.encode(rested)).rstrip(b"=")
    return PREFIX + body.decode()


def node_of(token: str) -> str:
    """The id of the node that a token was given for. Raises RequestError."""
    return _read(token).node


def changed_since(token: str, request: Request, view: ClusterView) -> list[str]:
    """Why the token can't be taken any more, in sentences; none when it can. Raises RequestError
    for what is no token of ours, or one for another question."""
    rested = _read(token)
    if rested.question != _asked(request):
        raise RequestError("--plan: this token was given for another question: ask the same again")
    node = _node(view, rested.node)
    if node is None:
        return ["the node is not known any more"]
    now = dict(_versions(node))
    then = dict(rested.versions)
    told = [_told(topic) for topic in sorted(then) if now.get(topic) != then[topic]]
    for leg, room in zip(rested.legs, rested.rooms, strict=True):
        has = _room(node, leg)
        if has is None:
            told.append(f"nobody can say any more how much of {leg.pool} is free")
        elif has < room:
            told.append(f"{leg.pool} has less room than it had")
    return told


def _asked(request: Request) -> str:
    """The question, but for what may be said only when a plan is taken: where, how long, how."""
    asked = request.but(node=None, duration=None, kind=Kind.BOOKING, guesses=(), window=None)
    return question_digest(asked)[:QUESTION_CHARS]


def plan_all(
    requests: Sequence[Request], view: ClusterView, policy: Policy = TELL_THE_NEAREST
) -> list[tuple[Decision, str | None]]:
    """A decision and token per request, each on what the earlier ones leave. Raises RequestError
    when they are too many."""
    if len(requests) > JOBS_MAX:
        raise RequestError(f"{len(requests)} jobs: {JOBS_MAX} is the most that is planned at once")
    planned: list[tuple[Decision, str | None]] = []
    prepared = prepare(view)  # laid out once: a thousand jobs must not hold up an agent's own life
    for request in requests:
        decision = decide(request, prepared, policy if len(requests) == 1 else BRIEF)
        planned.append((decision, token_of(request, decision, prepared.view)))
        if decision.chosen is not None:
            prepared = redraw(prepared, less(prepared.view, decision.chosen))
    return planned


def less(view: ClusterView, fit: Fit) -> ClusterView:
    """The picture after `fit` was taken."""
    takes = {leg.pool: leg.amount for leg in fit.legs}
    return ClusterView(
        tuple(_less(node, takes) if node.id == fit.node else node for node in view.nodes)
    )


def _less(node: NodeView, takes: dict[str, int]) -> NodeView:
    pools = tuple(
        replace(
            pool,
            room=(pool.room or 0) - takes[pool.pool],
            promised=pool.promised + takes[pool.pool],
        )
        if pool.pool in takes
        else pool
        for pool in node.pools
    )
    return replace(node, pools=pools)


def _read(token: str) -> _Rested:
    if not token.startswith(PREFIX) or len(token) > TOKEN_CHARS_MAX:
        raise RequestError("--plan: that is no token: `holdfast plan` prints one")
    body = token.removeprefix(PREFIX)
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        rested = msgspec.msgpack.decode(raw, type=_Rested)
    except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RequestError("--plan: the token is damaged: `holdfast plan` prints one") from error
    if len(rested.rooms) != len(rested.legs):
        raise RequestError("--plan: the token is damaged: `holdfast plan` prints one")
    return rested


def _versions(node: NodeView) -> tuple[tuple[str, str], ...]:
    said = [(topic, version) for topic, version in node.versions if topic != LIVE]
    said.append(("liveness", node.liveness))
    return tuple(sorted((topic, version[-VERSION_CHARS:]) for topic, version in said))


def _told(topic: str) -> str:
    match topic:
        case "log":
            return "its ledger has moved: something was granted or ended there"
        case "liveness":
            return "it is not seen as it was"
        case _:
            return f"its {topic} is another"


def _node(view: ClusterView, node_id: str) -> NodeView | None:
    return next((node for node in view.nodes if node.id == node_id), None)


def _room(node: NodeView, leg: Leg) -> int | None:
    return next((pool.room for pool in node.pools if pool.pool == leg.pool), None)
