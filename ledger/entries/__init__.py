"""Entries: what a log says, one immutable fact each, with all its legs or none.

On the wire an entry is one MessagePack array that starts with its tag. There is exactly one
encoding of each entry: bytes that do not come out the same after decoding and encoding again are
refused, so that nobody can say one thing in two ways, and an unknown field is a refusal and not a
shrug (a ledger that skips what it does not understand is not a ledger).
"""

from enum import Enum
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from ledger.accounts import PoolState
from ledger.commands import (
    AMOUNT_MAX,
    GrantKind,
    Leg,
)
from ledger.entries.fields import (
    EntryFields,
    Hash,
    HoldId,
    Label,
    Legs,
    Node,
    Principal,
    Reason,
    Start,
    Term,
)
from ledger.entries.gangs import (
    Enlisted,
    GangBegun,
    GangCommitted,
    GangCompleted,
    GangEnded,
    Parked,
    Settled,
)
from ledger.entries.rights import (
    RightsBarred,
    RightsGiven,
    RightsIssued,
    RightsOpened,
    RightsTaken,
    RightsWithdrawn,
    RightsWrittenOff,
)
from ledger.limits import ENDED_KEPT_MAX
from ledger.pools import unit_of
from mesh.identity import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Epoch
from mesh.logs import (
    CHECKPOINT_KIND,
    ENTRY_BYTES_MAX,
    ERAS_MAX,
    Era,
    EraStart,
    Position,
)


class EntryRefused(ValueError):
    """These bytes are not an entry."""


class EndedBy(Enum):
    """Why a grant was released."""

    ASKED = "asked"
    RUN_OUT = "run out"
    ELSEWHERE = "ended in another copy of this log"
    DISBANDED = "its gang ended, or was never shown to be complete"


class OpenedBy(Enum):
    """What allowed new bookings again."""

    FIRST = "first start"
    ANSWERED = "every known peer answered"
    ALONE = "no peer is known, and the log goes on where it was open"
    WAITED = "waited long enough"
    OVERRIDE = "override"


class EraOpened(EntryFields, tag="era", frozen=True):
    """The first entry of an era. `cut`: the block it continues from; None when there is none."""

    era: Era
    epoch: Epoch
    cut: Position | None
    reason: Reason
    fingerprint: Reason | None
    first: bool


class Provisioned(EntryFields, tag="provision", frozen=True):
    """Capacity may be granted. A pool that is named for the first time opens."""

    legs: Legs


class Retired(EntryFields, tag="retire", frozen=True):
    """Free capacity is gone for good."""

    legs: Legs


class WentOffline(EntryFields, tag="offline", frozen=True):
    """Free capacity is out of reach for now."""

    legs: Legs


class CameOnline(EntryFields, tag="online", frozen=True):
    """Capacity that was out of reach is back."""

    legs: Legs


class PoolStateSet(EntryFields, tag="state", frozen=True):
    """Whether a pool admits holds. May name a pool for the first time."""

    pool: str
    state: PoolState


class Held(EntryFields, tag="hold", frozen=True):
    """Set aside for `holder`, until posted. `digest` is over who asked and what."""

    id: HoldId
    digest: Hash
    holder: Node
    legs: Legs
    kind: GrantKind
    term: Term
    principal: Principal
    label: Label


class Posted(EntryFields, tag="post", frozen=True):
    """The hold is a grant from here on."""

    id: HoldId


class Voided(EntryFields, tag="void", frozen=True):
    """Given back before it was posted."""

    id: HoldId
    by: Node


class Expired(EntryFields, tag="expire", frozen=True):
    """Never posted in time."""

    id: HoldId


class Released(EntryFields, tag="release", frozen=True):
    """The grant ended, and what ran under it was seen gone."""

    id: HoldId
    by: Node
    why: EndedBy


class Reclaimed(EntryFields, tag="reclaim", frozen=True):
    """The carried lease was not renewed, and what ran under it was seen gone."""

    id: HoldId


class Owed(EntryFields, tag="owe", frozen=True):
    """The hold just begun was forced: so much of it is beyond a quota, or beyond what the machine
    had left of its own. A debt that everybody sees."""

    id: HoldId
    legs: Legs
    reason: Reason


class Extended(EntryFields, tag="extend", frozen=True):
    """The booking lasts for `term` in all, which is longer than it was."""

    id: HoldId
    term: Term


class Shrunk(EntryFields, tag="shrink", frozen=True):
    """The grant takes `legs` from here on, and no more; the rest is given back."""

    id: HoldId
    legs: Legs


class Transferred(EntryFields, tag="transfer", frozen=True):
    """A grant of its own, carved out of the booking `parent`: its room is taken from there, and
    goes back there when it ends. It ends with its parent at the latest."""

    id: HoldId
    parent: HoldId
    digest: Hash
    holder: Node
    legs: Legs
    kind: GrantKind
    term: Term
    principal: Principal
    label: Label


class Adopted(EntryFields, tag="adopt", frozen=True):
    """A hold of ours that this log had lost. `origin`: where a receipt or copy shows it."""

    id: HoldId
    digest: Hash
    holder: Node
    legs: Legs
    kind: GrantKind
    term: Term
    principal: Principal
    label: Label
    posted: bool
    origin: Position


class ClosedHow(Enum):
    """Why a booking that turned up late could not be kept."""

    SUPERSEDED = "superseded"
    BROKEN = "broken"


class Closed(EntryFields, tag="close", frozen=True):
    """A booking that turned up too late to keep, with all that its holder needs to know."""

    id: HoldId
    digest: Hash
    holder: Node
    legs: Legs
    how: ClosedHow
    origin: Position


class Planned(EntryFields, tag="plan", frozen=True):
    """Pencilled in for `holder`, from `start` on; planned once it is posted. Takes no room yet."""

    id: HoldId
    digest: Hash
    holder: Node
    legs: Legs
    term: Term
    principal: Principal
    label: Label
    start: Start


class Started(EntryFields, tag="start", frozen=True):
    """What was planned takes its room from here on."""

    id: HoldId


class Replanned(EntryFields, tag="replan", frozen=True):
    """A plan of ours that this log had lost. `origin`: where a copy shows it."""

    id: HoldId
    digest: Hash
    holder: Node
    legs: Legs
    term: Term
    principal: Principal
    label: Label
    start: Start
    origin: Position


class Succeeded(EntryFields, tag="succeed", frozen=True):
    """What stands behind this entry with an origin that is not of this log was promised by `node`,
    whose key is lost, and cites its log (`ledger/owner/succession.py`). `head`: how far the copy
    went.

    `recovery`: the public half of the recovery key that `node` had put on record, with `signature`
    by it; both empty where a person's word, `reason`, was enough.
    """

    node: Node
    head: Position | None
    reason: Reason
    recovery: Annotated[bytes, Meta(max_length=PUBLIC_KEY_BYTES)]
    signature: Annotated[bytes, Meta(max_length=SIGNATURE_BYTES)]


class BookingsOpened(EntryFields, tag="open", frozen=True):
    """New bookings are admitted in this era. An override says whose word that rests on."""

    by: OpenedBy
    reason: Reason


class Checkpointed(EntryFields, tag=CHECKPOINT_KIND, frozen=True):
    """What all before this block comes to, and that the log may begin here (`mesh.logs`).

    `keeps`: how many of the holds that ended stay known, the newest; the others are forgotten with
    this entry.
    """

    state: Hash
    eras: Annotated[tuple[EraStart, ...], Meta(min_length=1, max_length=ERAS_MAX)]
    begins: Annotated[int, Meta(ge=0)]
    keeps: Annotated[int, Meta(ge=0, le=ENDED_KEPT_MAX)]


Entry: TypeAlias = (
    EraOpened
    | Provisioned
    | Retired
    | WentOffline
    | CameOnline
    | PoolStateSet
    | Held
    | Posted
    | Voided
    | Expired
    | Released
    | Reclaimed
    | Owed
    | Extended
    | Shrunk
    | Transferred
    | Adopted
    | Closed
    | Planned
    | Started
    | Replanned
    | Enlisted
    | Parked
    | Settled
    | GangBegun
    | GangCommitted
    | GangCompleted
    | GangEnded
    | Succeeded
    | RightsIssued
    | RightsWithdrawn
    | RightsWrittenOff
    | RightsGiven
    | RightsTaken
    | RightsBarred
    | RightsOpened
    | BookingsOpened
    | Checkpointed
)

_decoder: Final[msgspec.msgpack.Decoder[Entry]] = msgspec.msgpack.Decoder(Entry)
_encoder: Final = msgspec.msgpack.Encoder()


def encode_entry(entry: Entry) -> bytes:
    """The one encoding of `entry`."""
    return _encoder.encode(entry)


def read_entry(raw: bytes) -> Entry:
    """An entry that we have written or folded: it is known to be whole, and said in the one way."""
    return _decoder.decode(raw)


def decode_entry(raw: bytes) -> Entry:
    """Raises EntryRefused on anything but the one encoding of a whole, well-typed entry."""
    if len(raw) > ENTRY_BYTES_MAX:
        raise EntryRefused(f"{len(raw)} bytes; {ENTRY_BYTES_MAX} is the limit")
    try:
        entry = _decoder.decode(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise EntryRefused(str(error)) from error
    if _encoder.encode(entry) != raw:
        raise EntryRefused("not the one encoding of this entry")
    if not legs_in_order(entry):
        raise EntryRefused("legs must name known pools, in order and once each, with an amount")
    return entry


def legs_in_order(entry: Entry) -> bool:
    """Whether the legs of `entry`, if it has any, are canonical."""
    if isinstance(entry, PoolStateSet):
        return unit_of(entry.pool) is not None
    legs: tuple[Leg, ...] = getattr(entry, "legs", ())
    names = [leg.pool for leg in legs]
    if names != sorted(set(names)):
        return False
    return all(unit_of(leg.pool) and 0 < leg.amount <= AMOUNT_MAX for leg in legs)
