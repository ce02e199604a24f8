"""What askers stand on: where they ask, and what gives them their answers.

Two grounds answer alike (a test holds them together in fair weather): one shared view, where every
asker sees every owner's books as they are, and the whole mesh, where whole agents gossip.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mesh.instant import Instant
from placement.decision import Decision
from simulations.whatif.demand import Job

ENDS, ASKS = 0, 1
"""What happens first of what happens at one instant: room comes back before anyone asks for it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Granted and confirmed. `legs`: (pool, amount)."""

    machine: str
    hold: bytes
    legs: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Not now. `decision`: why; None when nobody said (no answer, or nobody to ask)."""

    decision: Decision | None
    sentence: str


Answered: TypeAlias = Callable[[Placed | NoRoom], None]
"""Hears how an ask ended, now or later."""


class Ground(Protocol):
    """Machines with room, and virtual time."""

    changed: Callable[[], None]
    """Called whenever something may have become possible that was refused before."""

    @property
    def now(self) -> Instant: ...

    def at(self, when: Instant, rank: int, number: int, what: Callable[[], None]) -> None:
        """Let `what` happen at `when`; at one instant by `rank`, then `number`."""

    def ask(self, job: Job, answered: Answered) -> None:
        """Reserve for `job`."""

    def give_back(self, placed: Placed) -> None:
        """The job is done."""
