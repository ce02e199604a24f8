"""A member: one node as the roll knows it, and the two fields that say what we think of it.

**Trust** is about identity, **liveness** is about now; `membership.py` says who may change them.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from mesh.effects import Address
from mesh.facts import Fact
from mesh.identity import Epoch, NodeId, PublicKey, short_id
from mesh.instant import Instant
from mesh.roll.record import NodeRecord
from mesh.roll.storage import Remembered


class Trust(Enum):
    """How sure we are who this is."""

    DISCOVERED = "discovered"
    VERIFIED = "verified"
    TRUSTED = "trusted"
    REVOKED = "revoked"


class Liveness(Enum):
    """How sure we are that it is there now."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    DEAD = "dead"
    LEFT = "left"


NEVER_MET: Final = Epoch(0, bytes(16))
"""The epoch of a node that has proven none. Real counters begin at 1."""


@dataclass(slots=True)
class Member:
    """One node as we see it. `public` None: a mere hint; `fact` is the signed `record`."""

    id: NodeId
    public: PublicKey | None = None
    trust: Trust = Trust.DISCOVERED
    liveness: Liveness | None = None
    epoch: Epoch = NEVER_MET
    record: NodeRecord | None = None
    fact: Fact | None = None
    answered: tuple[Address, ...] = ()
    """Where it has proven itself to us, newest first."""
    hints: tuple[Address, ...] = ()
    """Where somebody said it might be."""
    last_heard: Instant | None = None
    objection: str = ""
    """Why it has proven its key and does not count; "" when it counts, or has proven nothing."""

    @property
    def name(self) -> str:
        return self.record.name if self.record else short_id(self.id)

    @property
    def address(self) -> Address | None:
        """The address in use."""
        return self.answered[0] if self.answered else None

    @property
    def address_kind(self) -> str | None:
        """What sort of interface the address in use belongs to, as the node itself says."""
        said = self.record.endpoints if self.record else ()
        return next((one.kind for one in said if one.address == self.address), None)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Everywhere it might be reached, the most likely first."""
        said = self.record.addresses if self.record else ()
        return tuple(dict.fromkeys((*self.answered, *said, *self.hints)))

    @property
    def has_left(self) -> bool:
        """Whether its own newest word is that it leaves."""
        return self.record is not None and self.record.left

    @property
    def met(self) -> bool:
        """Whether it has ever answered our challenge."""
        return self.trust in (Trust.VERIFIED, Trust.TRUSTED)

    @property
    def counts(self) -> bool:
        """Whether its words count: identity pinned, policy satisfied."""
        return self.trust is Trust.TRUSTED

    @property
    def remembered(self) -> Remembered | None:
        """What must survive our restart; None for a mere hint."""
        if self.public is None:
            return None
        return Remembered(self.public, self.epoch, self.answered, self.fact)
