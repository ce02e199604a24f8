"""Who is better: one figure of the objective; among equals, the list in `ties.py`.

The figure is room on the *deciding* pool: that of the request's first need, or main memory when
nothing is asked. Everyone needs the same amount of it, so the order by room before is the order by
room after, and the best few are read off a column from its end. Where needs meet in one pool that
is not so; those nodes are worked out one by one and merged in.
"""

from collections.abc import Iterator
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter

from placement.judging.columns import Entry, Order, Prepared, places_of
from placement.judging.legs import Placing
from placement.judging.needs import ANY_CARD, RAM, Need, Source
from placement.judging.objectives import BY_FIGURE
from placement.judging.screening import Screening
from placement.judging.ties import asked_key
from placement.request import Objective, Request
from placement.view import NodeView


def best_first(
    request: Request, prepared: Prepared, screening: Screening, among: int, limit: int
) -> list[int]:
    """The best `limit` nodes of `among` (which all fit, or all will soon), as places."""
    first = _the_askers_own(request, prepared, among)
    rest = among & ~(1 << first[0]) if first else among
    ranked: list[int] = []
    for liked in _by_leaning(request, prepared, rest):
        for tier, source in _tiers(prepared, screening, liked):
            for equals in _by_figure(request, prepared, tier):
                if len(ranked) < limit:
                    ranked += islice(_ranked(request, prepared, screening, equals, source), limit)
    return (first + ranked)[:limit]


def _by_figure(request: Request, prepared: Prepared, among: int) -> list[int]:
    """Nodes of equal figure together, the best first, those without one last; as masks."""
    if request.objective not in BY_FIGURE:
        return [among]
    figures = prepared.figures(request)
    groups: dict[tuple[bool, int], int] = {}
    for at in places_of(among):
        value = figures[at].value
        key = (value is None, value or 0)
        groups[key] = groups.get(key, 0) | 1 << at
    return [groups[key] for key in sorted(groups)]


def _the_askers_own(request: Request, prepared: Prepared, among: int) -> list[int]:
    if request.objective is not Objective.LOCAL or request.asker is None:
        return []
    own = prepared.named.get(request.asker, ())
    return [at for at in own if among >> at & 1 and prepared.view.nodes[at].id == request.asker]


def _by_leaning(request: Request, prepared: Prepared, among: int) -> list[int]:
    """Preferred nodes, those nobody spoke of, and those to avoid; as masks, none empty."""
    if not (request.prefer or request.avoid):
        return [among]
    liked = _named(prepared, request.prefer) & among
    disliked = _named(prepared, request.avoid) & among & ~liked
    return [mask for mask in (liked, among & ~liked & ~disliked, disliked) if mask]


def _named(prepared: Prepared, names: tuple[str, ...]) -> int:
    mask = 0
    for name in names:
        for at in prepared.named.get(name, ()):
            mask |= 1 << at
    return mask


def nearest_first(
    prepared: Prepared, screening: Screening, nearness: list[int], limit: int
) -> list[int]:
    """Misses: fewest failing rules first, then most room on the deciding source, then id."""
    order = prepared.column(_deciding_source(screening.needs)).best
    found: list[int] = []
    for level in nearness:
        if len(found) >= limit:
            break
        if level:
            found += islice(_walk(order, level), limit - len(found))
    return found


def _deciding_source(needs: tuple[Need, ...]) -> Source:
    return needs[0].source if needs else RAM


def _tiers(prepared: Prepared, screening: Screening, among: int) -> list[tuple[int, Source]]:
    """A card's memory before main memory, for who asked for either; else all in one."""
    source = _deciding_source(screening.needs)
    if source.kind != "memory":
        return [(among, source)]
    amount = screening.needs[0].amount
    on_cards = prepared.column(ANY_CARD).supplies(amount) & among & ~screening.met
    for at in places_of(among & screening.met):
        if _is_on_card(prepared.view.nodes[at], screening.placings[at]):
            on_cards |= 1 << at
    return [(on_cards, ANY_CARD), (among & ~on_cards, RAM)]


def _is_on_card(node: NodeView, placing: Placing) -> bool:
    pool = placing.deciding
    return pool is not None and any(device.pool == pool.pool for device in node.devices)


def _ranked(
    request: Request, prepared: Prepared, screening: Screening, among: int, source: Source
) -> Iterator[int]:
    column = prepared.column(source)
    amount = screening.needs[0].amount if screening.needs else 0
    plain = among & ~screening.met
    packing = request.objective is Objective.PACK
    if packing and not screening.needs:
        # Nothing to pack, so no smallest pool that takes it: the machine with least room, then.
        columnwise = iter(sorted(_upside_down(column.best.walk(plain))))
    elif packing:
        columnwise = _shifted(column.each.walk(plain, amount), -amount)
    else:
        columnwise = _shifted(column.best.walk(plain), amount)
    single = sorted(
        _exact(screening.placings[at], at, packing=packing)
        for at in places_of(among & screening.met)
    )
    seen = 0
    for _, equals in groupby(merge(columnwise, single), key=itemgetter(0)):
        new = [entry.node for entry in equals if not seen >> entry.node & 1]
        new = list(dict.fromkeys(new))
        seen |= sum(1 << at for at in new)
        yield from _in_turn(request, prepared, new)
    yield from _in_turn(request, prepared, places_of(among & ~seen))


def _in_turn(request: Request, prepared: Prepared, equals: list[int]) -> list[int]:
    """Nodes that the objective cannot tell apart, the first first."""
    if len(equals) < 2:
        return equals
    nodes = prepared.view.nodes

    def key(at: int) -> tuple[object, ...]:
        return (*asked_key(request, nodes[at]), *prepared.standing_key(at), at)

    return sorted(equals, key=key)


def _shifted(entries: Iterator[Entry], by: int) -> Iterator[Entry]:
    for entry in entries:
        yield entry._replace(value=entry.value + by)


def _upside_down(entries: Iterator[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry._replace(value=-entry.value)


def _exact(placing: Placing, at: int, *, packing: bool) -> Entry:
    pool = placing.deciding
    assert pool is not None, "needs that meet are at least one"
    left = placing.left[pool.pool]
    return Entry(left if packing else -left, at)


def _walk(order: Order, among: int) -> Iterator[int]:
    seen = 0
    for entry in order.walk(among):
        seen |= 1 << entry.node
        yield entry.node
    yield from places_of(among & ~seen)
