"""Which nodes pass, and how many fail which rule: all nodes at once, by masks.

The masks of a screening are, rule by rule, what `rules.misses` would say node by node; a property
test holds the two together. The only rule that has to look at single nodes is whether needs fit
*together*, and it is asked only where they can meet in one pool.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from placement.judging.columns import Prepared, mask_of, places_of
from placement.judging.legs import Placing, choose
from placement.judging.needs import ANY_CARD, Need, can_meet, missing_reason, need_misses
from placement.judging.rules import (
    Asked,
    asked,
    from_memory,
    not_together,
    pinned_elsewhere,
    remembered_words,
    word_miss,
)
from placement.reasons import SOON, Miss, Reason
from placement.request import Request
from placement.view import NodeView


@dataclass(frozen=True, slots=True)
class Screening:
    """One request over one picture.

    `failing`: one mask per rule, and a node's misses are the rules that have its bit. `met`: nodes
    where needs can meet in a pool, so that their ranking figure cannot be read off a column;
    `placings` has what each of them would give.
    """

    what: Asked
    failing: tuple[tuple[Reason, int], ...]
    by_need: tuple[int, ...]
    """Per need: the nodes that cannot supply it, for whatever reason."""
    fitting: int
    soon: int
    met: int
    placings: dict[int, Placing]

    @property
    def needs(self) -> tuple[Need, ...]:
        """The request's needs; the first decides."""
        return self.what.needs

    def counts(self) -> dict[Reason, int]:
        """Nodes per reason, in the order of `Reason`; reasons that hit nobody are left out."""
        masks: dict[Reason, int] = {}
        for reason, mask in self.failing:
            if mask:
                masks[reason] = masks.get(reason, 0) | mask
        return {
            reason: masks[reason].bit_count() for reason in sorted(masks, key=attrgetter("place"))
        }

    def misses_at(self, prepared: Prepared, places: Sequence[int]) -> list[tuple[Miss, ...]]:
        """Every failing rule of the nodes at `places`, as `rules.misses` would tell of each.

        Rule by rule and not node by node: only what failed is looked at again, for its words.
        """
        nodes = prepared.view.nodes
        found: dict[int, list[Miss]] = {at: [] for at in places}
        asked_of = mask_of(places, len(nodes))
        for rule, (_, mask) in zip(self.what.rules, self.failing, strict=False):
            for at in places_of(mask & asked_of):
                found[at].append(word_miss(rule, nodes[at]))
        for need, mask in zip(self.needs, self.by_need, strict=True):
            supplies = prepared.column(need.source).found
            for at in places_of(mask & asked_of):
                found[at] += need_misses(need, nodes[at], supplies[at])
        for reason, mask in self.failing[len(self.what.rules) :]:
            read = _READ_AGAIN.get(reason)
            if read is not None:
                for at in places_of(mask & asked_of):
                    found[at] += read(self.what, nodes[at])
        for misses in found.values():
            if len(misses) > 1:
                misses.sort(key=_IN_ORDER)
        return [tuple(found[at]) for at in places]

    def nearness(self) -> list[int]:
        """Masks of the nodes that fail exactly one rule, exactly two, and so on."""
        at_least: list[int] = []
        for _, mask in self.failing:
            if mask:
                at_least.append(0)
                for level in range(len(at_least) - 1, 0, -1):
                    at_least[level] |= at_least[level - 1] & mask
                at_least[0] |= mask
        more = [*at_least[1:], 0]
        return [mask & ~beyond for mask, beyond in zip(at_least, more, strict=False)]


def screen(request: Request, prepared: Prepared) -> Screening:
    """Put every rule to every node."""
    what = asked(request)
    needs = what.needs
    failing = _by_words(what, prepared)
    per_need = [_by_need(need, prepared) for need in needs]
    by_need = tuple(map(_union, per_need))
    by_pools = [pair for pairs in per_need for pair in pairs]
    supplied = prepared.everyone
    for short in by_need:
        supplied &= ~short
    met = supplied & _where_they_meet(needs, prepared)
    nodes = prepared.view.nodes
    tried = {at: choose(request, nodes[at], needs, prepared.stock_of(at)) for at in places_of(met)}
    apart = [at for at, placing in tried.items() if placing is None]
    placings = {at: placing for at, placing in tried.items() if placing is not None}
    failing += by_pools
    failing.append((Reason.NOT_TOGETHER, mask_of(apart, len(nodes))))
    failing += _by_memory(what, prepared)
    if request.node is not None:
        here = mask_of(prepared.named.get(request.node, ()), len(nodes))
        failing.append((Reason.PINNED_ELSEWHERE, prepared.everyone & ~here))
    fitting = prepared.everyone & ~_union(failing)
    lasting = _union(pair for pair in failing if pair[0] not in SOON) if not fitting else 0
    # Asked for only where nothing fits now.
    soon = 0 if fitting else prepared.everyone & ~lasting
    return Screening(what, tuple(failing), by_need, fitting, soon, met, placings)


_IN_ORDER: Final = attrgetter("reason.place")


def _of_memory(reason: Reason) -> Callable[[Asked, NodeView], list[Miss]]:
    def read(what: Asked, node: NodeView) -> list[Miss]:
        return [miss for miss in from_memory(what.request, node) if miss.reason is reason]

    return read


_READ_AGAIN: Final[dict[Reason, Callable[[Asked, NodeView], list[Miss]]]] = {
    Reason.NOT_TOGETHER: lambda what, node: not_together(what.request, node, what.needs),
    Reason.FAILED_BEFORE: _of_memory(Reason.FAILED_BEFORE),
    Reason.PEAK_TOO_HIGH: _of_memory(Reason.PEAK_TOO_HIGH),
    Reason.PINNED_ELSEWHERE: lambda what, node: [pinned_elsewhere(what.request, node)],
}
"""Rules that are about neither words nor one need → what they say of a node."""


def _by_words(what: Asked, prepared: Prepared) -> list[tuple[Reason, int]]:
    found = []
    for rule in what.rules:
        have = prepared.words.get(rule.word, 0)
        found.append((rule.reason, prepared.everyone & ~have if rule.wanted else have))
    return found


def _by_need(need: Need, prepared: Prepared) -> list[tuple[Reason, int]]:
    column = prepared.column(need.source)
    enough = column.best.up_to(-need.amount)
    return [
        (missing_reason(need.source), column.missing),
        (Reason.POOL_NOT_OPEN, column.closed),
        (Reason.ROOM_UNKNOWN, column.unknown),
        (Reason.NOT_ENOUGH_ROOM, column.known & ~enough),
        (Reason.NOT_ENOUGH_DEVICES, column.few),
    ]


def _by_memory(what: Asked, prepared: Prepared) -> list[tuple[Reason, int]]:
    """Only nodes that remember work of this kind are looked at, one by one."""
    remembering = 0
    for word in remembered_words(what.request.scope):
        remembering |= prepared.words.get(word, 0)
    masks: dict[Reason, int] = {}
    for at in places_of(remembering):
        for miss in from_memory(what.request, prepared.view.nodes[at]):
            masks[miss.reason] = masks.get(miss.reason, 0) | 1 << at
    return list(masks.items())


def _where_they_meet(needs: tuple[Need, ...], prepared: Prepared) -> int:
    """Nodes where one need's pool may be another's."""
    if not can_meet(needs, shares=True):
        return 0
    if not can_meet(needs, shares=False):
        return prepared.sharing
    kinds = [need.source.kind for need in needs]
    if "card" in kinds or kinds.count("disk") > 1:
        return prepared.everyone
    # Memory and RAM: where a card takes the memory, the RAM has main memory to itself.
    amount = next(need.amount for need in needs if need.source.kind == "memory")
    on_cards = prepared.column(ANY_CARD).supplies(amount)
    return prepared.sharing | (prepared.everyone & ~on_cards)


def _union(masks: Iterable[tuple[Reason, int]]) -> int:
    union = 0
    for _, mask in masks:
        union |= mask
    return union
