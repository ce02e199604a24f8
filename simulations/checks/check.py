"""What every check is: an observer that says which promises it guards.

Beside the events of a world it hears what the evidence makes of them, so that a block is read once
and not once per check. It trusts no agent's own sums: what it compares is what left a machine, what
lies on a disk, and what the machine physically is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from simulations.invented.host import Host
from simulations.invented.observing import Observer
from simulations.verdicts import PromiseBroken

if TYPE_CHECKING:
    from ledger.desk import Desk
    from ledger.entries import Entry
    from simulations.checks.archive import Reading
    from simulations.checks.evidence import Evidence
    from simulations.checks.promises import Promise
    from simulations.invented.world import World


class Check(Observer):
    """One check. Override what it needs; the rest costs nothing."""

    promises: ClassVar[tuple[str, ...]] = ()
    """Ids in docs/invariants.md."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.world = evidence.world

    def deciding(self, host: Host, desk: Desk, entry: Entry) -> None:
        """The host's agent, as owner, is about to write `entry`: all is still as it was when that
        was decided. Whoever looks on touches nothing."""

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        """One step of the host's agent signed these blocks. They are not on its disk yet."""

    def kept(self, host: Host, reading: Reading) -> None:
        """The host's agent hands its disk a block that somebody else signed."""

    def promised(self, host: Host, promise: Promise) -> None:
        """An owner's first yes to a hold is on its way."""

    def sometimes(self, world: World) -> None:
        """Every few seconds: whatever is too dear to look at more often."""

    def at_last(self, world: World) -> None:
        """At the end of a run, or when somebody wants everything looked at."""

    def looks(self, promise: str) -> None:
        """Count one look at `promise`."""
        self.evidence.looked[promise] += 1

    def broken(self, promise: str, sentence: str) -> PromiseBroken:
        """What to raise: `sentence` with its seed and instant."""
        assert promise in self.promises, f"{promise} is not guarded here"
        when = f"seed {self.world.seed}, {self.world.now / 1e9:.3f} s"
        return PromiseBroken(promise, f"{when}: {sentence}")


HEARD = ("deciding", "wrote", "kept", "promised", "sometimes", "at_last")
"""What only checks hear, beside the events of the world."""
