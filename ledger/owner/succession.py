"""Succession: what another id promised on the machine that is ours now is ours to keep.

A lost disk loses the key, and with it the only hand that could go on with its log. The machine
starts as somebody new, to whom nothing was ever promised; but peers keep the old log, and bookings
in it are still believed in. By a person's word, or by the recovery key that the old id had put on
record, the new one takes them over: one entry names the old id and how far its log was known, and
each promise that lives there is adopted behind it, with the place in the old log where it stands as
its origin. So whoever keeps the old log can check every one of them, and its holder's old receipt
names the same hold.

Carried leases are not taken over. Nobody renews with an owner that is gone, and a new id opens only
when its quarantine is over, which outlives them all.

A promise that does not fit is broken, and never superseded: what we have granted since proves
nothing about it, for we did not know of it.
"""

from typing import Final

from ledger.desk import Desk
from ledger.effects import LedgerEffect
from ledger.entries import ClosedHow, Succeeded
from ledger.limits import REASON_CHARS_MAX
from ledger.observations import Heritage
from ledger.recovery import fold_longest
from ledger.recovery.reopening import lost_claims, take_back, take_back_plans
from mesh.identity import Identity, NodeId, PublicKey, verify
from mesh.instant import Instant

SUCCESSION_TAG: Final = b"hf1.succession"


def take_over(desk: Desk, seen: Heritage, now: Instant) -> list[LedgerEffect]:
    """Write whose promises we keep from here on, and take up each."""
    chain = fold_longest(seen.blocks, seen.base)
    reason = seen.reason[:REASON_CHARS_MAX]
    head = chain.books.position
    desk.write(Succeeded(seen.node, head, reason, seen.recovery, seen.signature))
    claims = lost_claims(desk.books, {}, [chain])
    effects = take_back(desk, claims, {}, now, ClosedHow.BROKEN)
    take_back_plans(desk, [chain], now)
    return effects


def sign_succession(recovery: Identity, old: NodeId, new: NodeId) -> bytes:
    """By the recovery key of `old`: `new` goes on with its promises."""
    return recovery.sign(SUCCESSION_TAG, old + new)


def proves_succession(entry: Succeeded, author: NodeId) -> bool:
    """Whether `entry`, in the log of `author`, is proven by the recovery key that it names."""
    public, signed = PublicKey(entry.recovery), entry.node + author
    return bool(entry.recovery) and verify(public, SUCCESSION_TAG, signed, entry.signature)
