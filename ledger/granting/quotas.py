"""Quotas: what a principal holds here already, and what one more hold would make of it.

A quota is a limit on its accounts: per kind of pool, what is pending and what is granted, and what
is planned for later too, must not exceed it. Pending counts, or two holds that are asked for in the
same breath would both fit below a limit that has room for one. The figures come from the books, so
they are right again after every start, and a refusal says them.

The rate is counted in memory alone: a restart lets a few more through, which does no harm.
"""

from collections import OrderedDict
from typing import Final

from ledger.books import Books
from ledger.books.legs import together
from ledger.books.rights import kind_of
from ledger.commands import Hold, Leg, Outcome
from ledger.granting import Refused
from ledger.granting.guests import Guest
from ledger.granting.spans import spoken
from ledger.policy import Principal
from ledger.pools import SLOTS, much
from mesh.instant import MINUTE, Duration, Instant

PACES_MAX: Final = 1024
"""Principals whose pace is remembered; the one that asked longest ago is forgotten first."""


class Pace:
    """How fast each principal asks: so many new holds in any minute, evenly refilled."""

    def __init__(self) -> None:
        self._spent: OrderedDict[str, tuple[Duration, Instant]] = OrderedDict()
        """Principal → time that its holds have used up, as of when."""

    def wait(self, name: str, per_minute: int, now: Instant) -> Duration:
        """How long until one more would be in time; 0 for at once."""
        cost = MINUTE // per_minute
        return max(0, self._used(name, now) + cost - MINUTE)

    def took(self, name: str, per_minute: int, now: Instant) -> None:
        """One more."""
        self._spent[name] = (self._used(name, now) + MINUTE // per_minute, now)
        self._spent.move_to_end(name)
        if len(self._spent) > PACES_MAX:
            self._spent.popitem(last=False)

    def _used(self, name: str, now: Instant) -> Duration:
        used, at = self._spent.get(name, (0, now))
        return max(0, used - (now - at))


def forbidden(hold: Hold, rules: Principal) -> Refused | None:
    """What no amount of room would change: a pool that is not for it, or a term beyond its own."""
    if rules.pools:
        barred = [leg.pool for leg in sorted(hold.legs) if not _named(leg.pool, rules.pools)]
        if barred:
            sentence = f"{', '.join(barred)} is not for {rules.name} here"
            return Refused(Outcome.NOT_FOR_YOU, sentence)
    term = hold.term if hold.gang is None else hold.gang.term or hold.term
    if rules.lease_max is not None and term > rules.lease_max:
        sentence = f"{rules.name} holds for at most {spoken(rules.lease_max)} here"
        return Refused(Outcome.TERM_TOO_LONG, sentence)
    return None


def over_quota(legs: tuple[Leg, ...], guest: Guest, books: Books) -> tuple[str, tuple[Leg, ...]]:
    """What `legs` more would be too much of: a sentence with the figures, and by how much of each
    pool. Nothing of either: it fits."""
    if guest.rules is None:
        return "", ()
    told: list[str] = []
    excess: tuple[Leg, ...] = ()
    for kind, most in sorted(guest.rules.quota.items()):
        wanted = tuple(leg for leg in legs if kind_of(leg.pool) == kind)
        more = sum(leg.amount for leg in wanted)
        has = books.held(guest.name, kind)
        if more and has + more > most:
            what = "" if kind == SLOTS else f" {kind}"  # slots say themselves what they are
            told.append(f"{guest.name} holds {much(has, kind)} of {much(most, kind)}{what} here")
            excess = together(excess, _last_of(wanted, has + more - most))
    return "; ".join(told), excess


def _named(pool: str, allowed: tuple[str, ...]) -> bool:
    return pool in allowed or kind_of(pool) in allowed


def _last_of(legs: tuple[Leg, ...], amount: int) -> tuple[Leg, ...]:
    taken: list[Leg] = []
    for leg in sorted(legs, reverse=True):
        part = min(leg.amount, amount)
        if part:
            taken.append(Leg(leg.pool, part))
        amount -= part
    return tuple(sorted(taken))
