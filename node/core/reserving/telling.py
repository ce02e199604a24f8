"""Telling: one command to one owner about one hold (post, extend, release …), seen to its end.

Ends as every call does: done, refused (why), or unknown (id).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from ledger.commands import (
    Answer,
    Extend,
    Outcome,
    Post,
    Release,
    Renew,
    Resume,
    Shrink,
    Transfer,
    Void,
)
from mesh.identity import NodeId, short_id
from mesh.instant import MILLISECOND, Duration, Instant, earliest
from mesh.persistence import SPACE_ASK, Persist, Write
from node.core.effects import Reply
from node.core.requests import Refused

SENDS_MAX: Final = 5
REST_BETWEEN_SENDS: Final[Duration] = 300 * MILLISECOND

Tellable: TypeAlias = Post | Renew | Resume | Extend | Shrink | Transfer | Release | Void


@dataclass(frozen=True, slots=True)
class Tell:
    """Send `command` to `owner`; the answer comes back under `key`."""

    key: int
    owner: NodeId
    command: Tellable


@dataclass(frozen=True, slots=True)
class Told:
    """It is done: the agent words the reply to `token`."""

    token: int
    owner: NodeId
    command: Tellable
    answer: Answer
    since: Instant = 0
    """When what was answered was first sent."""


Telt: TypeAlias = Tell | Told | Reply | Persist


@dataclass(slots=True)
class _Errand:
    token: int
    owner: NodeId
    command: Tellable
    since: Instant = 0
    sends: int = 0
    wake_at: Instant | None = None


@dataclass(slots=True)
class Telling:
    """Every such command under way."""

    name_of: Callable[[NodeId], str] = short_id
    """How people call an owner."""
    believed: Callable[[bytes, Instant], tuple[bytes, ...]] = lambda _hold, _now: ()
    """Receipts of a lease that may still be relied on."""
    _errands: dict[int, _Errand] = field(default_factory=dict)
    _next: int = 0

    @property
    def next_wake(self) -> Instant | None:
        if not self._errands:
            return None
        return earliest(*(errand.wake_at for errand in self._errands.values()))

    def begin(
        self, token: int, owner: NodeId, command: Tellable, now: Instant = 0
    ) -> list[Tell | Persist]:
        """Tell `owner`, for the surface request `token`. The id of what is to be a new grant is on
        disk before anybody hears of it."""
        kept = _row(command, owner)
        self._next += 1
        self._errands[self._next] = _Errand(token, owner, command, now)
        return [*kept, self._send(self._next)]

    def wake(self, now: Instant) -> list[Tell]:
        """Send again what was put off until now."""
        due = [
            key
            for key in sorted(self._errands)
            if (at := self._errands[key].wake_at) is not None and at <= now
        ]
        return [self._send(key) for key in due]

    def answered(self, key: int, answer: Answer | None, now: Instant) -> list[Telt]:
        """The owner's answer, or None when none came in time."""
        errand = self._errands.get(key)
        if errand is None:
            return []
        if answer is None or answer.outcome is Outcome.WRONG_SESSION:
            return self._again(key, errand, answer, now)
        if receipts := self._to_show(errand.command, answer, now):
            errand.command, errand.since = Resume(answer.id, answer.session, receipts), now
            return [self._send(key)]
        del self._errands[key]
        over = _row(errand.command, None)
        if answer.outcome.positive:
            return [*over, Told(errand.token, errand.owner, errand.command, answer, errand.since)]
        detail = answer.detail or answer.outcome.value
        hint = "asking again may help" if answer.outcome.may_change_on_retry else ""
        if answer.outcome is Outcome.NOT_HOLDER:
            hint = "only its holder may: `holdfast holds` names the holder"
            if isinstance(errand.command, Release | Void):
                hint = "only its holder and its owner may: `holdfast holds` names both"
        if answer.outcome is Outcome.WRONG_STEP and isinstance(errand.command, Release):
            hint = "`holdfast release --with-parts` gives back what was handed on as well"
        refused = Refused("refused", f"the owner refused: {detail}", hint)
        return [*over, _refusal(errand.token, refused, answer.outcome.value)]

    def _to_show(self, command: Tellable, answer: Answer, now: Instant) -> tuple[bytes, ...]:
        """An owner in quarantine may have forgotten a lease, and its carrier has not: what is shown
        while it may be relied on goes on."""
        if answer.outcome is not Outcome.QUARANTINED or not isinstance(command, Renew):
            return ()
        return self.believed(answer.id, now)

    def _again(self, key: int, errand: _Errand, answer: Answer | None, now: Instant) -> list[Telt]:
        if errand.sends >= SENDS_MAX:
            del self._errands[key]
            hold = errand.command.id.hex()
            owner = self.name_of(errand.owner)
            sentence = (
                f"{owner}, which owns {hold[:12]}, did not answer: what became of it is unknown"
            )
            again = f"run it again when {owner} is back (`holdfast peers`): twice does no harm"
            refused = Refused("unknown", sentence, again)
            return [_refusal(errand.token, refused, "no answer")]
        if answer is not None:
            errand.command = msgspec.structs.replace(errand.command, session=answer.session)
            return [self._send(key)]
        errand.wake_at = now + REST_BETWEEN_SENDS
        return []

    def _send(self, key: int) -> Tell:
        errand = self._errands[key]
        errand.sends += 1
        errand.wake_at = None
        return Tell(key, errand.owner, errand.command)


def _row(command: Tellable, owner: NodeId | None) -> list[Persist]:
    """That a new grant was asked of `owner`, for the disk; None: that its answer came."""
    if not isinstance(command, Transfer):
        return []
    return [Persist((Write(SPACE_ASK, command.id, owner),))]


def _refusal(token: int, refused: Refused, outcome: str) -> Reply:
    body: dict[str, Any] = {**refused.body, "outcome": outcome}
    return Reply(token, ok=False, body=body)
