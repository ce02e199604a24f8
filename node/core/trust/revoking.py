"""Revoking: a member that no longer counts, without a new secret for everybody else.

Any trusted member may say it of another, on record, with its name and its reason. It is a fact of
whoever says it, and everyone who hears it from a trusted member says it too; so it outlives its
author, and newcomers learn it from anybody. It is kept on disk and is never taken back: a machine
that is welcome again comes with a new identity.

A revoked id is heard by nobody: its datagrams and streams are refused and counted, nothing it signs
is taken in any more, nothing is placed on it and nothing is granted to it. What was granted to it
before runs out by itself. It is told so when it knocks (`kept_out.py`). Whoever knows the secret
can come back under another id; against that only a change of secret helps, and both together are
the whole remedy (`docs/guides/keys.md`).

Two members who revoke each other are both gone for whoever hears both; who hears one first takes no
second word from it. Nobody is asked to judge between them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from mesh.facts import Fact
from mesh.identity import NODE_ID_BYTES, NodeId, id_text, short_id
from mesh.instant import Instant
from mesh.persistence import SPACE_REVOKED, Persist, Write
from mesh.roll.membership import Trust
from node.core.effects import Effect, Reply
from node.core.names import find_node
from node.core.picture.knowledge import Knowledge
from node.core.picture.topics import TOPIC_REVOKED
from node.core.requests import Refused, Revoke
from node.core.trust.kept_out import KeptOutEffect, OurOwn

if TYPE_CHECKING:
    from node.core.machine import Agent

REVOKED_MAX: Final = 64
"""Ids that a node keeps out. Who needs more needs another secret."""
REASON_CHARS_MAX: Final = 120


class Revocation(msgspec.Struct, frozen=True, array_like=True):
    """Who, by whose word, and why."""

    node: bytes
    by: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Hear `node` no more; and let everybody hear that, in `statement`."""

    node: NodeId
    sentence: str
    by: NodeId
    statement: bytes
    word: bytes
    """What it is told itself."""
    heard_of: NodeId | None = None
    """Whose fact says so, which it is shown; None: none that is at hand."""


RevokingEffect: TypeAlias = Persist | Bar | Reply | KeptOutEffect


class Revoking:
    """Whom this node keeps out."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self.kept: dict[NodeId, Revocation] = {}
        self.ourselves = OurOwn(knowledge)

    def restore(self, rows: Mapping[bytes, bytes]) -> list[RevokingEffect]:
        """Take up what an earlier start kept out."""
        for key in sorted(rows):
            self.kept[NodeId(key)] = msgspec.msgpack.decode(rows[key], type=Revocation)
        return [self._bar(kept) for kept in self.kept.values()]

    def ask(self, token: int, request: Revoke) -> list[RevokingEffect]:
        """A person here wants a node kept out. May raise Refused."""
        knowledge, reason = self._knowledge, " ".join(request.reason.split())
        node = find_node(request.node, self._nameable())
        if node == knowledge.us:
            raise Refused("bad_request", "that is this node itself", "`holdfast leave` leaves")
        if not reason or len(reason) > REASON_CHARS_MAX:
            sentence = f"a reason has 1 to {REASON_CHARS_MAX} characters; everybody will read it"
            raise Refused("bad_request", sentence, "write --reason TEXT")
        if node not in self.kept and len(self.kept) >= REVOKED_MAX:
            sentence = f"{REVOKED_MAX} nodes are revoked already"
            raise Refused("refused", sentence, "change the secret: `holdfast keys generate`")
        revocation = self.kept.get(node, Revocation(node, knowledge.us, reason))
        body = {
            "id": id_text(node), "name": knowledge.name_of(node),
            "by": knowledge.name_of(NodeId(revocation.by)), "reason": revocation.reason,
        }  # fmt: skip
        barred = self._keep_out(revocation, knowledge.us)
        return [*barred, Reply(token, ok=True, body=body)]

    def retire(self, node: NodeId, reason: str) -> list[RevokingEffect]:
        """`node` has a successor here, and is nobody any more. The caller saw to it that there is
        room for one more."""
        words = " ".join(reason.split())[:REASON_CHARS_MAX]
        us = self._knowledge.us
        return self._keep_out(Revocation(node, us, words), us)

    @property
    def is_full(self) -> bool:
        """Whether no other node can be kept out."""
        return len(self.kept) >= REVOKED_MAX

    def learned(self, fact: Fact, now: Instant) -> list[RevokingEffect]:
        """Somebody has said something."""
        of_others = fact.topic == TOPIC_REVOKED and fact.author != self._knowledge.us
        return self.heard(fact.author, fact.body, now) if of_others else []

    def told(self, author: NodeId, word: bytes, now: Instant) -> list[RevokingEffect]:
        """`author`, whose word about others counts here, says that we are kept out ourselves."""
        try:
            told = msgspec.msgpack.decode(word, type=Revocation)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []
        ours = told.node == self._knowledge.us and self._is_sound(told)
        return self._take(told, author, now) if ours else []

    def heard(self, author: NodeId, body: bytes, now: Instant) -> list[RevokingEffect]:
        """What a member says of others. Only a trusted one is believed, and only what is new."""
        member = self._knowledge.mesh.roll.member(author)
        if member is None or member.trust is not Trust.TRUSTED:
            return []
        try:
            told = msgspec.msgpack.decode(body, type=tuple[Revocation, ...])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []
        effects: list[RevokingEffect] = []
        for revocation in told[:REVOKED_MAX]:
            if self._is_sound(revocation):
                effects += self._take(revocation, author, now)
        return effects

    def _is_sound(self, told: Revocation) -> bool:
        whole = len(told.node) == len(told.by) == NODE_ID_BYTES
        return whole and len(told.reason) <= REASON_CHARS_MAX

    def _take(self, told: Revocation, author: NodeId, now: Instant) -> list[RevokingEffect]:
        if told.node == self._knowledge.us:
            return [*self.ourselves.told(NodeId(told.by), told.reason, author, now)]
        return self._keep_out(told, author)

    def _keep_out(self, revocation: Revocation, heard_of: NodeId) -> list[RevokingEffect]:
        node = NodeId(revocation.node)
        if node in self.kept or len(self.kept) >= REVOKED_MAX:
            return []
        self.kept[node] = revocation
        row = Write(SPACE_REVOKED, node, msgspec.msgpack.encode(revocation))
        return [Persist((row,)), self._bar(revocation, heard_of)]

    def _bar(self, kept: Revocation, heard_of: NodeId | None = None) -> Bar:
        node, by = NodeId(kept.node), NodeId(kept.by)
        name = self._knowledge.name_of
        sentence = f"{name(node)} ({short_id(node)}) is revoked, says {name(by)}: {kept.reason}"
        statement = msgspec.msgpack.encode(tuple(self.kept[one] for one in sorted(self.kept)))
        return Bar(node, sentence, by, statement, msgspec.msgpack.encode(kept), heard_of)

    def _nameable(self) -> dict[NodeId, str]:
        """Everyone on the roll, whatever we think of them: a name, an id or its start will do."""
        members = self._knowledge.mesh.roll.members()
        return {**self._knowledge.names(), **{member.id: member.name for member in members}}


def keep_out(agent: "Agent", bar: Bar, now: Instant) -> list[Effect]:
    """Say so, and show it who is kept out, in the session that ends here: the fact by which we know
    it. Our own may be replaced within this very step, and is not to leave before that."""
    agent.knowledge.outcast(bar.node)
    effects = agent.publish(agent.image.keeps_out(bar.statement), now)
    said = None if bar.heard_of is None else agent.mesh.board.fact(bar.heard_of, TOPIC_REVOKED)
    barred = agent.mesh.revoke(bar.node, bar.sentence, bar.word, said, now)
    return [*effects, *agent.from_mesh(barred, now), *agent.rights.read(None, now)]
