"""Rotating: changing the mesh's secret on the live mesh, in three steps that may each be repeated.

*Install* brings a new secret to everybody, *use* makes it the one under which they speak, *remove*
lets the old one go. Between any two steps everybody understands everybody, so a step that reached
only some is no harm: it is taken again.

A new secret is never said under the old one, which may have leaked. It travels on a stream whose
far end has proven the key of the very node it is meant for: who knows the old secret, and no more,
can neither read that nor stand in for it. But such a one could have joined under an id of its own,
and would be brought the new secret like any other member; whoever rotates because of a leak names
the nodes (`only`), or revokes the stranger first.

A step that would cut off a live node is
refused; `force`, with a reason that goes on record, is a person's way past that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from mesh.effects import Answer, Call
from mesh.facts import Fact
from mesh.identity import NodeId, id_text
from mesh.instant import SECOND, Duration, Instant
from mesh.keys.keyring import KEYS_MAX, Keyring
from mesh.keys.secret import Secret, derive
from mesh.roll.membership import Member, Trust
from node.core.effects import Reply
from node.core.names import find_node
from node.core.picture.knowledge import Knowledge
from node.core.picture.topics import TOPIC_KEYS
from node.core.requests import ChangeKeys, Refused
from node.core.trust.keyholders import PRESENT, held

SERVICE_KEYS: Final = "keys"
CALL_WAIT: Final[Duration] = 5 * SECOND
CALLS_MAX: Final = 32
"""Nodes that are told at the same time."""
KEY_CHARS_MIN: Final = 4
NO_CALL: Final = -(2**40)
"""We number ours downwards from here: surveys do so from nothing, and all others count up."""
INSTALL, USE, REMOVE = "install", "use", "remove"

DONE, ALREADY, NO_ANSWER = "done", "already so", "no answer"
NOT_THERE = "does not have this key"
IN_USE = "speaks under this key still"
FULL = f"has {KEYS_MAX} keys already"
NOT_TRUSTED = "does not take keys from us"
DAMAGED = "could not read what we sent"
POSITIVE: Final = (DONE, ALREADY)


class KeyOrder(msgspec.Struct, frozen=True):
    """What one node asks of another. `secret` goes with install and nothing else."""

    change: str
    key: str
    secret: str = ""


class KeyWord(msgspec.Struct, frozen=True):
    """What came of it."""

    outcome: str


@dataclass(frozen=True, slots=True)
class NewKeys:
    """Our ring is this one now: keep it, speak by it, say so. `by`: whose wish it was."""

    keys: Keyring
    sentence: str
    by: NodeId | None = None


RotatingEffect: TypeAlias = NewKeys | Call | Reply | Answer


@dataclass(slots=True)
class _Round:
    """One step under way: whom we have still to tell, and what the others said."""

    token: int
    order: KeyOrder
    deadline: Instant
    waiting: list[NodeId]
    outcomes: dict[NodeId, str] = field(default_factory=dict)
    asked: int = 0


class Rotating:
    """The ring of one node, and every change of it."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.calls: dict[int, tuple[_Round, NodeId]] = {}
        self._knowledge = knowledge
        self._last_call = NO_CALL

    # A person here -------------------------------------------------------------------------------

    def begin(self, token: int, request: ChangeKeys, now: Instant) -> list[RotatingEffect]:
        """One step, wished for at this node. May raise Refused; nothing has changed then."""
        order = self._order(request)
        told = [] if request.here else self._to_tell(request.only)
        if request.force and not request.reason.strip():
            raise Refused("bad_request", "--force goes on record", "say why with --reason")
        if not request.force:
            self._check_nobody_is_lost(order, told)
        outcome, effects = self._carry_out(order, None, request.reason.strip())
        if outcome not in POSITIVE:
            raise Refused("refused", f"this node {outcome}", _HINTS.get(outcome, ""))
        deadline = now + CALL_WAIT
        step = _Round(token, order, deadline, [member.id for member in told])
        step.outcomes[self._knowledge.us] = outcome
        return [*effects, *self._go_on(step)]

    def answered(self, call: int, body: bytes | None) -> list[RotatingEffect]:
        """A node's word on it, or its silence."""
        step, node = self.calls.pop(call)
        step.asked -= 1
        step.outcomes[node] = _outcome(body)
        return self._go_on(step)

    def _go_on(self, step: _Round) -> list[RotatingEffect]:
        effects: list[RotatingEffect] = []
        while step.waiting and step.asked < CALLS_MAX:
            effects.append(self._call(step, step.waiting.pop(0)))
        if not step.asked:
            effects.append(Reply(step.token, ok=True, body=self._outcome_of(step)))
        return effects

    def _call(self, step: _Round, node: NodeId) -> Call:
        self._last_call -= 1
        self.calls[self._last_call] = step, node
        step.asked += 1
        return Call(
            self._last_call, node, self._knowledge.addresses_of(node), SERVICE_KEYS,
            msgspec.msgpack.encode(step.order), step.deadline,
        )  # fmt: skip

    def _outcome_of(self, step: _Round) -> dict[str, Any]:
        rows = [
            {"id": id_text(node), "name": self._knowledge.name_of(node), "outcome": outcome}
            for node, outcome in step.outcomes.items()
        ]
        return {
            "change": step.order.change,
            "key": step.order.key,
            "complete": all(outcome in POSITIVE for outcome in step.outcomes.values()),
            "nodes": rows,
        }

    def _order(self, request: ChangeKeys) -> KeyOrder:
        if request.change not in (INSTALL, USE, REMOVE):
            known = f"known: {INSTALL}, {USE}, {REMOVE}"
            raise Refused("bad_request", f"there is no change {request.change!r}", known)
        if request.change != INSTALL:
            return KeyOrder(request.change, self._key_named(request.key))
        if not request.secret:
            return self._once_more(self._key_named(request.key))
        try:
            secret = Secret.parse(request.secret).for_mesh(self._knowledge.keys.mesh_id)
        except ValueError as error:
            raise Refused("bad_request", f"that secret cannot be read: {error}") from None
        return KeyOrder(INSTALL, derive(secret).key_id.hex(), secret.text)

    def _once_more(self, key: str) -> KeyOrder:
        """What is on our ring already, for those who were off."""
        ring = self._knowledge.keys
        for secret, keys in zip(ring.secrets, ring.keys, strict=True):
            if keys.key_id.hex() == key:
                return KeyOrder(INSTALL, key, secret.text)
        raise Refused("refused", f"key {key} was removed here", "name a file that has its secret")

    def _key_named(self, text: str) -> str:
        wanted = text.strip().lower()
        ours = [keys.key_id.hex() for keys in self._knowledge.keys.keys]
        retired = [key_id.hex() for key_id in self._knowledge.keys.retired]
        found = [key for key in (*ours, *retired) if key.startswith(wanted)]
        if len(wanted) >= KEY_CHARS_MIN and len(found) == 1:
            return found[0]
        known = f"installed here: {', '.join(ours)}"
        if len(found) > 1:
            raise Refused("ambiguous", f"{len(found)} keys start with {text!r}", known)
        raise Refused("not_found", f"no key here is called {text!r}", known)

    def _to_tell(self, only: Sequence[str]) -> list[Member]:
        present = [one for one in self._knowledge.members() if one.liveness in PRESENT]
        if not only:
            return present
        wanted = {find_node(text, self._knowledge.names()) for text in only}
        silent = sorted(wanted - {one.id for one in present} - {self._knowledge.us})
        if silent:
            names = ", ".join(self._knowledge.name_of(node) for node in silent)
            raise Refused("refused", f"not reachable now: {names}", "`holdfast peers` shows who is")
        return [one for one in present if one.id in wanted]

    def _check_nobody_is_lost(self, order: KeyOrder, told: Sequence[Member]) -> None:
        """Raises Refused when a live node would be cut off by this step."""
        present = self._to_tell(())
        if order.change == USE:
            without = [m for m in present if order.key not in held(self._knowledge, m.id).installed]
            why, hint = "do not have it yet", f"`holdfast keys install` brings {order.key} to them"
        elif order.change == REMOVE:
            primary = self._knowledge.keys.primary.key_id.hex()
            left_out = {m.id for m in present} - {m.id for m in told}
            without = [
                m for m in present
                if held(self._knowledge, m.id).primary == order.key
                or primary not in held(self._knowledge, m.id).installed
                or (m.id in left_out and order.key in held(self._knowledge, m.id).installed)
            ]  # fmt: skip
            why, hint = "still need it", f"first {self._instead_of(order.key)}"
        else:
            return
        if without:
            names = ", ".join(sorted(m.name for m in without))
            raise Refused("refused", f"{names}: {why}; nothing was changed", f"{hint}; or --force")

    def _instead_of(self, key: str) -> str:
        """What has to be done before nobody needs `key`."""
        ids = [each.key_id.hex() for each in self._knowledge.keys.keys]  # the primary first
        other = next((each for each in ids if each != key), None)
        if other is None:
            return "another one: `holdfast keys generate`, `keys install` and `keys use`"
        return f"`holdfast keys use {other}`"

    def learned(self, fact: Fact) -> list[RotatingEffect]:
        """Somebody has said something."""
        return self.follow(fact.author) if fact.topic == TOPIC_KEYS else []

    def follow(self, node: NodeId) -> list[RotatingEffect]:
        """`node` has said which keys it has: if ours opens nothing there, and what it speaks under
        is on our ring, we slept through a step. Nobody could bring it to us: they do not take our
        certificate any more."""
        member = self._knowledge.mesh.roll.member(node)
        theirs, ring = held(self._knowledge, node), self._knowledge.keys
        if member is None or member.trust is not Trust.TRUSTED or member.liveness not in PRESENT:
            return []
        on_ring = [one.key_id for one in ring.keys if one.key_id.hex() == theirs.primary]
        if not on_ring or ring.primary.key_id.hex() in theirs.installed:
            return []
        order = KeyOrder(USE, theirs.primary)
        return [self._now(ring.use(on_ring[0]), order, node, "ours was removed there")]

    # A peer --------------------------------------------------------------------------------------

    def came(self, token: int, peer: NodeId, body: bytes) -> list[RotatingEffect]:
        """A member whose key the stream has proven wants us to change our ring."""
        outcome, effects = self._obey(peer, body)
        return [*effects, Answer(token, msgspec.msgpack.encode(KeyWord(outcome)))]

    def _obey(self, peer: NodeId, body: bytes) -> tuple[str, list[RotatingEffect]]:
        member = self._knowledge.mesh.roll.member(peer)
        if member is None or member.trust is not Trust.TRUSTED:
            return NOT_TRUSTED, []
        try:
            order = msgspec.msgpack.decode(body, type=KeyOrder)
            return self._carry_out(order, peer, "")
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return DAMAGED, []

    def _carry_out(
        self, order: KeyOrder, by: NodeId | None, reason: str
    ) -> tuple[str, list[RotatingEffect]]:
        """The step on our own ring. Raises ValueError for what cannot be read."""
        key_id, ring = bytes.fromhex(order.key), self._knowledge.keys
        have = ring.named(key_id) is not None
        if order.change == INSTALL:
            secret = Secret.parse(order.secret).for_mesh(ring.mesh_id)
            if derive(secret).key_id != key_id:
                return DAMAGED, []
            if have:
                return ALREADY, []
            if len(ring.keys) >= KEYS_MAX:
                return FULL, []
            return DONE, [self._now(ring.install(secret), order, by, reason)]
        if order.change == USE:
            if not have or ring.primary.key_id == key_id:
                return (ALREADY if have else NOT_THERE), []
            return DONE, [self._now(ring.use(key_id), order, by, reason)]
        if not have or order.change != REMOVE:
            return (DAMAGED if order.change != REMOVE else ALREADY), []
        if ring.primary.key_id == key_id:
            return IN_USE, []
        return DONE, [self._now(ring.remove(key_id), order, by, reason)]

    def _now(self, ring: Keyring, order: KeyOrder, by: NodeId | None, reason: str) -> NewKeys:
        self._knowledge.keys = ring
        whose = "a person here" if by is None else self._knowledge.name_of(by)
        because = f": {reason}" if reason else ""
        sentence = f"{_PAST[order.change].format(key=order.key)}, by the word of {whose}{because}"
        return NewKeys(ring, sentence, by)


def _outcome(body: bytes | None) -> str:
    if not body:
        return NO_ANSWER
    try:
        return msgspec.msgpack.decode(body, type=KeyWord).outcome
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return NO_ANSWER


_PAST: Final = {
    INSTALL: "key {key} is installed here",
    USE: "this node speaks under key {key} from now on",
    REMOVE: "key {key} was removed: what is made under it opens nothing here",
}
_HINTS: Final = {
    NOT_THERE: "`holdfast keys install` first",
    IN_USE: "`holdfast keys use` with another one first",
    FULL: "`holdfast keys remove` one first",
}
