"""A model on several nodes: a card on each, and what each of the cards holds.

By layers every node has its own blocks and their cache; by tensors every matrix is cut, and what
can't be cut is on every card again. What is asked for is the high side, as for one card.
"""

from argparse import Namespace
from typing import Any, Final

from node.cli import estimating
from node.cli.exits import Unable
from node.cli.model_needs import GIB, MIB, asked_of
from placement.memory.model import Model
from placement.memory.requests import Impossible
from placement.memory.splits import Part, split

HOWS: Final = ("layer", "tensor")
"""Layers first: what goes over the network between two nodes is then one row per token."""
NODES_TRIED: Final = (2, 3, 4, 6, 8)
WORDS: Final = {"layer": "by layers", "tensor": "by tensors"}


def ways(flags: Namespace, ask: dict[str, Any]) -> list[dict[str, Any]]:
    """Every way to run the model of `flags` on several nodes, the fewest nodes first; none for a
    model of which nothing is known. `ask`: the rest of what is wanted of each node."""
    made = [_way(flags, ask, nodes, how) for nodes in NODES_TRIED for how in HOWS]
    return [way for way in made if way is not None]


def way(flags: Namespace, ask: dict[str, Any], nodes: int, how: str) -> dict[str, Any]:
    """One of them. Raises Unable."""
    made = _way(flags, ask, nodes, how)
    if made is None:
        sentence = f"{flags.model} can't be split {WORDS[how]} over {nodes} nodes"
        raise Unable("no_split", sentence, "another --nodes, or the other --split")
    return made


def _way(
    flags: Namespace, ask: dict[str, Any], nodes: int, how: str
) -> dict[str, Any] | None:  # fmt: skip
    found = estimating.find(flags.model)
    if not isinstance(found.model, Model):
        return None
    parts = split(found.model, asked_of(flags, found), nodes, how)
    if isinstance(parts, Impossible):
        return None
    rest = {key: value for key, value in ask.items() if key != "gpus"}
    return {
        "how": WORDS[how],
        "asks": [{**rest, "gpus": [f"{-(-part.total.high // MIB)}MiB:1"]} for part in parts],
        "parts": [_told(part, how) for part in parts],
    }


def _told(part: Part, how: str) -> str:
    """`blocks 0 to 39: 21.4 GiB, of which 1.9 GiB is on every node again`."""
    what = f"blocks {part.first} to {part.last}" if how == "layer" else "a part of every block"
    shared = sum(term.amount.high for term in part.terms if term.name not in ("weights", "cache"))
    again = f", of which {shared / GIB:,.1f} GiB is on every node again" if shared else ""
    return f"{what}: {part.total.high / GIB:,.1f} GiB{again}"
