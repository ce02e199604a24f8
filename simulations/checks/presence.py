"""alive: who is seen alive has just spoken itself, and who is seen gone has said so itself."""

from collections.abc import Sequence

from mesh.effects import Address
from mesh.identity import NodeId
from mesh.letters.datagram import read_header
from mesh.rejections import Rejection
from mesh.roll.membership import Liveness
from mesh.roll.record import TOPIC_NODE, parse_record
from node.core.effects import Effect
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host


class NobodySpeaksForAnother(Check):
    """In nobody's eyes does a node come alive but by a datagram of its own, or leave but by its own
    signed good-bye. Rumours about it change neither."""

    promises = ("alive",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._changes: dict[str, int] = {}
        self._seen: dict[str, dict[NodeId, Liveness | None]] = {}
        self._heard: dict[str, set[NodeId]] = {}
        self._left: dict[NodeId, None] = {}

    def started(self, host: Host) -> None:
        self._heard[host.name] = set()
        self._remember(host)

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        header = read_header(datagram)
        if not isinstance(header, Rejection):
            self._heard.setdefault(host.name, set()).add(header.sender)

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        if cause == "stop":
            fact = host.alive.mesh.board.fact(host.id, TOPIC_NODE)
            record = None if fact is None else parse_record(fact.body)
            if record is not None and record.left:
                self._left[host.id] = None
        if self._changes.get(host.name) != host.alive.mesh.roll.changes:
            self._compare(host)
        if not host.inbox:  # else several are read under one step
            self._heard[host.name].clear()

    def _compare(self, host: Host) -> None:
        before, heard = self._seen.get(host.name, {}), self._heard[host.name]
        for member in host.alive.mesh.roll.members():
            if before.get(member.id) is member.liveness:
                continue
            self.looks("alive")
            if member.liveness is Liveness.ALIVE and member.id not in heard:
                raise self.broken("alive", f"{host.name} sees {member.name} alive, unheard")
            if member.liveness is Liveness.LEFT and member.id not in self._left:
                raise self.broken("alive", f"{host.name} sees {member.name} gone, which never said")
        self._remember(host)

    def _remember(self, host: Host) -> None:
        roll = host.alive.mesh.roll
        self._changes[host.name] = roll.changes
        self._seen[host.name] = {member.id: member.liveness for member in roll.members()}
