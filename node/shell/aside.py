"""Work that blocks (a sync, a look at hardware), done where it holds nobody up."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")


class Aside(Protocol):
    """Does `work` aside and returns what it returned, or raises what it raised."""

    async def __call__(self, work: Callable[[], T], *, abandon: bool = False) -> T:
        """`abandon`: a caller that is cancelled does not wait; the result is then lost."""


async def in_a_thread(work: Callable[[], T], *, abandon: bool = False) -> T:
    """In a worker thread of trio's."""
    return await trio.to_thread.run_sync(work, abandon_on_cancel=abandon)
