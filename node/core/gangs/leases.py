"""Leases of gangs: renewed with every owner, for as long as all of them stand and are wanted.

One agent keeps all of them up, three times a term. A lease is believed in for a term from the send
that its owner answered, less the margin; when the belief in one of them ends, or an owner says that
it is over, all of it ends: our log says so, and every owner is told. Should this agent be gone, no
owner hears from it again, and all of them end within a term. An agent that was restarted takes none
of them up: what it was for did not see a gap that others may have seen.

An owner that restarts without proof that it forgot nothing is shown the receipts of the lease
meanwhile, as by every carrier.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ledger.commands import TTL_MAX, Answer, Command, Outcome, Renew, Resume
from ledger.leases import holder_span
from mesh.identity import NodeId
from mesh.instant import SECOND, Duration, Instant, earliest
from node.core.effects import Watch
from node.core.gangs.gang import AskMember, Gang
from node.core.reserving.carrying import RENEW_EVERY

AGAIN_AFTER: Final[Duration] = SECOND
"""When an owner is asked again that did not answer, or cannot answer yet."""
Lost = tuple[bytes, str]
"""A gang, and why."""


@dataclass(slots=True)
class _Lease:
    owner: NodeId
    hold: bytes
    session: bytes
    believed: Instant
    receipts: tuple[bytes, ...]
    due: Instant
    sent_at: Instant = 0
    call: int = 0
    """Under which the answer to the present send will come; 0: none is awaited."""
    resumes: bool = False
    """Whether its owner is in quarantine, and wants to see the receipts."""


@dataclass(slots=True)
class _Leased:
    leases: list[_Lease]
    process: tuple[int, int] | None = None


class GangLeases:
    """All of one agent. `number` numbers the calls."""

    def __init__(self, number: Callable[[], int]) -> None:
        self._number = number
        self._gangs: dict[bytes, _Leased] = {}
        self._calls: dict[int, tuple[bytes, int]] = {}

    def __contains__(self, call: int) -> bool:
        return call in self._calls

    @property
    def next_wake(self) -> Instant | None:
        if not self._gangs:
            return None
        leases = [one for gang in self._gangs.values() for one in gang.leases]
        return earliest(*(one.believed if one.call else one.due for one in leases))

    def keeps(self, gang: bytes) -> bool:
        return gang in self._gangs

    def process(self, gang: bytes) -> tuple[int, int] | None:
        """For which it was taken."""
        known = self._gangs.get(gang)
        return None if known is None else known.process

    def begin(self, gang: Gang, now: Instant) -> Iterable[Watch]:
        """Keep up a gang that was just answered."""
        leases = []
        for member in gang.members:
            assert member.believed is not None, "it was posted"
            receipts = () if member.answer is None else member.answer.receipts
            due = min(now + RENEW_EVERY, member.believed)
            lease = _Lease(
                member.owner, member.hold, member.session, member.believed, receipts, due
            )
            leases.append(lease)
        reserve, process = gang.reserve, None
        if reserve is not None and reserve.pid is not None and reserve.pid_started is not None:
            process = (reserve.pid, reserve.pid_started)
        self._gangs[gang.id] = _Leased(leases, process)
        return [] if process is None else [Watch(gang.id, *process)]

    def end(self, gang: bytes) -> None:
        """Renew it no more."""
        self._gangs.pop(gang, None)

    def wake(self, now: Instant) -> tuple[list[AskMember], list[Lost]]:
        """What to ask now; and which gangs have lost one."""
        asks: list[AskMember] = []
        lost: list[Lost] = []
        for gang in sorted(self._gangs):
            leases = self._gangs[gang].leases
            if any(one.believed <= now for one in leases):
                lost.append((gang, "one of its owners was not heard of for a whole term"))
                continue
            for at, one in enumerate(leases):
                if not one.call and one.due <= now:
                    asks.append(self._ask(gang, at, now))
        return asks, lost

    def answered(self, call: int, answer: Answer | None, now: Instant) -> Lost | None:
        """An owner's word on a renewal; None: none in time."""
        gang, at = self._calls.pop(call)
        leased = self._gangs.get(gang)
        if leased is None or leased.leases[at].call != call:
            return None
        lease = leased.leases[at]
        lease.call, lease.due = 0, min(now + AGAIN_AFTER, lease.believed)
        if answer is None:
            return None
        match answer.outcome:
            case Outcome.RENEWED | Outcome.RESUMED:
                lease.believed = lease.sent_at + holder_span(TTL_MAX)
                lease.due = lease.sent_at + RENEW_EVERY
                lease.resumes = False
            case Outcome.WRONG_SESSION:
                lease.session, lease.due = answer.session, now
            case Outcome.QUARANTINED:
                lease.resumes = True
            case _:
                return gang, f"an owner says of its lease: {answer.detail or answer.outcome.value}"
        return None

    def _ask(self, gang: bytes, at: int, now: Instant) -> AskMember:
        one = self._gangs[gang].leases[at]
        one.call, one.sent_at = self._number(), now
        self._calls[one.call] = (gang, at)
        command: Command = Renew(one.hold, one.session, one.call.to_bytes(8, "big"))
        if one.resumes:
            command = Resume(one.hold, one.session, one.receipts)
        return AskMember(one.call, one.owner, command, one.believed)
