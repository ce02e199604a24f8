"""The gangs that are under way at one asker, and how each leaves the table without an end.

What moves them is in `ganging.py`.
"""

from random import Random
from typing import Any, Final, Protocol

from ledger.books.gangs import Gang as Told
from ledger.entries.gangs import GangMember
from mesh.identity import NONCE_BYTES, NodeId
from mesh.instant import MILLISECOND, Duration, Instant, earliest
from mesh.persistence import SPACE_ASK, Persist, Write
from node.core.effects import Progress, Reply
from node.core.gangs.gang import GANGS_UNDER_WAY_MAX, Gang, GangingEffect, Member
from node.core.gangs.kept import KeptGangs, over
from node.core.gangs.leases import GangLeases
from node.core.gangs.places import Places
from node.core.outlook import Choice
from node.core.requests import Refused

AT_ONCE_TRIES: Final = 3
"""After so many the owners are asked one by one, and the pauses grow. Fresh choices asked at once
win until there are far more gangs than room; then asking in one order halves what is held."""
PAUSE: Final[Duration] = 250 * MILLISECOND
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

    def standing(self, gang: bytes) -> Told | None:
        """One of ours that is not over, as our log tells of it."""

    def is_leased(self, gang: Told) -> bool:
        """Whether it is known to be a gang of leases."""

    def formed_for(self, mark: bytes) -> Told | None:
        """One of ours that is not over, and that was formed for the wish of that mark."""

    def choice_of(self, member: GangMember) -> Choice | None:
        """What `member` is, as its owner's log has it; None: nothing that lives."""

    def beat(self, now: Instant) -> int:
        """The mesh's count of time."""


class GangTable:
    """Which gangs there are, and what is in the air for them."""

    def __init__(self, random: Random, books: Books) -> None:
        self._random = random
        self._books = books
        self._gangs: dict[int, Gang] = {}
        self._calls: dict[int, tuple[int, int]] = {}
        """Call → gang, and which of its members."""
        self._last = 0
        self._places = Places(random, self._number, books.session_of)
        self._leases = GangLeases(self._number)
        self.kept = KeptGangs()

    @property
    def next_wake(self) -> Instant | None:
        return earliest(
            self.kept.next_wake,
            self._places.next_wake,
            self._leases.next_wake,
            *(gang.wake_at for gang in self._gangs.values()),
            *(member.wake_at for gang in self._gangs.values() for member in gang.members),
        )

    @property
    def under_way(self) -> tuple[Gang, ...]:
        """Every gang that is on its way somewhere."""
        return tuple(self._gangs.values())

    def _pause(self, gang: Gang) -> Duration:
        doublings = min(max(0, gang.attempts - AT_ONCE_TRIES), PAUSE_DOUBLINGS_MAX)
        longest = PAUSE << doublings
        return longest // 2 + self._random.randrange(longest // 2)

    def _stranded(self, key: int) -> list[GangingEffect]:
        """Our own log closed under it. What it says so far decides, once it opens again."""
        gang, left = self._drop(key)
        if gang.token is None:
            return left
        sentence = f"this node's own log closed while gang {gang.name} was under way"
        hint = "it ends by itself, or is completed when the log opens: `holdfast holds` shows it"
        refused = Refused("unknown", sentence, hint)
        return [*left, forget(gang), Reply(gang.token, ok=False, body=refused.body)]

    def _refuse(self, key: int, refused: Refused) -> list[GangingEffect]:
        gang, left = self._drop(key)
        assert gang.token is not None
        body: dict[str, Any] = {**refused.body, "tried": gang.tried, "attempts": gang.attempts}
        return [*left, Reply(gang.token, ok=False, body=body)]

    def _drop(self, key: int) -> tuple[Gang, list[GangingEffect]]:
        """Take it off the table, out of the lines in which it stands, and off the disk."""
        gang = self._gangs.pop(key)
        return gang, [*over(gang), *self._places.leave(key)]

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _check_room(self) -> None:
        if len(self._gangs) >= GANGS_UNDER_WAY_MAX:
            raise Refused("refused", f"{GANGS_UNDER_WAY_MAX} gangs are under way here", "wait")

    def _enter(self, gang: Gang) -> int:
        key = self._number()
        self._gangs[key] = gang
        return key

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
