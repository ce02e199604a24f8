"""One owner of a shared view: the real books of one machine, and what its peers would see of it."""

from collections.abc import Sequence
from random import Random
from typing import Final

from ledger.commands import Answer, Command, sign_command
from ledger.effects import Append, Fence, LedgerEffect, Reply
from ledger.limits import Limits
from ledger.machine import Ledger
from ledger.observations import CapacitySeen, Continuity, Fenced, PeersKnown
from mesh.facts import Fact, sign_fact
from mesh.identity import NONCE_BYTES, Epoch, Identity, id_text
from mesh.instant import Instant
from node.core.picture import throughputs
from node.core.picture.throughputs import TOPIC_THROUGHPUT, Throughput, Throughputs
from node.core.picture.topics import (
    TOPIC_INVENTORY,
    TOPIC_LIVE,
    TOPIC_MODELS,
    TOPIC_STANDING,
    Standing,
    encode,
)
from node.core.picture.view import Sources
from simulations.invented import signatures
from simulations.invented.described import Described

MESH: Final = b"one shared view."
"""The id of a mesh in which nothing is sent."""


def identity_of(seed: int, name: str) -> Identity:
    """The key that the same machine has in a world of the same seed: ties end alike."""
    return signatures.identity(Random(f"{seed}/host/{name}").randbytes(32), signatures.STAND_IN)


class Owner:
    """An open owner. Every door seals before it returns."""

    def __init__(self, seed: int, machine: Described) -> None:
        self.machine = machine
        self.identity = identity_of(seed, machine.name)
        dice = Random(f"{seed}/books/{machine.name}")
        self.ledger = Ledger(
            self.identity, Epoch(1, dice.randbytes(NONCE_BYTES)), (), {},
            Continuity(False, "first start"), first=True,
            fingerprint=machine.inventory.fingerprint, limits=Limits(), random=dice,
        )  # fmt: skip
        self.blocks = 0
        self._answer: Answer | None = None
        sample = machine.sampled()
        self._carry_out(self.ledger.boot(0), 0)
        self._carry_out(self.ledger.report(PeersKnown(0, 0), 0), 0)
        self._carry_out(self.ledger.report(CapacitySeen(sample.readings), 0), 0)
        standing = Standing(self.ledger.standing[0], "", None)
        self._inventory = self._fact(TOPIC_INVENTORY, encode(machine.inventory))
        self._live = self._fact(TOPIC_LIVE, encode(sample.live))
        self._standing = self._fact(TOPIC_STANDING, encode(standing))
        said = machine.models
        self._models = None if said is None else self._fact(TOPIC_MODELS, encode(said))
        links = tuple(
            Throughput(id_text(identity_of(seed, link.peer).id), link.received, link.sent)
            for link in machine.throughput
        )
        timed = throughputs.encode(Throughputs(links))
        self._throughput = self._fact(TOPIC_THROUGHPUT, timed) if links else None

    def _fact(self, topic: str, body: bytes) -> Fact:
        return sign_fact(self.identity, MESH, topic, 1, body)

    def sources(self) -> Sources:
        """What everybody sees of it, its books as they are now."""
        books = self.ledger.books
        return Sources(
            self.identity.id, self.machine.name, "alive", None, self._inventory, self._live,
            self._standing, books.position, books, None, self._models, self._throughput,
        )  # fmt: skip

    def told(self, command: Command, now: Instant) -> Answer:
        """One signed command, and the answer that stands behind its durable block."""
        self._answer = None
        signed = sign_command(self.identity, self.identity.id, command)
        self._carry_out(self.ledger.ask(0, signed, now), now)
        assert self._answer is not None, "an owner with nothing to wait for answers at once"
        return self._answer

    def wake(self, now: Instant) -> None:
        """Something has come due: a booking runs out, or is journalled."""
        self._carry_out(self.ledger.wake(now), now)

    def _carry_out(self, effects: Sequence[LedgerEffect], now: Instant) -> None:
        """Until nothing more follows. What the disk and the mesh would be told is only counted."""
        waiting = list(effects)
        while waiting or (waiting := self.ledger.seal(now)):
            effect = waiting.pop(0)
            match effect:
                case Append():
                    self.blocks += 1
                case Reply(_, answer):
                    self._answer = answer
                case Fence(hold):
                    # As an agent does of a hold that no process is tied to: nothing to end.
                    waiting += self.ledger.report(Fenced(hold, gone=True), now)
                case _:
                    pass  # standings, alarms and rows of the journal: nobody here waits for them
