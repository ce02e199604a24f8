"""Pruning: what an owner lets go of, others have."""

from collections.abc import Sequence

from ledger.entries import Checkpointed
from ledger.limits import KEEPERS_ENOUGH, OVERDUE_CHECKPOINTS
from mesh.logs import read_checkpoint
from simulations.checks.archive import Reading
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host


class PrunedIsHeld(Check):
    """G10: a log moves up to a checkpoint that enough others were given, or after a long wait."""

    promises = ("G10",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._given: dict[bytes, dict[str, None]] = {}
        """Hash of a checkpoint → machines that ever handed it to their disk."""

    def kept(self, host: Host, reading: Reading) -> None:
        if read_checkpoint(reading.block) is not None:
            self._given.setdefault(reading.hash, {})[host.name] = None

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        for reading in readings:
            for entry in reading.entries or ():
                if isinstance(entry, Checkpointed):
                    self._look(host, reading.block.height, entry)

    def _look(self, host: Host, height: int, entry: Checkpointed) -> None:
        chain = self.evidence.archive.signed[host.name].chain
        if self.evidence.is_cloned(host) or entry.begins >= len(chain):
            return
        earlier = [
            said
            for reading in chain[:height]
            if (said := read_checkpoint(reading.block)) is not None
        ]
        before = earlier[-1].begins if earlier else 0
        waited = sum(read_checkpoint(one.block) is not None for one in chain[before:height])
        if entry.begins <= before or waited >= OVERDUE_CHECKPOINTS:
            return
        self.looks("G10")
        given = self._given.get(chain[entry.begins].hash, {})
        enough = min(KEEPERS_ENOUGH, host.alive.knowledge.live_others())
        if len([name for name in given if name != host.name]) < enough:
            sentence = f"{host.name} lets its log begin at {entry.begins}, which {len(given)} keep"
            raise self.broken("G10", sentence)
