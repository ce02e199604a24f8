"""I6: an id stands for one request, and a request has one answer, while a session lasts."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from ledger.commands import Answer, Hold, Outcome
from mesh.identity import NodeId
from node.core.errands import SERVICE_LEDGER
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host

REMEMBERED: Final = frozenset(
    {
        Outcome.TERM_TOO_LONG, Outcome.POOL_UNKNOWN, Outcome.POOL_NOT_OPEN,
        Outcome.TOO_MANY_ENTRIES, Outcome.ROOM_UNKNOWN, Outcome.NO_ROOM,
    }
)  # fmt: skip
"""Refusals of the request itself, which a repetition is told again. Others speak of the moment."""
REQUESTS_MAX: Final = 2048
"""Per owner and session. Fewer than an owner remembers refusals, so it has no excuse."""

Request = tuple[NodeId, Hold]
"""Who asked for what, apart from the session."""


@dataclass(slots=True)
class _Session:
    """What one owner said in one session, by hold: which request it granted, which it refused."""

    granted: dict[bytes, Request] = field(default_factory=dict)
    refused: dict[bytes, list[Request]] = field(default_factory=dict)


class OneAnswerEach(Check):
    """A request that comes again is told the same; another one under its id, that they clash."""

    promises = ("I6",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._sessions: dict[str, _Session] = {}
        self._asked: dict[tuple[str, str, bytes], list[Request]] = {}

    def ended(self, host: Host, how: str) -> None:
        self._sessions.pop(host.name, None)
        for key in [key for key in self._asked if key[0] == host.name]:
            del self._asked[key]

    def served(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        told = self.evidence.command(body) if service == SERVICE_LEDGER else None
        if told is not None:
            request = None
            if isinstance(told.command, Hold):
                request = (told.signer, msgspec.structs.replace(told.command, session=b""))
            waiting = self._asked.setdefault((host.name, caller.name, told.command.id), [])
            if request is not None:
                waiting.append(request)

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        answer = self.evidence.answer(body) if service == SERVICE_LEDGER else None
        if answer is None:
            return
        waiting = self._asked.get((host.name, caller.name, answer.id), [])
        if not waiting or any(one != waiting[0] for one in waiting):
            return  # which of several it answers, nobody outside can tell
        request = waiting[0]
        if answer.outcome is Outcome.HELD:
            waiting.pop(0)
            self._yes(host, answer, request)
        elif answer.outcome in REMEMBERED or answer.outcome is Outcome.ID_CONFLICT:
            waiting.pop(0)
            self._no(host, answer, request)

    def _yes(self, host: Host, answer: Answer, request: Request) -> None:
        session = self._sessions.setdefault(host.name, _Session())
        self.looks("I6")
        first = session.granted.setdefault(answer.id, request)
        if first != request:
            raise self.broken("I6", f"{host.name} took {answer.id.hex()[:8]} for another request")
        if request in session.refused.get(answer.id, ()):
            raise self.broken("I6", f"{host.name} granted {answer.id.hex()[:8]}, once refused")
        _bound(session.granted)

    def _no(self, host: Host, answer: Answer, request: Request) -> None:
        session = self._sessions.setdefault(host.name, _Session())
        self.looks("I6")
        if session.granted.get(answer.id) == request:
            what = f"{answer.outcome.value} of {answer.id.hex()[:8]}, which it had granted"
            raise self.broken("I6", f"{host.name} says {what}")
        if answer.outcome is not Outcome.ID_CONFLICT:
            session.refused.setdefault(answer.id, []).append(request)
            _bound(session.refused)


def _bound(table: dict[bytes, Any]) -> None:
    if len(table) > REQUESTS_MAX:
        del table[next(iter(table))]
