"""What may be asked of an owner, signed by who asks; and what comes back.

The asker makes the hold's id and keeps it before the first send, so a retry is the same request and
not a second one. Every command names the owner's *session*, so nothing sent before a restart is
ever taken for new after it. The signature covers the owner's id too: a command cannot be replayed
to somebody else.
"""

from enum import Enum, StrEnum
from typing import Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from ledger.commands.gangs import Park, Settle
from ledger.commands.rights import RightsCommand
from mesh.identity import Identity, NodeId, PublicKey, verify
from mesh.instant import SECOND, Duration

COMMAND_TAG: Final = b"hf1.command"
HOLD_ID_BYTES: Final = 16
LEGS_MAX: Final = 64
LABEL_CHARS_MAX: Final = 120
AMOUNT_MAX: Final = 2**63 - 1

TTL_MAX: Final[Duration] = 30 * SECOND
"""The longest term of a carried lease. A protocol constant, not configuration: after a lost disk
the quarantine must cover every lease that any former start of this node could have granted."""


class Leg(NamedTuple):
    """So much of one pool, in the pool's unit (bytes, millicores, slots)."""

    pool: str
    amount: int


GANG_MEMBERS_MAX: Final = 64
"""Nodes of one gang: its names fit one entry, and an asker can attend to all of them at once."""


class GrantKind(Enum):
    """How a grant ends when nobody ends it."""

    CARRIED = "carried"
    """Renewed by an agent for something that runs; gone soon after its carrier."""
    BOOKING = "booking"
    """Parked with the owner for its whole term; needs no heartbeat."""


class Enlisting(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """This hold is one of a gang's (`ledger/books/gangs.py`): a carried lease at first, and once it
    is parked a booking of `term`. A `term` of 0: it stays a lease, which its asker renews."""

    gang: bytes
    term: Duration


class Hold(
    msgspec.Struct, frozen=True, tag="hold", forbid_unknown_fields=True, omit_defaults=True
):  # fmt: skip
    """Set `legs` aside: all of them or none. Pending until posted; lapses after `pending_ttl`.

    `term`: a carried lease's time between renewals (≤ TTL_MAX) or a booking's whole length.
    """

    id: bytes
    session: bytes
    legs: tuple[Leg, ...]
    kind: GrantKind
    term: Duration
    principal: str
    label: str
    gang: Enlisting | None = None
    proof: bytes = b""
    """That its asker may speak for `principal` (`ledger.policy.prove`)."""
    force: str = ""
    """Why it is to be granted over a quota, or over what others use of the machine."""
    start: int | None = None
    """Of a booking that starts later: wall time by its owner's clock, ns since 1970."""
    work: tuple[str, ...] = ()
    """What work it is for, in words that the ledger passes on and does not read."""
    place: bytes = b""
    """Of one of a gang's: the place in the line whose turn this is; it stays until it is left."""


class Wait(
    msgspec.Struct, frozen=True, tag="wait", forbid_unknown_fields=True, omit_defaults=True
):  # fmt: skip
    """As `hold`, or else a place in the line for it. Said again every few seconds: each time is
    answered with the place, or, when its turn has come, with the hold. Who falls silent loses the
    place; `Void` gives it up.

    `patience`: how long its asker would wait in all. `priority`: 0 and up, as far as policy lets.
    One of a gang's (`hold.gang` names the wish) is never answered with the hold: that its turn has
    come is all it is told, for the others' must come too. Of gangs the lower `rank` goes first, and
    with every owner. `claim`: so far from now all of it could start, as its asker reckons, and from
    then on the room is kept for it; None: it asks for none to be kept.
    """

    id: bytes
    session: bytes
    hold: Hold
    patience: Duration
    priority: int = 0
    rank: int = 0
    claim: Duration | None = None


class Post(msgspec.Struct, frozen=True, tag="post", forbid_unknown_fields=True):
    """Confirm a hold: from here on it is a grant."""

    id: bytes
    session: bytes


class Renew(msgspec.Struct, frozen=True, tag="renew", forbid_unknown_fields=True):
    """Keep a carried lease for another term. `nonce` comes back, so the carrier knows which send
    was answered and counts its belief from that one."""

    id: bytes
    session: bytes
    nonce: bytes


class Extend(msgspec.Struct, frozen=True, tag="extend", forbid_unknown_fields=True):
    """Let a booking last for `term` in all. The whole term and not what is added to it: so a retry
    asks for the same thing."""

    id: bytes
    session: bytes
    term: Duration


class Shrink(msgspec.Struct, frozen=True, tag="shrink", forbid_unknown_fields=True):
    """Keep `legs` of a grant and give back the rest. What is kept and not what is given back: so a
    retry gives back nothing more."""

    id: bytes
    session: bytes
    legs: tuple[Leg, ...]


class Transfer(msgspec.Struct, frozen=True, tag="transfer", forbid_unknown_fields=True):
    """Carve the grant `id` out of the booking `parent`, for `holder` (empty: who asks).

    It is posted at once, its room comes from its parent and returns there, and it ends with its
    parent at the latest.
    """

    id: bytes
    session: bytes
    parent: bytes
    holder: bytes
    legs: tuple[Leg, ...]
    kind: GrantKind
    term: Duration
    principal: str
    label: str


class Void(msgspec.Struct, frozen=True, tag="void", forbid_unknown_fields=True):
    """Give back a hold that was never posted."""

    id: bytes
    session: bytes


class Release(msgspec.Struct, frozen=True, tag="release", forbid_unknown_fields=True):
    """End a grant. Asking again is answered the same way."""

    id: bytes
    session: bytes


class Resume(msgspec.Struct, frozen=True, tag="resume", forbid_unknown_fields=True):
    """To an owner in quarantine: this carried lease is still believed in by its carrier.

    `receipts` are `mesh.logs.Receipt`s as encoded by `ledger.proving.blocks.encode_receipt`: the
    hold's and, once posted, the post's.
    """

    id: bytes
    session: bytes
    receipts: tuple[bytes, ...]


class Inquire(msgspec.Struct, frozen=True, tag="inquire", forbid_unknown_fields=True):
    """What became of this id? The way out of an answer that never came."""

    id: bytes
    session: bytes


Command: TypeAlias = (
    Hold | Wait | Post | Park | Settle | Renew | Extend | Shrink | Transfer | Void | Release
    | Resume | Inquire | RightsCommand
)  # fmt: skip


class SignedCommand(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A command as its asker signed it. `body` is kept and checked as received."""

    body: bytes
    public: bytes
    signature: bytes


class Vouched(NamedTuple):
    """A command of our own, or of the key that its stream has proven by its handshake."""

    body: bytes
    public: bytes


Asked: TypeAlias = SignedCommand | Vouched
"""A command, and who says it."""


class Outcome(StrEnum):
    """How a command ended, refusals in the order in which they are checked."""

    MALFORMED = "malformed"
    NOT_TRUSTED = "not trusted here"
    NOT_A_POOL = "not a pool"
    BAD_AMOUNT = "not an amount"
    BAD_TERM = "not a term"
    BAD_SIGNATURE = "bad signature"
    WRONG_SESSION = "wrong session"
    CLOSED = "closed"
    BAD_RECEIPT = "bad receipt"
    FOREIGN_RECEIPT = "another node's receipt"
    NOT_RESUMABLE = "not resumable"
    QUARANTINED = "quarantined"
    OUTCAST = "kept out"
    DISK_FULL = "disk full"
    BOOKINGS_CLOSED = "bookings closed"
    ID_CONFLICT = "same id, other request"
    NOT_FOUND = "no such hold"
    NOT_HOLDER = "not the holder"
    TOO_LATE = "too late"
    WRONG_STEP = "not a step from here"
    NOT_PRINCIPAL = "not a principal here"
    MAY_NOT_FORCE = "may not force"
    NOT_FOR_YOU = "not for this principal"
    TERM_TOO_LONG = "term too long"
    POOL_UNKNOWN = "no such pool here"
    POOL_NOT_OPEN = "pool not open"
    TOO_MANY_ENTRIES = "too many entries"
    TOO_FAST = "too many in a short time"
    OVER_QUOTA = "over its quota"
    ROOM_UNKNOWN = "room unknown"
    NO_ROOM = "no room"
    OTHERS_WAIT = "others wait for this room"
    LINE_FULL = "line full"
    BAD_START = "no such start"
    CALENDAR_SUSPENDED = "calendar suspended"
    TAKEN_THEN = "taken then"
    RIGHTS_CLOSED = "rights closed"
    NO_RIGHTS = "too few rights here"
    NOT_LONGER = "not a longer term"
    MORE_THAN_HELD = "more than it holds"
    UNPROVEN = "that proves nothing"

    WAITING = "waiting"
    HELD = "held"
    POSTED = "posted"
    PARKED = "parked"
    SETTLED = "settled"
    RENEWED = "renewed"
    EXTENDED = "extended"
    SHRUNK = "shrunk"
    TRANSFERRED = "transferred"
    ISSUED = "issued"
    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    RESUMED = "resumed"
    VOIDED = "voided"
    ENDING = "ending"
    RELEASED = "released"
    EXPIRED = "expired"

    @property
    def positive(self) -> bool:
        """Whether the asker got what it asked for, now or by an earlier send."""
        return self in _POSITIVE

    @property
    def may_change_on_retry(self) -> bool:
        """Whether asking again later can end differently."""
        return self in _TRANSIENT


_POSITIVE: Final = frozenset(
    {Outcome.HELD, Outcome.POSTED, Outcome.RENEWED, Outcome.RESUMED, Outcome.VOIDED}
    | {Outcome.ENDING, Outcome.RELEASED, Outcome.PARKED, Outcome.SETTLED, Outcome.WAITING}
    | {Outcome.EXTENDED, Outcome.SHRUNK, Outcome.TRANSFERRED}
    | {Outcome.ISSUED, Outcome.GIVEN, Outcome.WITHDRAWN}
)
_TRANSIENT: Final = frozenset(
    {Outcome.WRONG_SESSION, Outcome.QUARANTINED, Outcome.BOOKINGS_CLOSED, Outcome.POOL_NOT_OPEN}
    | {Outcome.TOO_MANY_ENTRIES, Outcome.ROOM_UNKNOWN, Outcome.NO_ROOM}
    | {Outcome.OTHERS_WAIT, Outcome.LINE_FULL, Outcome.CALENDAR_SUSPENDED, Outcome.TAKEN_THEN}
    | {Outcome.TOO_FAST, Outcome.OVER_QUOTA, Outcome.DISK_FULL}
    | {Outcome.RIGHTS_CLOSED, Outcome.NO_RIGHTS}
)


class Shortfall(msgspec.Struct, frozen=True):
    """What one leg lacked. `have` None: the room is not known."""

    pool: str
    need: int
    have: int | None


class Answer(msgspec.Struct, frozen=True):
    """An owner's answer. `session` is always its current one, so a stale asker can catch up.

    `token`: (era counter, height, index) of the posting entry, a fencing token that only grows.
    `receipts`: encoded `Receipt`s that prove what was granted; empty on refusal.
    `remaining`: nanoseconds the hold still has, by the owner's count; for QUARANTINED and
    BOOKINGS_CLOSED, until the owner opens; for WAITING, until its turn (None: nobody knows).
    """

    outcome: Outcome
    id: bytes
    session: bytes
    detail: str = ""
    token: tuple[int, int, int] | None = None
    receipts: tuple[bytes, ...] = ()
    remaining: Duration | None = None
    shortfalls: tuple[Shortfall, ...] = ()
    nonce: bytes = b""
    stored_on: tuple[bytes, ...] | None = None
    """For a booking: ids of the peers that have the entry on their disks. None: not waited for."""
    place: tuple[int, int] | None = None
    """For WAITING: the place in the line, from 1, and how many wait."""


_command_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_answer_decoder = msgspec.msgpack.Decoder(Answer)
_signed_decoder = msgspec.msgpack.Decoder(SignedCommand)
_T = TypeVar("_T")


def sign_command(identity: Identity, owner: NodeId, command: Command) -> SignedCommand:
    """`command`, signed for `owner` alone."""
    body = encode_command(command)
    return SignedCommand(body, identity.public, identity.sign(COMMAND_TAG, owner + body))


def check_command(signed: SignedCommand, owner: NodeId) -> bool:
    """Whether the asker signed exactly this for exactly this owner."""
    public = PublicKey(signed.public)
    return verify(public, COMMAND_TAG, owner + signed.body, signed.signature)


def encode_command(command: Command) -> bytes:
    """The body of a command."""
    return msgspec.msgpack.encode(command)


def decode_command(body: bytes) -> Command:
    """Raises msgspec.MsgspecError on anything but a whole, well-typed command."""
    return _decoded(_command_decoder, body)


def encode_signed(signed: SignedCommand) -> bytes:
    """For the stream between asker and owner."""
    return msgspec.msgpack.encode(signed)


def decode_signed(body: bytes) -> SignedCommand:
    """Raises msgspec.MsgspecError on anything else."""
    return _decoded(_signed_decoder, body)


def encode_answer(answer: Answer) -> bytes:
    """For the stream between owner and asker."""
    return msgspec.msgpack.encode(answer)


def decode_answer(body: bytes) -> Answer:
    """Raises msgspec.MsgspecError on anything else."""
    return _decoded(_answer_decoder, body)


def _decoded(decoder: msgspec.msgpack.Decoder[_T], body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except (RecursionError, UnicodeDecodeError) as error:
        # Neither is of msgspec's own family: thousands of brackets, and text that is none.
        raise msgspec.DecodeError(f"not readable: {error}") from error
