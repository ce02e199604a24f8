"""Novelties: what each peer has said that we could not read because it comes from a later version.

Versions differ while a mesh is being upgraded. A kind of letter that we do not know is passed over,
as are fields behind those we know and things of unknown kinds in a parcel: nothing breaks, and
something may be missed. So it is counted by who said it, and a person can see which machine is
ahead of which.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from mesh.identity import NodeId

PEERS_MAX: Final = 1024
"""Peers remembered, all of them proven members; the one first met longest ago gives way."""


class Novelty(Enum):
    """What was passed over."""

    LETTER = "letters of kinds we do not know"
    FIELD = "fields behind those we know"
    ITEM = "things of kinds we do not know, in parcels"


class Novelties:
    """One count per peer and sort."""

    def __init__(self) -> None:
        self._of: dict[NodeId, dict[Novelty, int]] = {}

    def met(self, peer: NodeId, novelty: Novelty, count: int = 1) -> None:
        """`peer` said something new."""
        if count <= 0:
            return
        counts = self._of.get(peer)
        if counts is None:
            if len(self._of) >= PEERS_MAX:
                del self._of[next(iter(self._of))]
            counts = self._of[peer] = {}
        counts[novelty] = counts.get(novelty, 0) + count

    def of(self, peer: NodeId) -> Mapping[Novelty, int]:
        """What `peer` said that we passed over; empty when we understood all of it."""
        return self._of.get(peer, {})

    def peers(self) -> tuple[NodeId, ...]:
        """Everyone who said anything of the kind, by id."""
        return tuple(sorted(self._of))
