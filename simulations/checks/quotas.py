"""quota: nobody holds more here than the operator of the machine said, but what was forced.

Counted anew from the holds themselves at every grant, never from the sums that owners keep.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.commands import GrantKind, Leg
from ledger.desk import Desk
from ledger.entries import Entry, Held, Owed, Planned
from ledger.policy import Principal
from mesh.instant import MINUTE, Instant
from node.core.effects import Effect
from simulations.checks.check import Check
from simulations.checks.evidence import Evidence
from simulations.invented.host import Host

BURST: Final = 2
"""A rate is refilled evenly: as many as a minute allows at once, and as many while it passes."""


class Excess(NamedTuple):
    """A grant of too much, which nobody has said yet that it was forced."""

    hold: bytes
    sentence: str


class QuotasAreKept(Check):
    """At every grant and every plan: with it, its principal holds no more of any kind of pool than
    its quota here, or somebody who may has forced it, and it is owed for all to see."""

    promises = ("quota",)

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence)
        self._excess: dict[str, Excess] = {}
        self._times: dict[tuple[str, str], list[Instant]] = {}
        """(owner, principal) → when it was granted something, in this life of the owner."""

    def ended(self, host: Host, how: str) -> None:
        self._excess.pop(host.name, None)
        for key in [key for key in self._times if key[0] == host.name]:
            del self._times[key]

    def stepped(self, host: Host, cause: str, effects: Sequence[Effect]) -> None:
        if self._excess:
            self._settle(host, None)

    def deciding(self, host: Host, desk: Desk, entry: Entry) -> None:
        if self._excess:
            self._settle(host, entry)
        if isinstance(entry, Owed):
            self._forced(host, desk, entry)
        rules = self._rules(entry)
        if rules is None or not isinstance(entry, Held | Planned):
            return
        self.looks("quota")
        barred = [leg.pool for leg in entry.legs if not _may(rules, leg.pool)]
        if barred:
            raise self._wrong(host, entry, f"{barred[0]}, which is not for it")
        carried = isinstance(entry, Held) and entry.kind is GrantKind.CARRIED
        if rules.lease_max is not None and entry.term > rules.lease_max and not carried:
            raise self._wrong(host, entry, "more time than it may have")
        self._in_time(host, entry, rules)
        for kind, most in sorted(rules.quota.items()):
            more = _of(kind, entry.legs)
            has = sum(_of(kind, legs) for legs in _held_by(desk, entry.principal))
            if more and has + more > most:
                told = f"{more} of {kind} to {entry.principal}, who has {has} of {most}"
                self._excess[host.name] = Excess(entry.id, f"{host.name} granted {told}")

    def _settle(self, host: Host, behind: Entry | None) -> None:
        """What was too much is owed by the next entry, or was granted against the quota."""
        excess = self._excess.pop(host.name, None)
        if excess is None or (isinstance(behind, Owed) and behind.id == excess.hold):
            return
        raise self.broken("quota", f"{excess.sentence}, and nobody forced it")

    def _forced(self, host: Host, desk: Desk, owed: Owed) -> None:
        """Only who may, by the operator's word, forces anything."""
        self.looks("quota")
        hold = desk.books.live[owed.id]
        policy = desk.limits.policy
        rules = policy.rules_of(hold.principal)
        may = hold.holder == host.id if rules is None else rules.may_force
        if policy.principals and rules is None:
            may = False
        if not may:
            raise self.broken("quota", f"{host.name} let {hold.principal or 'somebody'} force it")

    def _in_time(self, host: Host, entry: Held | Planned, rules: Principal) -> None:
        if rules.holds_per_minute is None:
            return
        now = host.clock.read(self.world.now)
        times = self._times.setdefault((host.name, entry.principal), [])
        times[:] = [at for at in times if at > now - MINUTE]
        times.append(now)
        if len(times) > BURST * rules.holds_per_minute:
            raise self._wrong(host, entry, f"its {len(times)}th hold in a minute")

    def _rules(self, entry: Entry) -> Principal | None:
        if not self.world.limits.policy.principals or not isinstance(entry, Held | Planned):
            return None
        return self.world.limits.policy.rules_of(entry.principal)

    def _wrong(self, host: Host, entry: Held | Planned, what: str) -> Exception:
        return self.broken("quota", f"{host.name} granted {entry.principal or 'somebody'} {what}")


def _held_by(desk: Desk, principal: str) -> list[Sequence[Leg]]:
    """What it takes, holds and plans, one by one."""
    books = desk.books
    live = [hold.legs for hold in books.live.values() if hold.principal == principal]
    return [*live, *(plan.legs for plan in books.plans.values() if plan.principal == principal)]


def _of(kind: str, legs: Sequence[Leg]) -> int:
    return sum(leg.amount for leg in legs if leg.pool.partition(":")[0] == kind)


def _may(rules: Principal, pool: str) -> bool:
    return not rules.pools or pool in rules.pools or pool.partition(":")[0] in rules.pools
