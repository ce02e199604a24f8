"""Policy: who may hold how much here, as the operator of this machine wrote it down.

A *principal* is on whose behalf something is held. A name alone proves nothing, so a principal that
policy knows is recognised by a token, of which every command shows a proof made for it alone, or by
the keys of the peers that speak for it. Where policy knows nobody, a name is a label, as it is on a
machine of one's own; where it knows somebody, a name that it does not know is refused, or everybody
could take a fresh one for each hold.

The cap is local: so much on this machine. A quota over the whole mesh is made of rights that move
between owners (`books/rights.py`); what is written here is only for whom, and of what, they are
wanted.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mesh.identity import NodeId
from mesh.instant import Duration

PRINCIPALS_MAX: Final = 256
PEERS_MAX: Final = 64
"""Keys that speak for one principal."""
DEFAULT: Final = "default"
"""The section for everybody who has none: each peer is a principal of its own, by its id."""
_TAG: Final = b"hf1.principal"


@dataclass(frozen=True, slots=True)
class Principal:
    """What one of them may do here. Empty: whatever there is room for."""

    name: str
    quota: Mapping[str, int] = field(default_factory=dict)
    """Kind of pool (`ram`, `gpu` …) → the most that it may hold of all such pools at once."""
    rights: tuple[str, ...] = ()
    """Kinds of pool of which it may hold only what its rights cover (`ledger/books/rights.py`)."""
    holds_per_minute: int | None = None
    lease_max: Duration | None = None
    pools: tuple[str, ...] = ()
    """Kinds, or pools by name. Empty: all."""
    may_force: bool = False
    peers: tuple[str, ...] = ()
    """Ids of the nodes that speak for it, or unambiguous beginnings of them."""
    key: bytes = field(default=b"", repr=False)
    """What its token comes to; empty: it has none."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Every principal that this machine knows, by name."""

    principals: Mapping[str, Principal] = field(default_factory=dict)

    def rules_of(self, name: str) -> Principal | None:
        """What applies to whoever holds under `name`."""
        if not self.principals:
            return None
        return self.principals.get(name) or self.principals.get(DEFAULT)


def key_of(token: str) -> bytes:
    """What is kept of a token: enough to check a proof."""
    return hashlib.sha256(_TAG + token.encode()).digest()


def prove(key: bytes, owner: NodeId, hold: bytes, principal: str) -> bytes:
    """That who asks `owner` for `hold` knows the token. Of no use for another hold or owner."""
    return hmac.digest(key, _TAG + owner + hold + principal.encode(), "sha256")
