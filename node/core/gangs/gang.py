"""A gang as its asker lives through it: its stages, its members, and what is asked of the world.

`ganging.py` moves it; what a log says of it, and why in these steps, is in `ledger/books/gangs.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias

from ledger.commands import TTL_MAX, Answer, Command, Enlisting, Outcome
from ledger.entries.gangs import GangMember
from ledger.leases import holder_span
from ledger.limits import GANG_MAX, PENDING_TTL
from ledger.observations import GangSeen, GangStep
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND, Duration, Instant
from mesh.persistence import Persist
from node.core.effects import Progress, Reply, Watch
from node.core.outlook import Choice, Outlook
from node.core.requests import Reserve
from node.core.requests.gangs import ReserveGang

GANGS_UNDER_WAY_MAX: Final = 64
"""Of one agent. Each may have GANG_MEMBERS_MAX calls in the air."""
SENDS_MAX: Final = 6
"""Of one command to one member. A hold is not worth as many: its owner is asked three times."""
HOLD_SENDS_MAX: Final = 3
REST_BETWEEN_SENDS: Final[Duration] = 200 * MILLISECOND
TRIED_MAX: Final = 16
"""Refusals that one request remembers, the last ones."""
COPY_WAIT: Final[Duration] = 2 * SECOND
"""How long the answer waits until a peer has stored that the gang is complete."""


def is_leased(reserve: ReserveGang) -> bool:
    """Whether it stays a gang of leases, which end soon after their asker."""
    return reserve.carried or reserve.pid is not None


def is_later(reserve: ReserveGang) -> bool:
    """Whether it is planned for then, and takes no room before."""
    return reserve.start_at_ms is not None


def enlisting(reserve: ReserveGang, gang: bytes) -> Enlisting:
    """As a hold names its gang."""
    return Enlisting(gang, 0 if is_leased(reserve) else reserve.term_ms * MILLISECOND)


def one_of(reserve: ReserveGang) -> Reserve:
    """What is wished of each owner, as if it were asked alone: one of a gang's begins as a lease
    that its asker keeps up, unless it is to start later: then it is pencilled in."""
    return Reserve(
        reserve.ask, reserve.term_ms, reserve.label, reserve.principal, force=reserve.force,
        token=reserve.token, carried=not is_later(reserve), start_at_ms=reserve.start_at_ms,
    )  # fmt: skip


class Stage(Enum):
    """Where a gang stands."""

    WAITING = "waiting to try again"
    HOLDING = "asking for holds"
    POSTING = "posting"
    PARKING = "parking"
    SETTLING = "showing that it is complete"
    STANDING = "all of its leases stand"
    ENDING = "giving everything back"


BELIEFS: Final[dict[Stage, Duration]] = {
    Stage.HOLDING: holder_span(PENDING_TTL),
    Stage.POSTING: holder_span(TTL_MAX),
    Stage.PARKING: holder_span(GANG_MAX),
}
"""How long what a stage brings may be relied on, counted from its first send to a member."""


def belief(stage: Stage, reserve: ReserveGang | None) -> Duration | None:
    """As above. What is planned for later takes no room and needs no heartbeat: once it is posted
    it waits for the proof at once."""
    if stage is Stage.POSTING and reserve is not None and is_later(reserve):
        return BELIEFS[Stage.PARKING]
    return BELIEFS.get(stage)


def is_for_good(stage: Stage, answer: Answer | None) -> bool:
    """Whether an owner that says this to a hold will say it again. What goes wrong behind the hold
    says nothing of the next one: its owner restarted, or its time was over."""
    if stage is not Stage.HOLDING or answer is None or answer.outcome is Outcome.TOO_LATE:
        return False
    return not answer.outcome.may_change_on_retry


@dataclass(frozen=True, slots=True)
class AskMember:
    """Send `command` to `owner` and bring back its answer (or None) under `call`. `until`: it is
    not sent any more from then on, however late the shell comes to it."""

    call: int
    owner: NodeId
    command: Command
    until: Instant | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Tell our books, and sign what they write; then, behind that, go on with the gang `key` (0:
    with none)."""

    key: int
    news: GangStep | GangSeen


@dataclass(frozen=True, slots=True)
class Formed:
    """All of it stands: the agent remembers the grants and words the reply."""

    token: int
    gang: bytes
    reserve: ReserveGang
    members: tuple["Member", ...]
    tried: tuple[dict[str, Any], ...]
    stored_on: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Disbanded:
    """All of it was given back because somebody asked for that: the agent words the reply."""

    token: int
    gang: bytes
    members: tuple["Member", ...]


GangingEffect: TypeAlias = (
    AskMember | Record | Formed | Disbanded | Persist | Progress | Reply | Watch
)


@dataclass(slots=True)
class Member:
    """One hold of a gang, and how its owner takes the present stage."""

    owner: NodeId
    hold: bytes
    choice: Choice | None = None
    """None for one that an earlier start asked for."""
    session: bytes = b""
    place: bytes = b""
    """The place in its owner's line whose turn this is; empty: it stands in none."""
    believed: Instant | None = None
    """Until when what it has may be relied on; None: nothing is believed of it."""
    asked: bool = False
    """Whether anything was ever sent to it: else there is nothing to give back."""
    call: int = 0
    """Under which the answer to the present send will come; an older one is stale."""
    sends: int = 0
    first_sent: Instant = 0
    wake_at: Instant | None = None
    done: bool = False
    answer: Answer | None = None
    """The last word of the present stage."""

    @property
    def entry(self) -> GangMember:
        """As the log names it."""
        return GangMember(self.owner, self.hold)

    def begin_stage(self) -> None:
        """Nothing was sent of it yet."""
        self.call = self.sends = 0
        self.wake_at, self.done = None, False


@dataclass(slots=True)
class Gang:
    """One gang under way."""

    token: int | None
    """Who waits for the answer; None for what an earlier start left behind."""
    reserve: ReserveGang | None = None
    look: Callable[[], Outlook] | None = None
    patience: Instant = 0
    """Until when it tries again."""
    stage: Stage = Stage.WAITING
    id: bytes = b""
    members: list[Member] = field(default_factory=list)
    attempts: int = 0
    wake_at: Instant | None = None
    copied_by: Instant | None = None
    """When the answer waits for a copy no longer."""
    wish: bytes = b""
    """Its name over all its tries, for the lines in which it stands."""
    rank: int = 0
    """By which all owners put gangs in the same order, the lower first: the mesh's count of time
    when it was first asked for. Its clocks agree well enough for fairness, and that is all that
    rests on it."""
    since: Instant = 0
    """When it was first asked for."""
    rests_until: Instant = 0
    """After a try that failed it pauses, so that two gangs do not meet again and again."""
    shunned: dict[NodeId, bool] = field(default_factory=dict)
    """Owners that refused of late, and whether for good: asked again only where nobody else is
    left, those that may think better of it first."""
    tried: list[dict[str, Any]] = field(default_factory=list)
    why: str = ""
    """Why the present attempt ends."""
    asked_back: bool = False
    """It ends because somebody asked for that."""
    gone: bool = False
    """Whoever asked has hung up."""
    returned: bool = False
    """What it tells again was complete before it was asked for here."""
    kept_at: Instant = 0
    """When its age was last put on disk."""

    @property
    def is_kept(self) -> bool:
        """Whether a restart of ours is to find it: it has a name to ask for it again."""
        return self.reserve is not None and bool(self.reserve.wish)

    @property
    def name(self) -> str:
        """As people shorten it."""
        return self.id.hex()[:10]
