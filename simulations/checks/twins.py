"""twin: of two machines with one key that hear each other, neither grants, and both say why.

While they cannot hear each other nobody can know, and nothing is asked of them. From the moment at
which a way between the two is whole and each has heard the other, both must be closed within the
shortest time between two beacons, and neither writes a word more. So no byte is granted by both: a
start that was copied without its marker waits out a quarantine before its first yes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from ledger.owner.standings import CLOSED
from mesh.config import MeshConfig
from mesh.effects import Address
from mesh.instant import SECOND, Duration, Instant
from mesh.letters.datagram import read_header
from mesh.rejections import Rejection
from node.core.selves import META_TWIN
from simulations.checks.archive import Reading
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host
from simulations.invented.world import World

NAMED_WITHIN: Final[Duration] = MeshConfig().beacon_shortest + SECOND // 4
"""A beacon may be the first that each hears of the other; then one exchange settles it."""

Pair = tuple[str, str]


@dataclass(slots=True)
class _Way:
    """What passes between two machines with one key, while neither is started anew."""

    clear_since: Instant
    heard: dict[str, Instant] = field(default_factory=dict)
    """Who heard the other → when, since the way is whole."""

    @property
    def since(self) -> Instant | None:
        """Since when both know enough; None: they do not yet."""
        return max(self.clear_since, *self.heard.values()) if len(self.heard) > 1 else None


class TwinsAreStopped(Check):
    """Whoever hears that another machine shows its key closes its books, and names it."""

    promises = ("twin",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._ways: dict[Pair, _Way] = {}

    def started(self, host: Host) -> None:
        for other in self.evidence.identities.get(host.id, ()):
            if other is not host:
                self._follow(host, other)

    def ended(self, host: Host, how: str) -> None:
        for pair in [pair for pair in self._ways if host.name in pair]:
            del self._ways[pair]

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        if not self._ways:
            return
        header = read_header(datagram)
        other = self.world.host_at(source.host)
        if isinstance(header, Rejection) or other is None or other is host:
            return
        way = self._ways.get(_pair(host, other))
        if way is not None and header.sender == host.id:
            way.heard.setdefault(host.name, self.world.now)

    def second(self, world: World) -> None:
        for machines in self.evidence.identities.values():
            for one, other in combinations(machines, 2):
                self._follow(one, other)

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        """Nothing at all. What was granted before may be answered behind it: it is waited for a
        peer's copy, and the yes is as true as it was."""
        for pair, way in self._ways.items():
            if host.name in pair and self._is_late(way) and self._is_whole(*pair):
                names = " and ".join(pair)
                raise self.broken("twin", f"{names} have one key, know it, and {host.name} writes")

    def _follow(self, one: Host, other: Host) -> None:
        pair = _pair(one, other)
        if not self._is_whole(*pair):
            self._ways.pop(pair, None)
            return
        way = self._ways.setdefault(pair, _Way(self.world.now))
        if self._is_late(way):
            self.looks("twin")
            self.evidence.seen["twins that hear each other"] += 1
            for host, twin in ((one, other), (other, one)):
                self._must_be_shut(host, twin)

    def _must_be_shut(self, host: Host, twin: Host) -> None:
        state, reason, _ = host.alive.ledger.standing
        if state != CLOSED:
            sentence = f"{host.name} is {state}, and hears {twin.name}, which has its key"
            raise self.broken("twin", sentence)
        if "--new-identity" not in reason:
            raise self.broken("twin", f"{host.name} is closed, and does not say why: {reason}")
        kept = host.disk.durable.get("meta", {}).get(META_TWIN)
        if kept is None and not host.committing:
            raise self.broken("twin", f"{host.name} would open at its next start, beside its twin")

    def _is_late(self, way: _Way) -> bool:
        return way.since is not None and self.world.now - way.since > NAMED_WITHIN

    def _is_whole(self, one: str, other: str) -> bool:
        """Whether what either sends reaches the other, soon and as it was."""
        here, there = self.world.hosts[one], self.world.hosts[other]
        if not (here.agent and there.agent and here.clock.honest and there.clock.honest):
            return False
        network = self.world.network
        weathers = (network.weather_between(one, other), network.weather_between(other, one))
        return there.name in self.evidence.circumstances.within_reach(here) and not any(
            weather.loss or weather.corruption or weather.delay_tail for weather in weathers
        )


def _pair(one: Host, other: Host) -> Pair:
    return (one.name, other.name) if one.number < other.number else (other.name, one.name)
