"""The gangs that are under way at one asker, and how each leaves the table without an end.

What moves them is in `ganging.py`.
"""

from random import Random
from typing import Any, Final, Protocol

from ledger.ahead import AHEAD_AFTER
from ledger.commands import Ahead
from ledger.gangs import Gang as Told
from mesh.identity import NONCE_BYTES, NodeId
from mesh.instant import MILLISECOND, SECOND, Duration, Instant, earliest, in_seconds
from mesh.persistence import SPACE_ASK, Persist, Write
from node.core.effects import Progress, Reply
from node.core.gangs.gang import GANGS_UNDER_WAY_MAX, AskMember, Gang, GangingEffect, Member, Stage
from node.core.outlook import Outlook
from node.core.requests import Refused

AT_ONCE_TRIES: Final = 3
"""After so many the owners are asked one by one, and the pauses grow. Fresh choices asked at once
win until there are far more gangs than room; then asking in one order halves what is held."""
PAUSE: Final[Duration] = 250 * MILLISECOND
AHEAD_EVERY: Final[Duration] = 5 * SECOND
"""How often owners are asked again to keep room back."""
PAUSE_DOUBLINGS_MAX: Final = 5
"""250 ms · 2⁵ = 8 s: about as long as a gang's own stages may take."""


class Books(Protocol):
    """What ganging needs of our own ledger and of what we know."""

    def cannot_write(self) -> str | None:
        """Why nothing can be put on our log now, in a sentence; None when it can."""

    def cannot_begin(self) -> str | None:
        """As above, for one more gang of ours."""

    def completion(self, gang: bytes) -> bytes:
        """The receipt that it is complete, as our log has it."""

    def keepers(self, gang: bytes) -> tuple[NodeId, ...] | None:
        """Who has stored that it is complete; None: there is nobody else who could."""

    def session_of(self, owner: NodeId) -> bytes | None:
        """The session that a command to `owner` must name, as far as we know."""

    def name_of(self, owner: NodeId) -> str:
        """How people call it."""


class GangTable:
    """Which gangs there are, and what is in the air for them."""

    def __init__(self, random: Random, books: Books) -> None:
        self._random = random
        self._books = books
        self._gangs: dict[int, Gang] = {}
        self._calls: dict[int, tuple[int, int]] = {}
        """Call → gang, and which of its members."""
        self._last = 0

    @property
    def next_wake(self) -> Instant | None:
        if not self._gangs:
            return None
        return earliest(
            *(gang.wake_at for gang in self._gangs.values()),
            *(member.wake_at for gang in self._gangs.values() for member in gang.members),
        )

    def _pause(self, gang: Gang) -> Duration:
        doublings = min(max(0, gang.attempts - AT_ONCE_TRIES), PAUSE_DOUBLINGS_MAX)
        longest = PAUSE << doublings
        return longest // 2 + self._random.randrange(longest // 2)

    def _stranded(self, key: int) -> list[GangingEffect]:
        """Our own log closed under it. What it says so far decides, once it opens again."""
        gang = self._gangs.pop(key)
        if gang.token is None:
            return []
        sentence = f"this node's own log closed while gang {gang.name} was under way"
        hint = "it ends by itself, or is completed when the log opens: `holdfast holds` shows it"
        refused = Refused("unknown", sentence, hint)
        return [forget(gang), Reply(gang.token, ok=False, body=refused.body)]

    def _refuse(self, key: int, refused: Refused) -> list[GangingEffect]:
        gang = self._gangs.pop(key)
        assert gang.token is not None
        body: dict[str, Any] = {**refused.body, "tried": gang.tried, "attempts": gang.attempts}
        return [Reply(gang.token, ok=False, body=body)]

    def _wait(self, key: int, why: str, pause: Duration, now: Instant) -> list[GangingEffect]:
        gang = self._gangs[key]
        gang.stage, gang.members, gang.wake_at = Stage.WAITING, [], now + pause
        left = max(0, gang.patience - now)
        sentence = f"{why}: nothing is held meanwhile"
        if left:
            sentence += f"; trying for {in_seconds(left):.0f} s more"
        return [self._said(gang, "waiting", sentence)]

    def _keep_back(self, key: int, outlook: Outlook, now: Instant) -> list[GangingEffect]:
        """Ask as many owners as it needs to keep room back. Whatever they say, it goes on trying:
        their answers are not waited for."""
        gang = self._gangs[key]
        assert gang.reserve is not None
        waited = now - gang.since
        if waited < AHEAD_AFTER or now < gang.ahead_at or len(outlook.lines) < gang.reserve.nodes:
            return []
        gang.ahead_at = now + AHEAD_EVERY
        effects: list[GangingEffect] = []
        for choice in outlook.lines[: gang.reserve.nodes]:
            session = self._books.session_of(choice.owner)
            if session is not None:
                self._last += 1
                self._calls[self._last] = (key, 0)
                command = Ahead(gang.wish, session, choice.legs, waited)
                effects.append(AskMember(self._last, choice.owner, command))
        return effects

    def _check_room(self) -> None:
        if len(self._gangs) >= GANGS_UNDER_WAY_MAX:
            raise Refused("refused", f"{GANGS_UNDER_WAY_MAX} gangs are under way here", "wait")

    def _enter(self, gang: Gang) -> int:
        self._last += 1
        self._gangs[self._last] = gang
        return self._last

    @staticmethod
    def _said(gang: Gang, stage: str, sentence: str) -> Progress:
        return Progress(gang.token or 0, {"stage": stage, "sentence": sentence})


def of_earlier(told: Told, token: int | None) -> Gang:
    """A gang as our log knows it."""
    gang = Gang(token, id=told.id)
    gang.members = [
        Member(NodeId(one.owner), one.hold, session=bytes(NONCE_BYTES), asked=True)
        for one in told.members
    ]
    return gang


def forget(gang: Gang) -> Persist:
    return Persist((Write(SPACE_ASK, gang.id, None),))
