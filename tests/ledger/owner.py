"""An owner on a workbench: a real Ledger, a disk that is a list, a clock that is a number.

Carries out effects the way the agent must, and watches the boundary while it does: no positive
answer may leave whose receipts are not of blocks already on the disk.
"""

from dataclasses import dataclass, field
from random import Random

from ledger.books.holds import Token
from ledger.commands import (
    Answer,
    Command,
    GrantKind,
    Hold,
    Inquire,
    Leg,
    Outcome,
    Post,
    Release,
    Renew,
    Resume,
    Void,
    sign_command,
)
from ledger.desk.later import Later
from ledger.effects import Alarm, Append, Fence, LedgerEffect, Rebase, Reply, StandingChanged
from ledger.leases import decode_remaining
from ledger.limits import Limits
from ledger.machine import Ledger
from ledger.observations import (
    CapacitySeen,
    Continuity,
    Fenced,
    Observation,
    OwnLogSeen,
    PeersKnown,
    PoolReading,
)
from ledger.owner.checkpointing import proof_token
from ledger.proving.audit import check_books
from ledger.proving.blocks import decode_receipt
from mesh.identity import Epoch, Identity
from mesh.instant import SECOND, Instant
from mesh.logs import Base, Block, check_receipt
from mesh.persistence import (
    SPACE_CALENDAR,
    SPACE_LINE,
    SPACE_PROOF,
    SPACE_REMAINING,
    Persist,
    Write,
)

OWNER = Identity(bytes([1]) * 32)
ALICE = Identity(bytes([2]) * 32)
BOB = Identity(bytes([3]) * 32)

PROVEN = Continuity(proven=True, reason="same boot, nothing lost")
UNPROVEN = Continuity(proven=False, reason="the marker is gone")


def hold_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def reading(
    pool: str = "ram",
    total: int | None = 100,
    free: int | None = 100,
    system: int = 0,
    used: dict[bytes, int] | None = None,
) -> PoolReading:
    return PoolReading(pool, total, system, free, used or {})


def seen(*readings: PoolReading) -> CapacitySeen:
    return CapacitySeen(readings or (reading(),))


@dataclass
class Disk:
    """What survives: blocks, and the journal of remaining time."""

    chain: list[Block] = field(default_factory=list)
    remaining: dict[bytes, int] = field(default_factory=dict)
    line: dict[bytes, bytes] = field(default_factory=dict)
    calendar: dict[bytes, bytes] = field(default_factory=dict)
    base: Base | None = None
    """Where the log begins, once it was pruned."""
    proofs: dict[Token, bytes] = field(default_factory=dict)

    @property
    def first(self) -> int:
        return 0 if self.base is None else self.base.block.height


class Owner:
    """One start of an owner over a disk. `start` again for the next."""

    def __init__(
        self,
        disk: Disk | None = None,
        continuity: Continuity = UNPROVEN,
        *,
        now: Instant = 1000 * SECOND,
        counter: int = 1,
        first: bool = False,
        limits: Limits | None = None,
        fingerprint: str | None = None,
        fences: bool = True,
    ) -> None:
        self.disk = disk or Disk()
        self.now = now
        self.counter = counter
        self.fences = fences
        """Whether work ends at once when it is fenced."""
        self.fenced: list[bytes] = []
        self.alarms: list[Alarm] = []
        self.told: list[str] = []
        self.rebased: list[tuple[Block, ...]] = []
        self.answers: dict[int, list[Answer]] = {}
        self._token = 0
        epoch = Epoch(counter, counter.to_bytes(16, "big"))
        self.ledger = Ledger(
            OWNER, epoch, tuple(self.disk.chain), self.disk.remaining, continuity,
            first=first, fingerprint=fingerprint, limits=limits or Limits(), random=Random(counter),
            later=Later.restored({SPACE_LINE: self.disk.line, SPACE_CALENDAR: self.disk.calendar}),
            base=self.disk.base, proofs=self.disk.proofs,
        )  # fmt: skip
        self.do(self.ledger.boot(self.now))
        self.seal()

    def restart(
        self,
        continuity: Continuity = PROVEN,
        *,
        after: Instant = SECOND,
        disk: Disk | None = None,
        first: bool = False,
        fingerprint: str | None = None,
    ) -> "Owner":
        return Owner(
            disk or self.disk,
            continuity,
            now=self.now + after,
            counter=self.counter + 1,
            first=first,
            fences=self.fences,
            fingerprint=fingerprint,
        )

    # Effects -----------------------------------------------------------------------------------

    def do(self, effects: list[LedgerEffect]) -> None:
        for effect in effects:
            match effect:
                case Append(block):
                    self.disk.chain.append(block)
                case Rebase(chain):
                    self.disk.chain[:] = chain
                    self.rebased.append(chain)
                case Reply(token, answer):
                    self._hear(token, answer)
                case Fence(hold):
                    self.fenced.append(hold)
                case Alarm():
                    self.alarms.append(effect)
                case StandingChanged(state, _):
                    self.told.append(state)
                case Persist(writes):
                    self._persist(writes)
        if self.fences:
            for hold in [effect.hold for effect in effects if isinstance(effect, Fence)]:
                self.tell(Fenced(hold, gone=True))

    def _persist(self, writes: tuple[Write, ...]) -> None:
        for write in writes:
            if write.space == SPACE_PROOF:
                self._keep(write)
            elif write.value is None:
                rows = self.disk.remaining if write.space == SPACE_REMAINING else self.disk.line
                rows.pop(write.key, None)  # type: ignore[attr-defined]  # of either
            elif write.space == SPACE_CALENDAR:
                self.disk.calendar[write.key] = write.value
            elif write.space == SPACE_LINE:
                self.disk.line[write.key] = write.value
            else:
                assert write.space == SPACE_REMAINING
                self.disk.remaining[write.key] = decode_remaining(write.value)

    def _keep(self, write: Write) -> None:
        token = proof_token(write.key)
        if write.value is None:
            self.disk.proofs.pop(token, None)
        else:
            self.disk.proofs[token] = write.value

    def prune(self) -> bool:
        """Let the log begin where its newest checkpoint says that it may. Whether it moved."""
        milestones = self.ledger.books.milestones
        begins = milestones[-1].begins if milestones else 0
        at = [one for one in milestones if one.height == begins]
        if begins <= self.disk.first or not at:
            return False
        base = Base(self.disk.chain[begins - self.disk.first], at[0].state)
        self.do([*self.ledger.prune(base)])
        self.disk.base, self.disk.chain = base, list(self.ledger.chain)
        self.seal()
        return True

    def _hear(self, token: int, answer: Answer) -> None:
        self.answers.setdefault(token, []).append(answer)
        for raw in answer.receipts:
            at = check_receipt(decode_receipt(raw))
            assert at is not None, "a receipt that proves nothing"
            if at.height >= self.disk.first:  # else it was kept when its block was put away
                block = self.disk.chain[at.height - self.disk.first]
                assert block.position == at, "answered before it was durable"
        if answer.outcome is Outcome.WAITING:
            assert answer.id in self.disk.line, "told of a place that is not on disk"
        if answer.outcome in (Outcome.HELD, Outcome.POSTED):
            assert answer.receipts, "a promise without proof"

    # Doors -------------------------------------------------------------------------------------

    def send(self, command: Command, who: Identity = ALICE) -> int:
        """Ask without sealing; the token under which the answer will be found."""
        self._token += 1
        self.do(self.ledger.ask(self._token, sign_command(who, OWNER.id, command), self.now))
        return self._token

    def ask(self, command: Command, who: Identity = ALICE) -> Answer:
        """Ask and seal; the one answer."""
        token = self.send(command, who)
        self.seal()
        (answer,) = self.answers[token]
        return answer

    def tell(self, observation: Observation) -> None:
        self.do(self.ledger.report(observation, self.now))

    def see(self, *readings: PoolReading) -> None:
        self.tell(seen(*readings))
        self.seal()

    def seal(self) -> None:
        self.do(self.ledger.seal(self.now))
        check_books(self.ledger.books)
        if self.state != "quarantine":  # where a damaged log is not replaced yet
            assert self.ledger.chain == tuple(self.disk.chain)

    def advance(self, duration: int) -> None:
        """Let time pass, waking when asked to."""
        until = self.now + duration
        while (at := self.ledger.next_wake) is not None and at <= until:
            self.now = max(self.now, at)
            self.do(self.ledger.wake(self.now))
            self.seal()
            after = self.ledger.next_wake
            assert after is None or after > self.now, "wake must take what is due"
        self.now = until

    # Commands in few words ---------------------------------------------------------------------

    @property
    def session(self) -> bytes:
        return self.ledger.session

    def hold(
        self,
        number: int,
        amount: int = 10,
        *,
        pool: str = "ram",
        booking: bool = False,
        term: int = 30 * SECOND,
        who: Identity = ALICE,
        legs: tuple[Leg, ...] | None = None,
    ) -> Answer:
        return self.ask(
            self.hold_command(number, amount, pool=pool, booking=booking, term=term, legs=legs), who
        )

    def hold_command(
        self,
        number: int,
        amount: int = 10,
        *,
        pool: str = "ram",
        booking: bool = False,
        term: int = 30 * SECOND,
        legs: tuple[Leg, ...] | None = None,
    ) -> Hold:
        kind = GrantKind.BOOKING if booking else GrantKind.CARRIED
        return Hold(
            hold_id(number), self.session, legs or (Leg(pool, amount),), kind, term, "alice", "work"
        )

    def post(self, number: int, who: Identity = ALICE) -> Answer:
        return self.ask(Post(hold_id(number), self.session), who)

    def renew(self, number: int, who: Identity = ALICE, nonce: bytes = b"n") -> Answer:
        return self.ask(Renew(hold_id(number), self.session, nonce), who)

    def void(self, number: int, who: Identity = ALICE) -> Answer:
        return self.ask(Void(hold_id(number), self.session), who)

    def release(self, number: int, who: Identity = ALICE) -> Answer:
        return self.ask(Release(hold_id(number), self.session), who)

    def resume(self, number: int, receipts: tuple[bytes, ...], who: Identity = ALICE) -> Answer:
        return self.ask(Resume(hold_id(number), self.session, receipts), who)

    def inquire(self, number: int) -> Answer:
        return self.ask(Inquire(hold_id(number), self.session))

    def grant(self, number: int, amount: int = 10, **how: object) -> Answer:
        """Hold and post; the answer to the post."""
        held = self.hold(number, amount, **how)  # type: ignore[arg-type]  # passed on by name
        assert held.outcome is Outcome.HELD, held
        posted = self.post(number)
        assert posted.outcome is Outcome.POSTED, posted
        return posted

    @property
    def state(self) -> str:
        return self.ledger.standing[0]

    @property
    def free(self) -> int:
        return self.ledger.books.free("ram")

    def peer_answered(self) -> None:
        self.tell(PeersKnown(known=1, silent=0))
        self.seal()

    def show(self, *blocks: Block) -> None:
        """A peer shows these blocks of our own log."""
        self.tell(OwnLogSeen(BOB.id, blocks))
        self.seal()


def opened(*readings: PoolReading, limits: Limits | None = None) -> Owner:
    """A first start that has looked at its machine: 100 of ram unless told otherwise."""
    owner = Owner(first=True, limits=limits)
    owner.see(*readings)
    return owner


def through_quarantine(owner: Owner, *readings: PoolReading, peers: bool = False) -> Owner:
    """Wait out a quarantine and look at the machine."""
    if not peers:
        owner.peer_answered()
    owner.advance(33 * SECOND)
    owner.see(*readings)
    return owner
