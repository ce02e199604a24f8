"""Budgets: how much of what we tell goes to each class of news.

Three classes, from the one that others wait for most. **Membership**: who is there and where, who
has left. **Facts**: what everybody says of itself. **Logs**: what was promised, block by block.
What tells of a death is none of them: an accusation is a letter of its own, sent at once, and waits
in no queue.

Each class has a share of the places in the queue and of every round. A share is a promise, not a
cage: what one class leaves free goes to the others, membership first. So a flood of one class costs
the others nothing (memberlist lets a bulky one starve the rest, and drops what does not fit), and
an idle mesh spends its rounds on whatever there is.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple, TypeVar

from mesh.facts import Fact
from mesh.roll.record import TOPIC_NODE

ROUND_BYTES_MAX: Final = 32 * 1024
"""Told to one member in one round, at the most: some thirty datagrams, a fifth of what the smallest
usual socket keeps. A round comes every 20 ms."""
PERCENT: Final = 100


class News(IntEnum):
    """The classes, in the order in which they are told."""

    MEMBERSHIP = 0
    FACTS = 1
    LOGS = 2


SHARES: Final = {News.MEMBERSHIP: 40, News.FACTS: 40, News.LOGS: 20}
"""In percent."""


def news_of(fact: Fact) -> News:
    """Which class a fact belongs to."""
    return News.MEMBERSHIP if fact.topic == TOPIC_NODE else News.FACTS


def places(news: News, slots_max: int) -> int:
    """How many of the places in the queue are this class's."""
    return max(1, slots_max * SHARES[news] // PERCENT)


K = TypeVar("K")


class Waiting(NamedTuple):
    """One thing to tell: its class, and how long its letter is."""

    news: News
    size: int


def chosen(waiting: Iterable[tuple[K, Waiting]], bytes_max: int = ROUND_BYTES_MAX) -> list[K]:
    """What is told in this round: by class, and within a class the oldest (the first) first."""
    queues: dict[News, list[tuple[K, int]]] = {news: [] for news in News}
    for key, (news, size) in waiting:
        queues[news].append((key, size))
    taken, spare = dict.fromkeys(News, 0), bytes_max
    for news in News:
        share = bytes_max * SHARES[news] // PERCENT
        taken[news], spent = _fitting(queues[news], 0, share)
        spare -= spent
    for news in News:
        more, spent = _fitting(queues[news], taken[news], spare)
        taken[news] += more
        spare -= spent
    return [key for news in News for key, _ in queues[news][: taken[news]]]


def _fitting(queue: list[tuple[K, int]], begin: int, bytes_max: int) -> tuple[int, int]:
    """How many from `begin` on fit, and what they take."""
    count = spent = 0
    for _, size in queue[begin:]:
        if spent + size > bytes_max:
            break
        count, spent = count + 1, spent + size
    return count, spent
