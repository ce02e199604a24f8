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
exists and not by how often it changes. Slots and rounds are shared out by class (`budgets.py`), so
that no flood of one kind of news delays another.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import Final, NamedTuple, TypeAlias

from mesh.config import MeshConfig
from mesh.exchange.budgets import News, Waiting, chosen, news_of, places
from mesh.facts import Fact
from mesh.identity import NodeId
from mesh.instant import Instant
from mesh.letters.messages import BlockNews, FactNews
from mesh.letters.wire import encode
from mesh.logs import Block

DRAWN_MAX: Final = 32
"""Of so many members, at most, a round picks its few: to look at all costs more than to tell."""

FLOOD: Final = 32
"""With so many rumours of one class waiting, each further one is told to one member only: everybody
has much to tell then, and what does not get around is found by the root, in bulk and once."""

Subject: TypeAlias = tuple[str, NodeId, str, int]
"""("fact", author, topic, 0) or ("block", author, era as hex, height)."""


@dataclass(slots=True)
class _Rumour:
    letter: bytes
    news: News
    author: NodeId
    spin: int | None
    """Turns the tree; None when it was told along its branches, or is one of a flood."""
    left: int
    told: dict[NodeId, None] = field(default_factory=dict)

    def tell(self, target: NodeId, letters: "Letters") -> None:
        """Put it among the `letters` to `target`, if it is to be told and `target` not told yet."""
        if self.left > 0 and target not in self.told:
            self.left -= 1
            self.told[target] = None
            to_it = letters.get(target)
            if to_it is None:
                to_it = letters[target] = {news: [] for news in News}
            to_it[self.news].append(self.letter)


Letters: TypeAlias = dict[NodeId, dict[News, list[bytes]]]
"""What each is told in a round, by class."""


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
        self._waiting = dict.fromkeys(News, 0)
        self._next_round: Instant | None = None

    @property
    def next_wake(self) -> Instant | None:
        return self._next_round

    def is_due(self, now: Instant) -> bool:
        """Whether it is time for a round."""
        return self._next_round is not None and now >= self._next_round

    def tell_fact(self, fact: Fact, knows: Sequence[NodeId], now: Instant, scope: str = "") -> bool:
        """Tell others a fact, except those in `knows`; False when it is too big to travel so."""
        letter = encode((FactNews(fact, scope),))
        subject = ("fact", fact.author, fact.topic, 0)
        rumour = self._rumour(letter, news_of(fact), fact.author, fact.stamp, knows)
        return self._spread(subject, rumour, now)

    def tell_block(
        self, block: Block, knows: Sequence[NodeId], now: Instant, *, wants_receipt: bool,
        scope: str = "",
    ) -> bool:  # fmt: skip
        """Tell others a block; False when it is too big to travel so."""
        if block.size > self._payload_max:
            return False  # packing it would only show that
        letter = encode((BlockNews(block, wants_receipt, scope),))
        subject = ("block", block.author, block.era.nonce.hex(), block.height)
        spin = int.from_bytes(block.hash[:8], "big")
        rumour = self._rumour(letter, News.LOGS, block.author, spin, knows)
        told = self._spread(subject, rumour, now)
        if told and wants_receipt:
            self._next_round = now  # somebody waits for a copy: no time to gather company
        return told

    def _rumour(
        self, letter: bytes, news: News, author: NodeId, spin: int, knows: Sequence[NodeId]
    ) -> _Rumour:
        flood = self._waiting[news] >= FLOOD
        times = 1 if flood else self._config.gossip_transmissions
        told = dict.fromkeys(knows)
        return _Rumour(letter, news, author, None if flood else spin, times, told)

    def _spread(self, subject: Subject, rumour: _Rumour, now: Instant) -> bool:
        full = self._waiting[rumour.news] >= places(rumour.news, self._config.gossip_slots_max)
        if len(rumour.letter) > self._payload_max or (full and subject not in self._rumours):
            return False  # left to reconciliation
        if subject not in self._rumours:
            self._waiting[rumour.news] += 1
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
        letters: Letters = {}
        rumours = self._of_this_round() if members else []
        if members:
            self._along_branches(rumours, members, letters)
        for target in self._targets(rumours, members):
            for rumour in rumours:
                rumour.tell(target, letters)
        tellings = [
            Telling(target, payload)
            for target, told in letters.items()
            for payload in _packed([*chain.from_iterable(told.values())], self._payload_max)
        ]
        self._drop_told(members)
        again = now + self._config.gossip_delay
        self._next_round = again if self._rumours and members else None
        return tellings

    def _of_this_round(self) -> list[_Rumour]:
        return chosen(
            (rumour, Waiting(rumour.news, len(rumour.letter))) for rumour in self._rumours.values()
        )

    def _along_branches(
        self, rumours: Sequence[_Rumour], members: Sequence[NodeId], letters: Letters
    ) -> None:
        fresh = [rumour for rumour in rumours if rumour.spin is not None]
        ring = sorted((*members, self._own)) if fresh else []
        for rumour in fresh:
            assert rumour.spin is not None, "it is fresh"
            for branch in branches(ring, self._own, rumour.author, rumour.spin, self._fanout):
                rumour.tell(branch, letters)
            rumour.spin = None

    def _targets(self, rumours: Sequence[_Rumour], members: Sequence[NodeId]) -> list[NodeId]:
        drawn = sorted(members)
        if len(drawn) > DRAWN_MAX:
            # A rumour is told to fewer than these, so somebody among them has not heard it.
            drawn = self._random.sample(drawn, DRAWN_MAX)
        curious = [
            member for member in drawn if any(member not in rumour.told for rumour in rumours)
        ]
        return self._random.sample(curious, min(self._config.gossip_fanout, len(curious)))

    def _drop_told(self, members: Sequence[NodeId]) -> None:
        if not members:
            # Said to nobody, it waits for somebody; not all that a hermit ever said.
            for subject in list(self._rumours)[:-FLOOD]:
                self._drop(subject)
            return
        for subject, rumour in list(self._rumours.items()):
            all_told = len(rumour.told) >= len(members) and all(m in rumour.told for m in members)
            if rumour.left <= 0 or all_told:
                self._drop(subject)

    def _drop(self, subject: Subject) -> None:
        self._waiting[self._rumours.pop(subject).news] -= 1


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
