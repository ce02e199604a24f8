"""The counter: where a surface's request becomes an answer, or an errand.

Reading is answered at once from what this node knows. Whatever changes something becomes an errand
(`asking`, `telling`) that the agent runs; the counter only opens it.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from ledger.owner.standings import OUTCAST
from mesh.instant import MILLISECOND
from node.core import answers, choosing, health, holdings, logbook, planning, requests, waiting
from node.core.gangs import counter as gang_counter
from node.core.outlook import Outlook
from node.core.picture.knowledge import Knowledge
from node.core.reachability.reach import unreached
from node.core.requests import Refused, Request
from node.core.requests.gangs import WhereGang
from node.core.requests.quotas import QuotaList
from node.core.rights.table import quotas, unspent
from node.core.trust import keyholders, naming, trusting
from node.core.trust.inviting import USES_MAX, Wish

DEBTS_TOLD_MAX: Final = 8
"""`holdfast holds` shows them all."""


def read(knowledge: Knowledge, request: Request, about: dict[str, Any]) -> dict[str, Any] | None:
    """The answer to a read-only request; None when `request` is not one. May raise Refused.

    `about`: what only the agent knows of itself, merged into `status`.
    """
    match request:
        case requests.Status():
            return status(knowledge, about)
        case requests.Facts(node):
            return answers.facts(knowledge, node)
        case requests.Where():
            return planning.where(knowledge, request)
        case WhereGang():
            return gang_counter.where(knowledge, request)
        case requests.Plan():
            return planning.plan(knowledge, request)
        case requests.Holds(ended, line):
            past = {"ended": holdings.ended(knowledge)} if ended else {}
            here = {"waiting": waiting.waiting(knowledge)} if line else {}
            rows = {"holds": holdings.holds(knowledge), "foreign": holdings.foreign(knowledge)}
            return {**rows, **past, **here}
        case requests.LedgerShow(node, last):
            return logbook.show(knowledge, node, last)
        case requests.LedgerVerify():
            return logbook.verify(knowledge)
        case requests.LedgerHistory(node, start):
            return logbook.page(knowledge, node, start)
        case QuotaList(principal):
            return quotas(knowledge, principal)
        case requests.Pins():
            return trusting.table(knowledge)
        case requests.Keys():
            return keyholders.table(knowledge)
        case _:
            return None


def question(request: Request) -> Request:
    """`request`, if it only asks. Raises Refused("policy") for what would change something."""
    if isinstance(request, requests.READ_ONLY):
        return request
    raise Refused("policy", "over the mesh only questions are answered, not changes")


def status(knowledge: Knowledge, about: dict[str, Any]) -> dict[str, Any]:
    """This node, its mesh, its books."""
    log = knowledge.log_position(knowledge.us)
    return {
        "node": {**answers.who(knowledge, knowledge.us), **about.pop("node", {})},
        **about,
        "standing": answers.standing(knowledge),
        "peers": answers.peers(knowledge),
        "holds": {
            "live": len(knowledge.ledger.books.live_holds()),
            "pools": answers.pools(knowledge),
            "waiting": len(knowledge.ledger.waiting(knowledge.now)),
            "read_ms_ago": answers.read_ago(knowledge),
            "foreign": answers.foreign(knowledge),
        },
        "log": None
        if log is None
        else {"era": log.era.counter, "height": log.height, "head": log.hash.hex()},
        "warnings": warnings(knowledge),
        "rejections": health.rejections(knowledge),
    }


def warnings(knowledge: Knowledge) -> list[str]:
    """What should be known beside every answer: troubles of the shell, who is missing, keys."""
    missing = knowledge.company.warning(knowledge.now)
    alone = [missing] if missing else []
    keys, names = keyholders.warnings(knowledge), naming.warnings(knowledge)
    shut = knowledge.kept_out if knowledge.ledger.standing[0] != OUTCAST else ""
    ours = [
        *([shut] if shut else []),  # else the standing says so
        *knowledge.news.warnings,
        *alone,
        *knowledge.contests,
        *knowledge.outcasts,
        *_debts(knowledge),
    ]
    return [*ours, *unreached(knowledge), *keys, *names, *unspent(knowledge)]


def _debts(knowledge: Knowledge) -> list[str]:
    """What was forced on this machine and still stands."""
    owed = [hold for hold in knowledge.ledger.books.live_holds() if hold.owed]
    return [
        f"{hold.id.hex()[:10]} was forced here: {hold.reason}" for hold in owed[:DEBTS_TOLD_MAX]
    ]


def check_openable(knowledge: Knowledge) -> None:
    """An override of nothing would put a reason on record that explains nothing. Raises Refused."""
    if knowledge.ledger.standing[0] == "open":
        raise Refused("refused", "bookings are open here already: nothing was written")


def opening(knowledge: Knowledge, reserve: requests.Reserve) -> Callable[[], Outlook]:
    """A look at the picture of the moment on behalf of `reserve`. May raise Refused."""
    if knowledge.kept_out:
        raise Refused("refused", knowledge.kept_out)
    request = choosing.reserve_request(knowledge, reserve)
    if reserve.plan:
        request = planning.taken(knowledge, request, reserve.plan)
    if reserve.start_at_ms is not None:
        return lambda: choosing.later(knowledge, request)
    patient = reserve.wait_ms > 0
    guessed = choosing.is_a_guess(reserve.ask) and not reserve.plan
    return lambda: choosing.outlook(
        knowledge, request, knowledge.prepared(), patient=patient, guessed=guessed
    )


def query(knowledge: Knowledge, body: bytes, about: dict[str, Any]) -> bytes:
    """A peer's read-only question and its answer, both JSON."""
    try:
        request = question(requests.decode_request(body))
        plain: dict[str, Any] = {"ok": read(knowledge, request, about)}
    except Refused as refused:
        plain = {"refused": refused.body}
    return msgspec.json.encode(plain)


def invitation(request: requests.Invite) -> Wish:
    """What sort of invite is wanted. May raise Refused."""
    if not 1_000 <= request.ttl_ms <= 7 * 24 * 3_600_000:
        raise Refused("bad_request", "an invite lives from 1 second to 7 days", "write --ttl 1h")
    if not 1 <= request.uses <= USES_MAX:
        raise Refused("bad_request", f"an invite is good for 1 to {USES_MAX} machines", "--uses 1")
    return Wish(request.ttl_ms * MILLISECOND, request.uses)
