"""Supposing: the picture as it would be, and the same question put to it.

A supposition changes one thing: a node is gone, a machine has more of something, a hold has ended.
Nothing is predicted: everything else stays as it is, so the answer says what that one thing is
worth. What is supposed is said in the versions of the row, so no answer about an invented picture
can be taken for one about the real one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from placement.amounts import AmountError, format_bytes, parse_bytes, parse_cores
from placement.asking.selectors import parse_gpu_selector, parse_slots
from placement.request import RequestError
from placement.view import ClusterView, DeviceView, NodeView, PoolView

SUPPOSED: Final = "supposed"
"""The topic under which a row says that it was made up."""
SUPPOSITIONS_MAX: Final = 32
EXAMPLE: Final = "bob=ram:64GiB,nvidia:24GB"

Freed: TypeAlias = Mapping[str, Mapping[str, int]]
"""Node id → pool → what ended holds would give back there."""


def suppose(
    view: ClusterView, *, without: Sequence[str] = (), plus: Sequence[str] = (),
    freed: Freed | None = None,
) -> ClusterView:  # fmt: skip
    """`view` less the nodes `without` (names or ids), with more hardware (`plus`: bob=ram:64GiB; a
    name that is not known is a new machine), and with holds ended. Raises RequestError."""
    if len(without) + len(plus) > SUPPOSITIONS_MAX:
        raise RequestError(f"more than {SUPPOSITIONS_MAX} suppositions: ask in parts")
    nodes = list(view.nodes)
    for name in without:
        nodes = _without(nodes, name)
    for pool_of in (freed or {}).items():
        nodes = [_freed(node, *pool_of) for node in nodes]
    for text in plus:
        nodes = _plus(nodes, text)
    return ClusterView.of(*nodes)


def _without(nodes: list[NodeView], name: str) -> list[NodeView]:
    left = [node for node in nodes if name not in {node.id, node.name}]
    if len(left) == len(nodes):
        raise RequestError(f"--without {name}: no such node is known")
    return left


def _freed(node: NodeView, node_id: str, amounts: Mapping[str, int]) -> NodeView:
    if node.id != node_id:
        return node
    pools = tuple(
        replace(
            pool,
            room=None if pool.room is None else pool.room + amounts[pool.pool],
            promised=max(0, pool.promised - amounts[pool.pool]),
        )
        if pool.pool in amounts
        else pool
        for pool in node.pools
    )
    return _supposed(replace(node, pools=pools), "freed")


def _plus(nodes: list[NodeView], text: str) -> list[NodeView]:
    name, equals, parts = text.partition("=")
    if not equals or not name.strip() or not parts.strip():
        raise RequestError(f"--plus {text!r}: write NODE=WHAT, as in {EXAMPLE}")
    name = name.strip()
    found = next((node for node in nodes if name in {node.id, node.name}), None)
    grown = _machine(name) if found is None else found
    for part in parts.split(","):
        grown = _with_part(grown, part.strip())
    others = [node for node in nodes if node is not found]
    return [*others, _supposed(grown, parts)]


def _machine(name: str) -> NodeView:
    """A new one: open, alive, and empty until something is added."""
    return NodeView(
        id=f"supposed-{name}", name=name, liveness="alive", standing="open", os="linux",
        arch="x86_64", pools=(), labels={},
    )  # fmt: skip


def _with_part(node: NodeView, part: str) -> NodeView:
    kind, colon, amount = part.partition(":")
    try:
        if colon and kind == "ram":
            main = next((pool.kind for pool in node.pools if pool.kind == "unified"), "ram")
            return _with_more(node, main, "bytes", parse_bytes(amount))
        if colon and kind == "cpu":
            bare = amount.replace(".", "", 1).isdigit()
            return _with_more(
                node, "cpu", "millicores", parse_cores(f"{amount} cores" if bare else amount)
            )
        if colon and kind == "disk":
            return _with_pool(node, "disk", parse_bytes(amount), "ssd")
        if colon and kind == "slots":
            return _with_slots(node, amount)
        return _with_cards(node, part)
    except AmountError as error:
        raise RequestError(f"--plus: {error}") from error


def _with_more(node: NodeView, kind: str, unit: str, amount: int) -> NodeView:
    pools = list(node.pools)
    for at, pool in enumerate(pools):
        if pool.kind == kind:
            room = None if pool.room is None else pool.room + amount
            total = None if pool.total is None else pool.total + amount
            pools[at] = replace(pool, room=room, total=total)
            return replace(node, pools=tuple(pools))
    new = PoolView(kind, kind, unit, amount, amount, "open")
    return replace(node, pools=(*pools, new))


def _with_pool(node: NodeView, kind: str, amount: int, media: str) -> NodeView:
    name = f"supposed:{kind}:{len(node.pools)}"
    new = PoolView(name, kind, "bytes", amount, amount, "open", "a supposed disk", media)
    return replace(node, pools=(*node.pools, new))


def _with_slots(node: NodeView, text: str) -> NodeView:
    slots = parse_slots(text)
    name = f"slots:{slots.name}"
    pools = list(node.pools)
    for at, pool in enumerate(pools):
        if pool.pool == name:
            room = None if pool.room is None else pool.room + slots.count
            total = None if pool.total is None else pool.total + slots.count
            pools[at] = replace(pool, room=room, total=total)
            return replace(node, pools=tuple(pools))
    new = PoolView(name, "slots", "slots", slots.count, slots.count, "open", slots.name)
    return replace(node, pools=(*pools, new))


def _with_cards(node: NodeView, part: str) -> NodeView:
    card = parse_gpu_selector(part)
    for _ in range(card.count):
        uuid = f"supposed-{len(node.devices)}"
        label = f"a supposed card of {format_bytes(card.memory_min)}"
        size = card.memory_min
        pool = PoolView(f"vram:{uuid}", "vram", "bytes", size, size, "open", label)
        device = DeviceView(uuid, card.vendor or "any", card.model or label, pool.pool)
        node = replace(node, pools=(*node.pools, pool), devices=(*node.devices, device))
    return node


def _supposed(node: NodeView, what: str) -> NodeView:
    before = [version for version in node.versions if version[0] != SUPPOSED]
    earlier = dict(node.versions).get(SUPPOSED)
    said = f"{earlier}; {what}" if earlier else what
    return replace(node, versions=tuple(sorted([*before, (SUPPOSED, said)])))
