"""A wish: one reservation under way, and what it may ask of others.

What asking.py moves from stage to stage. It changes nothing by itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias

from ledger.commands import TTL_MAX, Answer, Command, GrantKind, Hold, Post, Release
from ledger.leases import holder_span
from ledger.limits import PENDING_TTL
from ledger.policy import key_of, prove
from mesh.identity import NodeId, short_id
from mesh.instant import MILLISECOND, SECOND, Duration, Instant, in_seconds
from mesh.persistence import SPACE_ASK, Persist, Write
from node.core.effects import Progress, Reply
from node.core.outlook import Choice, Outlook
from node.core.requests import Reserve

HOLD_SENDS_MAX: Final = 3
POST_SENDS_MAX: Final = 6
REST_BETWEEN_SENDS: Final[Duration] = 200 * MILLISECOND
WAIT_TICK: Final[Duration] = SECOND
"""How often a waiting errand looks again and says how long it still waits."""
BELIEF: Final[Duration] = holder_span(PENDING_TTL)
"""How long an asker may rely on a bare hold, counted from its first send."""
ERRANDS_MAX: Final = 256


class Stage(Enum):
    """Where an errand stands."""

    WAITING = "waiting for an owner to open"
    HOLDING = "asking for a hold"
    IN_LINE = "waiting in lines"
    POSTING = "confirming"
    RETURNING = "giving back"


@dataclass(frozen=True, slots=True)
class Ask:
    """Send `command` to `owner` and bring back its answer (or None) under `errand`. `until`: it is
    not sent any more from then on, however late the shell comes to it."""

    errand: int
    owner: NodeId
    command: Command
    until: Instant | None = None


@dataclass(frozen=True, slots=True)
class AskInLine:
    """Send `command` to `owner`; its answer (or None) comes back under `stand`."""

    stand: int
    owner: NodeId
    command: Command


@dataclass(frozen=True, slots=True)
class Granted:
    """The errand is done: `answer` proves it. The agent words the reply."""

    token: int
    reserve: Reserve
    choice: Choice
    answer: Answer
    tried: tuple[dict[str, Any], ...]
    since: Instant = 0
    """When it was first asked for: what belief in it is counted from."""


@dataclass(slots=True)
class Wish:
    """One reservation, and how far it has come."""

    token: int
    reserve: Reserve
    look: Callable[[], Outlook]
    stage: Stage = Stage.WAITING
    choices: list[Choice] = field(default_factory=list)
    choice: Choice | None = None
    hold: bytes = b""
    session: bytes = b""
    sends: int = 0
    first_sent: Instant = 0
    wake_at: Instant | None = None
    tried: list[dict[str, Any]] = field(default_factory=list)
    tried_before: list[dict[str, Any]] = field(default_factory=list)
    """The same of the last round of a wish that waits, for when it has waited in vain."""
    until: Instant | None = None
    """How long it waits for room at the most; None: it does not."""
    looked_at: Instant = 0
    """When it last looked whom to ask."""
    lines: tuple[Choice, ...] = ()
    """Owners that could serve it some day, as of the last look."""
    hopeless: list[NodeId] = field(default_factory=list)
    """Owners that will not, however long it waits."""
    gone: bool = False
    """Whoever asked has hung up: what is granted now goes straight back."""


AskingEffect: TypeAlias = Ask | AskInLine | Granted | Persist | Progress | Reply


def granted(errand: Wish, answer: Answer) -> Granted:
    """`errand` came through."""
    assert errand.choice is not None
    tries, since = tuple(errand.tried), errand.first_sent
    return Granted(errand.token, errand.reserve, errand.choice, answer, tries, since)


def is_carried(reserve: Reserve) -> bool:
    """Whether what is asked for lasts only while somebody renews it."""
    return reserve.carried or reserve.pid is not None


def command_of(errand: Wish, choice: Choice) -> Command:
    """What is asked of the owner in `choice` at this stage."""
    match errand.stage:
        case Stage.POSTING:
            return Post(errand.hold, errand.session)
        case Stage.RETURNING:
            return Release(errand.hold, errand.session)
        case Stage.HOLDING | Stage.WAITING | Stage.IN_LINE:
            return hold_of(errand.reserve, choice, errand.hold, errand.session)


def hold_of(reserve: Reserve, choice: Choice, hold: bytes, session: bytes) -> Hold:
    """What is asked of the owner in `choice`."""
    carried = is_carried(reserve)
    return Hold(
        id=hold,
        session=session,
        legs=choice.legs,
        kind=GrantKind.CARRIED if carried else GrantKind.BOOKING,
        term=TTL_MAX if carried else reserve.term_ms * MILLISECOND,
        principal=reserve.principal,
        label=reserve.label,
        work=choice.work,
        start=None if reserve.start_at_ms is None else reserve.start_at_ms * MILLISECOND,
        proof=_proof(reserve, choice, hold),
        force=reserve.force,
    )


def _proof(reserve: Reserve, choice: Choice, hold: bytes) -> bytes:
    if not reserve.token:
        return b""
    return prove(key_of(reserve.token), choice.owner, hold, reserve.principal)


def forget(hold: bytes) -> Persist:
    """Its id is on disk no more: nobody will ask about it."""
    return Persist((Write(SPACE_ASK, hold, None),))


def tried(choice: Choice, outcome: str, detail: str) -> dict[str, Any]:
    """One owner that was asked, and what it said."""
    return {
        "node": choice.name,
        "id": short_id(choice.owner),
        "outcome": outcome,
        "detail": detail,
    }


def in_words(tries: Iterable[dict[str, Any]]) -> str:
    """Who refused, and how, each once."""
    return "; ".join(dict.fromkeys(f"{tried['node']}: {tried['detail']}" for tried in tries))


def waiting_progress(errand: Wish, outlook: Outlook) -> Progress:
    """Who is waited for, and for how long still."""
    assert outlook.soon is not None
    body: dict[str, Any] = {"stage": "waiting", "sentence": outlook.soon}
    if outlook.opens_in is not None:
        body["remaining_ms"] = max(0, outlook.opens_in // MILLISECOND)
        body["sentence"] = f"{outlook.soon}: {in_seconds(max(0, outlook.opens_in)):.0f} s more"
    return Progress(errand.token, body)
