"""Losses: rights that were at a node which is gone for good, and how they are written off.

They stay out until a person takes them back, and that is done in an order that errs on the closed
side. The node is revoked, which every member hears, and each says in its own log that from then on
it takes nothing of the lost one's rights. When all have said so, what was given to it and not taken
from it is what was lost with it: nobody can come with a word of its that would move them still.
Then its last grants must have run out, for a machine that was revoked may yet run; who knows that
it is off need not wait. Only then does the issuer write them off, and may issue others.
"""

from typing import Final

from ledger.books import Books
from ledger.books.rights import RightsRow, Side
from ledger.commands import HOLD_ID_BYTES
from ledger.commands.rights import RightsCommand, WriteOff
from ledger.limits import BOOKING_TERM_MAX, QUARANTINE
from ledger.pools import much
from mesh.identity import NodeId
from mesh.instant import MINUTE, Duration
from node.core.names import find_node
from node.core.picture.knowledge import Knowledge
from node.core.requests import Refused
from node.core.requests.quotas import QuotaWithdraw
from node.core.rights.moving import Moving
from node.core.rights.table import lost_with

NAMED_MAX: Final = 4
"""Nodes that a refusal names."""


def write_off(
    moving: Moving, request: QuotaWithdraw, amounts: list[tuple[str, int]], reason: str
) -> list[RightsCommand]:
    """The words to our own books. May raise Refused."""
    knowledge = moving.knowledge
    node = find_node(request.gone, _nameable(knowledge))
    if node not in knowledge.mesh.roll.revoked:
        name = knowledge.name_of(node)
        sentence = f"{name} is a member still: what lies there is its, and may be spent there"
        hint = f"once it is gone for good: `holdfast peers revoke {name} --reason TEXT`"
        raise Refused("refused", sentence, hint)
    _check_all_know(knowledge, node)
    if not request.off:
        _check_waited(moving, node)
    commands: list[RightsCommand] = []
    for sort, part in amounts:
        lost = lost_with(knowledge, node, request.principal, sort)
        if part > lost:
            told = f"{much(lost, sort)} of {sort} rights of {request.principal}"
            sentence = (
                f"{told} were lost with {knowledge.name_of(node)}, and not {much(part, sort)}"
            )
            raise Refused("refused", sentence, "`holdfast quota list` shows them")
        ledger = knowledge.ledger
        row = RightsRow(request.principal, sort, Side.WRITTEN_OFF, node)
        total = ledger.books.rights.get(row, 0) + part
        draw = moving.random.randbytes(HOLD_ID_BYTES)
        commands.append(
            WriteOff(draw, ledger.session, request.principal, sort, node, total, reason)
        )
    return commands


def _nameable(knowledge: Knowledge) -> dict[NodeId, str]:
    members = knowledge.mesh.roll.members()
    revoked = {node: knowledge.name_of(node) for node in knowledge.mesh.roll.revoked}
    return {**knowledge.names(), **{one.id: one.name for one in members}, **revoked}


def _check_all_know(knowledge: Knowledge, node: NodeId) -> None:
    unaware = [
        knowledge.name_of(one)
        for one in sorted([knowledge.us, *(member.id for member in knowledge.members())])
        if one != node and not _bars(knowledge.books(one), node)
    ]
    if unaware:
        more = f" and {len(unaware) - NAMED_MAX} more" if len(unaware) > NAMED_MAX else ""
        named = ", ".join(unaware[:NAMED_MAX]) + more
        sentence = f"not every node has said in its log that {knowledge.name_of(node)} is gone: "
        raise Refused("refused", f"{sentence}{named}", "each must be up once; then ask again")


def _bars(books: Books | None, node: NodeId) -> bool:
    return books is not None and books.is_barred(node)


def _check_waited(moving: Moving, node: NodeId) -> None:
    since = moving.gone_since.get(node)
    longest = _longest_grant(moving.knowledge.replicas.books(node))
    passed: Duration = 0 if since is None else moving.knowledge.now - since
    if passed < longest:
        minutes = max(1, (longest - passed) // MINUTE)
        sentence = (
            f"what {moving.knowledge.name_of(node)} granted may last for {minutes} min more, "
            "as far as its log is known here"
        )
        raise Refused("refused", sentence, "with --off, if that machine is off for good")


def _longest_grant(books: Books | None) -> Duration:
    """How long anything may still run there: every lease that nobody renews is over by then."""
    if books is None:
        return BOOKING_TERM_MAX
    terms = [hold.term for hold in books.live.values()]
    terms += [BOOKING_TERM_MAX for _ in books.plans]
    return max([QUARANTINE, *terms])
