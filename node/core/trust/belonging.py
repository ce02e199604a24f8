"""Belonging: who is one of us. Whoever says something of that is heard here, in one place.

Three words about a node, of three sorts: **revoked** is for good and for everybody (`revoking`);
**forgotten** is for everybody until it comes back by itself (`forgetting`); **trusted** is this
node's own affair (`trusting`).
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from mesh.effects import KeptOut, PeerChange, RollFull
from mesh.facts import Fact
from mesh.identity import NodeId
from mesh.instant import Instant
from mesh.persistence import SPACE_FORGOTTEN, SPACE_META, SPACE_REVOKED
from node.core.effects import Reply
from node.core.picture.knowledge import Knowledge
from node.core.picture.topics import TOPIC_FORGOTTEN, TOPIC_REVOKED
from node.core.requests import Forget, Forgotten, Revoke, Trust
from node.core.trust.forgetting import Forgetting, ForgettingEffect
from node.core.trust.outcasts import Outcasts
from node.core.trust.revoking import Revoking, RevokingEffect
from node.core.trust.trusting import Trusting

BelongingEffect: TypeAlias = ForgettingEffect | RevokingEffect
Word: TypeAlias = Revoke | Forget | Forgotten | Trust
"""What a surface may ask here."""
COUNTS_NOW: Final = (PeerChange.VERIFIED, PeerChange.TRUSTED)
"""From here on a node's words about others may count, those too that came before."""


class Belonging:
    """Who is one of us, as far as this node knows."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self.revoking = Revoking(knowledge)
        self.forgetting = Forgetting(knowledge, self.revoking.kept)
        self._trusting = Trusting(knowledge)
        self._outcasts = Outcasts(knowledge, self.revoking.kept)

    def restore(
        self, saved: Mapping[str, Mapping[bytes, bytes]], now: Instant
    ) -> list[BelongingEffect]:
        """Take up what an earlier start was told."""
        return [
            *self.revoking.restore(saved.get(SPACE_REVOKED, {})),
            *self.revoking.ourselves.restore(saved.get(SPACE_META, {})),
            *self.forgetting.restore(saved.get(SPACE_FORGOTTEN, {}), now),
        ]

    def learned(self, fact: Fact, now: Instant) -> list[BelongingEffect]:
        """Somebody has said something."""
        return [*self.revoking.learned(fact, now), *self.forgetting.learned(fact, now)]

    def changed(self, node: NodeId, change: PeerChange, now: Instant) -> list[BelongingEffect]:
        """The roll says something else of `node` than before."""
        effects: list[BelongingEffect] = [*self.forgetting.settle(node, now)]
        if change in COUNTS_NOW:
            if (said := self._knowledge.fact(node, TOPIC_REVOKED)) is not None:
                effects += self.revoking.heard(node, said.body, now)
            if (said := self._knowledge.fact(node, TOPIC_FORGOTTEN)) is not None:
                effects += self.forgetting.heard(node, said.body, now)
        return effects

    def watch(self, now: Instant) -> list[BelongingEffect]:
        """Whether one of those who are kept out still speaks."""
        return [*self._outcasts.look(now), *self.revoking.ourselves.look(now)]

    def heard(self, sign: RollFull | KeptOut, now: Instant) -> list[BelongingEffect]:
        """Somebody has proven itself and found no place on the roll; or we have no place."""
        if isinstance(sign, RollFull):
            return [*self.forgetting.make_place(sign.newcomer, now)]
        return [*self.revoking.told(sign.author, sign.word, now)]

    def ask(self, token: int, word: Word, now: Instant) -> list[BelongingEffect]:
        """A person here says who belongs, or asks. May raise Refused."""
        match word:
            case Revoke():
                return [*self.revoking.ask(token, word)]
            case Forget():
                return [*self.forgetting.ask(token, word, now)]
            case Trust():
                return [*self._trusting.ask(token, word)]
            case Forgotten():
                body = {"forgotten": self.forgetting.table()}
                return [Reply(token, ok=True, body=body)]
