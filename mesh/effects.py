"""What the mesh asks of the world, and what it tells its neighbours upstairs.

Effects are data and their order is a promise: the shell carries them out first to last, and
nothing behind a `Persist` leaves before it is durable. The one exception is a `Send` marked
`urgent` (a ping, an ack, a handshake): it promises nothing, so it need not wait for a slow disk.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from mesh.facts import Fact
from mesh.identity import Epoch, NodeId
from mesh.instant import Instant
from mesh.logs import Base, Block, Position
from mesh.persistence import Persist


class Address(NamedTuple):
    """An IP address as text, and a port. UDP and TCP share the port number.

    A link-local IPv6 address names our interface too, as in `fe80::1%eth0`: it is of use to us
    alone, and never told to others.
    """

    host: str
    port: int

    @property
    def text(self) -> str:
        """As people write it: `10.0.0.5:4653`, `[fd00::5]:4653`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


Outcasts: TypeAlias = dict[NodeId, tuple[Address, Instant] | None]
"""Who is heard by nobody → from where, and when, something spoke under its id all the same."""


@dataclass(frozen=True, slots=True)
class Send:
    """Put one datagram on the wire."""

    to: Address
    datagram: bytes
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Put one beacon on every usable interface (broadcast and multicast)."""

    datagram: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """Ask a peer something over a mutual-TLS stream; the answer comes back by `id`.

    The shell tries `addresses` in order, checks that the far end's key hashes to `to`, and gives up
    at `deadline`; then, or on any failure, the machine is told `answered(id, None, now)`. A call
    that it comes to only after its deadline (the disk was slow, the lid was shut) is never begun.
    """

    id: int
    to: NodeId
    addresses: tuple[Address, ...]
    service: str
    body: bytes
    deadline: Instant


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a stream request that was served: `token` is the one it came in with."""

    token: int
    body: bytes


# What is told upstairs -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FactLearned:
    """A newer fact is on the board. `fact.topic` says who should look at it."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class LogExtended:
    """`blocks` continue the author's accepted chain."""

    author: NodeId
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class LogCut:
    """A new era of `author` continues below its old head, or its log begins somewhere else now:
    fold again.

    `chain` is the whole accepted chain after the cut, and `base` where it begins if that is not at
    height 0.
    """

    author: NodeId
    chain: tuple[Block, ...]
    base: Base | None = None


@dataclass(frozen=True, slots=True)
class ForkProven:
    """Two different signed blocks at one (author, era, height). The log is frozen from here on."""

    author: NodeId
    first: Block
    second: Block


@dataclass(frozen=True, slots=True)
class OwnLogAhead:
    """A peer holds blocks of *our own* log that we do not: our disk forgot. `blocks` are theirs;
    `bases` say where their copy begins."""

    peer: NodeId
    blocks: tuple[Block, ...]
    bases: tuple[Base, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerAnsweredForOurLog:
    """`peer` has shown us all that it keeps of our own log (perhaps nothing)."""

    peer: NodeId


@dataclass(frozen=True, slots=True)
class BlockStored:
    """`peer` has our block at `position` on its disk."""

    peer: NodeId
    position: Position


@dataclass(frozen=True, slots=True)
class EpochBehind:
    """A peer proved, with our own signature, that we once reached a higher epoch.

    `addresses`: where that run was, or is: it may be another machine with our key. `left`: its last
    word was a good-bye.
    """

    highest: Epoch
    addresses: tuple[Address, ...] = ()
    left: bool = False


@dataclass(frozen=True, slots=True)
class TwinSeen:
    """Another machine, at `address`, has answered our own fresh nonce under our own key: it lives,
    in a run (`epoch`) that is not this one."""

    epoch: Epoch
    address: Address


@dataclass(frozen=True, slots=True)
class KeptOut:
    """`author`, whose word about others counts here, has signed that it keeps us out: `word`."""

    author: NodeId
    word: bytes


class PeerChange(Enum):
    """What happened to a member of the roll."""

    DISCOVERED = "discovered"
    VERIFIED = "verified"
    ALIVE = "alive"
    SUSPECT = "suspect"
    DEAD = "dead"
    LEFT = "left"
    RESTARTED = "restarted"
    CONFLICT = "name conflict"
    CLONED = "cloned identity"
    REVOKED = "revoked"
    TRUSTED = "trusted"
    """It counts from here on; told where that takes more than the secret."""
    DISTRUSTED = "not trusted"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class PeerChanged:
    """The roll changed. `detail` is one sentence for people."""

    peer: NodeId
    change: PeerChange
    detail: str


@dataclass(frozen=True, slots=True)
class RollFull:
    """`newcomer` has proven itself and found no place. Whom to forget for it is not ours to say."""

    newcomer: NodeId


class OurselvesChange(Enum):
    """What we have found out about our own place in the mesh."""

    CUT_OFF = "partitioned"
    """More than half fell silent at once: nobody is declared dead for a while."""
    BACK = "together again"
    DEGRADED = "degraded"
    """We would have to accuse more than a quarter of all: we accuse nobody any more."""


@dataclass(frozen=True, slots=True)
class OurselvesChanged:
    """Our own place in the mesh has changed. `detail` is one sentence for people."""

    change: OurselvesChange
    detail: str


Learned: TypeAlias = (
    FactLearned
    | LogExtended
    | LogCut
    | ForkProven
    | OwnLogAhead
    | PeerAnsweredForOurLog
    | BlockStored
    | EpochBehind
    | TwinSeen
    | KeptOut
    | PeerChanged
    | RollFull
    | OurselvesChanged
)
MeshEffect: TypeAlias = Send | Broadcast | Call | Answer | Persist | Learned
