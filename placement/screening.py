"""Which nodes pass, and how many fail which rule: all nodes at once, by masks.

The masks of a screening are, rule by rule, what `rules.misses` would say node by node; a property
test holds the two together. The only rule that has to look at single nodes is whether needs fit
*together*, and it is asked only where they can meet in one pool.
"""

from dataclasses import dataclass
from typing import Final

from placement.columns import Prepared, mask_of, places_of
from placement.legs import choose
from placement.needs import Need, missing_reason, needs_of
from placement.reasons import SOON, Reason
from placement.request import Request
from placement.rules import word_rules

_MEETING: Final = ("card", "memory", "ram")
"""Kinds of source whose pools can be one and the same."""


@dataclass(frozen=True, slots=True)
class Screening:
    """One request over one picture.

    `failing`: one mask per rule, and a node's misses are the rules that have its bit. `met`: nodes
    where needs meet in a pool, so that their ranking figure cannot be read off a column.
    """

    needs: tuple[Need, ...]
    failing: tuple[tuple[Reason, int], ...]
    fitting: int
    soon: int
    met: int

    def counts(self) -> dict[Reason, int]:
        """Nodes per reason, in the order of `Reason`; reasons that hit nobody are left out."""
        masks: dict[Reason, int] = dict.fromkeys(Reason, 0)
        for reason, mask in self.failing:
            masks[reason] |= mask
        return {reason: mask.bit_count() for reason, mask in masks.items() if mask}

    def nearness(self) -> list[int]:
        """Masks of the nodes that fail exactly one rule, exactly two, and so on."""
        at_least = [self.fitting]
        for _, mask in self.failing:
            if mask:
                at_least.append(0)
                for level in range(len(at_least) - 1, 1, -1):
                    at_least[level] |= at_least[level - 1] & mask
                if len(at_least) > 1:
                    at_least[1] |= mask
        return [mask & ~more for mask, more in zip(at_least[1:], [*at_least[2:], 0], strict=True)]


def screen(request: Request, prepared: Prepared) -> Screening:
    """Put every rule to every node."""
    needs = needs_of(request)
    failing = _by_words(request, prepared)
    by_pools = [pair for need in needs for pair in _by_need(need, prepared)]
    supplied = prepared.everyone & ~_union(by_pools)
    met = supplied & _meeting(needs, prepared)
    apart = [at for at in places_of(met) if choose(request, prepared.view.nodes[at], needs) is None]
    failing += by_pools
    failing.append((Reason.NOT_TOGETHER, mask_of(apart, len(prepared.view.nodes))))
    if request.node is not None:
        here = mask_of(prepared.named.get(request.node, ()), len(prepared.view.nodes))
        failing.append((Reason.PINNED_ELSEWHERE, prepared.everyone & ~here))
    fitting = prepared.everyone & ~_union(failing)
    lasting = _union([(reason, mask) for reason, mask in failing if reason not in SOON])
    soon = prepared.everyone & ~lasting & ~fitting
    return Screening(needs, tuple(failing), fitting, soon, met)


def _by_words(request: Request, prepared: Prepared) -> list[tuple[Reason, int]]:
    found = []
    for rule in word_rules(request):
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


def _meeting(needs: tuple[Need, ...], prepared: Prepared) -> int:
    """Nodes where one need's pool may be another's."""
    kinds = [need.source.kind for need in needs]
    meeting = [kind for kind in kinds if kind in _MEETING]
    if kinds.count("card") > 1 or kinds.count("disk") > 1:
        return prepared.everyone
    if "memory" in meeting and len(meeting) > 1:
        return prepared.everyone
    several = len(meeting) > 1 or any(need.source.at_once > 1 for need in needs)
    return prepared.sharing if several else 0


def _union(masks: list[tuple[Reason, int]]) -> int:
    union = 0
    for _, mask in masks:
        union |= mask
    return union
