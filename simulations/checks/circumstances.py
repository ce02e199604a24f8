"""Circumstances: what a machine could have known and done, as seen from outside.

What it has and what its last look at itself could show; since when it has been awake; and, for an
owner in quarantine, which peers were up, within reach and undisturbed for the whole of it. From
these come the only excuses there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ledger.owner.standings import KEEPING, QUARANTINED
from mesh.instant import Duration, Instant
from node.core.effects import Effect
from node.core.reserving.carrying import RENEW_EVERY
from simulations.invented.host import Host

if TYPE_CHECKING:
    from simulations.invented.world import World

LOSS_BEARABLE: Final = 0.25
"""Share of lost datagrams at which two machines still count as within reach of each other."""


@dataclass(slots=True)
class Company:
    """Who was within reach of an owner, each in one life, since its quarantine began."""

    life: int
    since: Instant
    lives: dict[str, int]


@dataclass(slots=True)
class Circumstances:
    """Of every machine of one world."""

    world: World
    companies: dict[str, Company] = field(default_factory=dict)
    _born: dict[str, Instant] = field(default_factory=dict)
    _shown: dict[str, dict[str, int]] = field(default_factory=dict)
    _replaced: dict[str, tuple[Instant, dict[str, int]]] = field(default_factory=dict)
    """Host → when a look last showed something else, and what had been shown before."""
    _awake: dict[str, tuple[Instant, Instant, Duration]] = field(default_factory=dict)
    """Host → (last step, when the last long silence ended, how long that was)."""

    # What it has ---------------------------------------------------------------------------------

    def capacity(self, host: Host) -> dict[str, int]:
        """Pool → the most of it that the owner may honestly believe to have."""
        shown = self._shown.get(host.name) or physical(host)
        at, before = self._replaced.get(host.name, (-1, shown))
        if at != self.world.now:
            return shown
        # One batch may hold a grant, and behind it the look that found less.
        return {pool: max(shown.get(pool, 0), before.get(pool, 0)) for pool in before | shown}

    def is_short(self, host: Host, pool: str, needed: int) -> bool:
        """Whether the machine has less of `pool` than `needed` now."""
        return physical(host).get(pool, 0) < needed

    # How it was ----------------------------------------------------------------------------------

    def born(self, host: Host) -> Instant:
        """When its agent of now, or its last one, began."""
        return self._born.get(host.name, 0)

    def slept(self, host: Host) -> tuple[Instant, Duration]:
        """When the last long silence of its agent ended, and how long it was."""
        _, ended, length = self._awake.get(host.name, (0, 0, 0))
        return ended, length

    def is_open(self, host: Host) -> bool:
        """Whether the owner answers for its books."""
        return host.agent is not None and host.agent.ledger.standing[0] in KEEPING

    # What happens --------------------------------------------------------------------------------

    def started(self, host: Host) -> None:
        self._born[host.name] = self.world.now
        self._awake[host.name] = (self.world.now, self.world.now, 0)

    def ended(self, host: Host) -> None:
        self.companies.pop(host.name, None)

    def stepped(self, host: Host, cause: str, _effects: Sequence[Effect]) -> None:
        now = self.world.now
        last, ended, length = self._awake.get(host.name, (now, now, 0))
        if now - last > RENEW_EVERY:
            ended, length = now, now - last
        self._awake[host.name] = (now, ended, length)
        if cause == "report" and not (host.probes_hang or host.inbox):
            before, seen = self._shown.get(host.name, {}), physical(host)
            if before != seen:
                at, older = self._replaced.get(host.name, (-1, before))
                self._replaced[host.name] = (now, older if at == now else before)
                self._shown[host.name] = seen

    def second(self) -> None:
        for host in self.world.hosts.values():
            shown, there = self._shown.setdefault(host.name, {}), physical(host)
            for pool, amount in there.items():
                shown[pool] = max(shown.get(pool, 0), amount)
            self._follow(host)

    # Company -------------------------------------------------------------------------------------

    def _follow(self, host: Host) -> None:
        if host.agent is None or host.agent.ledger.standing[0] != QUARANTINED:
            return
        company, here = self.companies.get(host.name), self.within_reach(host)
        if company is None or company.life != host.life:
            self.companies[host.name] = Company(host.life, self.world.now, here)
            return
        company.lives = {
            name: life for name, life in company.lives.items() if here.get(name) == life
        }

    def within_reach(self, host: Host) -> dict[str, int]:
        """Who could be asked just now, and in which life: up, awake, and heard both ways."""
        if not _attends(host, self.world.now):
            return {}
        return {
            peer.name: peer.life
            for peer in self.world.hosts.values()
            if peer is not host
            and peer.agent is not None
            and _attends(peer, self.world.now)
            and self._connected(host, peer)
            and self._connected(peer, host)
        }

    def _connected(self, here: Host, there: Host) -> bool:
        network = self.world.network
        weather = network.weather_between(here.name, there.name)
        return (
            not network.is_cut(here.name, there.name)
            and weather.loss <= LOSS_BEARABLE
            and weather.corruption <= LOSS_BEARABLE
            and weather.breakage == 0
            and weather.mtu is None
        )


def physical(host: Host) -> dict[str, int]:
    """Pool → what the machine has of it, in the pool's unit."""
    if host.described is not None:
        pools = host.described.but(host.ram, host.cards).pools
        return {fact.pool: fact.total for fact in pools if fact.total is not None}
    return {
        "ram": host.ram,
        "cpu": host.cores * 1000,
        **{card.pool: card.vram for card in host.cards if card.present},
        **{f"slots:{name}": count for name, count in host.slots.items()},
    }


def _attends(host: Host, now: Instant) -> bool:
    return not host.asleep and host.stalled_until <= now and not host.lag
