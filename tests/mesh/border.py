"""Two or more gates and the road between them: what the tests of passport control stand on."""

from dataclasses import dataclass, field
from random import Random

from mesh.door.gate import Gate
from mesh.door.handshake import (
    Ephemeral,
    Hello,
    agree,
    transcript_of,
    welcome_core,
    write_welcome,
)
from mesh.door.judgements import Established, Judgement, Respond, Verified
from mesh.effects import Address
from mesh.identity import Epoch, Identity, NodeId
from mesh.instant import MILLISECOND, Instant
from mesh.kept.notary import Notary
from mesh.keys.keyring import Keyring
from mesh.keys.secret import MeshKeys, Secret
from mesh.rejections import Rejection

SECRET = Secret(bytes(range(32)))
RING = Keyring.of(SECRET)
KEYS = RING.primary
OTHER_RING = Keyring.of(Secret(bytes(32)))
OTHER_KEYS = OTHER_RING.primary
STEP = 5 * MILLISECOND


@dataclass
class Traveller:
    """One node at the border: its gate, its address and what was judged there."""

    name: str
    counter: int = 1
    start: bytes | None = None
    highest: dict[NodeId, Epoch] = field(default_factory=dict)
    keys: Keyring = RING

    def __post_init__(self) -> None:
        self.random = Random(f"{self.name} {self.counter} {self.start!r}")
        self.identity = Identity(Random(self.name).randbytes(32))
        self.epoch = Epoch(self.counter, self.start or self.random.randbytes(16))
        last = sum(self.name.encode()) % 250
        self.address = Address(f"10.0.0.{last}", 4653)
        notary = Notary(self.keys.mesh_id)
        self.gate = Gate(self.identity, self.epoch, self.keys, self.random, self.highest, notary)
        self.judged: list[Judgement | Rejection] = []

    @property
    def id(self) -> NodeId:
        return self.identity.id

    def judge(self, datagram: bytes, source: Address, now: Instant) -> Judgement | Rejection:
        judgement = self.gate.judge(datagram, source, now)
        self.judged.append(judgement)
        return judgement

    def restarted(self) -> "Traveller":
        """The same node's next run, with what it kept on disk."""
        return Traveller(self.name, self.counter + 1, None, self.gate.epochs(), self.keys)

    def established(self) -> list[Established]:
        return [judgement for judgement in self.judged if isinstance(judgement, Established)]

    def payloads(self) -> list[bytes]:
        """What it was told, leaving out the empty datagrams that confirm a session."""
        heard = [judgement for judgement in self.judged if isinstance(judgement, Verified)]
        return [verified.payload for verified in heard if verified.payload]


@dataclass
class Packet:
    source: Traveller
    to: Traveller
    datagram: bytes


class Road:
    """Carries datagrams in order; loses those whose number is in `lost`; records them all."""

    def __init__(self, *lost: int) -> None:
        self.lost = lost
        self.capture: list[Packet] = []
        self.now: Instant = 0

    def carry(self, source: Traveller, to: Traveller, datagram: bytes) -> None:
        """One datagram, and everything that follows at once from it."""
        number = len(self.capture)
        self.capture.append(Packet(source, to, datagram))
        self.now += STEP
        if number in self.lost:
            return
        match to.judge(datagram, source.address, self.now):
            case Respond(answer):
                self.carry(to, source, answer)
            case Established() as met:
                self.carry(to, source, to.gate.respond(met, b"", self.now))
            case _:
                pass

    def meet(self, first: Traveller, second: Traveller) -> None:
        """`first` says hello to `second`."""
        self.carry(first, second, first.gate.hello(second.id, self.now))

    def wait(self, sleeper: Traveller, other: Traveller, until: Instant) -> None:
        """Time passes for `sleeper`, whose repeats reach `other`."""
        while (due := sleeper.gate.next_wake) is not None and due <= until:
            self.now = max(self.now, due)
            for send in sleeper.gate.wake(self.now):
                self.carry(sleeper, other, send.datagram)
        self.now = max(self.now, until)

    def tell(self, source: Traveller, to: Traveller, payload: bytes) -> None:
        datagram = source.gate.seal(to.id, payload, self.now)
        assert datagram is not None, "there is no session to speak in"
        self.carry(source, to, datagram)


def drawn(traveller: Traveller, first_counter: int = 0) -> Ephemeral:
    """What `traveller` would put into a handshake just now."""
    nonce = traveller.random.randbytes(16)
    return Ephemeral(*traveller.gate.papers.at(0), nonce, first_counter)


def welcome_of(traveller: Traveller, keys: MeshKeys, hello: Hello) -> bytes:
    """A welcome to `hello`, whoever that was meant for."""
    share = drawn(traveller)
    core = welcome_core(keys, traveller.identity, traveller.epoch, share, hello)
    agreed = agree(keys, traveller.id, share, hello, transcript_of(hello.core, core))
    assert agreed is not None
    return write_welcome(keys, core, agreed.proof, share.passport)


def met(*, rounds: int = 1) -> tuple[Road, Traveller, Traveller]:
    """Ann and Bob, who have proven themselves to each other `rounds` times."""
    road, ann, bob = Road(), Traveller("ann"), Traveller("bob")
    for _ in range(rounds):
        road.meet(ann, bob)
    return road, ann, bob
