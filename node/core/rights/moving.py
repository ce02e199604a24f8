"""Moving: rights on their way to this node, because a hold lacks them or because a person asks.

A hold that our books would refuse for want of rights, and for nothing else, waits a moment at the
door. Meanwhile the peers that have some to spare are asked for them, those with the most first, and
only if all of them together have enough: half of what is missing helps nobody. What they give comes
as an entry of their log, which every peer gets; once our books have taken it, or when the moment is
over, the hold goes in and is granted or refused like any other. One that comes again asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeAlias

import msgspec

from ledger.books.rights import RightsRow, Side
from ledger.commands import (
    HOLD_ID_BYTES,
    Answer,
    Outcome,
    decode_answer,
    encode_signed,
    sign_command,
)
from ledger.commands.rights import Give, RightsCommand
from mesh import effects as mesh_effects
from mesh.identity import Identity, NodeId
from mesh.instant import MILLISECOND, SECOND, Duration, Instant, earliest
from mesh.roll.membership import Liveness
from node.core.effects import Reply
from node.core.errands import SERVICE_LEDGER, ToOurBooks
from node.core.picture.knowledge import Knowledge
from node.core.requests import Refused
from node.core.rights.table import in_flight, quotas

WAIT_FOR_RIGHTS: Final[Duration] = 1200 * MILLISECOND
"""How long a hold waits at the door. Its asker gives an owner two seconds for an answer."""
WAITING_MAX: Final = 64
"""Holds that wait at the door; one more is answered at once."""
CALL_WAIT: Final[Duration] = 2 * SECOND
SENDS_MAX: Final = 3
GIVERS_MAX: Final = 16
"""Peers that are asked for one hold: with rights in more crumbs than that it is refused."""
WISHES_MAX: Final = 64
"""Persons' words about rights that are under way."""
NO_NUMBER: Final = -(2**41)
"""We number ours downwards from here, far below those who do so from elsewhere."""


@dataclass(slots=True)
class _Waiting:
    """A hold at the door."""

    wanted: ToOurBooks
    principal: str
    sorts: tuple[str, ...]
    until: Instant
    asked: int = 0
    """Peers that have not answered yet."""


@dataclass(slots=True)
class _Wish:
    """What a person asked for: some words to one node, one after the other."""

    token: int
    node: NodeId
    commands: list[RightsCommand]
    done: dict[str, Any]
    sends: int = 0


@dataclass(slots=True)
class _Fetch:
    """A question to a peer on behalf of a hold."""

    waiting: int


MovingEffect: TypeAlias = mesh_effects.Call | ToOurBooks | Reply


@dataclass(slots=True)
class Moving:
    """All of it, of one node."""

    identity: Identity
    knowledge: Knowledge
    random: Random
    asked: dict[int, _Fetch | _Wish] = field(default_factory=dict)
    """Under which number whose answer is awaited."""
    gone_since: dict[NodeId, Instant] = field(default_factory=dict)
    """Who was revoked, and since when we have known that in this start."""
    _waiting: dict[int, _Waiting] = field(default_factory=dict)
    _last: int = NO_NUMBER

    @property
    def next_wake(self) -> Instant | None:
        return earliest(*(one.until for one in self._waiting.values())) if self._waiting else None

    # Holds that lack some ------------------------------------------------------------------------

    def seek(self, wanted: ToOurBooks, now: Instant) -> Sequence[MovingEffect] | None:
        """Ask for what `wanted` lacks. None: it lacks nothing that others could give."""
        ledger = self.knowledge.ledger
        if not ledger.books.rights_open or len(self._waiting) >= WAITING_MAX:
            return None
        principal, lack = ledger.lacking(wanted.command, now)
        gifts = self._gifts(principal, lack)
        if not gifts:
            return None
        self._last -= 1
        key = self._last
        sorts = tuple(sort for sort, _ in lack)
        self._waiting[key] = _Waiting(wanted, principal, sorts, now + WAIT_FOR_RIGHTS, len(gifts))
        return [
            self._send(_Fetch(key), giver, give, now + WAIT_FOR_RIGHTS) for giver, give in gifts
        ]

    def _gifts(self, principal: str, lack: list[tuple[str, int]]) -> list[tuple[NodeId, Give]]:
        """Whom to ask for what; nothing, if all of them together have too little."""
        gifts: list[tuple[NodeId, Give]] = []
        for sort, missing in lack:
            flying = in_flight(self.knowledge, principal, sort)
            left = missing - sum(one.amount for one in flying if one.taker == self.knowledge.us)
            for giver, spare in self._spare(principal, sort):
                part = min(left, spare)
                if part > 0:
                    gifts.append((giver, self.give(giver, principal, sort, part)))
                    left -= part
            if left > 0:
                return []
        return gifts if len(gifts) <= GIVERS_MAX else []

    def _spare(self, principal: str, sort: str) -> list[tuple[NodeId, int]]:
        """Who can be asked, and how much it has, the most first."""
        found: list[tuple[NodeId, int]] = []
        for member in self.knowledge.members():
            books = self.knowledge.replicas.books(member.id)
            reached = member.liveness is Liveness.ALIVE and member.met
            if books is None or not reached or not books.rights_open:
                continue
            if self.knowledge.replicas.problem(member.id) is None:
                found.append((member.id, books.spare(principal, sort)))
        return sorted((one for one in found if one[1] > 0), key=lambda one: (-one[1], one[0]))

    def give(
        self, giver: NodeId, principal: str, sort: str, part: int, *, whole: bool = False
    ) -> Give:
        """The question to `giver` for `part` more than it has given us so far."""
        us = self.knowledge.us
        books = self.knowledge.replicas.books(giver)
        gave = RightsRow(principal, sort, Side.GIVEN, us)
        told = 0 if books is None else books.rights.get(gave, 0)
        took = self.knowledge.ledger.books.rights.get(
            RightsRow(principal, sort, Side.TAKEN, giver), 0
        )
        return Give(
            self.random.randbytes(HOLD_ID_BYTES), self.knowledge.session_of(giver) or b"",
            principal, sort, us, max(told, took) + part, whole,
        )  # fmt: skip

    def arrived(self, now: Instant) -> list[MovingEffect]:
        """Our books have taken something: whoever lacks nothing more goes in."""
        ledger = self.knowledge.ledger
        ready = [
            key
            for key in self._waiting
            if not ledger.lacking(self._waiting[key].wanted.command, now)[1]
        ]
        return [self._waiting.pop(key).wanted for key in ready]

    def wake(self, now: Instant) -> list[MovingEffect]:
        """Whoever has waited long enough goes in, whatever came of it."""
        over = [key for key in self._waiting if self._waiting[key].until <= now]
        return [self._waiting.pop(key).wanted for key in over]

    # What a person asks --------------------------------------------------------------------------

    def begin(
        self, token: int, node: NodeId, commands: list[RightsCommand], done: dict[str, Any],
        now: Instant,
    ) -> list[MovingEffect]:  # fmt: skip
        """Say `commands` to `node`, for the surface request `token`. May raise Refused. `done`:
        what the answer says when all of them are."""
        wishes = [one for one in self.asked.values() if isinstance(one, _Wish)]
        if len(wishes) >= WISHES_MAX:
            raise Refused("refused", f"{WISHES_MAX} such requests are under way already", "wait")
        return self._go_on(_Wish(token, node, commands, done), now)

    def _go_on(self, wish: _Wish, now: Instant) -> list[MovingEffect]:
        if not wish.commands:
            rows = quotas(self.knowledge, wish.done["principal"])["quotas"]
            return [Reply(wish.token, ok=True, body={**wish.done, "quotas": rows})]
        wish.sends += 1
        return [self._send(wish, wish.node, wish.commands[0], now + CALL_WAIT)]

    def _told(self, wish: _Wish, answer: Answer | None, now: Instant) -> list[MovingEffect]:
        if answer is not None and answer.outcome.positive:
            wish.commands.pop(0)
            wish.sends = 0
            return self._go_on(wish, now)
        again = answer is None or answer.outcome is Outcome.WRONG_SESSION
        if again and wish.sends < SENDS_MAX:
            if answer is not None:
                renamed = msgspec.structs.replace(wish.commands[0], session=answer.session)
                wish.commands[0] = renamed
            return self._go_on(wish, now)
        if answer is None:
            name = self.knowledge.name_of(wish.node)
            refused = Refused(
                "unknown", f"{name} did not answer: whether it moved them is unknown",
                "`holdfast quota list` shows it once its log has come",
            )  # fmt: skip
            return [Reply(wish.token, ok=False, body={**refused.body, "outcome": "no answer"})]
        hint = "asking again may help" if answer.outcome.may_change_on_retry else ""
        refused = Refused("refused", answer.detail or answer.outcome.value, hint)
        return [Reply(wish.token, ok=False, body={**refused.body, "outcome": answer.outcome.value})]

    # Questions and answers -----------------------------------------------------------------------

    def answered(self, number: int, body: bytes | None, now: Instant) -> list[MovingEffect]:
        """A peer's word, or its silence."""
        return self.replied(number, _read(body), now)

    def replied(self, number: int, answer: Answer | None, now: Instant) -> list[MovingEffect]:
        """As `answered`; of our own books too."""
        asked = self.asked.pop(number)
        if isinstance(asked, _Wish):
            return self._told(asked, answer, now)
        waiting = self._waiting.get(asked.waiting)
        if waiting is None:
            return []
        waiting.asked -= 1
        given = answer is not None and answer.outcome.positive
        if given or waiting.asked:
            return []  # What was given comes with the giver's log.
        del self._waiting[asked.waiting]
        return [waiting.wanted]

    def _send(
        self, asked: _Fetch | _Wish, node: NodeId, command: RightsCommand, until: Instant
    ) -> mesh_effects.Call | ToOurBooks:
        self._last -= 1
        self.asked[self._last] = asked
        signed = sign_command(self.identity, node, command)
        if node == self.knowledge.us:
            return ToOurBooks(self._last, signed)
        return mesh_effects.Call(
            self._last, node, self.knowledge.addresses_of(node), SERVICE_LEDGER,
            encode_signed(signed), until,
        )  # fmt: skip


def _read(body: bytes | None) -> Answer | None:
    if not body:
        return None
    try:
        return decode_answer(body)
    except msgspec.MsgspecError:
        return None
