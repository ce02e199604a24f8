"""Making a list of causes smaller while the effect stays: ddmin, after Zeller and Hildebrandt,
"Simplifying and Isolating Failure-Inducing Input", 2002, figure 5.

Try a part alone, then everything but a part, with ever finer parts. The result is 1-minimal: no one
item can be taken away any more; that no *pair* could is not promised.
"""

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def trimmed(
    items: Sequence[Item], still_fails: Callable[[tuple[Item, ...]], bool]
) -> tuple[Item, ...]:
    """A 1-minimal part of `items` with which `still_fails`; all of them are known to."""
    kept = tuple(items)
    tried: dict[tuple[Item, ...], bool] = {}

    def fails(part: tuple[Item, ...]) -> bool:
        """As `still_fails`. Parts come up again as the pieces get finer; a run is dear."""
        if part not in tried:
            tried[part] = still_fails(part)
        return tried[part]

    if kept and fails(()):
        return ()
    parts = 2
    while len(kept) >= 2:
        chunks = _chunks(kept, parts)
        if (alone := next((c for c in chunks if fails(c)), None)) is not None:
            kept, parts = alone, 2
            continue
        rests = (_without(chunks, number) for number in range(len(chunks)))
        # With two parts, one's rest is the other, which has just been tried.
        rest = next((r for r in rests if parts > 2 and fails(r)), None)
        if rest is not None:
            kept, parts = rest, max(parts - 1, 2)
        elif parts < len(kept):
            parts = min(2 * parts, len(kept))
        else:
            break
    return kept


def _chunks(items: tuple[Item, ...], parts: int) -> list[tuple[Item, ...]]:
    """`items` in `parts` pieces of nearly one size, none empty."""
    edges = [len(items) * number // parts for number in range(parts + 1)]
    return [items[a:b] for a, b in pairwise(edges)]


def _without(chunks: list[tuple[Item, ...]], number: int) -> tuple[Item, ...]:
    return tuple(item for at, chunk in enumerate(chunks) if at != number for item in chunk)
