"""told: who was told that it is kept out grants nothing more, from that very step and for good.

Whether a word reached it is seen from outside: a datagram that carries one, signed and meant for
it, came in and was not refused. From then on it must stand shut, with the word on its disk, and
nothing that it decides may promise anything; nor after a restart on a disk that has the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from ledger.entries import Extended, Held, Owed, Planned, Started, Transferred
from ledger.entries.rights import RightsGiven, RightsIssued
from ledger.owner.standings import CLOSED, OUTCAST, QUARANTINED
from mesh.effects import Address
from mesh.letters.datagram import Kind, read_header
from mesh.letters.outcast import Notice, proves, read_outcast
from mesh.persistence import SPACE_META
from mesh.rejections import Rejection
from node.core.effects import Effect
from node.core.trust.kept_out import META_KEPT_OUT, Word
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host

if TYPE_CHECKING:
    from ledger.desk import Desk
    from ledger.entries import Entry
    from simulations.invented.world import World

SHUT: Final = (OUTCAST, QUARANTINED, CLOSED)
PROMISES: Final = (
    Held, Planned, Started, Extended, Transferred, Owed, RightsIssued, RightsGiven,
)  # fmt: skip
"""Entries by which an owner promises more than it did. What recovery takes up again is no more."""


class OutcastsGrantNothing(Check):
    """Whoever was told keeps what it promised, and that is all."""

    promises = ("told",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._told: dict[str, None] = {}
        """Machines whose agent of now was told, or began on a disk that was."""
        self._coming: dict[str, int] = {}
        """Where a word is being read: how much had been refused before."""

    def started(self, host: Host) -> None:
        if _is_on_disk(host):
            self._told[host.name] = None

    def ended(self, host: Host, how: str) -> None:
        self._told.pop(host.name, None)
        self._coming.pop(host.name, None)

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        header = read_header(datagram)
        if isinstance(header, Rejection) or header.kind is not Kind.OUTCAST:
            return
        agent = host.alive
        keys = agent.knowledge.keys.named(header.key_id)
        notice = None if keys is None else read_outcast(keys, header, datagram)
        if keys is None or not isinstance(notice, Notice) or notice.to != host.id:
            return
        if proves(notice, keys.mesh_id):
            self._coming[host.name] = _refused(host)

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        before = self._coming.pop(host.name, None)
        if before is not None and cause == "datagram" and _refused(host) == before:
            self._told[host.name] = None
            self.evidence.seen["told that it is kept out"] += 1
            self._look(host)

    def deciding(self, host: Host, desk: Desk, entry: Entry) -> None:
        if host.name in self._told and isinstance(entry, PROMISES):
            kind = type(entry).__name__.lower()
            raise self.broken("told", f"{host.name} was told that it is kept out, and: {kind}")

    def second(self, world: World) -> None:
        for host in world.up():
            if host.name in self._told:
                self._look(host)
                if not _is_on_disk(host) and not host.committing:
                    sentence = f"{host.name} was told, and would open at its next start"
                    raise self.broken("told", sentence)

    def _look(self, host: Host) -> None:
        self.looks("told")
        state, reason, _ = host.alive.ledger.standing
        if state not in SHUT:
            raise self.broken("told", f"{host.name} was told that it is kept out, and is {state}")
        if state == OUTCAST and "--new-identity" not in reason:
            raise self.broken("told", f"{host.name} does not say what to do: {reason}")


def _is_on_disk(host: Host) -> bool:
    row = host.disk.durable.get(SPACE_META, {}).get(META_KEPT_OUT)
    return row is not None and msgspec.msgpack.decode(row, type=Word).node == host.id


def _refused(host: Host) -> int:
    return sum(host.alive.mesh.rejections.values())
