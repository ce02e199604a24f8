"""Dangers: promises that the machine as it is just now could not keep.

A promise takes room in two places, the books and the machine, and only the books are ours. Work may
use more than was set aside for it (overshoot), and use that nobody reserved may grow into what is
promised and not used yet (squeeze). Either shows in figures that every peer has: the owner's
published sample and its log. So the owner and the holder work it out with one function, each for
itself, and nobody has to send anybody an alarm that could be lost.

Only memory is judged. Whose work fills a disk, or keeps cores busy, no probe can tell.

Figures tremble, so a danger is raised when it passes a margin and is over only when it is gone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from ledger.books import Books
from mesh.identity import NodeId
from node.core.phrases import amount_of
from node.core.picture.topics import ForeignFact, Live

MARGIN_BYTES: Final = 64 * 1024 * 1024
MARGIN_FRACTION: Final = 50
"""A fiftieth (2 %) of what is promised, if that is more: what one look differs from the next."""
RAISED_MAX: Final = 1024
"""Dangers that are told when they begin and end. Beyond them `holds` still shows all."""
NAME_CHARS: Final = 32
"""Of a user or a command: a peer may publish longer ones than any system has."""
NAMED_MAX: Final = 3
"""Users of memory that one sentence names."""


class Sort(Enum):
    """What endangers a hold."""

    OVERSHOOT = "overshoot"
    """Its own work uses more than was set aside."""
    SQUEEZED = "squeezed"
    """What others use has grown into what it was promised and does not use yet."""


class Danger(NamedTuple):
    """One hold, on one pool."""

    hold: bytes
    pool: str
    sort: Sort
    amount: int
    """By how much, in the pool's unit."""
    margin: int
    sentence: str

    @property
    def passes(self) -> bool:
        """Whether it is more than two looks may differ by."""
        return self.amount > self.margin

    @property
    def body(self) -> dict[str, Any]:
        """As a surface tells it."""
        return {
            "sort": self.sort.value, "pool": self.pool, "amount": self.amount,
            "sentence": self.sentence,
        }  # fmt: skip


def is_attributed(pool: str) -> bool:
    """Whether use of this pool is measured hold by hold."""
    return pool == "ram" or pool.startswith("gpu:")


def dangers(books: Books, live: Live) -> Iterator[Danger]:
    """Every danger to a hold in `books`, on the machine that `live` shows."""
    for pool in sorted(live.pools):
        holds = books.holds_on(pool)
        if holds and is_attributed(pool):
            yield from _on_pool(pool, holds, live)


def _on_pool(pool: str, holds: Mapping[bytes, int], live: Live) -> Iterator[Danger]:
    seen = live.pools[pool]
    used = {hold: seen.used.get(hold.hex(), 0) for hold in sorted(holds)}
    over = {hold: used[hold] - holds[hold] for hold in used if used[hold] > holds[hold]}
    for hold, more in over.items():
        margin = max(MARGIN_BYTES, holds[hold] // MARGIN_FRACTION)
        sentence = f"its work uses {amount_of(more, pool)} more of {pool} than it holds"
        yield Danger(hold, pool, Sort.OVERSHOOT, more, margin, sentence)
    rest = {hold: holds[hold] - used[hold] for hold in used if used[hold] < holds[hold]}
    unused = sum(rest.values())
    if seen.free is None or unused <= seen.free:
        return
    short, margin = unused - seen.free, max(MARGIN_BYTES, unused // MARGIN_FRACTION)
    sentence = (
        f"{pool} has {amount_of(seen.free, pool)} free, and {amount_of(unused, pool)} of what is "
        f"promised there is not used yet: {_by_whom(pool, over, live.foreign)}"
    )
    for hold in rest:
        yield Danger(hold, pool, Sort.SQUEEZED, short, margin, sentence)


def _by_whom(pool: str, over: Mapping[bytes, int], foreign: Iterable[ForeignFact]) -> str:
    """Who takes the room, as far as anybody could tell."""
    holds = [f"hold {hold.hex()[:10]} (+{amount_of(more, pool)})" for hold, more in over.items()]
    users = [
        f"{one.command[:NAME_CHARS]} of {one.user[:NAME_CHARS]}, process {one.pid} "
        f"({amount_of(size, pool)})"
        for one in foreign
        if (size := one.ram if pool == "ram" else one.vram) >= MARGIN_BYTES
    ]
    named = [*holds, *users][:NAMED_MAX]
    if not named:
        return "others use it, or work that runs for a hold is not tied to it (`holdfast adopt`)"
    return "used by " + ", ".join(named)


class Told(NamedTuple):
    """A danger that began, or one that is over."""

    danger: Danger
    begins: bool


@dataclass(slots=True)
class Dangers:
    """Which dangers were told, by owner."""

    _raised: dict[tuple[NodeId, bytes, str, Sort], Danger] = field(default_factory=dict)

    def look(self, owner: NodeId, present: Iterable[Danger]) -> list[Told]:
        """What has changed at `owner`: `present` is all that concerns us there."""
        here = {(owner, one.hold, one.pool, one.sort): one for one in present}
        over = [key for key in sorted(self._raised, key=_order) if key[0] == owner]
        told = [Told(self._raised.pop(key), begins=False) for key in over if key not in here]
        for key, danger in here.items():
            if key not in self._raised and danger.passes and len(self._raised) < RAISED_MAX:
                self._raised[key] = danger
                told.append(Told(danger, begins=True))
        return told


def _order(key: tuple[NodeId, bytes, str, Sort]) -> tuple[bytes, bytes, str, str]:
    return key[0], key[1], key[2], key[3].value
