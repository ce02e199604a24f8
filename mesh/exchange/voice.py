"""What we say of ourselves: signed, numbered, and pinned on our own board first.

Versions start over with each epoch, which is above every earlier one; so nothing has to be saved
to keep our newest word the newest.
"""

from dataclasses import replace

from mesh.door.passport import Papers
from mesh.exchange.intake import Intake
from mesh.facts import Fact, sign_fact, version_of
from mesh.identity import Epoch, Identity
from mesh.kept.board import Board, Pinned
from mesh.roll.record import TOPIC_NODE, Endpoint, NodeRecord, record_body


class Voice:
    """One author: ourselves, in one epoch at a time."""

    def __init__(
        self, identity: Identity, mesh_id: bytes, record: NodeRecord, board: Board, intake: Intake
    ) -> None:
        self._identity = identity
        self._mesh_id = mesh_id
        self._record = record
        self._board = board
        self._intake = intake
        self._epoch = Epoch(0, record.nonce)
        self._papers: Papers | None = None
        self._sequence = 0

    @property
    def record(self) -> Fact | None:
        """Our own record as we last signed it."""
        return self._board.fact(self._identity.id, TOPIC_NODE)

    def rise(self, epoch: Epoch, papers: Papers) -> None:
        """From here on we speak in `epoch`, and our record is the passport among `papers`."""
        self._epoch = epoch
        self._papers = papers
        self._sequence = 0
        self._record = replace(self._record, nonce=epoch.nonce)
        self._intake.rise(epoch)

    def say(self, topic: str, body: bytes) -> Fact:
        """State `body` on `topic`: newer than anything we said before. Raises ValueError when it is
        larger than any peer would take."""
        version = version_of(self._epoch, self._sequence + 1)
        fact = sign_fact(self._identity, self._mesh_id, topic, version, body)
        self._sequence += 1
        pinned = self._board.offer(fact)
        assert pinned is Pinned.NEWS, f"our own word on {topic!r} was refused: {pinned.value}"
        return fact

    def say_record(self, endpoints: tuple[Endpoint, ...], *, left: bool) -> Fact:
        """Where we are, or that we leave."""
        self._record = replace(self._record, endpoints=endpoints, left=left)
        return self._say_record()

    def say_again(self) -> list[Fact]:
        """Everything we said before, in this epoch's words."""
        own = self._identity.id
        facts = [self._board.fact(own, topic) for topic in self._board.topics(own)]
        bodies = [(fact.topic, fact.body) for fact in facts if fact and fact.topic != TOPIC_NODE]
        again = [self.say(topic, body) for topic, body in bodies]
        return [self._say_record(), *again]

    @property
    def has_left(self) -> bool:
        """Whether our last word was good-bye."""
        return self._record.left

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where we last said we are."""
        return self._record.endpoints

    def _say_record(self) -> Fact:
        assert self._papers is not None, "who speaks has risen"
        self._record = replace(self._record, share=self._papers.public)
        fact = self.say(TOPIC_NODE, record_body(self._record))
        self._papers.carry(fact)
        return fact
