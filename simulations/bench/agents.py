"""Real agents on loopback, for the areas that measure the whole process.

Each has a state folder on a disk, folders of its own for what is volatile and what is machine-wide,
a small share, and a port that was free a moment ago. The mesh is their own: another agent of this
machine hears their beacons and they hear its, and neither side can make anything of them.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from simulations.bench.disks import disk_folder
from simulations.demo.nodes import Node, until
from simulations.demo.places import Place
from simulations.ports import free_ports

OFFER: Final = "ram=256MiB,cores=0.1"
VOLATILE: Final = Path("/dev/shm")  # noqa: S108 - a folder of ours is made in it, 0700
UP_SECONDS_MAX: Final = 20.0
FULL_VIEW_SECONDS_MAX: Final = 30.0
TOPICS: Final = frozenset({"inventory", "live", "standing"})


@contextmanager
def machines(*names: str) -> Iterator[list[Node]]:
    """Nodes that are not started yet. Whatever was started is stopped at the end."""
    with ExitStack() as stack:
        folder = stack.enter_context(disk_folder())
        runtime = stack.enter_context(volatile_folder())
        nodes = [
            Node(
                name, _place(port), folder / name, _made(runtime / name),
                runtime / "machine", OFFER,
            )
            for name, port in zip(names, free_ports(len(names)), strict=True)
        ]  # fmt: skip
        for node in nodes:
            stack.callback(node.stop)
        yield nodes


def start_first(node: Node) -> None:
    """Start the agent that makes the secret, and wait until it answers."""
    node.start("--first")
    until(f"{node.name} is up", node.answers, UP_SECONDS_MAX)


def start_beside(node: Node, known: Node) -> None:
    """Start an agent that is given `known`'s secret and nothing else: beacons do the rest."""
    node.start("--first", "--secret-file", str(known.state / "secret"))


def have_full_view(nodes: Sequence[Node]) -> bool:
    """Whether each holds facts and log of every other, trusts it and knows it alive."""
    return all(_sees(node, len(nodes) - 1) for node in nodes)


@contextmanager
def volatile_folder() -> Iterator[Path]:
    """A temporary folder in memory, where there is such a place."""
    parent = VOLATILE if os.access(VOLATILE, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-", dir=parent) as folder:
        yield Path(folder)


def _sees(node: Node, others: int) -> bool:
    if not node.answers():
        return False
    peers: list[dict[str, Any]] = node.granted(type="status")["peers"]
    whole = [
        peer
        for peer in peers
        if peer["trust"] == "trusted" and peer["liveness"] == "alive" and peer["log"]
        and peer["facts"].keys() >= TOPICS
    ]  # fmt: skip
    return len(whole) == others


def _place(port: int) -> Place:
    return Place((), ("--interface", "lo", "--port", str(port)), "127.0.0.1", port)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder
