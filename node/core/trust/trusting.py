"""Trusting: what a person says about whom this node counts on, and what its policy has pinned.

The rule is the mesh's (`mesh/roll/admission.py`); here are the words for it. All of it is about
this node alone: whom others count on is for their own people to say.
"""

from typing import Any, Final

import msgspec

from ledger.commands import (
    Answer,
    Inquire,
    Outcome,
    Release,
    SignedCommand,
    Void,
    decode_command,
)
from mesh.effects import MeshEffect
from mesh.identity import NodeId, PublicKey, id_of, id_text, parse_id
from mesh.roll.admission import LISTED_MAX, Policy, folded
from node.core.effects import Reply
from node.core.names import find_node
from node.core.picture.knowledge import Knowledge
from node.core.requests import Refused, Trust

HARMLESS: Final = (Void, Release, Inquire)
TO_LIST: Final = "this owner does not count on whoever asks; `holdfast peers trust` there does it"


class Trusting:
    """Whom this node counts on."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._roll = knowledge.mesh.roll
        self._admission = knowledge.mesh.roll.admission

    def ask(self, token: int, request: Trust) -> list[MeshEffect | Reply]:
        """A person here trusts a node, or no more. May raise Refused."""
        node = self._find(request.node)
        self._check(node, request.trusted)
        member = self._roll.member(node)
        name = member.record.name if member is not None and member.record else None
        said = (
            self._admission.trust(node, name) if request.trusted else self._admission.distrust(node)
        )
        if not said:
            sentence = f"this node's list has {LISTED_MAX} entries, and no room for another"
            raise Refused("refused", sentence, "change the secret: `holdfast keys generate`")
        effects: list[MeshEffect] = []
        for one in self._touched(node, name):
            effects += self._knowledge.mesh.judge(one)
        body = {
            "id": id_text(node), "name": self._knowledge.name_of(node),
            "trusted": request.trusted, "policy": self._admission.policy.value,
            "counts": self._roll.counts(node), "why_not": self._why_not(node),
        }  # fmt: skip
        return [*effects, Reply(token, ok=True, body=body)]

    def _why_not(self, node: NodeId) -> str | None:
        if node in self._roll.revoked:
            return "it is revoked, for good, and everywhere"
        member = self._roll.member(node)
        if member is None or not member.met:
            return "it has not been met yet"
        return member.objection or None

    def _touched(self, node: NodeId, name: str | None) -> list[NodeId]:
        """Whoever the word is about, last: first those whose name it takes or frees."""
        rivals = [
            one.id
            for one in self._roll.members()
            if name is not None and one.id != node and folded(one.name) == folded(name)
        ]
        return [*rivals, node]

    def _check(self, node: NodeId, trusted: bool) -> None:
        if node == self._knowledge.us:
            raise Refused("bad_request", "that is this node itself, which it trusts")
        if not trusted and self._admission.policy is Policy.SECRET:
            raise Refused(
                "refused",
                "here everybody counts who holds the secret: the policy is `trust = secret`",
                "`holdfast peers revoke` keeps a node out everywhere; `holdfast up --trust "
                "allow-list` counts only those that are listed here",
            )

    def _find(self, text: str) -> NodeId:
        """By name or id as everywhere; or a whole id that nobody has met yet."""
        members = self._roll.members()
        names = {self._knowledge.us: self._knowledge.our_name}
        try:
            return find_node(text, names | {member.id: member.name for member in members})
        except Refused as unknown:
            try:
                return parse_id(text)
            except ValueError:
                raise unknown from None


def refusal_of(knowledge: Knowledge, signed: SignedCommand) -> Answer | None:
    """The answer to a command of somebody on whom this node does not count; None: it may ask.

    What one holds may be given back and asked about by anybody. Whether the signature is any good
    is for the books to find out.
    """
    roll = knowledge.mesh.roll
    asker = id_of(PublicKey(signed.public))
    if roll.admission.policy is Policy.SECRET or asker == knowledge.us or roll.counts(asker):
        return None
    try:
        command = decode_command(signed.body)
    except msgspec.MsgspecError:
        return None
    if isinstance(command, HARMLESS):
        return None
    return Answer(Outcome.NOT_TRUSTED, command.id, knowledge.ledger.session, TO_LIST)


def table(knowledge: Knowledge) -> dict[str, Any]:
    """The policy, the pins, and the list: for people."""
    admission = knowledge.mesh.roll.admission
    return {
        "policy": admission.policy.value,
        "pins": [
            {"name": name, "id": id_text(node)} for name, node in sorted(admission.pins.items())
        ],
        "listed": [
            {
                "id": id_text(node), "name": knowledge.name_of(node),
                "trusted": admission.is_listed(node),
                "by": "a person" if node in admission.listed else "the configuration",
            }
            for node in sorted({*admission.listed, *admission.configured})
        ],
    }  # fmt: skip
