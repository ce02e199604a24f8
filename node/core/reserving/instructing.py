"""Instructing: a person's word about one hold becomes a command to its owner.

People say what they mean: "one hour more", "keep two gigabytes", "give half of it to bob". An owner
is told nothing relative, because a command may arrive twice; so here the wish is held against what
this node knows of the hold, and what goes out is what the hold shall be afterwards.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from ledger.books.holds import LiveHold
from ledger.commands import (
    AMOUNT_MAX,
    HOLD_ID_BYTES,
    TTL_MAX,
    Extend,
    GrantKind,
    Leg,
    Post,
    Release,
    Renew,
    Shrink,
    Transfer,
    Void,
)
from ledger.leases import holder_span
from ledger.lifecycle import HoldState
from ledger.pools import Unit, unit_of
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, Duration
from node.core import requests
from node.core.names import HOLD_CHARS, find_hold, find_node
from node.core.picture.knowledge import Knowledge
from node.core.requests import Refused
from placement.amounts import AmountError, parse_bytes, parse_cores

Draw: TypeAlias = Callable[[int], bytes]
Instruction: TypeAlias = Post | Renew | Extend | Shrink | Transfer | Release | Void
RENEW_NONCE_BYTES = 8


def command(
    knowledge: Knowledge, request: requests.OfOneHold, draw: Draw
) -> tuple[NodeId, Instruction]:
    """Whom to tell what about one hold. `draw`: random bytes. May raise Refused."""
    owner, hold, session, state = _hold(knowledge, request.id)
    match request:
        case requests.Post():
            return owner, Post(hold, session)
        case requests.Release():
            pending = state is HoldState.PENDING
            return owner, Void(hold, session) if pending else Release(hold, session)
        case requests.Renew():
            return owner, Renew(hold, session, draw(RENEW_NONCE_BYTES))
        case requests.Extend():
            return owner, Extend(hold, session, _whole_term(knowledge, owner, hold, request))
        case requests.Shrink():
            return owner, Shrink(hold, session, _kept(_known(knowledge, owner, hold), request.keep))
        case requests.Transfer():
            session_of_child = draw(HOLD_ID_BYTES), session
            return owner, _transfer(knowledge, owner, hold, session_of_child, request)


def _hold(knowledge: Knowledge, text: str) -> tuple[NodeId, bytes, bytes, HoldState]:
    known, gangs = knowledge.holds(), knowledge.gangs()
    hold = find_hold(text, known.keys() | gangs, knowledge.fates)
    if hold in gangs:
        sentence = f"{hold.hex()[:HOLD_CHARS]} is a gang, and this is for one of its members"
        raise Refused("bad_request", sentence, "name a member: `holdfast holds` lists them")
    owner, state = known[hold]
    session = knowledge.session_of(owner)
    if session is None:
        sentence = f"{knowledge.name_of(owner)}, which owns it, has not been met since our start"
        raise Refused("refused", sentence, "`holdfast peers` shows whether it is reachable")
    return owner, hold, session, state


def _known(knowledge: Knowledge, owner: NodeId, hold: bytes) -> LiveHold:
    books = knowledge.books(owner)
    live = None if books is None else books.live.get(hold)
    if live is None:
        sentence = f"what it holds is not known here yet: the log of {knowledge.name_of(owner)} is"
        raise Refused("not_found", f"{sentence} behind", "ask again in a moment")
    return live


def _whole_term(
    knowledge: Knowledge, owner: NodeId, hold: bytes, request: requests.Extend
) -> Duration:
    if (request.term_ms > 0) is (request.more_ms > 0):
        sentence = "say either how long it shall last in all, or how much longer"
        raise Refused("bad_request", sentence, "write --for 3h, or --by 1h")
    span = request.term_ms * MILLISECOND
    if request.more_ms > 0:
        span = _known(knowledge, owner, hold).term + request.more_ms * MILLISECOND
    if span > AMOUNT_MAX:
        raise Refused("bad_request", "nothing lasts as long as that", "write --for 3h")
    return span


def _transfer(
    knowledge: Knowledge,
    owner: NodeId,
    hold: bytes,
    named: tuple[bytes, bytes],
    request: requests.Transfer,
) -> Transfer:
    child, session = named
    parent = _known(knowledge, owner, hold)
    to = knowledge.us if not request.to else find_node(request.to, knowledge.names())
    legs = _part(parent, request.part) if request.part else parent.legs
    if not legs:
        raise Refused("refused", "all of it is handed on already", "`holdfast holds` shows to whom")
    kind = GrantKind.CARRIED if request.carried else GrantKind.BOOKING
    term = TTL_MAX if request.carried else request.term_ms * MILLISECOND
    if term == 0:
        left = knowledge.remaining(owner, parent)
        if left is None:
            sentence = f"only {knowledge.name_of(owner)} knows how long the whole still lasts"
            raise Refused("bad_request", sentence, "say how long the part shall: --for 30m")
        # Twice the margin: what is on its way for a moment still fits below the parent's end.
        term = max(1, holder_span(holder_span(left)))
    return Transfer(
        child, session, hold, to, legs, kind, term,
        request.principal or parent.principal, request.label or parent.label,
    )  # fmt: skip


def _kept(hold: LiveHold, keep: Mapping[str, str]) -> tuple[Leg, ...]:
    """What is left of `hold` when of the pools in `keep` no more than that is kept."""
    if not keep:
        raise Refused("bad_request", "say what to keep", "write --keep ram=2GiB")
    said = dict(_said(hold, pool, text) for pool, text in sorted(keep.items()))
    kept = [Leg(leg.pool, said.get(leg.pool, leg.amount)) for leg in hold.legs]
    legs = tuple(leg for leg in kept if leg.amount)
    if not legs:
        sentence = "a grant of nothing is none"
        raise Refused("bad_request", sentence, "`holdfast release` gives all of it back")
    return legs


def _part(hold: LiveHold, part: Mapping[str, str]) -> tuple[Leg, ...]:
    legs = [Leg(*_said(hold, pool, text)) for pool, text in sorted(part.items())]
    if any(leg.amount == 0 for leg in legs):
        raise Refused("bad_request", "a part of nothing is none", "leave that pool out")
    return tuple(sorted(legs))


def _said(hold: LiveHold, pool: str, text: str) -> tuple[str, int]:
    """A pool of `hold` by its name or the beginning of it, and the amount in its unit."""
    wanted = pool.strip()
    found = [leg.pool for leg in hold.legs if leg.pool == wanted]
    found = found or [leg.pool for leg in hold.legs if wanted and leg.pool.startswith(wanted)]
    if len(found) != 1:
        held = ", ".join(leg.pool for leg in hold.legs) or "nothing of its own"
        how = "could mean more than one pool" if found else "is no pool"
        raise Refused("bad_request", f"{pool!r} {how} of this hold", f"it holds {held}")
    try:
        return found[0], amount_of(unit_of(found[0]), text)
    except AmountError as error:
        raise Refused("bad_request", f"{pool}: {error}", "as in ram=2GiB, cpu='2 cores'") from error


def amount_of(unit: Unit | None, text: str) -> int:
    """An amount as people write it; 0 for none. Raises AmountError."""
    if text.strip() == "0":
        return 0
    if unit is Unit.BYTES:
        return parse_bytes(text)
    if unit is Unit.MILLICORES:
        return parse_cores(text)
    if not (text.isascii() and text.isdigit()) or int(text[:19]) > AMOUNT_MAX:
        raise AmountError(f"{text!r} is no number of slots: write 2")
    return int(text)
