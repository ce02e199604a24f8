"""What surfaces ask of the agent: the switchboard, one case for each request that acts.

Questions are answered at once from what this node knows (`counter`). Whatever changes something is
handed to the part that does it, and that part's effects go through the agent's own sorting, so that
what they bring about in the books and in the mesh follows in the same breath.
"""

from typing import TYPE_CHECKING

from ledger.observations import Override
from mesh.instant import Instant
from node.core import answers, counter, requests
from node.core.choosing import in_time
from node.core.effects import Effect, Reply
from node.core.gangs import counter as gang_counter
from node.core.requests import Refused, Request
from node.core.requests.gangs import ReserveGang
from node.core.requests.quotas import QuotaIssue, QuotaMove, QuotaOpen, QuotaWithdraw
from node.core.reserving import instructing
from node.core.usage import succession
from node.core.usage.ties import adopt, check_free

if TYPE_CHECKING:
    from node.core.machine import Agent


def asked(agent: "Agent", token: int, request: Request, now: Instant) -> list[Effect]:
    """The effects of `request`; its Reply is among them, or comes later. May raise Refused."""
    body = counter.read(agent.knowledge, request, agent.about(now))
    if body is not None:
        return [Reply(token, ok=True, body=body)]
    match request:
        case requests.Reserve():
            ties, errands = agent.attribution.ties, agent.errands
            check_free(ties, errands.carried, errands.asked_for, request)
            look = counter.opening(agent.knowledge, request)
            one = in_time(agent.knowledge, request)
            return agent.from_errands(agent.errands.reserve(token, one, look, now), now)
        case ReserveGang():
            look = gang_counter.opening(agent.knowledge, request)
            several = in_time(agent.knowledge, request)
            return agent.from_errands(agent.errands.reserve_gang(token, several, look, now), now)
        case requests.Release(name) if gang := gang_counter.named(agent.knowledge, name):
            gang_counter.check_whole(agent.knowledge, gang)
            return agent.from_errands(agent.errands.disband(token, gang, now), now)
        case (
            requests.Post()
            | requests.Release()
            | requests.Renew()
            | requests.Extend()
            | requests.Shrink()
            | requests.Transfer()
        ):
            owner, command = instructing.command(agent.knowledge, request, agent.errands.draw)
            return agent.from_errands(agent.errands.tell(token, owner, command, now), now)
        case QuotaIssue() | QuotaMove() | QuotaWithdraw() | QuotaOpen():
            return agent.rights.ask(token, request, now)
        case requests.Forgive() | requests.Adopt():
            return _of_work(agent, token, request)
        case requests.Revoke() | requests.Forget() | requests.Forgotten() | requests.Trust():
            return agent.from_policy(agent.belonging.ask(token, request, now), now)
        case requests.ChangeKeys():
            return agent.from_policy(agent.rotating.begin(token, request, now), now)
        case requests.Invite():
            wish, us = counter.invitation(request), agent.identity.id
            return [*agent.inviting.invite(token, us, agent.addresses, wish, now)]
        case requests.Doctor(survey):
            around = agent.from_mesh(agent.mesh.look_around(now), now) if survey else []
            return [*around, *agent.surveying.begin(token, now, alone=not survey)]
        case requests.Measure(node):
            return [*agent.surveying.measuring.begin(token, node, now)]
        case requests.OpenBookings() | requests.Succeed() | requests.SetRecovery():
            return _recover(agent, token, request, now)
        case _:
            raise Refused("bad_request", f"{request!r} is for the process, not for the agent")


def _of_work(
    agent: "Agent", token: int, request: requests.Forgive | requests.Adopt
) -> list[Effect]:
    if isinstance(request, requests.Forgive):
        forgotten, effects = agent.attribution.forgive(request.workload)
        body = {"workload": request.workload, "forgotten": forgotten}
        return [*effects, Reply(token, ok=True, body=body)]
    ties, carried = agent.attribution.ties, agent.errands.carried
    return [*adopt(agent.knowledge, ties, carried, token, request)]


def _recover(
    agent: "Agent", token: int,
    request: requests.OpenBookings | requests.Succeed | requests.SetRecovery, now: Instant,
) -> list[Effect]:  # fmt: skip
    """A person's word after a loss, or against one."""
    if not isinstance(request, requests.OpenBookings):
        return succession.answered(agent, token, request, now)
    counter.check_openable(agent.knowledge)
    effects = agent.from_books(agent.ledger.report(Override(request.reason), now), now)
    body = {"standing": answers.standing(agent.knowledge)}
    decided = agent.from_policy(agent.selves.decided(), now)
    return [*effects, Reply(token, ok=True, body=body), *decided]
