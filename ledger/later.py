"""What an owner keeps beside its log about those who come later: who waits, and what time it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from ledger.calendar import Calendar
from ledger.line import Line
from mesh.persistence import SPACE_CALENDAR, SPACE_LINE


@dataclass(frozen=True, slots=True)
class Later:
    """It outlives every desk, and is restored at a start."""

    line: Line = field(default_factory=Line)
    calendar: Calendar = field(default_factory=Calendar)

    @classmethod
    def restored(cls, saved: Mapping[str, Mapping[bytes, bytes]]) -> Self:
        """From the journal's spaces."""
        line = Line.restored(saved.get(SPACE_LINE, {}))
        return cls(line, Calendar.restored(saved.get(SPACE_CALENDAR, {})))
