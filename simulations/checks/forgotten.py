"""forgotten: who was forgotten is on no roll again by an old copy of it that somebody had kept."""

from collections.abc import Sequence
from typing import Final

import msgspec

from mesh.effects import Address
from mesh.identity import NodeId
from mesh.kept.lineage import label
from mesh.letters.datagram import read_header
from mesh.persistence import SPACE_FORGOTTEN, Persist, Write
from mesh.rejections import Rejection
from mesh.roll.membership import Liveness, Trust
from node.core.effects import Effect
from node.core.trust.forgetting import Tombstone
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host

LOOKED_AT: Final = (Liveness.ALIVE, Liveness.SUSPECT)


class TheForgottenComeBackByThemselves(Check):
    """While a node's disk says that another is forgotten, its roll has that one only as somebody
    who is looked at. And the first to say that it is not forgotten any more has heard from it,
    or knows a newer word or more of its log than whoever forgot it."""

    promises = ("forgotten",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._stones: dict[str, dict[NodeId, Tombstone]] = {}
        self._heard: dict[str, dict[NodeId, None]] = {}
        """By host: whoever has sent it a datagram in its life of now."""
        self._changes: dict[str, int] = {}
        self._said: dict[Tombstone, None] = {}
        """Whatever any node has kept: who is told its own word after a loss is not the first."""

    def started(self, host: Host) -> None:
        self._heard[host.name] = {}
        rows = host.disk.durable.get(SPACE_FORGOTTEN, {})
        self._stones[host.name] = {
            NodeId(key): msgspec.msgpack.decode(rows[key], type=Tombstone) for key in sorted(rows)
        }
        self._changes[host.name] = -1

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        header = read_header(datagram)
        if not isinstance(header, Rejection):
            self._heard[host.name][header.sender] = None

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if type(effect) is Persist:
                for write in effect.writes:
                    if write.space == SPACE_FORGOTTEN:
                        self._written(host, write)
        roll = host.alive.mesh.roll
        if self._stones[host.name] and self._changes[host.name] != roll.changes:
            self._changes[host.name] = roll.changes
            self._look(host)

    def _written(self, host: Host, write: Write) -> None:
        stones, node = self._stones[host.name], NodeId(write.key)
        before = stones.pop(node, None)
        if write.value is None:
            return
        stones[node] = stone = msgspec.msgpack.decode(write.value, type=Tombstone)
        lifted = before is not None and before.gone and not stone.gone
        first = stone not in self._said
        self._said[stone] = None
        if lifted and first and before is not None and node != host.id:
            self.looks("forgotten")
            if node not in self._heard[host.name] and not _knows_more(host, before):
                who = f"{host.name} takes {stone.name} back"
                raise self.broken("forgotten", f"{who}, unheard, and knows nothing new of it")

    def _look(self, host: Host) -> None:
        roll = host.alive.mesh.roll
        for node, stone in self._stones[host.name].items():
            member = roll.member(node)
            self.looks("forgotten")
            if member is None or member.public is None or not stone.gone:
                continue
            if member.trust is Trust.REVOKED:
                continue  # kept out for good, which is more
            if member.liveness not in LOOKED_AT:
                what = f"{host.name} has {stone.name} on its roll"
                raise self.broken("forgotten", f"{what}, which its disk calls forgotten")


def _knows_more(host: Host, stone: Tombstone) -> bool:
    mesh, node = host.alive.mesh, NodeId(stone.node)
    member, head = mesh.roll.member(node), mesh.chains.head(node)
    newer = member is not None and member.fact is not None and member.fact.version > stone.version
    if head is None:
        return newer
    era, height = label(head)
    return newer or (era.counter, era.nonce, height) > (stone.era, stone.nonce, stone.height)
