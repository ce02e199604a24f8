"""A picture turned on its side: one mask per word, one ordered list per source.

A *mask* is an int with bit i set for the i-th node of the picture, so a rule about a word is one
lookup, "and" and "or" of rules are one machine instruction per 64 nodes, and exact counts per
reason are `bit_count`. An `Order` keeps the nodes of one source sorted by room in blocks of some
sixty, each with its mask: "who has at least so much" is an "or" of whole blocks and a look into
one. Nothing here knows a rule: words come from `rules.words_of`, room from `needs.supply`.

Everything is built once per picture, columns when first asked for. When one node changes, `redraw`
replaces its bits and its few blocks and shares all the rest. Values are never changed in place
except the table of columns already worked out, which only remembers.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from placement.judging.needs import MAIN_MEMORY, Offer, Source, Supply, shares_pools, supply
from placement.judging.objectives import Asked, Figure, asked_of, figures_of
from placement.judging.rules import Word, words_of
from placement.judging.ties import StandingKey, standing_key
from placement.request import Request
from placement.view import ClusterView, NodeView

BLOCK_ENTRIES: Final = 64
BLOCK_ENTRIES_MAX: Final = 2 * BLOCK_ENTRIES
FIGURED_MAX: Final = 16
APART: Final = frozenset({"cpu", "disk", "slots"})
"""Kinds of pools that no memory is drawn from."""
COLUMNS_MAX: Final = 64
"""Sources remembered per picture; beyond that the oldest is forgotten and worked out again."""


class Entry(NamedTuple):
    """One node's place in an order: by `value`, then by id. Who of equals goes first depends on the
    request too (`ties.py`), and is worked out where equals meet."""

    value: int
    node: int
    """Its place in the picture, which is ordered by id."""


class _Block(NamedTuple):
    entries: tuple[Entry, ...]
    mask: int


class Order:
    """Entries in ascending order. Changing one makes a new Order that shares the other blocks."""

    __slots__ = ("blocks",)

    def __init__(self, blocks: tuple[_Block, ...] = ()) -> None:
        self.blocks = blocks

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Order":
        """All entries, sorted and cut into blocks."""
        return cls(tuple(_cut(sorted(entries), BLOCK_ENTRIES)))

    def up_to(self, value: int) -> int:
        """The mask of nodes with an entry of at most `value`."""
        mask = 0
        for entries, within in self.blocks:
            if entries[-1].value > value:
                for at, node in entries:
                    if at > value:
                        break
                    mask |= 1 << node
                return mask
            mask |= within
        return mask

    def walk(self, among: int, least: int | None = None) -> Iterator[Entry]:
        """Entries of the nodes in `among`, ascending, from value `least` on."""
        for block in self.blocks:
            if block.mask & among and (least is None or block.entries[-1].value >= least):
                for entry in block.entries:
                    if among >> entry.node & 1 and (least is None or entry.value >= least):
                        yield entry

    def without(self, entries: Iterable[Entry]) -> "Order":
        """Less these entries, all of which are here."""
        blocks = list(self.blocks)
        for entry in entries:
            at = bisect_left(blocks, entry, key=lambda block: block.entries[-1])
            kept = tuple(one for one in blocks[at].entries if one != entry)
            still = any(one.node == entry.node for one in kept)
            mask = blocks[at].mask if still else blocks[at].mask & ~(1 << entry.node)
            blocks[at : at + 1] = [_Block(kept, mask)] if kept else []
        return Order(tuple(blocks))

    def with_(self, entries: Iterable[Entry]) -> "Order":
        """And these entries, none of which is here."""
        blocks = list(self.blocks)
        for entry in entries:
            at = bisect_left(blocks, entry, key=lambda block: block.entries[-1])
            at = min(at, len(blocks) - 1)
            present = blocks[at].entries if blocks else ()
            place = bisect_right(present, entry)
            grown = (*present[:place], entry, *present[place:])
            if blocks and len(grown) <= BLOCK_ENTRIES_MAX:
                blocks[at] = _Block(grown, blocks[at].mask | 1 << entry.node)
            else:
                blocks[max(at, 0) : at + 1] = _cut(grown, BLOCK_ENTRIES)
        return Order(tuple(blocks))


class Column(NamedTuple):
    """One source over all nodes. The masks are those of `needs.need_misses`."""

    missing: int
    few: int
    closed: int
    unknown: int
    known: int
    best: Order
    """By what decides whether an amount fits, largest first: values are negative room."""
    each: Order
    """Every pool that admits holds, smallest first: where packing looks."""
    found: tuple[Supply, ...]
    """What each node has of it, by place."""

    def supplies(self, amount: int) -> int:
        """Nodes that would give so much: room that admits nothing does not count."""
        return self.best.up_to(-amount) & ~self.closed & ~self.few


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture, ready to be asked."""

    view: ClusterView
    everyone: int
    named: dict[str, tuple[int, ...]]
    """Name or id → places in the picture. Names need not be unique."""
    words: dict[Word, int]
    sharing: int
    """Nodes where two needs can meet in one pool: unified memory, or cards that share a pool."""
    columns: dict[Source, Column] = field(default_factory=dict)
    keys: dict[int, StandingKey] = field(default_factory=dict)
    """Worked out when a node is first one of several equals."""
    figured: dict[Asked, tuple[Figure, ...]] = field(default_factory=dict)

    def standing_key(self, place: int) -> StandingKey:
        """How the node at `place` stands among its equals, whoever asks."""
        key = self.keys.get(place)
        if key is None:
            key = self.keys[place] = standing_key(self.view.nodes[place])
        return key

    def says(self, place: int, word: Word) -> bool:
        """Whether the node at `place` says this word."""
        return bool(self.words.get(word, 0) >> place & 1)

    def figures(self, request: Request) -> tuple[Figure, ...]:
        """How each node stands to the request's objective, worked out when first asked for."""
        key = asked_of(request)
        found = self.figured.get(key)
        if found is None:
            found = figures_of(request, self.view.nodes)
            while len(self.figured) >= FIGURED_MAX:
                self.figured.pop(next(iter(self.figured)))
            self.figured[key] = found
        return found

    def stock_of(self, place: int) -> Callable[[Source], Supply]:
        """What the node at `place` has of a source: as `needs.supply`, worked out once."""
        return lambda source: self.column(source).found[place]

    def column(self, source: Source) -> Column:
        """The column of `source`, worked out when first asked for."""
        found = self.columns.get(source)
        if found is None:
            found = _column(source, self.view.nodes)
            while len(self.columns) >= COLUMNS_MAX:
                self.columns.pop(next(iter(self.columns)))
            self.columns[source] = found
        return found


def prepare(view: ClusterView) -> Prepared:
    """Turn the picture on its side."""
    said: dict[Word, list[int]] = {}
    named: dict[str, tuple[int, ...]] = {}
    for place, node in enumerate(view.nodes):
        for word in words_of(node):
            said.setdefault(word, []).append(place)
        for name in _names(node):
            named[name] = (*named.get(name, ()), place)
    words = {word: mask_of(places, len(view.nodes)) for word, places in said.items()}
    shares = [place for place, node in enumerate(view.nodes) if shares_pools(node)]
    everyone = (1 << len(view.nodes)) - 1
    return Prepared(view, everyone, named, words, mask_of(shares, len(view.nodes)))


def redraw(prepared: Prepared, view: ClusterView) -> Prepared:
    """The same as `prepare(view)`, sharing what did not change. New or lost nodes start afresh."""
    before, after = prepared.view.nodes, view.nodes
    changed = [
        place
        for place, (old, new) in enumerate(zip(before, after, strict=False))
        if old is not new and old != new
    ]
    same_nodes = len(before) == len(after) and all(
        _names(before[place]) == _names(after[place]) for place in changed
    )
    # Beyond a tenth, building anew is cheaper than replacing one by one.
    if not same_nodes or len(changed) * 10 > len(after):
        return prepare(view)
    words = dict(prepared.words)
    sharing = prepared.sharing
    columns = dict(prepared.columns)
    keys = dict(prepared.keys)
    for place in changed:
        keys.pop(place, None)
        bit = 1 << place
        _replace_words(words, before[place], after[place], bit)
        sharing = sharing | bit if shares_pools(after[place]) else sharing & ~bit
        kinds = _changed_kinds(before[place], after[place])
        for source, column in columns.items():
            if kinds is None or _draws_on(source, kinds):
                columns[source] = _replace(source, column, place, after[place])
    return Prepared(view, prepared.everyone, prepared.named, words, sharing, columns, keys)


def mask_of(places: Iterable[int], width: int) -> int:
    """The mask with these bits. Through bytes: n shifts of a wide int would cost n² / 64."""
    raw = bytearray(width // 8 + 1)
    for place in places:
        raw[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(raw, "little")


def places_of(mask: int) -> list[int]:
    """The set bits, ascending: the inverse of `mask_of`."""
    raw = mask.to_bytes(mask.bit_length() // 8 + 1, "little")
    return [
        at * 8 + bit for at, byte in enumerate(raw) if byte for bit in range(8) if byte >> bit & 1
    ]


def _names(node: NodeView) -> tuple[str, ...]:
    return (node.id,) if node.name == node.id else (node.id, node.name)


class _Summary(NamedTuple):
    """One node's contribution to a column: which masks it is in, and its entries."""

    missing: bool
    few: bool
    closed: bool
    unknown: bool
    best: tuple[Entry, ...]
    each: tuple[Entry, ...]


def _summary(source: Source, place: int, found: Supply) -> _Summary:
    if found.matching == 0:
        return _Summary(True, False, False, False, (), ())
    few = found.matching < source.at_once
    admitting = [offer for offer in found.offers if offer.pool.state == "open"]
    # Twin cards make equal entries, and one is enough to find the node by.
    each = tuple(dict.fromkeys(_entry(offer, place) for offer in admitting))
    if found.best is None:
        return _Summary(False, few, found.closed, True, (), each)
    best = Entry(-(found.best.room or 0), place)
    return _Summary(False, few, found.closed, False, (best,), each)


def _entry(offer: Offer, place: int) -> Entry:
    return Entry(offer.pool.room or 0, place)


def _column(source: Source, nodes: tuple[NodeView, ...]) -> Column:
    supplies = tuple(supply(source, node) for node in nodes)
    rows = [_summary(source, place, found) for place, found in enumerate(supplies)]
    width = len(nodes)
    return Column(
        mask_of((place for place, row in enumerate(rows) if row.missing), width),
        mask_of((place for place, row in enumerate(rows) if row.few), width),
        mask_of((place for place, row in enumerate(rows) if row.closed), width),
        mask_of((place for place, row in enumerate(rows) if row.unknown), width),
        mask_of((place for place, row in enumerate(rows) if row.best), width),
        Order.of(entry for row in rows for entry in row.best),
        Order.of(entry for row in rows for entry in row.each),
        supplies,
    )


def _replace(source: Source, column: Column, place: int, new: NodeView) -> Column:
    was, now = column.found[place], supply(source, new)
    if was == now:
        return column
    before, after = _summary(source, place, was), _summary(source, place, now)
    bit = 1 << place
    return Column(
        column.missing | bit if after.missing else column.missing & ~bit,
        column.few | bit if after.few else column.few & ~bit,
        column.closed | bit if after.closed else column.closed & ~bit,
        column.unknown | bit if after.unknown else column.unknown & ~bit,
        column.known | bit if after.best else column.known & ~bit,
        column.best.without(before.best).with_(after.best),
        column.each.without(before.each).with_(after.each),
        (*column.found[:place], now, *column.found[place + 1 :]),
    )


def _changed_kinds(old: NodeView, new: NodeView) -> frozenset[str] | None:
    """Kinds of pools that are not what they were; None: look at everything."""
    if old.devices != new.devices or len(old.pools) != len(new.pools):
        return None
    pairs = zip(old.pools, new.pools, strict=True)
    return frozenset(
        kind for was, now in pairs if was is not now and was != now for kind in (was.kind, now.kind)
    )


def _draws_on(source: Source, kinds: frozenset[str]) -> bool:
    """Whether a change in pools of these kinds can be seen through `source`."""
    if source.kind in APART:
        return source.kind in kinds
    if source.kind == "ram":
        return not kinds.isdisjoint(MAIN_MEMORY)
    # A card may draw on its own memory or on main memory; where that is RAM, somebody said so.
    return not kinds <= APART


def _replace_words(words: dict[Word, int], old: NodeView, new: NodeView, bit: int) -> None:
    before, after = words_of(old), words_of(new)
    if before == after:
        return
    for word in before:
        words[word] &= ~bit
    for word in after:
        words[word] = words.get(word, 0) | bit


def _cut(entries: Iterable[Entry], size: int) -> list[_Block]:
    entries = tuple(entries)
    pieces = [entries[start : start + size] for start in range(0, len(entries), size)]
    return [_Block(piece, _mask(piece)) for piece in pieces]


def _mask(entries: tuple[Entry, ...]) -> int:
    return mask_of((entry.node for entry in entries), max(entry.node for entry in entries) + 1)
