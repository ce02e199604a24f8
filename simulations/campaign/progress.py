"""How far a campaign has come: one line that is written over, on a terminal and nowhere else."""

import sys
import time
from typing import TextIO

from simulations.campaign.tally import Tally

MINUTE = 60


class Progress:
    """Seeds, operations, seeds a second, and what is left."""

    def __init__(
        self, *, seeds: int | None = None, operations: int | None = None,
        seconds: float | None = None, before: Tally | None = None, to: TextIO | None = None,
    ) -> None:  # fmt: skip
        """What is aimed at, if anything; `before`: what was there already and took no time now."""
        self._seeds, self._operations, self._seconds = seeds, operations, seconds
        self._seeds_before = before.seeds if before else 0
        self._answered_before = before.answered if before else 0
        self._to = sys.stderr if to is None else to
        self._shown = self._to.isatty()
        self._began = time.perf_counter()
        self._width = 0

    def show(self, tally: Tally) -> None:
        """`tally`: all that has been done, with what was there before."""
        if self._shown:
            line = self.line(tally, time.perf_counter() - self._began)
            self._to.write("\r" + line.ljust(self._width))
            self._to.flush()
            self._width = len(line)

    def end(self) -> None:
        """Leave the line, if there is one, and go on below it."""
        if self._width:
            self._to.write("\n")
            self._width = 0

    def line(self, tally: Tally, took: float) -> str:
        """`1200 seeds, 240000 operations, 12.0 seeds/s, 7 min left`."""
        done = tally.seeds - self._seeds_before
        rate = done / took if took > 0 else 0.0
        said = f"{tally.seeds} seeds, {tally.answered} operations, {rate:.1f} seeds/s"
        left = self._left(tally, took)
        return said if left is None else f"{said}, {span(left)} left"

    def _left(self, tally: Tally, took: float) -> float | None:
        """Seconds, by what still lacks most; None: nothing is aimed at, or nothing done yet."""
        lacking = []
        if self._seconds is not None:
            lacking.append(max(0.0, self._seconds - took))
        for aim, now, before in (
            (self._seeds, tally.seeds, self._seeds_before),
            (self._operations, tally.answered, self._answered_before),
        ):
            if aim is not None and now > before:
                lacking.append(max(0.0, (aim - now) * took / (now - before)))
        return max(lacking, default=None)


def span(seconds: float) -> str:
    """`40 s`, `7 min`, `1 h 05 min`."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / MINUTE)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
