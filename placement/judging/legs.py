"""Which pools, exactly: a concrete (pool, amount) for every need, all of them together.

Needs can meet in one pool: a card and main memory on a machine with unified memory, two disks on
one volume, two selectors after the same card. So the choice is a search: slots in order (cards,
largest first, then memory, RAM, cores, disks, named slots), each trying its pools in the
objective's order, stepping back when a later slot finds nothing left. Machines are small and needs
few, so the first try is nearly always the answer; the search is bounded all the same, and giving up
means no.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from placement.judging.needs import ANY_CARD, RAM, Need, Offer, Source, Supply, supply
from placement.request import Objective, Request
from placement.view import NodeView, PoolView

STEPS_MAX: Final = 4096
"""Pools looked at per node. Sixteen disks on sixteen equal volumes need 256 when they fit."""

_SLOT_ORDER: Final = {"card": 0, "memory": 1, "ram": 2, "cpu": 3, "disk": 4, "slots": 5}


class Taken(NamedTuple):
    """What one slot takes. `need` is its place among the request's needs."""

    need: int
    pool: PoolView
    amount: int


class Placing(NamedTuple):
    """What a node would give, and what that leaves of each pool it touches."""

    taken: tuple[Taken, ...]
    left: dict[str, int]

    @property
    def deciding(self) -> PoolView | None:
        """Of the pools that the first need takes, the one with the least left."""
        pools = [one.pool for one in self.taken if one.need == 0]
        return min(pools, key=lambda pool: (self.left[pool.pool], pool.pool), default=None)


class _Slot(NamedTuple):
    need: int
    amount: int
    offers: tuple[Offer, ...]


class _Search:
    """One node's search. `left` and `used` follow the slots taken so far."""

    def __init__(self, slots: list[_Slot]) -> None:
        self.slots = slots
        self.left: dict[str, int] = {}
        self.rooms: dict[str, int] = {}
        """By pool: the most that any offer sees of it. A card may see less of main memory."""
        for offer in (offer for slot in slots for offer in slot.offers):
            seen = self.rooms.get(offer.pool.pool, 0)
            self.rooms[offer.pool.pool] = max(seen, offer.pool.room or 0)
        self.used: set[str] = set()
        self.steps = 0

    def from_slot(self, place: int) -> list[Taken] | None:
        if place == len(self.slots):
            return []
        slot = self.slots[place]
        for offer in slot.offers:
            self.steps += 1
            if self.steps > STEPS_MAX:
                return None
            if self._take(slot, offer):
                rest = self.from_slot(place + 1)
                if rest is not None:
                    return [Taken(slot.need, offer.pool, slot.amount), *rest]
                self._give_back(slot, offer)
        return None

    def _take(self, slot: _Slot, offer: Offer) -> bool:
        room = self.left.get(offer.pool.pool, self.rooms[offer.pool.pool])
        # A card may be able to take less of its pool than is left there.
        if min(room, offer.pool.room or 0) < slot.amount or offer.device in self.used:
            return False
        self.left[offer.pool.pool] = room - slot.amount
        if offer.device:
            self.used.add(offer.device)
        return True

    def _give_back(self, slot: _Slot, offer: Offer) -> None:
        self.left[offer.pool.pool] += slot.amount
        self.used.discard(offer.device)


Supplies: TypeAlias = Callable[[Source], Supply]
"""What one node has of a source."""


def choose(
    request: Request, node: NodeView, needs: tuple[Need, ...], supplies: Supplies | None = None
) -> Placing | None:
    """What would be held of `node`, in the order of the request's needs; None when not together.
    `supplies`: what it has, for who has worked that out already."""
    have = supplies or partial(_supplies, node)
    slots = [
        _Slot(place, need.amount, _offers(request, need.source, have))
        for place, need in sorted(enumerate(needs), key=_slot_order)
        for _ in range(need.source.at_once)
    ]
    search = _Search(slots)
    taken = search.from_slot(0)
    if taken is None:
        return None
    return Placing(tuple(sorted(taken, key=lambda one: one.need)), search.left)


def _slot_order(placed: tuple[int, Need]) -> tuple[int, int, int]:
    place, need = placed
    return _SLOT_ORDER[need.source.kind], -need.amount, place


def _supplies(node: NodeView, source: Source) -> Supply:
    return supply(source, node)


def _offers(request: Request, source: Source, have: Supplies) -> tuple[Offer, ...]:
    if source.kind == "memory":
        cards = _ordered(request, have(ANY_CARD).offers)
        return _without_devices(cards) + _ordered(request, have(RAM).offers)
    return _ordered(request, have(source).offers)


def _without_devices(offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    # Memory may share a card that a selector took: it wants bytes, not the card for itself.
    return tuple(Offer(offer.pool, "") for offer in offers)


def _ordered(request: Request, offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """Smallest room first to pack, else largest first; equal rooms by uuid either way."""
    usable = [offer for offer in offers if offer.pool.state == "open"]
    if request.objective is not Objective.PACK:
        usable.sort(key=lambda offer: -(offer.pool.room or 0))
    return tuple(usable)
