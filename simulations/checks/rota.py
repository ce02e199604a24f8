"""Taking turns: a small world is looked at whole, a large one piece by piece."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Rota:
    """Hands out at most `most` items a time, going round; nobody is left out for ever."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._at = 0

    def turn(self, items: Sequence[T]) -> list[T]:
        """The next ones. All of them when there are few."""
        if len(items) <= self._most:
            return list(items)
        begin = self._at % len(items)
        self._at = begin + self._most
        chosen = list(items[begin : begin + self._most])
        return chosen + list(items[: self._most - len(chosen)])
