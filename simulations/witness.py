"""The witness: somebody outside who heard every answer and forgets none.

The auditors look at books, and books that have forgotten something still balance. So the witness
keeps what was *answered*: who was told "it is yours", for how much and until when. Nobody it
listens to may be wronged:

- what was answered and neither given back nor over is in its owner's books whenever they are open;
- what is believed in at one owner never adds up to more than that owner has;
- an answer that names a keeper is true: the copy is on that keeper's disk.

One excuse is allowed, and only one: a booking whose owner forgot it, and whose every copy was lost
or away for the whole of the quarantine in which the owner asked for it. Whether that was so is
seen from outside too: on the disks, and from who could hear whom. A host that was up, within reach
and of one life all through the quarantine, with a copy on its disk, takes the excuse away.
"""

from collections import Counter
from dataclasses import dataclass, field

from ledger.entries import Adopted, Posted, decode_entry
from ledger.leases import holder_span
from ledger.lifecycle import HoldState
from ledger.limits import PENDING_TTL
from mesh.identity import NodeId
from mesh.instant import Duration, Instant
from mesh.logs import Block
from mesh.persistence import SPACE_ATTIC, SPACE_BLOCK
from mesh.wire import parse_block
from simulations.checkers import PromiseBroken
from simulations.host import Host
from simulations.world import World


@dataclass(slots=True)
class Promise:
    """What an asker was told, and how long it may believe it."""

    hold: bytes
    owner: str
    asker: str
    amount: int
    term: Duration
    posted: bool
    believed_until: Instant
    excused: bool = False
    """Its owner forgot it, and nobody who could have been asked still knew."""

    def __str__(self) -> str:
        return f"{self.amount >> 20} MiB at {self.owner} for {self.asker} ({self.hold.hex()[:8]})"


@dataclass(slots=True)
class _Company:
    """Who was within reach of an owner, in one life, since its quarantine began."""

    life: int
    lives: dict[str, int]


@dataclass(slots=True)
class Witness:
    """Remembers every answer in one world. Call `watch` after whatever happens."""

    world: World
    promises: dict[bytes, Promise] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    _company: dict[str, _Company] = field(default_factory=dict)

    # What was said -------------------------------------------------------------------------------

    def granted(self, promise: Promise) -> None:
        """An owner said yes."""
        self.promises[promise.hold] = promise

    def confirmed(self, hold: bytes, asked_at: Instant) -> None:
        """A pending hold was posted: from here on it is a booking."""
        promise = self.promises.get(hold)
        if promise is not None:
            promise.posted = True
            promise.believed_until = asked_at + holder_span(promise.term)

    def given_back(self, hold: bytes) -> None:
        """Its asker believes in it no longer, whatever comes of its word."""
        self.promises.pop(hold, None)

    def believed(self, owner: str | None = None) -> list[Promise]:
        """Promises that their askers rely on now, of one owner or of all."""
        return [
            promise
            for promise in self.promises.values()
            if self.world.now < promise.believed_until and owner in (None, promise.owner)
        ]

    # Oracles -------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Look at everybody. Raises PromiseBroken."""
        for host in self.world.hosts.values():
            self._follow(host)
            self._check_sum(host)
            if _is_open(host):
                self._check_kept(host)

    def check_copies(self, promise: Promise, keepers: list[str]) -> None:
        """Who is said to have stored a grant has it on its disk."""
        owner = self.world.hosts[promise.owner].id
        for name in keepers:
            if not has_copy(self.world.hosts[name], owner, promise.hold):
                raise self._broken(f"{promise} is said to be stored on {name}, and is not")

    def _check_sum(self, host: Host) -> None:
        relied_on = [one for one in self.believed(host.name) if not one.excused]
        total = sum(one.amount for one in relied_on)
        if total > host.ram:
            told = "; ".join(str(one) for one in relied_on)
            raise self._broken(f"{host.name} has {host.ram >> 20} MiB, and answered for {told}")

    def _check_kept(self, host: Host) -> None:
        books = host.alive.ledger.books
        for promise in self.believed(host.name):
            state = books.state_of(promise.hold)
            kept = state is HoldState.POSTED if promise.posted else state.live
            if kept and promise.excused:
                promise.excused = False
                self.seen["forgotten by its owner, and found again later"] += 1
            if not kept and not promise.excused:
                raise self._broken(f"{promise} was answered, and is {state.value}")

    # Quarantines ---------------------------------------------------------------------------------

    def _follow(self, host: Host) -> None:
        company = self._company.get(host.name)
        if host.agent is None:
            self._company.pop(host.name, None)
        elif not _is_open(host):
            here = self._within_reach(host)
            if company is None or company.life != host.life:
                self._company[host.name] = _Company(host.life, here)
                self.seen["quarantines"] += 1
            else:
                stayed = company.lives.items() & here.items()
                company.lives = dict(sorted(stayed))
        elif company is not None:
            del self._company[host.name]
            self._reopened(host, company)

    def _within_reach(self, host: Host) -> dict[str, int]:
        network = self.world.network
        return {
            peer.name: peer.life
            for peer in self.world.hosts.values()
            if peer is not host
            and peer.agent is not None
            and not network.is_cut(host.name, peer.name)
            and not network.is_cut(peer.name, host.name)
        }

    def _reopened(self, host: Host, company: _Company) -> None:
        """Its owner has asked everybody it could: what it did not get back, could it have had?"""
        books = host.alive.ledger.books
        for promise in self.believed(host.name):
            if promise.excused or not promise.posted:
                continue
            if books.state_of(promise.hold) is HoldState.POSTED:
                self.seen["kept through a quarantine"] += 1
                continue
            keepers = [
                name
                for name in company.lives
                if has_copy(self.world.hosts[name], host.id, promise.hold)
            ]
            if keepers:
                raise self._broken(f"{promise} is forgotten, and {keepers} could have told")
            promise.excused = True
            self.seen["forgotten with every copy that could be asked"] += 1

    def _broken(self, sentence: str) -> PromiseBroken:
        return PromiseBroken(f"{self.world.now / 1e9:.3f} s: {sentence}")


def pending_until(asked_at: Instant) -> Instant:
    """How long the asker of a bare hold may believe in it."""
    return asked_at + holder_span(PENDING_TTL)


def has_copy(keeper: Host, owner: NodeId, hold: bytes) -> bool:
    """Whether the grant `hold` of `owner` is on the disk of `keeper`, in the chain or beside it."""
    rows = [
        row
        for space in (SPACE_BLOCK, SPACE_ATTIC)
        for key, row in keeper.disk.durable.get(space, {}).items()
        if key.startswith(owner) and hold in row
    ]
    return any(_grants(parse_block(row), hold) for row in rows)


def _grants(block: object, hold: bytes) -> bool:
    entries = [decode_entry(raw) for raw in block.entries] if isinstance(block, Block) else []
    return any(
        isinstance(entry, Posted | Adopted)
        and entry.id == hold
        and (isinstance(entry, Posted) or entry.posted)
        for entry in entries
    )


def _is_open(host: Host) -> bool:
    return host.agent is not None and host.agent.ledger.standing[0] in ("open", "bookings_closed")
