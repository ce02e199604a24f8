"""What an owner keeps beside its log: who waits, what time it is, what it hears of others."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from ledger.calendar import Calendar
from ledger.desk.escrow import Escrow
from ledger.entries import Entry
from ledger.waiting.line import Line
from mesh.persistence import SPACE_CALENDAR, SPACE_LINE

if TYPE_CHECKING:
    from ledger.desk import Desk

Onlooker = Callable[["Desk", Entry], None]
"""Sees what is about to be written while all is still as it was when that was decided."""


@dataclass(frozen=True, slots=True)
class Later:
    """It outlives every desk, and is restored at a start."""

    line: Line = field(default_factory=Line)
    calendar: Calendar = field(default_factory=Calendar)
    onlookers: list[Onlooker] = field(default_factory=list)
    """Nobody but a judge, who must see what a decision was taken on: no log tells it later. They
    look and touch nothing; in production there are none."""
    escrow: Escrow = field(default_factory=Escrow)
    contested: set[str] = field(default_factory=set)
    """Pools of which another owner says that they are its own."""

    def contest(self, pools: Iterable[str]) -> None:
        """It is exactly these that another owner says are its own."""
        self.contested.clear()
        self.contested.update(pools)

    @classmethod
    def restored(cls, saved: Mapping[str, Mapping[bytes, bytes]]) -> Self:
        """From the journal's spaces."""
        line = Line.restored(saved.get(SPACE_LINE, {}))
        return cls(line, Calendar.restored(saved.get(SPACE_CALENDAR, {})))
