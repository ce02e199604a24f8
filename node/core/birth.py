"""Birth: all that an agent is born with. Everything else it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from ledger.desk.later import Later
from ledger.limits import Limits
from ledger.machine import Ledger
from ledger.observations import Continuity
from ledger.owner.checkpointing import proof_token
from mesh.config import MeshConfig
from mesh.effects import Address
from mesh.identity import Epoch, Identity
from mesh.instant import Duration
from mesh.kept.chains import Chains
from mesh.keys.keyring import Keyring
from mesh.persistence import SPACE_PROOF, SPACE_REMAINING
from mesh.roll.admission import Admission
from node.core.history import HISTORY_FOR
from node.core.reachability.links import Self

META_EPOCH: Final = b"epoch"
"""The row of the highest epoch that this disk has spent."""


@dataclass(frozen=True, slots=True)
class Birth:
    """What one start of an agent is given: who it is, what its disk kept, what was proven."""

    identity: Identity
    name: str
    state_folder: str
    epoch: Epoch
    keys: Keyring
    saved: Mapping[str, Mapping[bytes, bytes]]
    """The journal's spaces as loaded."""
    port: int
    continuity: Continuity
    first: bool
    fingerprint: str | None
    boot: str | None
    """This kernel boot: an instant kept on disk means nothing under another one."""
    version: str
    moved: bool = False
    """A person said that this disk came here from another machine, which is off."""
    seeds: tuple[Address, ...] = ()
    region: str = ""
    mesh_config: MeshConfig = field(default_factory=MeshConfig)
    mesh_profile: str = "balanced"
    """What `mesh_config` is called."""
    admission: Admission = field(default_factory=Admission)
    """Whom this node counts on; what it pinned and listed is taken from `saved`."""
    limits: Limits = field(default_factory=Limits)
    history_for: Duration = HISTORY_FOR
    """How long what a log no longer begins with stays readable."""

    @property
    def remaining(self) -> dict[bytes, Duration]:
        """Of each booking, how long it still had when that was last written."""
        rows = self.saved.get(SPACE_REMAINING, {})
        return {key: int.from_bytes(value, "big") for key, value in rows.items()}

    @property
    def later(self) -> Later:
        """Who waited for us when the last start ended, and what time it was."""
        return Later.restored(self.saved)

    def books(self, chains: Chains, random: Random) -> Ledger:
        """Our own ledger, over our own log as the mesh keeps it."""
        own, rows = self.identity.id, self.saved.get(SPACE_PROOF, {})
        return Ledger(
            self.identity, self.epoch, chains.chain(own), self.remaining, self.continuity,
            first=self.first, fingerprint=self.fingerprint, limits=self.limits, random=random,
            later=self.later, base=chains.base(own),
            proofs={proof_token(key): value for key, value in rows.items()},
        )  # fmt: skip

    def as_told(self) -> Self:
        """What we say of ourselves beside our links."""
        return Self(self.version, self.port)
