"""Answers: what a surface is told, as plain JSON bodies (shapes in `requests.py`).

Only wording happens here. Ids become text, durations milliseconds, unknown null; nothing is decided
and nothing changes.
"""

import base64
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ledger.commands import TTL_MAX, Answer, GrantKind, Leg, decode_answer
from ledger.entries import (
    Adopted,
    Entry,
    EntryRefused,
    Extended,
    Held,
    Shrunk,
    Transferred,
    decode_entry,
)
from ledger.pools import unit_of
from ledger.proving.blocks import ReceiptRefused, decode_receipt
from mesh.effects import Address
from mesh.facts import Fact
from mesh.identity import NodeId, id_text
from mesh.instant import MILLISECOND, Duration
from mesh.keys.keyring import Keyring
from mesh.watch.lookout import Footing
from node.core.birth import Birth
from node.core.names import find_node
from node.core.picture import throughputs
from node.core.picture.knowledge import TOPICS, Knowledge
from node.core.picture.past import TOPIC_HISTORY, decode_past
from node.core.picture.topics import decode_inventory, decode_live, decode_models
from node.core.reachability.reach import only_helper_of
from node.core.reserving.wishes import Granted, is_carried
from node.core.trust import naming

DECODERS = {
    "inventory": decode_inventory,
    "live": decode_live,
    "models": decode_models,
    throughputs.TOPIC_THROUGHPUT: throughputs.decode,
}


def who(knowledge: Knowledge, node: NodeId) -> dict[str, Any]:
    """A node, named."""
    return {"id": id_text(node), "name": knowledge.name_of(node)}


def ms(duration: Duration | None) -> int | None:
    """Nanoseconds as whole milliseconds; unknown stays unknown."""
    return None if duration is None else duration // MILLISECOND


def ourselves(
    birth: Birth, keys: Keyring, uptime: Duration, addresses: Sequence[Address], footing: Footing
) -> dict[str, Any]:
    """What only this start of the agent knows: for `status`."""
    return {
        "node": {
            "epoch": birth.epoch.counter,
            "version": birth.version,
            "state_folder": birth.state_folder,
            "uptime_ms": ms(uptime),
        },
        "mesh": {
            "id": keys.mesh_id.hex(),
            "key_id": keys.primary.key_id.hex(),
            "address": ", ".join(address.text for address in addresses),
            "profile": birth.mesh_profile,
            "trust": birth.admission.policy.value,
            "partitioned": footing.cut_off,
            "degraded": footing.degraded,
            "late_score": footing.score,
        },
    }


def standing(knowledge: Knowledge) -> dict[str, Any]:
    """Whether we grant, and until when."""
    state, reason, opens_at = knowledge.ledger.standing
    left = None if opens_at is None else max(0, opens_at - knowledge.now)
    return {"state": state, "reason": reason, "remaining_ms": ms(left)}


def peers(knowledge: Knowledge) -> list[dict[str, Any]]:
    """The roll, those included that do not count yet."""
    rows = []
    for member in knowledge.mesh.roll.members():
        node, log = member.id, knowledge.log_position(member.id)
        heard = None if member.last_heard is None else knowledge.now - member.last_heard
        stands, trip = knowledge.standing(node), knowledge.mesh.sightings.round_trip(node)
        rows.append(
            {
                **who(knowledge, node),
                "trust": member.trust.value,
                "objection": naming.objection(knowledge, member),
                "liveness": "unknown" if member.liveness is None else member.liveness.value,
                "address": None if member.address is None else member.address.text,
                "address_kind": member.address_kind,
                "heard_ms_ago": ms(heard),
                "round_trip_ms": None if trip is None else trip / MILLISECOND,
                "reachable_by": only_helper_of(knowledge, member),
                "version": member.record.version if member.record else None,
                "region": (member.record.region if member.record else None) or None,
                "epoch": member.epoch.counter,
                "facts": _versions(knowledge, node),
                "log": None if log is None else {"era": log.era.counter, "height": log.height},
                "standing": None if stands is None else stands.state,
            }
        )
    return rows


def pools(knowledge: Knowledge) -> list[dict[str, Any]]:
    """Our own pools: what is promised, and what could still be."""
    row = next(r for r in knowledge.view().nodes if r.id == id_text(knowledge.us))
    books = knowledge.ledger.books
    return [
        {
            "pool": pool.pool, "kind": pool.kind, "unit": pool.unit, "total": pool.total,
            "promised": sum(books.holds_on(pool.pool).values()), "room": pool.room,
            "state": pool.state, "foreign": _foreign_of(knowledge, pool.pool),
        }
        for pool in row.pools
    ]  # fmt: skip


def _foreign_of(knowledge: Knowledge, pool: str) -> int | None:
    """What nobody reserved, by our last look; None where nobody can tell."""
    figures = knowledge.seen.pools.get(pool) if knowledge.seen else None
    return None if figures is None else figures.foreign


def foreign(knowledge: Knowledge) -> list[dict[str, Any]]:
    """Who uses memory of this machine that nobody reserved."""
    rows = knowledge.seen.foreign if knowledge.seen else ()
    return [msgspec.structs.asdict(row) for row in rows]


def read_ago(knowledge: Knowledge) -> int | None:
    """How old our own figures are."""
    return None if knowledge.seen_at is None else ms(knowledge.now - knowledge.seen_at)


def facts(knowledge: Knowledge, text: str | None) -> dict[str, Any]:
    """What is known of one node, or of all."""
    names = knowledge.names()
    wanted = sorted(names) if text is None else [find_node(text, names)]
    return {"nodes": [_facts_of(knowledge, node) for node in wanted]}


def _facts_of(knowledge: Knowledge, node: NodeId) -> dict[str, Any]:
    body: dict[str, Any] = {**who(knowledge, node), "liveness": knowledge.liveness_of(node)}
    for topic, decode in DECODERS.items():
        body[topic] = _said(knowledge.fact(node, topic), decode)
    body["history"] = past(knowledge, node)
    stands = knowledge.standing(node)
    body["standing"] = None if stands is None else msgspec.to_builtins(stands)
    body["ages_ms"] = {
        topic: ms(age) for topic in TOPICS if (age := knowledge.age(node, topic)) is not None
    }
    body["versions"] = _versions(knowledge, node)
    return body


def past(knowledge: Knowledge, node: NodeId) -> dict[str, Any] | None:
    """What a node remembers of work; None where it never said."""
    fact = knowledge.fact(node, TOPIC_HISTORY)
    try:
        history = None if fact is None else decode_past(fact.body)
    except msgspec.MsgspecError:
        return None
    if history is None:
        return None
    return {
        "observations": [
            {**one._asdict(), "scope": one.scope._asdict()} for one in history.observations
        ],
        "failures": [{**one._asdict(), "scope": one.scope._asdict()} for one in history.failures],
    }


def _said(fact: Fact | None, decode: Callable[[bytes], Any]) -> Any:
    try:
        return None if fact is None else plain(decode(fact.body))
    except msgspec.MsgspecError:
        return None  # of a later version, or nonsense: signed, and yet not ours to read


def granted(knowledge: Knowledge, done: Granted) -> dict[str, Any]:
    """A reservation that came through."""
    answer, owner = done.answer, done.choice.owner
    carried = is_carried(done.reserve)
    term = ms(TTL_MAX) if carried else done.reserve.term_ms
    warnings = []
    if answer.stored_on == ():
        warnings.append("no other peer has a copy yet: it rests on its owner's disk alone")
    return {
        "id": answer.id.hex(),
        "owner": who(knowledge, owner),
        "state": answer.outcome.value,
        "legs": [leg(one) for one in done.choice.legs],
        "kind": "carried" if carried else "booking",
        "term_ms": term,
        **proof(knowledge, answer, term),
        "tried": list(done.tried),
        "warnings": warnings,
        "environment": f"HOLDFAST_HOLD={answer.id.hex()}",
        "starts_at_ms": done.reserve.start_at_ms,
    }


def told(knowledge: Knowledge, owner: NodeId, answer: Answer) -> dict[str, Any]:
    """A command about one hold that came through."""
    legs, kind, term = _contents(knowledge, owner, answer)
    return {
        "id": answer.id.hex(),
        "owner": who(knowledge, owner),
        "state": answer.outcome.value,
        "outcome": answer.outcome.value,
        "detail": answer.detail,
        "legs": None if legs is None else [leg(one) for one in legs],
        "kind": None if kind is None else kind.value,
        "term_ms": ms(term),
        **proof(knowledge, answer, ms(term)),
        "environment": f"HOLDFAST_HOLD={answer.id.hex()}",
    }


def _contents(
    knowledge: Knowledge, owner: NodeId, answer: Answer
) -> tuple[tuple[Leg, ...] | None, GrantKind | None, Duration | None]:
    """What a hold takes, how it ends, and its term: by the receipts, which the owner signed just
    now, else by our copy of its log."""
    legs, kind, term = None, None, None
    for raw in answer.receipts:
        match _entry_of(raw):
            case Held() | Adopted() | Transferred() as begun:
                legs, kind, term = legs or begun.legs, begun.kind, term or begun.term
            case Shrunk() as smaller:
                legs = smaller.legs
            case Extended() as longer:
                term = longer.term
            case _:
                pass  # A post says nothing of what it confirms.
    books = knowledge.books(owner)
    known = None if books is None else books.live.get(answer.id)
    if known is not None and (kind is None or owner == knowledge.us):
        return known.legs, known.kind, known.term
    return legs, kind, term


def _entry_of(raw: bytes) -> Entry | None:
    try:
        return decode_entry(decode_receipt(raw).entry)
    except (ReceiptRefused, EntryRefused):
        return None  # another version's: what it says is for those who can read it


def proof(knowledge: Knowledge, answer: Answer, term_ms: int | None = None) -> dict[str, Any]:
    """What an owner's yes rests on, and how long it lasts."""
    stored, left = answer.stored_on, ms(answer.remaining)
    return {
        # The owner counts a margin for clocks on top; people are told what they asked for.
        "remaining_ms": left if left is None or term_ms is None else min(left, term_ms),
        "token": None if answer.token is None else list(answer.token),
        "receipts": [base64.b64encode(receipt).decode() for receipt in answer.receipts],
        "stored_on": None if stored is None else [knowledge.name_of(NodeId(p)) for p in stored],
    }


def as_json(body: bytes) -> Any:
    """Canonical JSON bytes as plain values."""
    return msgspec.json.decode(body)


def leg(one: Leg) -> dict[str, Any]:
    """So much of one pool, with its unit."""
    unit = unit_of(one.pool)
    return {"pool": one.pool, "amount": one.amount, "unit": None if unit is None else unit.value}


def _versions(knowledge: Knowledge, node: NodeId) -> dict[str, int]:
    return {
        topic: fact.version for topic in TOPICS if (fact := knowledge.fact(node, topic)) is not None
    }


def plain(value: Any) -> Any:
    """Structs as maps (a Metric too, which travels as an array), bytes as hex."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.value if hasattr(value, "value") and hasattr(value, "name") else value


def read_answer(body: bytes | None) -> Answer | None:
    """An owner's answer; None for silence, and for bytes that are none."""
    if not body:
        return None
    try:
        return decode_answer(body)
    except msgspec.MsgspecError:
        return None
