"""Why a grant is not changed: guards in the order of `Outcome`, as there are for a hold.

Pure: the grant as it stands and what is asked of it in; the first refusal that applies, or None,
out. Whether the asker may, and whether the grant has ended, was settled before.
"""

from typing import Final

from ledger.books import Books
from ledger.books.holds import LiveHold
from ledger.books.legs import within
from ledger.commands import TTL_MAX, Extend, GrantKind, Outcome, Shrink, Transfer
from ledger.granting import Refused
from ledger.granting.spans import spoken
from ledger.lifecycle import HoldState
from ledger.limits import Limits
from ledger.pools import much
from mesh.instant import Duration

ON_PROBATION: Final = "it is one of a gang's, and not shown to be complete yet"


def refuse_extend(
    command: Extend, hold: LiveHold, parent_left: Duration | None, limits: Limits
) -> Refused | None:
    """The first reason not to let `hold` last longer. `parent_left`: how long what it was carved
    out of still lasts, counted from the beginning of `hold`; None when it is nobody's child."""
    if not hold.is_booking:
        sentence = "only a confirmed booking is extended; a carried lease is renewed"
        return Refused(Outcome.WRONG_STEP, sentence)
    if hold.on_probation:
        return Refused(Outcome.WRONG_STEP, ON_PROBATION)
    longest = _longest(hold, limits)
    if command.term > longest:
        sentence = f"{spoken(longest)} is the longest booking, counted from its beginning"
        return Refused(Outcome.TERM_TOO_LONG, sentence)
    if parent_left is not None and command.term > parent_left:
        return Refused(Outcome.TERM_TOO_LONG, "what it was carved out of ends before")
    if command.term < hold.term:
        sentence = f"it lasts {spoken(hold.term)} in all already"
        return Refused(Outcome.NOT_LONGER, sentence)
    return None


def refuse_shrink(command: Shrink, hold: LiveHold) -> Refused | None:
    """The first reason not to take back what `command` does not keep."""
    if hold.state is not HoldState.POSTED:
        return Refused(Outcome.WRONG_STEP, "only a grant shrinks: confirm it, or give it back")
    if not within(command.legs, hold.legs):
        held = dict(hold.legs)
        more = [leg for leg in sorted(command.legs) if leg.amount > held.get(leg.pool, 0)]
        told = ", ".join(f"{much(held.get(leg.pool, 0), leg.pool)} of {leg.pool}" for leg in more)
        return Refused(Outcome.MORE_THAN_HELD, f"it holds {told}, and a grant never grows")
    return None


def refuse_transfer(
    command: Transfer, parent: LiveHold, left: Duration, books: Books, limits: Limits
) -> Refused | None:
    """The first reason not to carve `command` out of `parent`, which lasts for `left` more."""
    if not parent.is_booking:
        return Refused(Outcome.WRONG_STEP, "only a confirmed booking hands on a part of itself")
    if parent.on_probation:
        return Refused(Outcome.WRONG_STEP, ON_PROBATION)
    if parent.parent is not None:
        return Refused(Outcome.WRONG_STEP, "it was carved out of a booking itself: ask of that one")
    if limits.policy.principals and command.principal != parent.principal:
        # Nobody hands a debt to another's account, nor a part out of its own quota.
        sentence = f"a part stays on the account of its whole, which is {parent.principal!r}"
        return Refused(Outcome.NOT_PRINCIPAL, sentence)
    longest = TTL_MAX if command.kind is GrantKind.CARRIED else limits.booking_term_max
    if command.term > longest:
        sentence = f"{spoken(longest)} is the longest {command.kind.value} term"
        return Refused(Outcome.TERM_TOO_LONG, sentence)
    if command.term > left:
        sentence = f"it would outlive its parent, which has {spoken(left)} left"
        return Refused(Outcome.TERM_TOO_LONG, sentence)
    if len(books.live) >= limits.entries_max:
        sentence = f"{limits.entries_max} holds are the limit here"
        return Refused(Outcome.TOO_MANY_ENTRIES, sentence)
    if not within(command.legs, parent.legs):
        has = dict(parent.legs)
        short = [leg for leg in sorted(command.legs) if leg.amount > has.get(leg.pool, 0)]
        told = ", ".join(f"{much(has.get(leg.pool, 0), leg.pool)} of {leg.pool}" for leg in short)
        return Refused(Outcome.MORE_THAN_HELD, f"its parent has {told} that is not handed on yet")
    return None


def _longest(hold: LiveHold, limits: Limits) -> Duration:
    rules = limits.policy.rules_of(hold.principal)
    if rules is None or rules.lease_max is None:
        return limits.booking_term_max
    return min(rules.lease_max, limits.booking_term_max)
