"""Rumours: news that fits a datagram, told a few times to a few members, and then let go.

Event-driven: nothing ticks while there is no news. News waits a moment for company, then each round
tells a random few of those who may not have it, several rumours to a datagram. After a fixed number
of transmissions the rumour is dropped; whoever missed it notices by the state root and asks.
One slot per subject: a newer fact takes the place of the older one, so the queue is bounded by what
exists and not by how often it changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple, TypeAlias

from mesh.config import MeshConfig
from mesh.facts import Fact
from mesh.identity import NodeId
from mesh.instant import Instant
from mesh.logs import Block
from mesh.messages import BlockNews, FactNews
from mesh.wire import encode

DRAWN_MAX: Final = 32
"""Of so many members, at most, a round picks its few: to look at all costs more than to tell."""

FLOOD: Final = 32
"""With so many rumours waiting, each further one is told to one member only: everybody has much to
tell then, and what does not get around is found by the root, in bulk and once."""

Subject: TypeAlias = tuple[str, NodeId, str, int]
"""("fact", author, topic, 0) or ("block", author, era as hex, height)."""


@dataclass(slots=True)
class _Rumour:
    letter: bytes
    left: int
    told: dict[NodeId, None] = field(default_factory=dict)


class Telling(NamedTuple):
    """One payload, ready to be sealed for `to`."""

    to: NodeId
    payload: bytes


class Gossip:
    """The rumours we are still telling, oldest first."""

    def __init__(self, config: MeshConfig, random: Random, payload_bytes_max: int) -> None:
        self._config = config
        self._random = random
        self._payload_max = payload_bytes_max
        self._rumours: dict[Subject, _Rumour] = {}
        self._next_round: Instant | None = None

    @property
    def next_wake(self) -> Instant | None:
        return self._next_round

    def is_due(self, now: Instant) -> bool:
        """Whether it is time for a round."""
        return self._next_round is not None and now >= self._next_round

    def tell_fact(self, fact: Fact, knows: Sequence[NodeId], now: Instant) -> bool:
        """Tell others a fact, except those in `knows`; False when it is too big to travel so."""
        letter = encode((FactNews(fact),))
        return self._spread(("fact", fact.author, fact.topic, 0), letter, knows, now)

    def tell_block(
        self, block: Block, knows: Sequence[NodeId], now: Instant, *, wants_receipt: bool
    ) -> bool:
        """Tell others a block; False when it is too big to travel so."""
        letter = encode((BlockNews(block, wants_receipt),))
        subject = ("block", block.author, block.era.nonce.hex(), block.height)
        told = self._spread(subject, letter, knows, now)
        if told and wants_receipt:
            self._next_round = now  # somebody waits for a copy: no time to gather company
        return told

    def _spread(
        self, subject: Subject, letter: bytes, knows: Sequence[NodeId], now: Instant
    ) -> bool:
        full = len(self._rumours) >= self._config.gossip_slots_max
        if len(letter) > self._payload_max or (full and subject not in self._rumours):
            return False  # left to reconciliation
        flood = len(self._rumours) >= FLOOD
        times = 1 if flood else self._config.gossip_transmissions
        rumour = _Rumour(letter, times, dict.fromkeys(knows))
        self._rumours[subject] = rumour
        if self._next_round is None:
            self._next_round = now + self._config.gossip_delay
        return True

    def wake(self, now: Instant, members: Sequence[NodeId]) -> list[Telling]:
        """One round, if it is time."""
        if not self.is_due(now):
            return []
        targets = self._targets(members)
        tellings = [telling for target in targets for telling in self._tell(target)]
        self._drop_told(members)
        again = now + self._config.gossip_delay
        self._next_round = again if self._rumours and members else None
        return tellings

    def _targets(self, members: Sequence[NodeId]) -> list[NodeId]:
        drawn = sorted(members)
        if len(drawn) > DRAWN_MAX:
            # A rumour is told to fewer than these, so somebody among them has not heard it.
            drawn = self._random.sample(drawn, DRAWN_MAX)
        curious = [
            member
            for member in drawn
            if any(member not in rumour.told for rumour in self._rumours.values())
        ]
        return self._random.sample(curious, min(self._config.gossip_fanout, len(curious)))

    def _tell(self, target: NodeId) -> list[Telling]:
        letters: list[bytes] = []
        for rumour in self._rumours.values():
            if rumour.left > 0 and target not in rumour.told:
                rumour.left -= 1
                rumour.told[target] = None
                letters.append(rumour.letter)
        return [Telling(target, payload) for payload in _packed(letters, self._payload_max)]

    def _drop_told(self, members: Sequence[NodeId]) -> None:
        for subject, rumour in list(self._rumours.items()):
            all_told = len(rumour.told) >= len(members) and all(m in rumour.told for m in members)
            if rumour.left <= 0 or all_told:
                del self._rumours[subject]


def _packed(letters: Sequence[bytes], payload_bytes_max: int) -> list[bytes]:
    """The letters laid end to end, in as few payloads as their order allows."""
    payloads: list[bytes] = []
    for letter in letters:
        if payloads and len(payloads[-1]) + len(letter) <= payload_bytes_max:
            payloads[-1] += letter
        else:
            payloads.append(letter)
    return payloads
