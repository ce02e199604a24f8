"""Near: how long until given data is at a node, by links that somebody has measured.

The data is a path on one node, or a model that lies in some nodes' stores. Where it lies it is
there at once. Elsewhere it has to come over a link; what a link carries is told by whoever timed it
(either end may have), and each such figure is a lower bound, so of several the largest holds. A
link that nobody has timed has no figure, and data of unknown size no time: both stay unknown, and
come last.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from placement.amounts import AmountError, parse_bytes
from placement.request import DATA_CHARS_MAX, Near, RequestError
from placement.view import NodeView

OLLAMA: Final = "ollama:"
OLLAMA_TAG: Final = ":latest"
"""What Ollama takes for the tag where none is named."""
HERE: Final = "here"
NOBODY: Final = "nobody has it"
AWAY: Final = "its machine is out of reach"
SIZE_UNKNOWN: Final = "its size is not known"


class Arrival(NamedTuple):
    """When the data is at one node: bytes a second of the best link, and from whom; 0: it is there.
    None: nobody can say."""

    ms: int | None
    source: str


class Source(NamedTuple):
    """The best measured way to a node."""

    per_second: int
    holder: str
    """The name of who has the data."""


def parse_near(text: str) -> Near:
    """`ollama:llama3.1:70b`, `org/repo`, `bob:/data/set=40GB`, `/data/set=40GB`. Raises
    RequestError. A path without a node is on the asker's."""
    if not text or len(text) > DATA_CHARS_MAX:
        raise RequestError(f"name the data in 1 to {DATA_CHARS_MAX} characters")
    if text.startswith(OLLAMA):
        name = text.removeprefix(OLLAMA)
        return Near(name if ":" in name else name + OLLAMA_TAG, store="ollama")
    host, colon, place = text.partition(":")
    if text.startswith("/"):
        host, place = "", text
    elif not (colon and place.startswith("/") and "/" not in host):
        return Near(text)
    place, size = _sized(place)
    return Near(place, node=host, bytes=size)


def _sized(place: str) -> tuple[str, int | None]:
    """`/data/set=40GB` in its two parts. A path may hold a `=` of its own."""
    front, equals, tail = place.rpartition("=")
    if not equals or not tail[:1].isdigit():
        return place, None
    try:
        return front, parse_bytes(tail)
    except AmountError as error:
        raise RequestError(str(error)) from error


def arrivals(near: Near, nodes: Sequence[NodeView]) -> tuple[Arrival, ...]:
    """One per node, in their order."""
    holders = _holders(near, nodes)
    size = near.bytes or max((one for one in holders.values() if one is not None), default=None)
    if not holders:
        return tuple(Arrival(None, AWAY if near.node else NOBODY) for _ in nodes)
    best = best_sources([node for node in nodes if node.id in holders], nodes)
    names = " or ".join(node.name for node in nodes if node.id in holders)
    return tuple(_arrival(node, holders, size, best.get(node.id), names) for node in nodes)


def _arrival(
    node: NodeView, holders: dict[str, int | None], size: int | None, best: Source | None,
    names: str,
) -> Arrival:  # fmt: skip
    if node.id in holders:
        return Arrival(0, HERE)
    if size is None:
        return Arrival(None, SIZE_UNKNOWN)
    if best is None:
        return Arrival(None, f"no link from {names} measured")
    return Arrival(-(-size * 1000 // best.per_second), f"measured from {best.holder}")


def _holders(near: Near, nodes: Sequence[NodeView]) -> dict[str, int | None]:
    """Who has it, and how large it is there. Who does not answer gives nothing."""
    if near.node:
        return {
            node.id: near.bytes
            for node in nodes
            if near.node in {node.id, node.name} and node.liveness == "alive"
        }
    return {
        node.id: stored.bytes
        for node in nodes
        if node.liveness == "alive"
        for stored in node.stored
        if stored.model == near.data and near.store in {"", stored.store}
    }


def best_sources(holders: Sequence[NodeView], nodes: Sequence[NodeView]) -> dict[str, Source]:
    """By node id: the fastest measured way from any of `holders`. Of equals the first by id."""
    best: dict[str, Source] = {}
    named = {holder.id: holder.name for holder in holders}
    for node in nodes:
        for link in node.links:
            if link.received is not None and link.peer in named:
                _better(best, node.id, Source(link.received, named[link.peer]))
    for holder in holders:
        for link in holder.links:
            if link.sent is not None:
                _better(best, link.peer, Source(link.sent, holder.name))
    return best


def _better(best: dict[str, Source], node: str, found: Source) -> None:
    if node not in best or found.per_second > best[node].per_second:
        best[node] = found
