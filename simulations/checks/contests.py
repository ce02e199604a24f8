"""rival: what two machines say is theirs is granted by neither, once each has heard the other."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from ledger.entries import Held
from mesh.instant import SECOND, Duration, Instant
from mesh.roll.membership import Liveness
from node.core.picture.topics import TOPIC_INVENTORY, decode_inventory
from simulations.checks.archive import Reading
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host

SOON: Final[Duration] = 2 * SECOND
"""From hearing a rival's word until it has been acted on: one more look at the machine."""


class NothingContested(Check):
    """Which machines have one card, or are one kernel, is taken from the machines themselves; that
    an owner has heard the other's word, from the signed facts on its board."""

    promises = ("rival",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._since: dict[tuple[str, str], Instant] = {}
        """(owner, pool) → since when it knows that somebody who is up says the same."""

    def second(self, world: object) -> None:
        del world
        self._since = {key: self._since.get(key, self.world.now) for key in self._known()}

    def _known(self) -> dict[tuple[str, str], None]:
        """(owner, pool) of whom another, who is up, says the same, and it has heard that.

        An owner whose probes hang has not seen yet what has become of its own machine."""
        return {
            (host.name, pool): None
            for pool, hosts in self._shared()
            for host in hosts
            if host.inventory_told == host.outline()
            and any(_has_heard(host, other, pool) for other in hosts if other is not host)
        }

    def _shared(self) -> Iterator[tuple[str, list[Host]]]:
        """Pool → the machines that are up and really share it."""
        owners: dict[tuple[str, str], list[Host]] = {}
        for host in self.world.up():
            for card in host.cards:
                if card.present:
                    owners.setdefault(("", card.pool), []).append(host)
            if host.kernel:
                for pool in ("ram", *(f"slots:{name}" for name in host.slots)):
                    owners.setdefault((host.kernel, pool), []).append(host)
        for (_, pool), hosts in owners.items():
            if len({host.id: None for host in hosts}) > 1:
                yield pool, hosts

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        if not self._since:
            return
        for reading in readings:
            for entry in reading.entries or ():
                if isinstance(entry, Held):
                    for leg in entry.legs:
                        self._look(host, leg.pool)

    def _look(self, host: Host, pool: str) -> None:
        since = self._since.get((host.name, pool))
        self.looks("rival")
        late = since is not None and self.world.now - since > SOON
        if late and (host.name, pool) in self._known():  # not settled in this very second
            raise self.broken("rival", f"{host.name} granted on {pool}, which another says it owns")


def _has_heard(host: Host, other: Host, pool: str) -> bool:
    """Whether `host` has `other`'s word on its board, and takes it for there."""
    fact = host.alive.mesh.board.fact(other.id, TOPIC_INVENTORY)
    member = host.alive.mesh.roll.member(other.id)
    if fact is None or member is None or host.id == other.id:
        return False
    if member.liveness not in (Liveness.ALIVE, Liveness.SUSPECT):
        return False
    try:
        told = decode_inventory(fact.body)
    except msgspec.MsgspecError:
        return False
    same = pool.startswith("gpu:") or told.boot == host.kernel
    return same and any(one.pool == pool for one in told.pools)
