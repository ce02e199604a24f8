"""Attribution: what runs on this machine, held against what was promised.

The books know promises, the probes know use, and neither knows the other. Here they meet, sample by
sample: which process belongs to which hold. Nothing here changes what is granted: room is worked
out from the probes' own figures (`ledger/room.py`).
"""

from collections.abc import Mapping

from ledger.machine import BOOKINGS_CLOSED, OPEN
from mesh.persistence import SPACE_TIE
from node.core.effects import Effect
from node.core.knowledge import Knowledge
from node.core.processes import Process
from node.core.reports import Sampled, WorkEnded
from node.core.ties import Ties


class Attribution:
    """One agent's."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self.ties = Ties()

    def restore(self, saved: Mapping[str, Mapping[bytes, bytes]]) -> list[Effect]:
        """Take up what an earlier start knew."""
        return [*self.ties.restore(saved.get(SPACE_TIE, {}))]

    def sampled(self, _sample: Sampled) -> list[Effect]:
        """A live look came in."""
        ledger = self._knowledge.ledger
        if ledger.standing[0] not in (OPEN, BOOKINGS_CLOSED):
            return []  # in doubt: what these books do not show may still be found
        return [*self.ties.sift(ledger.books.live)]

    def work_ended(self, ended: WorkEnded) -> list[Effect]:
        """A process that was tied to a hold is gone."""
        return [*self.ties.ended(Process(ended.pid, ended.started))]
