"""The door: where rights meet the agent. What moves them asks for calls and for our books, and what
our books and others' logs say of them comes in here."""

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from ledger.commands import Answer
from ledger.observations import RightsTold, RightsWord
from mesh.identity import NodeId
from mesh.instant import Instant
from node.core.copies import Copies
from node.core.effects import Effect, Reply
from node.core.errands import ToOurBooks
from node.core.picture.knowledge import Knowledge
from node.core.requests import Refused
from node.core.requests.quotas import OfQuotas, QuotaOpen
from node.core.rights import counter
from node.core.rights.moving import Moving, MovingEffect
from node.core.rights.reading import Reading
from node.core.rights.table import sentence

if TYPE_CHECKING:
    from node.core.machine import Agent


class RightsDoor:
    """One agent's."""

    def __init__(self, agent: "Agent", copies: Copies, random: Random) -> None:
        self._agent = agent
        self._knowledge: Knowledge = agent.knowledge
        self.moving = Moving(agent.identity, agent.knowledge, random)
        self._reading = Reading(agent.knowledge)
        self._was_open = False
        escrow = agent.ledger.later.escrow
        escrow.silent = copies.unheard
        escrow.elsewhere = partial(sentence, agent.knowledge)

    @property
    def next_wake(self) -> Instant | None:
        return self.moving.next_wake

    def wake(self, now: Instant) -> list[Effect]:
        return self._carry_out(self.moving.wake(now), now)

    def to_books(self, wanted: ToOurBooks, now: Instant) -> list[Effect]:
        """A command for our books: at once, or when the rights that it lacks have come."""
        sought = self.moving.seek(wanted, now)
        if sought is not None:
            return self._carry_out(sought, now)
        return self._carry_out([wanted], now)

    def answered(self, call: int, body: bytes | None, now: Instant) -> list[Effect]:
        return self._carry_out(self.moving.answered(call, body, now), now)

    def replied(self, number: int, answer: Answer, now: Instant) -> list[Effect]:
        return self._carry_out(self.moving.replied(number, answer, now), now)

    def read(self, author: NodeId | None, now: Instant) -> list[Effect]:
        """The log of `author` says something new; None: look at all of them again."""
        if not self._agent.ledger.has_begun:
            return []  # all of it is read when the books say how they stand
        for node in self._knowledge.mesh.roll.revoked:
            self.moving.gone_since.setdefault(node, now)
        told = self._reading.all() if author is None else self._reading.of(author)
        return self._tell(told, now)

    def ask(self, token: int, request: OfQuotas, now: Instant) -> list[Effect]:
        """A person's word. May raise Refused."""
        if isinstance(request, QuotaOpen):
            return self._open(token, request, now)
        node, commands, done = counter.words(self.moving, request)
        return self._carry_out(self.moving.begin(token, node, commands, done, now), now)

    def _open(self, token: int, request: QuotaOpen, now: Instant) -> list[Effect]:
        reason, ledger = counter.reason_of(request.reason), self._agent.ledger
        if ledger.books.rights_open:
            raise Refused("refused", "rights are spent here already: nothing was written")
        out = self._agent.from_books(ledger.report(RightsWord(reason), now), now)
        out += self.opened(now)
        return [*out, Reply(token, ok=True, body={"open": ledger.books.rights_open})]

    def _tell(self, told: Sequence[RightsTold], now: Instant) -> list[Effect]:
        out: list[Effect] = []
        for one in told:
            out += self._agent.from_books(self._agent.ledger.report(one, now), now)
        if told:
            out += self.opened(now)
            out += self._carry_out(self.moving.arrived(now), now)
        return out

    def opened(self, now: Instant) -> list[Effect]:
        """What was given to us while rights were closed here is taken once they are open."""
        before, self._was_open = self._was_open, self._agent.ledger.books.rights_open
        return self.read(None, now) if self._was_open and not before else []

    def _carry_out(self, effects: Sequence[MovingEffect], now: Instant) -> list[Effect]:
        out: list[Effect] = []
        for effect in effects:
            if isinstance(effect, ToOurBooks):
                told = self._agent.ledger.ask(effect.token, effect.command, now)
                out += self._agent.from_books(told, now)
            else:
                out.append(effect)
        return out
