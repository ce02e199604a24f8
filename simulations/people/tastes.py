"""Tastes: how much people ask for, of what, where, and for how long. All drawn from their dice.

Most want little and for a short while, as people do, so that most of what is asked for fits and is
given back; some want nearly everything; a few want what cannot be, at the edges where counting goes
wrong: nothing at all, one byte, the very last byte, more than there is, a node that nobody knows.
"""

from dataclasses import dataclass
from random import Random
from typing import Any, Final

from mesh.instant import SECOND, Duration, seconds

GIB: Final = 1 << 30
MIB: Final = 1 << 20
SMALL: Final = (1 * MIB, 400 * MIB)
LARGE: Final = (2 * GIB, 7 * GIB)
TERMS: Final = (60, 120, 3600, 3600)
"""Seconds a booking is asked for. Most outlast their run; some run out in it."""
STAY_MEAN: Final[Duration] = 6 * SECOND
"""How long work stays before its room is given back, on average."""


@dataclass(frozen=True, slots=True)
class Tastes:
    """What one person wants. `names`: the hosts there are."""

    dice: Random
    names: tuple[str, ...]
    cards: bool

    def document(self) -> dict[str, Any]:
        """What to reserve, as a request document."""
        ask: dict[str, Any] = {"ram": f"{self.amount()} B"}
        draw = self.dice.random()
        if self.cards and draw < 0.15:
            ask = {"gpus": [f"nvidia:{self.dice.randrange(1, 5)}GiB"]}
        elif draw < 0.35:
            ask["cpu"] = f"{self.dice.randrange(1, 3)} cores"
        if self.dice.random() < 0.3:
            ask["node"] = self.dice.choice(self.names)
        elif self.dice.random() < 0.01:
            ask["node"] = "nobody"
        return ask

    def amount(self) -> int:
        """Bytes of main memory."""
        draw = self.dice.random()
        if draw < 0.9:
            return self.dice.randrange(*SMALL)
        if draw < 0.97:
            return self.dice.randrange(*LARGE)
        return self.dice.choice((0, 1, 8 * GIB, 8 * GIB + 1, 2**62))

    def term_ms(self) -> int:
        return self.dice.choice(TERMS) * 1000

    def stay(self) -> Duration:
        """Until it is given back. Never nothing."""
        return 1 + round(self.dice.expovariate(1 / STAY_MEAN))

    def forgets(self) -> bool:
        """Some never give back what they took: it runs out, or stays to the end."""
        return self.dice.random() < 0.08

    def hesitation(self) -> Duration:
        """Between a hold and what becomes of it: mostly at once, sometimes past its time."""
        return seconds(self.dice.choice((0.01, 0.1, 0.5, 2, 8, 25, 29, 31)))
