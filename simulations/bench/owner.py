"""One owner as the agent runs it, without the agent: books, mesh and journal, and a disk below.

The path of a promise is the real one (command → books → signed block → the mesh's chains → one
transaction → answer). What is left out is the queue between two tasks of `node/shell/driver.py`:
here the batch is as large as the caller makes it, so that the row can say what was in flight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from ledger.commands import (
    HOLD_ID_BYTES,
    TTL_MAX,
    Answer,
    Asked,
    Command,
    GrantKind,
    Hold,
    Leg,
    Post,
    Release,
    Vouched,
    encode_command,
)
from ledger.effects import Append, Fence, LedgerEffect, Reply
from ledger.limits import Limits
from ledger.machine import Ledger
from ledger.observations import CapacitySeen, Continuity, Fenced, PoolReading
from mesh.config import lan
from mesh.effects import MeshEffect
from mesh.identity import NONCE_BYTES, Epoch, Identity
from mesh.keys.keyring import Keyring
from mesh.keys.secret import SECRET_BYTES, Secret
from mesh.logs import Base, Block
from mesh.machine import Mesh
from mesh.persistence import Persist, Write
from mesh.roll.storage import writes_for
from node.shell import clock
from node.shell.disk.journal import Journal, Spaces

SEED: Final = 20_260_102
PORT: Final = 4653
POOL: Final = "ram"
POOL_BYTES: Final = 1 << 40
HOLD_BYTES: Final = 1 << 20

Batch = list[Write]
"""What one group commit made durable."""


@dataclass(slots=True)
class Wished:
    """One reservation as it comes from its asker over its own stream (which vouches for it)."""

    hold: Asked
    post: Asked
    release: Asked


class Owner:
    """An open owner over `journal`. Every door commits before it returns."""

    def __init__(self, journal: Journal) -> None:
        self.committed: list[Batch] = []
        """Everything that was made durable since somebody last emptied this."""
        self._answers: list[Answer] = []
        self._asked = 0
        self._journal = journal
        self._dice = Random(SEED)
        draw = self._dice.randbytes
        self._asker = Identity(draw(32))
        self._identity = Identity(draw(32))
        epoch = Epoch(1, draw(NONCE_BYTES))
        keys = Keyring.of(Secret(draw(SECRET_BYTES)))
        self._mesh = Mesh(self._identity, "owner", epoch, keys, lan(), self._dice, {}, PORT)
        self._ledger = Ledger(
            self._identity, epoch, (), {}, Continuity(False, "a first start"),
            first=True, fingerprint=None, limits=Limits(), random=self._dice,
        )  # fmt: skip
        now = clock.now()
        self._mesh.start(now, ())
        reading = PoolReading(POOL, POOL_BYTES, 0, POOL_BYTES, {})
        effects = self._ledger.boot(now) + self._ledger.report(CapacitySeen((reading,)), now)
        self._carry_out([*effects, *self._ledger.seal(now)])

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The whole log, as a peer would have it."""
        return self._mesh.chains.chain(self._identity.id)

    def wished(self, count: int) -> list[Wished]:
        """`count` reservations that nobody has asked for yet."""
        return [self._one() for _ in range(count)]

    def ask(self, commands: Sequence[Asked]) -> None:
        """All of `commands` as one batch, as the driver does. `check` looks at the answers."""
        now = clock.now()
        effects: list[LedgerEffect] = []
        for token, command in enumerate(commands):
            effects += self._ledger.ask(token, command, now)
        self._answers += self._carry_out([*effects, *self._ledger.seal(now)])
        self._asked += len(commands)
        if (due := self._mesh.next_wake) is not None and due <= now:
            self._mesh.wake(now)

    def end(self, commands: Sequence[Asked]) -> None:
        """Release as one batch: fenced, looked, gone. The next round meets an empty machine."""
        now = clock.now()
        effects: list[LedgerEffect] = []
        for token, command in enumerate(commands):
            effects += self._ledger.ask(token, command, now)
        for fence in [effect for effect in effects if isinstance(effect, Fence)]:
            effects += self._ledger.report(Fenced(fence.hold, gone=True), now)
        self._answers += self._carry_out([*effects, *self._ledger.seal(now)])
        self._asked += len(commands)

    def check(self) -> None:
        """That everybody was answered yes: looked at when no clock runs."""
        assert len(self._answers) == self._asked, "somebody got no answer"
        refused = [answer for answer in self._answers if not answer.outcome.positive]
        assert not refused, refused
        self._answers, self._asked = [], 0

    def again(self, saved: Spaces) -> Ledger:
        """Another start of this owner over what its disk has, up to its books."""
        epoch = Epoch(2, self._dice.randbytes(NONCE_BYTES))
        keys = Keyring.of(Secret(self._dice.randbytes(SECRET_BYTES)))
        own = self._identity.id
        mesh = Mesh(self._identity, "owner", epoch, keys, lan(), self._dice, saved, PORT)
        ledger = Ledger(
            self._identity, epoch, mesh.chains.chain(own), {}, Continuity(True, "nothing lost"),
            first=False, fingerprint=None, limits=Limits(), random=self._dice,
            base=mesh.chains.base(own),
        )  # fmt: skip
        ledger.boot(clock.now())
        assert ledger.books.height == self._ledger.books.height, "a start lost what was written"
        return ledger

    def _prune(self) -> list[Write]:
        """As the agent does, once the log says that it may begin later."""
        milestones, own = self._ledger.books.milestones, self._identity.id
        begins = milestones[-1].begins if milestones else 0
        block = self._mesh.chains.block(own, begins)
        if begins <= self._mesh.chains.first(own) or block is None:
            return []
        base = Base(block, next(one.state for one in milestones if one.height == begins))
        writes = [write for persist in self._ledger.prune(base) for write in persist.writes]
        return [*writes, *writes_for(own, self._mesh.chains.prune(own, base))]

    def _one(self) -> Wished:
        name = self._dice.randbytes(HOLD_ID_BYTES)
        session = self._ledger.session
        legs = (Leg(POOL, HOLD_BYTES),)
        hold = Hold(name, session, legs, GrantKind.CARRIED, TTL_MAX, "bench", "a hold")
        return Wished(
            self._said(hold), self._said(Post(name, session)), self._said(Release(name, session))
        )

    def _said(self, command: Command) -> Asked:
        return Vouched(encode_command(command), self._asker.public)

    def _carry_out(self, effects: Sequence[LedgerEffect]) -> list[Answer]:
        writes: Batch = []
        now = clock.now()
        for effect in effects:
            if isinstance(effect, Append):
                writes += _writes(self._mesh.append(effect.block, now))
                writes += self._prune()
            elif isinstance(effect, Persist):
                writes += effect.writes
        if writes:
            self._journal.commit(writes)
            self.committed.append(writes)
        return [effect.answer for effect in effects if isinstance(effect, Reply)]


def _writes(effects: Sequence[MeshEffect]) -> list[Write]:
    return [write for effect in effects if isinstance(effect, Persist) for write in effect.writes]
