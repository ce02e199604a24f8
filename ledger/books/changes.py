"""Changes: the fold of grants that change and go on.

A grant may last longer, take less, or have a part of it carved out. A *child* is a grant of its
own: it has an id, a holder and an end. Only its room is not its own: it was taken from its parent
and goes back there, never to the pool, so that who books a machine for the afternoon and hands a
part of it on has all of it again. A parent ends after its last child, and a child has no children:
one level answers every use that we know of, and a tree would have to be walked at every end.

Account by account: a transfer moves the legs from the parent's tenant to the child's, the child's
end moves them back, and what a child shrinks by is its parent's again. The pool sees none of it.
"""

from typing import TypeAlias

from msgspec.structs import replace

from ledger.books.entitlements import Entitlements
from ledger.books.holds import LiveHold, Token
from ledger.books.legs import least, less, together, within
from ledger.books.postings import handed_on, step_postings
from ledger.books.refusal import Refusal
from ledger.commands import GrantKind, Leg
from ledger.entries import Extended, Owed, Shrunk, Transferred
from ledger.lifecycle import HoldState, Step, after

Change: TypeAlias = Extended | Shrunk | Transferred | Owed


class Changes(Entitlements):
    """The part of the books that folds them."""

    def state_of(self, hold: bytes) -> HoldState:
        """Where a hold stands; ABSENT when this log never named it."""
        known = self.live.get(hold) or self.plans.get(hold) or self.ended.get(hold)
        return known.state if known else HoldState.ABSENT

    def children(self, parent: bytes) -> list[LiveHold]:
        """What was carved out of `parent` and lives, oldest first."""
        if parent not in self._carved:
            return []
        carved = [hold for hold in self.live.values() if hold.parent == parent]
        return sorted(carved, key=lambda hold: (hold.held_at, hold.id))

    def whole(self, hold: LiveHold) -> tuple[Leg, ...]:
        """What `hold` takes together with its children."""
        legs = hold.legs
        for child in self.children(hold.id):
            legs = together(legs, child.legs)
        return legs

    def _change(self, entry: Change, at: Token) -> Refusal | None:
        if isinstance(entry, Transferred):
            return self._transfer(entry, at)
        if isinstance(entry, Owed):
            return self._owe(entry)
        hold = self.live.get(entry.id)
        if hold is None:
            return Refusal.NOT_ALLOWED if entry.id in self.ended else Refusal.NO_SUCH_HOLD
        step = Step.EXTEND if isinstance(entry, Extended) else Step.SHRINK
        state = after(hold.state, step)
        if state is None:
            return Refusal.NOT_ALLOWED
        if isinstance(entry, Extended):
            if hold.kind is not GrantKind.BOOKING or entry.term <= hold.term:
                return Refusal.NOT_ALLOWED
            self._set_live(replace(hold, term=entry.term, extended_at=at))
            return None
        if entry.legs == hold.legs or not within(entry.legs, hold.legs):
            return Refusal.OVER_LIMIT
        self._give_back(hold, less(hold.legs, entry.legs), Step.SHRINK)
        owed = least(hold.owed, entry.legs)
        self._take_less(replace(hold, legs=entry.legs, shrunk_at=at, owed=owed))
        return None

    def _owe(self, entry: Owed) -> Refusal | None:
        hold = self.live.get(entry.id)
        if hold is None or after(hold.state, Step.OWE) is None or hold.owed:
            return Refusal.NOT_ALLOWED
        if not within(entry.legs, hold.legs):
            return Refusal.OVER_LIMIT
        self._set_live(replace(hold, owed=entry.legs, reason=entry.reason))
        return None

    def _transfer(self, entry: Transferred, at: Token) -> Refusal | None:
        state = after(self.state_of(entry.id), Step.TRANSFER)
        if state is None:
            return Refusal.ID_USED
        parent = self.live.get(entry.parent)
        if parent is None:
            return Refusal.NOT_ALLOWED if entry.parent in self.ended else Refusal.NO_SUCH_HOLD
        remains = after(parent.state, Step.CARVE)
        if remains is None or not parent.is_booking or parent.parent is not None:
            return Refusal.NOT_ALLOWED
        if not within(entry.legs, parent.legs):
            return Refusal.OVER_LIMIT
        if entry.principal != parent.principal:
            refusal = self._covers(entry.principal, entry.legs)
            if refusal is not None:
                return refusal
        self._post_all(handed_on(entry.legs, parent.principal, entry.principal))
        self._take_less(replace(parent, state=remains, legs=less(parent.legs, entry.legs)))
        self._set_live(
            LiveHold(
                entry.id, state, entry.digest, entry.holder, entry.legs, entry.kind, entry.term,
                entry.principal, entry.label, at, at, at, parent=parent.id,
            )
        )  # fmt: skip
        self._put(self._carved, parent.id, self._carved.get(parent.id, 0) + 1)
        return None

    def _give_back(self, hold: LiveHold, legs: tuple[Leg, ...], step: Step) -> None:
        """`legs` of `hold` go to where they came from."""
        parent = None if hold.parent is None else self.live.get(hold.parent)
        if parent is None:
            self._post_all(step_postings(step, legs, hold.principal))
            return
        self._post_all(handed_on(legs, hold.principal, parent.principal))
        self._set_live(replace(parent, legs=together(parent.legs, legs)))

    def _orphan(self, hold: LiveHold) -> None:
        """`hold` is no child any more: it has ended."""
        if hold.parent is not None:
            left = self._carved[hold.parent] - 1
            self._put(self._carved, hold.parent, left or None)

    def _take_less(self, hold: LiveHold) -> None:
        for leg in self.live[hold.id].legs:
            self._put(self._on_pool[leg.pool], hold.id, None)
        self._set_live(hold)
