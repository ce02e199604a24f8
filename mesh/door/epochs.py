"""The epochs: the highest run that each peer has proven to us, and what a claimed one is to it."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from mesh.identity import Epoch, NodeId

PEERS_MAX: Final = 4096
"""Peers whose highest epoch we keep. Only holders of the secret can use this up."""


class Standing(Enum):
    """How an epoch that someone claims compares with the highest we have proven."""

    OPEN = "the same, a higher one, or a first"
    LOWER = "an earlier run"
    CLONED = "another run under the same number"
    NO_ROOM = "a new peer, and the table is full"


class Epochs:
    """One per peer, ours among them: ours is not proven to us but known."""

    def __init__(self, own: NodeId, epoch: Epoch, highest: Mapping[NodeId, Epoch]) -> None:
        self._own, self._epoch = own, epoch
        self._highest = dict(highest)

    def known(self, peer: NodeId) -> Epoch | None:
        """The highest run of `peer` that there is any proof of."""
        return self._epoch if peer == self._own else self._highest.get(peer)

    def standing(self, peer: NodeId, claimed: Epoch) -> Standing:
        """What `claimed` is to the highest we know. Of our own key there is one run: this."""
        known = self.known(peer)
        if peer == self._own:
            return Standing.OPEN if claimed == known else Standing.CLONED
        if known is None:
            return Standing.NO_ROOM if len(self._highest) >= PEERS_MAX else Standing.OPEN
        if claimed.counter < known.counter:
            return Standing.LOWER
        if claimed.counter == known.counter and claimed.nonce != known.nonce:
            return Standing.CLONED
        return Standing.OPEN

    def prove(self, peer: NodeId, epoch: Epoch) -> None:
        """`peer` has answered in this one."""
        self._highest[peer] = epoch

    def follow(self, peer: NodeId, epoch: Epoch) -> None:
        """Of two runs under one number, this is the one."""
        assert self._highest[peer].counter == epoch.counter, "only a twin is followed"
        self._highest[peer] = epoch

    def forget(self, peer: NodeId) -> None:
        """An older run would be believed again."""
        self._highest.pop(peer, None)

    def all(self) -> dict[NodeId, Epoch]:
        """Every peer's."""
        return dict(self._highest)
