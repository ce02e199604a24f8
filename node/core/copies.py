"""Copies of our own log: which peers may keep one, and which of them have shown us all they keep.

The books wait for the last of them before they admit new bookings, so every change of the roll
matters; and a roll has a thousand members that change three times each as a mesh forms. So what
changed is one peer at a time, and two numbers are told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger.observations import PeersKnown
from mesh.identity import NodeId
from mesh.roll.membership import Liveness, Trust
from node.core.picture.knowledge import Knowledge


@dataclass(slots=True)
class Copies:
    """One agent's count."""

    _knowledge: Knowledge
    _keepers: dict[NodeId, None] = field(default_factory=dict)
    """All that ever counted and did not leave."""
    _answered: dict[NodeId, None] = field(default_factory=dict)
    _silent: int = 0
    """How many of the keepers have not answered."""

    @property
    def known(self) -> PeersKnown:
        return PeersKnown(len(self._keepers), self._silent)

    def begin(self) -> None:
        """Count everyone that the disk remembers."""
        for member in self._knowledge.members():
            self.changed(member.id)

    def changed(self, peer: NodeId) -> PeersKnown | None:
        """The roll says something else of `peer` than before. The numbers, if they moved."""
        member = self._knowledge.mesh.roll.member(peer)
        counts = member is not None and member.trust is Trust.TRUSTED
        keeps = counts and member is not None and member.liveness is not Liveness.LEFT
        if keeps is (peer in self._keepers):
            return None
        if keeps:
            self._keepers[peer] = None
        else:
            del self._keepers[peer]
        if peer not in self._answered:
            self._silent += 1 if keeps else -1
        return self.known

    def answered(self, peer: NodeId) -> PeersKnown | None:
        """`peer` has shown us all that it keeps. The numbers, if they moved."""
        if peer in self._answered:
            return None
        self._answered[peer] = None
        if peer not in self._keepers:
            return None
        self._silent -= 1
        return self.known

    def unheard(self, parties: Sequence[bytes]) -> int | None:
        """How many of all that count, left or not, and of `parties`, have not shown their copy:
        what was given away for good must be asked of whoever might have it. None: there is nobody.
        """
        asked = dict.fromkeys([*(member.id for member in self._knowledge.members()), *parties])
        asked.pop(self._knowledge.us, None)
        return sum(NodeId(one) not in self._answered for one in asked) if asked else None


def check_copies(copies: Copies) -> None:
    """The invariants: the keepers are those of the roll, and the silent are counted right."""
    inside = copies._keepers, copies._answered, copies._silent  # noqa: SLF001 - the inside
    keepers, answered, silent = inside
    members = copies._knowledge.members()  # noqa: SLF001
    expected = sorted(one.id for one in members if one.liveness is not Liveness.LEFT)
    assert sorted(keepers) == expected, "the keepers of copies are not those of the roll"
    assert silent == sum(one not in answered for one in keepers), "the silent are miscounted"
