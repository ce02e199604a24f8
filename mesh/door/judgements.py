"""What passport control may say of a datagram that it did not refuse."""

from dataclasses import dataclass, field
from typing import TypeAlias

from mesh.effects import Address
from mesh.facts import Fact
from mesh.identity import Epoch, NodeId, PublicKey
from mesh.instant import Duration


@dataclass(frozen=True, slots=True)
class HeardBeacon:
    """Somebody who knew the secret once said: look for `node` at `address`. Only a hint."""

    node: NodeId
    epoch_counter: int
    address: Address


@dataclass(frozen=True, slots=True)
class Respond:
    """Send this back to where the datagram came from. Nothing is believed yet, its sender's name
    (`claimed`) not either."""

    datagram: bytes = field(repr=False)
    claimed: NodeId


@dataclass(frozen=True, slots=True)
class Established:
    """`peer` answered our challenge: it lives, in this epoch, at this address.

    Send what `Gate.respond` makes of this back to `address`. Record `epoch` durably as the highest
    proven one.
    """

    peer: NodeId
    public: PublicKey
    epoch: Epoch
    address: Address
    tag: bytes
    """Of the session that begins here."""
    passport: Fact
    """What it showed, signature checked; nearly always its record."""
    letters: bytes = field(default=b"", repr=False)
    """What it sealed along with its confirmation."""
    took: Duration | None = None
    """From our hello to its welcome, if we said hello."""


@dataclass(frozen=True, slots=True)
class LowerEpoch:
    """A run of `peer` older than the one we have proven is talking. Unproven; believe nothing.

    Answer with `Gate.stale(this, record)`, `record` being the peer's own signed word from `known`.
    """

    peer: NodeId
    claimed: Epoch
    known: Epoch
    source: Address
    echo: bytes = field(repr=False)
    key_id: bytes = b""
    """Under which secret it spoke, and can be answered."""


@dataclass(frozen=True, slots=True)
class ToldStale:
    """A member shows us what may be our own later record. Verify that we signed it."""

    record: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Somebody whom we keep out has knocked. Send this back to where it came from, and count it as
    `Rejection.REVOKED`."""

    datagram: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToldOutcast:
    """`author` has signed that it keeps us out; `word` says by whose word, and why. Whether it
    counts here is not yet asked."""

    author: NodeId
    word: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CloneSeen:
    """Proven live: a second run of `peer` under the number of the one we know.

    Same counter, other start nonce; or, when `peer` is ourselves, any run that is not this one. No
    session was opened. Count it as `Rejection.CLONED` and tell people.
    """

    peer: NodeId
    public: PublicKey
    epoch: Epoch
    known: Epoch
    source: Address
    echo: bytes = field(default=b"", repr=False)
    """What it said last, for an answer that it can believe."""
    key_id: bytes = b""
    proof: bytes = field(default=b"", repr=False)
    """When it was we who asked: what to send it, if `peer` is ourselves, so that it knows too."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A fresh payload from a proven peer: it needs no second look at who said it, or when."""

    sender: NodeId
    epoch: Epoch
    payload: bytes = field(repr=False)
    source: Address


Judgement: TypeAlias = (
    HeardBeacon
    | Respond
    | Established
    | LowerEpoch
    | ToldStale
    | TurnedAway
    | ToldOutcast
    | CloneSeen
    | Verified
)
