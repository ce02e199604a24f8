"""Keyholders: who has which of the mesh's secrets, as far as this node knows, and what is amiss.

Who has which key is a fact that every node publishes once its mesh has changed its secret. So the
table needs nobody's answer, and shows those too who were off while the others changed.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from mesh.identity import NodeId, id_text
from mesh.rejections import Rejection
from mesh.roll.membership import Liveness, Member
from mesh.roll.record import TOPIC_NODE
from node.core.picture.knowledge import Knowledge
from node.core.picture.topics import TOPIC_KEYS, KeysHeld, decode_keys

PRESENT: Final = (Liveness.ALIVE, Liveness.SUSPECT)
SLEPT_THROUGH_IT: Final = (
    "nobody whom this node remembers answers, and datagrams come in under a key that it does not "
    "have: was the mesh's secret changed while it was off? `holdfast invite` on a member, then "
    "`holdfast join` here; identity, ledger and holds stay"
)
_INVITE_IT: Final = "`holdfast invite` here and `holdfast join` there"
_JOIN_AGAIN: Final = "`holdfast invite` there and `holdfast join` here"


def held(knowledge: Knowledge, node: NodeId) -> KeysHeld:
    """What `node` has said that it holds; who has said nothing has the founding secret."""
    fact = knowledge.fact(node, TOPIC_KEYS)
    if fact is not None:
        try:
            return decode_keys(fact.body)
        except msgspec.MsgspecError:
            pass  # as if it had said nothing: it is listed as lacking what we have
    founding = knowledge.keys.founding
    name = "" if founding is None else founding.hex()
    return KeysHeld(name, (name,) if name else ())


def table(knowledge: Knowledge) -> dict[str, Any]:
    """Every key and who has it; every node and what it has."""
    ours = tuple(keys.key_id.hex() for keys in knowledge.keys.keys)
    has = {knowledge.us: KeysHeld(ours[0], ours)}
    members = [m for m in knowledge.members() if m.liveness is not Liveness.LEFT]
    has |= {member.id: held(knowledge, member.id) for member in members}
    present = {knowledge.us} | {m.id for m in members if m.liveness in PRESENT}
    name = knowledge.name_of
    return {
        "mesh": knowledge.keys.mesh_id.hex(),
        "keys": [
            {
                "key": key,
                "state": "primary" if key == ours[0] else "installed",
                "held_by": sorted(name(n) for n in has if key in has[n].installed),
                "missing_at": sorted(
                    name(n) for n in has if n in present and key not in has[n].installed
                ),
            }
            for key in ours
        ]
        + [
            {
                "key": one.hex(),
                "state": "retired",
                "held_by": sorted(name(n) for n in has if one.hex() in has[n].installed),
                "missing_at": [],
            }
            for one in knowledge.keys.retired
        ],
        "nodes": [
            {
                "id": id_text(node), "name": name(node),
                "liveness": knowledge.liveness_of(node),
                "primary": has[node].primary or None,
                "installed": list(has[node].installed),
            }
            for node in sorted(has)
        ],
        "warnings": warnings(knowledge),
    }  # fmt: skip


def warnings(knowledge: Knowledge) -> list[str]:
    """What is not as it should be about the keys, and what to do: one sentence each."""
    return [*amiss(knowledge), *absent(knowledge)]


def amiss(knowledge: Knowledge) -> list[str]:
    """What keeps nodes that are there from understanding each other, or soon may."""
    ours = [keys.key_id.hex() for keys in knowledge.keys.keys]
    removed = [key_id.hex() for key_id in knowledge.keys.retired]
    others: list[Member] = []
    told = [SLEPT_THROUGH_IT] if _hears_only_another_key(knowledge) else []
    for member in _members(knowledge, there=True):
        theirs = held(knowledge, member.id)
        if ours[0] not in theirs.installed:
            told.append(_lacks(member, ours[0]))
        elif theirs.primary not in (*ours, *removed):
            told.append(_moved_on(member, theirs.primary))
        elif theirs.primary in ours[1:]:
            others.append(member)
        told += [_still(member, key) for key in removed if key in theirs.installed]
    if others:
        told.append(_two(others, held(knowledge, others[0].id).primary, ours[0]))
    return told


def _hears_only_another_key(knowledge: Knowledge) -> bool:
    """Whether those whom we remember are silent, and somebody speaks whom we cannot read."""
    known = [one for one in knowledge.members() if one.liveness is not Liveness.LEFT]
    silent = bool(known) and not any(one.liveness is Liveness.ALIVE for one in known)
    return silent and knowledge.mesh.rejections[Rejection.UNKNOWN_KEY] > 0


def absent(knowledge: Knowledge) -> list[str]:
    """Who was off while the key changed. Of whom nothing was heard since our start, we do not know
    what it has: what nodes say of their keys is not kept on our disk."""
    key = knowledge.keys.primary.key_id.hex()
    return [
        _was_off(member, key)
        for member in _members(knowledge, there=False)
        if knowledge.age(member.id, TOPIC_NODE) is not None
        and key not in held(knowledge, member.id).installed
    ]


def _members(knowledge: Knowledge, *, there: bool) -> list[Member]:
    return [
        member
        for member in knowledge.members()
        if (member.liveness in PRESENT) is there and member.liveness is not Liveness.LEFT
    ]


def _lacks(member: Member, key: str) -> str:
    return f"{member.name} does not have key {key}, under which we speak: {_again(key, 'here')}"


def _still(member: Member, key: str) -> str:
    return (
        f"{member.name} still takes what is made under key {key}, which was removed here: run "
        f"`holdfast keys remove {key}` here"
    )


def _was_off(member: Member, key: str) -> str:
    return (
        f"{member.name} was off when key {key} came, and does not have it: when it is back, "
        f"{_again(key, 'here')}; once the old key is gone, {_INVITE_IT}"
    )


def _moved_on(member: Member, key: str) -> str:
    return (
        f"the mesh has moved to key {key}, says {member.name}, and this node does not have it: "
        f"{_again(key, 'there')}; or {_JOIN_AGAIN}"
    )


def _two(others: Sequence[Member], theirs: str, ours: str) -> str:
    names = ", ".join(sorted(member.name for member in others))
    return (
        f"the mesh speaks under two keys: {names} under {theirs}, we under {ours}; "
        f"`holdfast keys use` with one of them settles it"
    )


def _again(key: str, where: str) -> str:
    return f"run `holdfast keys install {key}` {where}"
