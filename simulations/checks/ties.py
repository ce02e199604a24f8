"""tie: one process has one hold, and who gets its pid next inherits nothing.

Judged by what was asked and answered at the local doors, and by what lies on disks.
"""

from collections.abc import Sequence

import msgspec

from mesh.persistence import SPACE_TIE
from node.core import requests
from node.core.effects import Effect, Reply, Watch
from node.core.processes import Process
from node.core.requests import Request
from node.core.usage.ties import Tied
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host


class TiesAreOnesOwn(Check):
    """A process that was tied to a hold is tied to no other while both last; one that nobody ever
    named is free, whoever had its pid before; and a tie that lies on disk outlives its agent."""

    promises = ("tie",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._asked: dict[tuple[str, int], tuple[Process, bool]] = {}
        """(host, token) → which process is to be tied, and whether anybody had named it before."""
        self._named: dict[str, dict[Process, None]] = {}
        """Host → every process that anybody ever asked to tie, granted or not."""
        self._tied: dict[str, dict[Process, str]] = {}
        """Host → what was tied in the present life of its agent, to which hold."""
        self._rows: dict[str, list[Tied]] = {}
        """Host → the ties on the disk that its agent has just begun with."""

    def started(self, host: Host) -> None:
        rows = host.disk.durable.get(SPACE_TIE, {})
        self._rows[host.name] = [row for key in sorted(rows) if (row := _read(rows[key]))]

    def ended(self, host: Host, how: str) -> None:
        self._tied.pop(host.name, None)
        for key in [key for key in self._asked if key[0] == host.name]:
            del self._asked[key]

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        if cause != "start" or not (rows := self._rows.pop(host.name, [])):
            return
        self.looks("tie")
        watched = {(one.hold, one.pid, one.started) for one in effects if isinstance(one, Watch)}
        for row in rows:
            if (row.hold, row.pid, row.started) not in watched:
                raise self.broken("tie", f"{host.name} forgot a tie of {row.pid} over a restart")

    def asked(self, host: Host, token: int, request: Request) -> None:
        if not isinstance(request, requests.Adopt | requests.Reserve):
            return
        if request.pid is None or request.pid_started is None:
            return
        process = Process(request.pid, request.pid_started)
        named = self._named.setdefault(host.name, {})
        self._asked[host.name, token] = process, process in named
        named[process] = None

    def answered(self, host: Host, reply: Reply) -> None:
        process, was_named = self._asked.pop((host.name, reply.token), (None, False))
        if process is None:
            return
        if reply.ok:
            self._granted(host, process, reply.body["id"])
        elif "is tied to hold" in reply.body["sentence"]:
            self.looks("tie")
            if not was_named:
                sentence = f"{host.name} says that {process.pid} is tied, and nobody ever tied it"
                raise self.broken("tie", f"{sentence}: somebody before it had its number")

    def _granted(self, host: Host, process: Process, hold: str) -> None:
        self.looks("tie")
        tied = self._tied.setdefault(host.name, {})
        before = tied.get(process)
        if before not in (None, hold) and self._lasts(host, process, before or ""):
            sentence = f"{host.name} tied {process.pid} to {hold[:8]}, and it has {before}"
            raise self.broken("tie", sentence)
        tied[process] = hold

    def _lasts(self, host: Host, process: Process, hold: str) -> bool:
        work = host.work.get(process.pid)
        runs = work is not None and work.started == process.started
        return runs and bytes.fromhex(hold) in host.alive.ledger.books.live


def _read(row: bytes) -> Tied | None:
    try:
        return msgspec.msgpack.decode(row, type=Tied)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None  # damaged on the disk: nobody's
