"""Rumours: news that fits a datagram, told a few times to a few members, and then let go.

Event-driven: nothing ticks while there is no news. News waits a moment for company, then each round
tells a random few of those who may not have it, several rumours to a datagram. After a fixed number
of transmissions the rumour is dropped; whoever missed it notices by the state root and asks.

To tell the random few is slow to find the last: of four times everybody, one in fifty hears nothing
(s = e^(−4(1−s))) and waits for a root to differ. So a rumour is first told along a **tree**, the
same in every view of the same members: its author is the root, everyone has three branches, and
which three changes with each rumour, so that a branch that is broken cuts off others next time.
What is left of its transmissions goes to the random few, for what the tree has lost.

One slot per subject: a newer fact takes the place of the older one, so the queue is bounded by what
exists and not by how often it changes.
"""

from bisect import bisect_left
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
    author: NodeId
    spin: int | None
    """Turns the tree; None when it was told along its branches, or is one of a flood."""
    left: int
    told: dict[NodeId, None] = field(default_factory=dict)

    def tell(self, target: NodeId, letters: dict[NodeId, list[bytes]]) -> None:
        """Put it among the `letters` to `target`, if it is to be told and `target` not told yet."""
        if self.left > 0 and target not in self.told:
            self.left -= 1
            self.told[target] = None
            letters.setdefault(target, []).append(self.letter)


class Telling(NamedTuple):
    """One payload, ready to be sealed for `to`."""

    to: NodeId
    payload: bytes


class Gossip:
    """The rumours we are still telling, oldest first."""

    def __init__(
        self, own: NodeId, config: MeshConfig, random: Random, payload_bytes_max: int
    ) -> None:
        self._own = own
        self._fanout = config.gossip_fanout
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
        subject = ("fact", fact.author, fact.topic, 0)
        return self._spread(subject, letter, fact.stamp, knows, now)

    def tell_block(
        self, block: Block, knows: Sequence[NodeId], now: Instant, *, wants_receipt: bool
    ) -> bool:
        """Tell others a block; False when it is too big to travel so."""
        letter = encode((BlockNews(block, wants_receipt),))
        subject = ("block", block.author, block.era.nonce.hex(), block.height)
        spin = int.from_bytes(block.hash[:8], "big")
        told = self._spread(subject, letter, spin, knows, now)
        if told and wants_receipt:
            self._next_round = now  # somebody waits for a copy: no time to gather company
        return told

    def _spread(
        self, subject: Subject, letter: bytes, spin: int, knows: Sequence[NodeId], now: Instant
    ) -> bool:
        full = len(self._rumours) >= self._config.gossip_slots_max
        if len(letter) > self._payload_max or (full and subject not in self._rumours):
            return False  # left to reconciliation
        flood = len(self._rumours) >= FLOOD
        times = 1 if flood else self._config.gossip_transmissions
        author = subject[1]
        told = dict.fromkeys(knows)
        rumour = _Rumour(letter, author, None if flood else spin, times, told)
        self._rumours[subject] = rumour
        if self._next_round is None:
            self._next_round = now + self._config.gossip_delay
        return True

    def met(self, now: Instant) -> None:
        """There is somebody to tell: what was said to nobody has waited for that."""
        if self._rumours and self._next_round is None:
            self._next_round = now + self._config.gossip_delay

    def wake(self, now: Instant, members: Sequence[NodeId]) -> list[Telling]:
        """One round, if it is time."""
        if not self.is_due(now):
            return []
        letters: dict[NodeId, list[bytes]] = {}
        if members:
            self._along_branches(members, letters)
        for target in self._targets(members):
            for rumour in self._rumours.values():
                rumour.tell(target, letters)
        tellings = [
            Telling(target, payload)
            for target, told in letters.items()
            for payload in _packed(told, self._payload_max)
        ]
        self._drop_told(members)
        again = now + self._config.gossip_delay
        self._next_round = again if self._rumours and members else None
        return tellings

    def _along_branches(
        self, members: Sequence[NodeId], letters: dict[NodeId, list[bytes]]
    ) -> None:
        fresh = [rumour for rumour in self._rumours.values() if rumour.spin is not None]
        ring = sorted((*members, self._own)) if fresh else []
        for rumour in fresh:
            assert rumour.spin is not None, "it is fresh"
            for branch in branches(ring, self._own, rumour.author, rumour.spin, self._fanout):
                rumour.tell(branch, letters)
            rumour.spin = None

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

    def _drop_told(self, members: Sequence[NodeId]) -> None:
        if not members:
            # Said to nobody, it waits for somebody; not all that a hermit ever said.
            for subject in list(self._rumours)[:-FLOOD]:
                del self._rumours[subject]
            return
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


def branches(
    ring: Sequence[NodeId], own: NodeId, author: NodeId, spin: int, fanout: int
) -> list[NodeId]:
    """Whom `own` tells in the tree over `ring`, whose root is `author`. `ring` is sorted.

    Everyone has a rank: the author 0, the others 1 and on in the order of their ids, turned by
    `spin`. The branches of rank r are `fanout` × r + 1 and the next ones.
    """
    size, first = len(ring), bisect_left(ring, author)
    here = bisect_left(ring, own)
    if size < 2 or ring[min(first, size - 1)] != author:
        return []  # we do not know the author: told at random
    turned = (here - first) % size
    rank = turned and 1 + (turned - 1 + spin) % (size - 1)
    ranks = range(fanout * rank + 1, min(fanout * rank + fanout + 1, size))
    return [ring[(first + 1 + (one - 1 - spin) % (size - 1)) % size] for one in ranks]
