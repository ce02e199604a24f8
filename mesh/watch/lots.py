"""Lots: what part each of us takes in an accusation, settled by hash and without a word.

By lot of suspect, run and member: so the parts differ from case to case and nobody can choose
theirs; and each knows its own without knowing what the others see.
"""

from hashlib import blake2b
from typing import Final

from mesh.identity import NodeId
from mesh.instant import Duration
from mesh.roll.membership import Member

CONFIRMERS: Final = 8
"""So many, on average, may confirm an accusation: of eight, three are all but sure to be there."""
AT_ONCE: Final = 64
"""So many, on average, take their look at an accused soon; the others within a period."""
SOON: Final = 5
"""In the first of so many parts of a period."""
_HASHES: Final = 1 << 64


class Lots:
    """The lots of one node."""

    def __init__(self, own: NodeId, period: Duration) -> None:
        self._own = own
        self._period = period

    def confirms(self, member: Member, members: int) -> bool:
        """Whether we are one of the few who say aloud what they found of this accusation."""
        return self._lot(member, b"confirm") * max(1, members) < CONFIRMERS * _HASHES

    def wait_for(self, member: Member, members: int) -> Duration:
        """How long after an accusation we take our look: one after the other, so that most of
        those who could confirm it find that others have."""
        lot = self._lot(member, b"look") * members // AT_ONCE
        span = self._period // SOON if lot < _HASHES else self._period
        return lot % _HASHES * span // _HASHES

    def _lot(self, member: Member, what: bytes) -> int:
        epoch = member.epoch.counter.to_bytes(8, "big")
        content = what + member.id + epoch + self._own
        return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")
