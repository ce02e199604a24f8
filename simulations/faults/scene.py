"""The scene: what a fault may touch, and what several faults share.

Two faults may strike one host at once: rain and a cut, a full disk and a kill. What they share is
kept here so that the end of one does not undo the other: which misfortunes the weather of a host is
made of, who has been switched off and comes back when, and which old copies of disks lie about.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from mesh.instant import SECOND, Duration
from mesh.persistence import Write
from simulations.invented.disk import Spaces
from simulations.invented.host import Host
from simulations.invented.network import Weather
from simulations.invented.observing import Observer
from simulations.invented.world import World
from simulations.people.crowd import Crowd

Bend: TypeAlias = Callable[[Weather], Weather]
"""Makes one thing about a weather worse, and leaves the rest as it is."""

TRY_AGAIN: Final[Duration] = 5 * SECOND
"""A supervisor's patience with an agent that does not come up."""


@dataclass
class Scene(Observer):
    """One world and its people, as the faults see them. Observes the world, to strike in time."""

    world: World
    crowd: Crowd
    fair: Weather
    """The weather of links that nothing strikes."""
    backups: dict[str, Spaces] = field(default_factory=dict)
    """Host → the copy of its disk that a careful person made last."""
    gone: set[str] = field(default_factory=set)
    """Who was switched off for good: the others must do without, in the calm too."""
    chosen: set[str] = field(default_factory=set)
    """Of whom somebody has said that it is the one machine with its key."""
    over: bool = False
    """The calm has begun: whatever was still to come does not."""
    _skies: dict[str, dict[str, Bend]] = field(default_factory=dict)
    _at_write: dict[str, tuple[Duration, Callable[[], None]]] = field(default_factory=dict)

    def others(self, host: Host) -> list[str]:
        """Everybody but `host`, by name."""
        return [name for name in self.world.hosts if name != host.name]

    # Moments -------------------------------------------------------------------------------------

    def at_next_write(self, host: Host, moment: Duration, what: Callable[[], None]) -> None:
        """Let `what` happen `moment` after the next transaction of `host` has begun."""
        self._at_write[host.name] = (moment, what)

    def began(self, host: Host, writes: Sequence[Write]) -> None:
        if self._at_write and (found := self._at_write.pop(host.name, None)) is not None:
            moment, what = found
            self.world.at(moment, lambda: None if self.over else what())

    # Weather -------------------------------------------------------------------------------------

    def darken(self, host: Host, kind: str, bend: Bend) -> None:
        """Everything that `host` sends has this weather too, whatever else it has."""
        self._skies.setdefault(host.name, {})[kind] = bend
        self._hang_sky(host)

    def clear(self, host: Host, kind: str) -> None:
        """The inverse of `darken`."""
        self._skies.get(host.name, {}).pop(kind, None)
        self._hang_sky(host)

    def _hang_sky(self, host: Host) -> None:
        sky = self._skies.get(host.name, {})
        weather = self.fair
        for kind in sorted(sky):
            weather = sky[kind](weather)
        for name in self.others(host):
            self.world.network.set_link(host.name, name, weather if sky else None)

    # Switched off, and on again ------------------------------------------------------------------

    def back_after(self, host: Host, delay: Duration) -> None:
        """Somebody switches `host` on after `delay`, unless it is on by then. In the calm too: what
        was on its way down when the calm began comes back like everybody else."""
        self.world.at(delay, self.switch_on, host)

    def switch_on(self, host: Host) -> None:
        """Start it if it is off; a disk that does not let it begin may do so later."""
        if host.name in self.gone or host.agent is not None:
            return
        if not self.world.start(host.name, moved=host.name in self.chosen):
            self.back_after(host, TRY_AGAIN)
