"""G1, G2, G7: no byte is granted twice, by a model that sees all machines and all askers."""

from collections import defaultdict
from collections.abc import Sequence

from ledger.entries import Held
from simulations.checks.archive import Reading
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.checks.promises import Promise, runs
from simulations.invented.host import Host


class NothingTwice(Check):
    """At every new yes: all that is relied on at its owner, this one included, fits the machine.

    What is relied on is a matter of what was said and of time, never of what an agent remembers.
    Beliefs only end between two grants, so no other instant needs a look.
    """

    promises = ("G1", "G2")

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._had: dict[bytes, dict[str, int]] = {}
        """Hold → what its owner could believe to have when it granted it."""

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        for reading in readings:
            for entry in reading.entries or ():
                if isinstance(entry, Held):
                    self._had[entry.id] = dict(self.evidence.circumstances.capacity(host))

    def promised(self, host: Host, promise: Promise) -> None:
        if promise.carved:
            return
        # A machine may shrink between the grant and the answer: a promise stays a promise. And it
        # may have grown, and promised of that meanwhile.
        capacity = dict(self.evidence.circumstances.capacity(host))
        for pool, amount in self._had.pop(promise.hold, {}).items():
            capacity[pool] = max(capacity.get(pool, 0), amount)
        relied_on = self.evidence.promises.relied_on(host, self.world.now)
        sums: dict[str, list[Promise]] = defaultdict(list)
        for one in relied_on:
            if self._counts(host, one):
                for leg in one.legs:
                    sums[leg.pool].append(one)
        self.looks("G1")
        for leg in promise.legs:
            sharing = sums[leg.pool]
            total = sum(two.amount for one in sharing for two in one.legs if two.pool == leg.pool)
            if total > capacity.get(leg.pool, 0):
                told = "; ".join(str(one) for one in sharing)
                number = "G2" if all(runs(one, host) for one in sharing) else "G1"
                has = f"{host.name} has {capacity.get(leg.pool, 0)} of {leg.pool}"
                raise self.broken(number, f"{has}, and answered for {told}")

    def _counts(self, host: Host, promise: Promise) -> bool:
        """An owner whose clock is beyond the margin ends things too early, through no fault of its
        own: then only what its log still grants counts."""
        if promise.excused:
            return False
        if host.clock.honest:
            return True
        return self.evidence.archive.signed[host.name].state(promise.hold).live
