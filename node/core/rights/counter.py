"""A person's word about quotas: checked against what this node knows, and made into commands.

People say "eight gigabytes to beta"; a log is told totals, because a command may arrive twice.
"""

from collections.abc import Callable
from typing import Any

from ledger.books.rights import RightsRow, Side, is_sort
from ledger.commands import AMOUNT_MAX, HOLD_ID_BYTES
from ledger.commands.rights import Give, Issue, RightsCommand, Withdraw
from ledger.limits import PRINCIPAL_CHARS_MAX, REASON_CHARS_MAX
from ledger.pools import much, unit_of
from mesh.identity import NodeId
from node.core.names import find_node
from node.core.picture.knowledge import Knowledge
from node.core.requests import Refused
from node.core.requests.quotas import QuotaIssue, QuotaMove, QuotaWithdraw
from node.core.reserving.instructing import amount_of
from node.core.rights.losses import write_off
from node.core.rights.moving import Moving
from node.core.rights.table import logs
from placement.amounts import AmountError

Draw = Callable[[int], bytes]


def words(
    moving: Moving, request: QuotaIssue | QuotaMove | QuotaWithdraw
) -> tuple[NodeId, list[RightsCommand], dict[str, Any]]:
    """Whom to tell what, and what the answer says once it is done. May raise Refused."""
    knowledge = moving.knowledge
    amounts = _amounts(request.principal, request.amounts)
    match request:
        case QuotaIssue():
            _check_issuers(knowledge, request, amounts)
            node, commands = knowledge.us, _issue(moving, request.principal, amounts)
        case QuotaMove():
            node, commands = _move(moving, request, amounts)
        case QuotaWithdraw():
            node, commands = knowledge.us, _withdraw(moving, request, amounts)
    did = {QuotaIssue: "issued", QuotaMove: "moved", QuotaWithdraw: "withdrawn"}[type(request)]
    done = {
        "did": did,
        "principal": request.principal,
        "amounts": [
            {"sort": sort, "amount": amount, "unit": _unit(sort)} for sort, amount in amounts
        ],
    }
    return node, commands, done


def reason_of(text: str) -> str:
    """Why, as it goes on record. May raise Refused."""
    reason = " ".join(text.split())
    if not reason or len(reason) > REASON_CHARS_MAX:
        sentence = f"a reason has 1 to {REASON_CHARS_MAX} characters; everybody will read it"
        raise Refused("bad_request", sentence, "write --reason TEXT")
    return reason


def _issue(moving: Moving, principal: str, amounts: list[tuple[str, int]]) -> list[RightsCommand]:
    ledger = moving.knowledge.ledger
    commands: list[RightsCommand] = []
    for sort, wanted in amounts:
        issued = ledger.books.issued(principal, sort)
        if wanted < issued:
            sentence = f"{much(issued, sort)} of {sort} are issued to {principal} here already"
            raise Refused("bad_request", sentence, "`holdfast quota withdraw` takes some back")
        ever = ledger.books.rights.get(RightsRow(principal, sort, Side.ISSUED), 0)
        draw = moving.random.randbytes(HOLD_ID_BYTES)
        total = ever + wanted - issued
        commands.append(Issue(draw, ledger.session, principal, sort, total))
    return commands


def _check_issuers(
    knowledge: Knowledge, request: QuotaIssue, amounts: list[tuple[str, int]]
) -> None:
    """Two issuers are two quotas that add up. That may be meant; mostly it is a mistake."""
    for sort, _ in amounts:
        for node, books in logs(knowledge):
            elsewhere = books.issued(request.principal, sort)
            if node == knowledge.us or not elsewhere or request.also:
                continue
            name = knowledge.name_of(node)
            sentence = f"{name} has issued {much(elsewhere, sort)} of {sort} to {request.principal}"
            hint = f"change it on {name}; with --also this node's are added to those"
            raise Refused("refused", sentence, hint)


def _move(
    moving: Moving, request: QuotaMove, amounts: list[tuple[str, int]]
) -> tuple[NodeId, list[RightsCommand]]:
    knowledge = moving.knowledge
    names, us = knowledge.names(), knowledge.us
    source = find_node(request.source, names) if request.source else us
    target = find_node(request.target, names) if request.target else us
    if source == target:
        raise Refused("bad_request", "from a node to itself nothing moves", "write --from or --to")
    if us not in (source, target):
        name = knowledge.name_of(source)
        raise Refused("bad_request", "one of the two nodes is this one", f"say it on {name}")
    commands: list[RightsCommand] = []
    for sort, part in amounts:
        if source != us:
            commands.append(moving.give(source, request.principal, sort, part, whole=True))
            continue
        ledger = knowledge.ledger
        gave = ledger.books.rights.get(RightsRow(request.principal, sort, Side.GIVEN, target), 0)
        draw = moving.random.randbytes(HOLD_ID_BYTES)
        commands.append(
            Give(draw, ledger.session, request.principal, sort, target, gave + part, whole=True)
        )
    return source, commands


def _withdraw(
    moving: Moving, request: QuotaWithdraw, amounts: list[tuple[str, int]]
) -> list[RightsCommand]:
    if request.gone:
        return write_off(moving, request, amounts, reason_of(request.reason))
    ledger, principal = moving.knowledge.ledger, request.principal
    commands: list[RightsCommand] = []
    for sort, part in amounts:
        known = ledger.books.rights.get(RightsRow(principal, sort, Side.WITHDRAWN), 0)
        draw = moving.random.randbytes(HOLD_ID_BYTES)
        commands.append(Withdraw(draw, ledger.session, principal, sort, known + part))
    return commands


def _amounts(principal: str, said: dict[str, str]) -> list[tuple[str, int]]:
    if not principal or len(principal) > PRINCIPAL_CHARS_MAX or not principal.isprintable():
        raise Refused("bad_request", f"{principal[:40]!r} is no name for a principal", "")
    if not said:
        raise Refused("bad_request", "say how much of what", "as in --gpu-memory 80GB")
    return [(sort, _amount(sort, text)) for sort, text in sorted(said.items())]


def _amount(sort: str, text: str) -> int:
    if not is_sort(sort):
        raise Refused("bad_request", f"{sort[:40]!r} is no kind of pool", "as in ram, gpu, cpu")
    try:
        amount = amount_of(unit_of(sort) or unit_of(f"{sort}:x"), text)
    except AmountError as error:
        raise Refused("bad_request", f"{sort}: {error}", "as in 80GB, '8 cores'") from error
    if not 0 < amount <= AMOUNT_MAX:
        raise Refused("bad_request", f"{sort}: {text} is not an amount", "more than nothing")
    return amount


def _unit(sort: str) -> str | None:
    unit = unit_of(sort) or unit_of(f"{sort}:x")
    return None if unit is None else unit.value
