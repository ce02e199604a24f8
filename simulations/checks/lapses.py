"""V3 all the time: what nobody keeps up ends when its time is over."""

from collections.abc import Sequence
from typing import Final

from ledger.books.holds import LiveHold
from ledger.commands import GrantKind, Outcome
from ledger.entries import Adopted, Held, Posted
from ledger.entries.gangs import Parked, Settled
from ledger.leases import owner_span
from ledger.lifecycle import HoldState
from ledger.limits import GANG_MAX, PENDING_TTL, RATE_MARGIN_PERCENT
from mesh.instant import SECOND, Duration, Instant
from node.core.errands import SERVICE_LEDGER
from simulations.checks.archive import Reading
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host
from simulations.invented.world import World

SLACK: Final[Duration] = 5 * SECOND
"""Between a deadline and its entry lies a turn of the agent, and our own look once a second."""


class NothingOverstays(Check):
    """A hold of an owner that is open and awake does not outlive its time, counted from the last
    word that could have begun it anew. What an agent carries at home it renews unseen."""

    promises = ("V3",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._since: dict[str, dict[bytes, Instant]] = {}

    def ended(self, host: Host, how: str) -> None:
        self._since.pop(host.name, None)

    def wrote(self, host: Host, readings: Sequence[Reading]) -> None:
        since = self._since.setdefault(host.name, {})
        for reading in readings:
            for entry in reading.entries or ():
                if isinstance(entry, Held | Posted | Adopted | Parked | Settled):
                    since[entry.id] = self.world.now

    def returned(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        answer = self.evidence.answer(body) if service == SERVICE_LEDGER else None
        if answer is not None and answer.outcome in (Outcome.RENEWED, Outcome.RESUMED):
            self._since.setdefault(host.name, {})[answer.id] = self.world.now

    def second(self, world: World) -> None:
        for host in world.up():
            if self._attends(host):
                self._look(host)
            else:
                self._since.pop(host.name, None)

    def _attends(self, host: Host) -> bool:
        awake = not host.asleep and host.stalled_until <= self.world.now and not host.lag
        return awake and host.clock.honest and self.evidence.circumstances.is_open(host)

    def _look(self, host: Host) -> None:
        before = self._since.get(host.name, {})
        now: dict[bytes, Instant] = {}
        self._since[host.name] = now
        ending = host.alive.ledger.ending
        for hold in host.alive.ledger.books.live_holds():
            at_home = hold.kind is GrantKind.CARRIED and hold.holder == host.id
            if at_home or hold.id in ending:
                continue
            now[hold.id] = since = before.get(hold.id, self.world.now)
            self.looks("V3")
            if self.world.now - since > _longest(hold):
                over = (self.world.now - since) / 1e9
                sentence = f"{hold.id.hex()[:8]} at {host.name} is still there after {over:.0f} s"
                raise self.broken("V3", sentence)


def _longest(hold: LiveHold) -> Duration:
    """By the slowest clock that is within the margin."""
    lasting = GANG_MAX if hold.on_probation else hold.term
    span = owner_span(PENDING_TTL if hold.state is HoldState.PENDING else lasting)
    return span * (100 + RATE_MARGIN_PERCENT) // 100 + SLACK
