"""Succession: this machine goes on with what it promised under a key that is lost.

The rules are in `ledger/owner/succession.py`; who may be meant is seen by `rivals.py`. Here a
person's word is heard. It is asked for, and never guessed, because the signs may lie: cloned
machines show one fingerprint, a card can move. And it is final: the old id is revoked, by a word
that everybody hears and keeps, so that a disk that was not lost after all finds nobody who
listens.

Three things can show that the word is right. The hardware that the old id spoke for is ours; or the
recovery key is at hand of which the old id had put the public half on record while it lived; or the
person insists (`force`), which goes on record like the reason.

Who takes over too early takes over too little: after the word the old log is closed for good, and a
peer that is away may have more of it. So every peer that may is waited for, unless that is forced.
"""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgpack
import msgspec

from ledger.entries import Succeeded, read_entry
from ledger.observations import Heritage
from ledger.owner.standings import CLOSED, OUTCAST, QUARANTINED
from ledger.owner.succession import sign_succession
from ledger.recovery import fold_longest
from mesh.identity import NODE_ID_BYTES, PUBLIC_KEY_BYTES, Identity, NodeId, id_text, short_id
from mesh.instant import Instant, in_seconds
from mesh.keys.checked_text import Mistyped, NotThisText, read_checked, write_checked
from mesh.persistence import SPACE_META, Persist, Write
from mesh.roll.membership import Liveness, Trust
from node.core.effects import Effect, Happened, Reply
from node.core.names import find_node
from node.core.phrases import counted, listed
from node.core.picture.knowledge import Knowledge
from node.core.picture.self_image import Statement
from node.core.picture.topics import TOPIC_RECOVERY
from node.core.requests import Refused
from node.core.requests.succession import SetRecovery, Succeed
from node.core.usage.rivals import Rivals

if TYPE_CHECKING:
    from node.core.machine import Agent

RETIRED: Final = "succeeded by "
"""How the word begins that retires an old id."""
SUCCEEDED: Final = msgspec.msgpack.encode(Succeeded.__struct_config__.tag)
"""How such an entry goes on behind its first byte."""
RECOVERY_PREFIX: Final = "hfr1"
RECOVERY_BYTES: Final = 32
REASON_CHARS_MAX: Final = 80
"""It goes into the log, and into the word that retires the old id, beside our own name."""
META_DENIED: Final = b"not our key"
"""The row of those of whom a person said that they were other machines."""
META_ANCESTORS: Final = b"who we were"
"""The row of those who may have been this machine, and of the pools on which they promised."""
ANCESTORS_MAX: Final = 16
DENIED_MAX: Final = 16
POOLS_MAX: Final = 256
SILENT_NAMED_MAX: Final = 8


class _Found(NamedTuple):
    """Whose promises are meant, and what proves it."""

    node: NodeId
    recovery: Identity | None


def answered(
    agent: "Agent", token: int, request: Succeed | SetRecovery, now: Instant
) -> list[Effect]:
    """What a person says about a lost key, or about how to be found after one. May raise
    Refused."""
    if isinstance(request, SetRecovery):
        return _put_on_record(agent, token, request.public, now)
    found = _found(agent, request)
    reason = " ".join(request.reason.split())
    if not reason or len(reason) > REASON_CHARS_MAX:
        sentence = f"a reason has 1 to {REASON_CHARS_MAX} characters; everybody will read it"
        raise Refused("bad_request", sentence, "write --reason TEXT")
    if request.deny:
        return _deny(agent, token, found.node, now)
    if _is_done(agent, found.node):
        return [Reply(token, ok=True, body=_told(agent.knowledge, found.node, already=True))]
    _check(agent, found, force=request.force)
    return _go_on(agent, token, found, reason, now)


def _is_done(agent: "Agent", node: NodeId) -> bool:
    """Whether it was said before, here: by our log, or, where that begins later by now, by the
    word that retired it."""
    ledger, word = agent.ledger, agent.revoking.kept.get(node)
    if word is None or word.by != agent.identity.id:
        return False
    pruned = ledger.chain[0].height > 0 if ledger.chain else False
    said = any(entry.node == node for entry in _said_before(agent))
    return said or (pruned and word.reason.startswith(RETIRED))


def _said_before(agent: "Agent") -> list[Succeeded]:
    """Every succession in our log. Few ever ask, so it is read for them."""
    raws = (raw for block in agent.ledger.chain for raw in block.entries)
    entries = (read_entry(raw) for raw in raws if raw.startswith(SUCCEEDED, 1))
    return [entry for entry in entries if isinstance(entry, Succeeded)]


def _told(
    knowledge: Knowledge, node: NodeId, *, already: bool = False, denied: bool = False,
    name: str = "",
) -> dict[str, Any]:  # fmt: skip
    """What is answered; with nothing to name yet."""
    who = {"id": id_text(node), "name": name or knowledge.name_of(node)}
    return {
        "predecessor": who, "denied": denied, "already": already, "kept": [], "broken": [],
        "planned": [], "silent": [],
    }  # fmt: skip


# Who is meant, and whether it may be -----------------------------------------------------------


def _found(agent: "Agent", request: Succeed) -> _Found:
    knowledge = agent.knowledge
    members = knowledge.mesh.roll.members()
    names = {member.id: member.name for member in members if member.public is not None}
    recovery = None if not request.recovery else read_recovery(request.recovery)
    if recovery is None:
        if not request.node:
            raise Refused("bad_request", "whose?", "write the old name or id, or --recovery-key")
        return _Found(find_node(request.node, names), None)
    known = {node for node in names if _recovery_of(knowledge, node) == recovery.public}
    done = {NodeId(one.node) for one in _said_before(agent) if one.recovery == recovery.public}
    known |= {node for node in done if node in names}  # retired, its word is on no board any more
    if not known:
        sentence = "no node that is known here has put that recovery key on record"
        raise Refused("not_found", sentence, "`holdfast peers` shows who is known")
    found = {node: names[node] for node in sorted(known)}
    return _Found(find_node(request.node or id_text(next(iter(found))), found), recovery)


def _recovery_of(knowledge: Knowledge, node: NodeId) -> bytes | None:
    fact = knowledge.fact(node, TOPIC_RECOVERY)
    return None if fact is None else fact.body


def _check(agent: "Agent", found: _Found, *, force: bool) -> None:
    """Whether its promises can be taken over now. Raises Refused."""
    knowledge, node = agent.knowledge, found.node
    name = f"{knowledge.name_of(node)} ({short_id(node)})"
    member = knowledge.mesh.roll.member(node)
    assert member is not None, "who was found is on the roll"
    if member.trust is Trust.REVOKED:
        hint = "what a successor keeps of its bookings is in `holdfast holds`; the rest is over"
        word = agent.revoking.kept[node]
        by = knowledge.name_of(NodeId(word.by))
        raise Refused("refused", f"{name} is kept out already, says {by}: {word.reason}", hint)
    if member.liveness in (Liveness.ALIVE, Liveness.SUSPECT):
        sentence = f"{name} lives: it keeps what it promised"
        raise Refused("refused", sentence, "stop its agent first, if it is to be replaced")
    if knowledge.books(node) is None:
        raise Refused("not_found", f"nobody here keeps a log of {name}", "there is nothing to keep")
    _check_standing(knowledge)
    if agent.revoking.is_full:
        hint = "change the secret: `holdfast keys generate`"
        raise Refused("refused", "no more ids can be retired under this secret", hint)
    if force:
        return
    if (problem := knowledge.replicas.problem(node)) is not None:
        hint = "`holdfast ledger verify`; --force takes over as far as it adds up"
        raise Refused("refused", f"the log of {name} does not add up: {problem}", hint)
    if found.recovery is None and not agent.attribution.rivals.matches(node):
        sentence = f"nothing shows that this machine was {name}: no card and no fingerprint is one"
        raise Refused("policy", sentence, "bring its --recovery-key; or insist with --force")
    if silent := silent_about(knowledge, node):
        sentence = f"{listed(silent)} may know more of what {name} promised, and cannot be asked"
        raise Refused("refused", sentence, "wait for them; or go on without them with --force")


def _check_standing(knowledge: Knowledge) -> None:
    state, reason, at = knowledge.ledger.standing
    if state in (CLOSED, OUTCAST):
        raise Refused("refused", f"this node grants nothing: {reason}", "settle that first")
    if state == QUARANTINED:
        left = "" if at is None else f" {in_seconds(max(0, at - knowledge.now)):.0f} s more"
        sentence = f"this node is quarantined{left}: {reason}"
        raise Refused("refused", sentence, "ask again when that is over")


def silent_about(knowledge: Knowledge, node: NodeId) -> list[str]:
    """Names of members that may keep more of the log of `node` than we do, and are not there."""
    away = [
        member.name
        for member in knowledge.members()
        if member.id != node and member.liveness in (Liveness.DEAD, Liveness.SUSPECT)
    ]
    more = len(away) - SILENT_NAMED_MAX
    return away if more <= 0 else [*away[:SILENT_NAMED_MAX], f"{more} more"]


# What is done ----------------------------------------------------------------------------------


def _go_on(agent: "Agent", token: int, found: _Found, reason: str, now: Instant) -> list[Effect]:
    """Promises first, on disk; then the word that retires whoever made them."""
    knowledge, node = agent.knowledge, found.node
    heritage = _heritage(agent, found, reason)
    theirs = fold_longest(heritage.blocks, heritage.base).books
    silent, name = silent_about(knowledge, node), knowledge.name_of(node)
    effects = agent.from_books(agent.ledger.report(heritage, now), now)
    effects += agent.seal(now)
    retired = f"{RETIRED}{knowledge.our_name[:20]} ({short_id(knowledge.us)}): {reason}"
    effects += agent.from_policy(agent.revoking.retire(node, retired), now)
    ours, bookings = knowledge.ledger.books, [one for one in theirs.live_holds() if one.is_booking]
    kept = [hold.id.hex() for hold in bookings if hold.id in ours.live]
    broken = [hold.id.hex() for hold in bookings if hold.id in ours.ended]
    planned = [plan.hex() for plan in sorted(theirs.plans) if plan in ours.plans]
    sentence = (
        f"this node goes on as {name} ({short_id(node)}): {counted(len(kept), 'booking')} kept, "
        f"{len(broken)} broken, {len(planned)} planned; {reason}"
    )
    effects += agent.from_policy([Happened("succession.done", sentence, node)], now)
    body = _told(knowledge, node, name=name)
    body |= {"kept": kept, "broken": broken, "planned": planned, "silent": silent}
    return [*effects, Reply(token, ok=True, body=body)]


def _heritage(agent: "Agent", found: _Found, reason: str) -> Heritage:
    chains, node = agent.mesh.chains, found.node
    public = signature = b""
    if found.recovery is not None:
        public = found.recovery.public
        signature = sign_succession(found.recovery, node, agent.identity.id)
    return Heritage(node, chains.chain(node), chains.base(node), reason, public, signature)


def _deny(agent: "Agent", token: int, node: NodeId, now: Instant) -> list[Effect]:
    """It was another machine: what it promised is not asked of us any more."""
    rivals = agent.attribution.rivals
    if node not in rivals.denied and len(rivals.denied) >= DENIED_MAX:
        sentence = f"{DENIED_MAX} are denied already"
        raise Refused("refused", sentence, "`holdfast keys revoke NODE` retires one for good")
    rivals.denied[node] = None
    row = Write(SPACE_META, META_DENIED, msgpack.packb([*rivals.denied]))
    body = _told(agent.knowledge, node, denied=True)
    return [Persist((row,)), *agent.attribution.settled(now), Reply(token, ok=True, body=body)]


def restore_denied(rivals: Rivals, row: bytes) -> None:
    """Take up what an earlier start was told; nothing, where the row is none: it is asked again."""
    try:
        told = msgpack.unpackb(row, max_array_len=DENIED_MAX) if row else []
    except (ValueError, msgpack.UnpackException):
        return
    if type(told) is list and all(type(o) is bytes and len(o) == NODE_ID_BYTES for o in told):
        rivals.denied = dict.fromkeys(NodeId(one) for one in told)


def ancestors_row(rivals: Rivals) -> Persist:
    """Who may have been this machine, for the next start."""
    rows = [[node, list(pools)] for node, pools in rivals.ancestors.items()][:ANCESTORS_MAX]
    return Persist((Write(SPACE_META, META_ANCESTORS, msgpack.packb(rows) if rows else None),))


def restore_ancestors(rivals: Rivals, row: bytes) -> None:
    """The inverse; what cannot be read is seen anew once the peers have told of it."""
    try:
        told = msgpack.unpackb(row, max_array_len=POOLS_MAX) if row else []
    except (ValueError, msgpack.UnpackException):
        return
    if type(told) is list and all(_is_ancestor(one) for one in told[:ANCESTORS_MAX]):
        rivals.kept = {NodeId(node): tuple(pools) for node, pools in told[:ANCESTORS_MAX]}


def _is_ancestor(row: object) -> bool:
    if type(row) is not list or len(row) != 2:
        return False
    node, pools = row
    named = type(pools) is list and all(type(pool) is str for pool in pools)
    return type(node) is bytes and len(node) == NODE_ID_BYTES and named


# The recovery key ------------------------------------------------------------------------------


def recovery_text(seed: bytes) -> str:
    """A recovery key as people keep it."""
    return write_checked(RECOVERY_PREFIX, seed)


def read_recovery(text: str) -> Identity:
    """The inverse, as what can sign. Raises Refused, and never quotes the text."""
    try:
        seed = read_checked(RECOVERY_PREFIX, text)
    except (Mistyped, NotThisText) as error:
        raise Refused("bad_request", f"that is no recovery key: {error}") from None
    if len(seed) != RECOVERY_BYTES:
        raise Refused("bad_request", "that is no recovery key: it has the wrong length")
    return Identity(seed)


def _put_on_record(agent: "Agent", token: int, public: str, now: Instant) -> list[Effect]:
    try:
        raw = bytes.fromhex(public)
    except ValueError:
        raw = b""
    if len(raw) != PUBLIC_KEY_BYTES:
        raise Refused("bad_request", f"a public key has {PUBLIC_KEY_BYTES} bytes, in hex")
    effects = agent.publish(Statement(TOPIC_RECOVERY, raw), now)
    return [*effects, Reply(token, ok=True, body={"public": raw.hex()})]
