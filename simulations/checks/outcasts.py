"""outcast: what is made under a removed secret, or by a revoked node, is believed by nobody."""

from collections.abc import Sequence

from mesh.effects import Address
from mesh.letters.datagram import read_header
from mesh.rejections import Rejection
from node.core.effects import Effect
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host


class OutcastsAreNotHeard(Check):
    """Every datagram under a key that is not on the hearer's ring, or from an id that it keeps out,
    is refused and counted as such. What a node has on its ring and whom it keeps out is taken from
    what it told its disk and its people, not from its gate."""

    promises = ("outcast",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._expected: dict[str, tuple[Rejection, int]] = {}

    def delivered(self, host: Host, datagram: bytes, source: Address) -> None:
        header = read_header(datagram)
        if isinstance(header, Rejection):
            return
        agent = host.alive
        cause = None
        if agent.knowledge.keys.named(header.key_id) is None:
            cause = Rejection.UNKNOWN_KEY
        elif header.sender in agent.revoking.kept:
            cause = Rejection.REVOKED
        if cause is not None:
            self._expected[host.name] = cause, agent.mesh.rejections[cause]

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        expected = self._expected.pop(host.name, None)
        if expected is None or cause != "datagram":
            return
        refusal, before = expected
        self.looks("outcast")
        if host.alive.mesh.rejections[refusal] != before + 1:
            raise self.broken("outcast", f"{host.name} heard a datagram {refusal.value}")
