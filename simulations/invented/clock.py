"""An invented clock: what `node/shell/clock.py` reads, on a machine of our making.

The agent reads one clock, CLOCK_BOOTTIME: it starts with the boot, runs during sleep, and never
steps back. So what a core may legally see is a rate a little off (within ρ, `ledger/limits.py`),
hours that went by in one step (sleep), and a small value after a reboot. All that is honest.

Two more kinds of misfortune are possible here and are not honest, because no rule of ours can make
up for them: a rate beyond ρ, and a clock that leaps on its own (a virtual machine that was stopped
and put right by its host). A leap back shows as standing still, since the kernel never lets this
clock step back. `honest` is False from then on, and promises about time are not held against
whoever has such a clock. Wall clocks do not appear: nothing in the product reads one.
"""

from typing import Final

from ledger.limits import RATE_MARGIN_PERCENT
from mesh.instant import Duration, Instant

MILLION: Final = 1_000_000
DRIFT_PPM_MAX: Final = RATE_MARGIN_PERCENT * 10_000
"""ρ in parts per million: as far as an honest rate may stray."""


class Clock:
    """One machine's clock. `read` and `until` take the world's time, in ns."""

    __slots__ = ("_ahead", "_floor", "_ppm", "_since", "honest", "offset")

    def __init__(self, offset: Duration, ppm: int = 0) -> None:
        """`offset`: what it shows when the world begins. `ppm`: how much too fast it runs."""
        self.offset = offset
        self.honest = True
        self._ppm = 0
        self._since: Instant = 0
        self._ahead: Duration = 0
        self._floor: Instant = 0
        self.set_rate(0, ppm)

    @property
    def ppm(self) -> int:
        """How much too fast it runs, in parts per million."""
        return self._ppm

    def set_rate(self, now: Instant, ppm: int) -> None:
        """From `now` on it runs `ppm` too fast, or too slow when negative."""
        if ppm <= -MILLION:
            raise ValueError(f"{ppm} ppm: a clock that stands or runs backwards is no clock")
        self._ahead = self._drifted(now)
        self._since = now
        self._ppm = ppm
        if abs(ppm) > DRIFT_PPM_MAX:
            self.honest = False

    def jump(self, now: Instant, delta: Duration) -> None:
        """It leaps by `delta`; back: it stands until it has made up for it."""
        self._floor = self.read(now)
        self._ahead += delta
        self.honest = False

    def boot(self, now: Instant) -> None:
        """The machine starts anew: it shows 0, and whatever was wrong with its value is over."""
        self._ahead = 0
        self._since = now
        self._floor = 0
        self.offset = -now

    def read(self, now: Instant) -> Instant:
        """What it shows."""
        shown = now + self.offset
        if self._ppm or self._ahead:
            shown += self._drifted(now)
        return max(shown, self._floor)

    def until(self, local: Instant, now: Instant) -> Duration:
        """How long the world must wait until it shows `local`; 0 when it does already."""
        if local <= self.read(now):
            return 0
        left = local - now - self.offset - self._drifted(now)
        return -(-left * MILLION // (MILLION + self._ppm))

    def _drifted(self, now: Instant) -> Duration:
        return self._ahead + (now - self._since) * self._ppm // MILLION
