"""A mesh of real processes on loopback, for tests and benchmarks: up, used, and gone again."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from simulations.demo.nodes import Node, until
from simulations.demo.places import Place, volatile
from simulations.ports import free_port

MIB = 1 << 20


@contextmanager
def real_mesh(
    names: Sequence[str], ram_mib: Sequence[int], *, start: bool = True, apart: bool = False
) -> Iterator[dict[str, Node]]:
    """Agents by name, each with its share of this machine; joined by one fresh secret. `apart`:
    as in containers of their own, none sees the locks of another."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-mesh-"))
    runtime = Path(tempfile.mkdtemp(prefix="holdfast-mesh-", dir=volatile()))
    nodes = {
        name: _node(name, ram, folder, runtime, name if apart else "")
        for name, ram in zip(names, ram_mib, strict=True)
    }  # fmt: skip
    try:
        if start:
            meet(list(nodes.values()))
        yield nodes
    finally:
        for node in nodes.values():
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(runtime, ignore_errors=True)


def meet(nodes: list[Node]) -> float:
    """Start them and wait for the full view; the seconds from the last one up to everyone known."""
    first, *others = nodes
    first.start("--first")
    until(f"{first.name} is up", first.answers, 30)
    for node in others:
        node.start("--first", "--secret-file", str(first.state / "secret"))
    for node in others:
        until(f"{node.name} is up", node.answers, 30)
    _, took = until("everyone knows everyone", lambda: full_view(nodes), 30)
    return took


def full_view(nodes: list[Node]) -> bool:
    """Whether every node counts all the others, with facts and log."""
    return all(_counted(node) == len(nodes) - 1 for node in nodes)


def _counted(node: Node) -> int:
    return sum(
        peer["trust"] == "trusted"
        and peer["liveness"] == "alive"
        and {"inventory", "live", "standing"} <= peer["facts"].keys()
        and peer["log"] is not None
        for peer in node.granted(type="status")["peers"]
    )


def _node(name: str, ram: int, folder: Path, runtime: Path, apart: str) -> Node:
    port = free_port()
    place = Place((), ("--interface", "lo", "--port", str(port)), "127.0.0.1", port)
    own = runtime / name
    own.mkdir(mode=0o700)
    offer = f"ram={ram}MiB,cores=0.1"
    return Node(name, place, folder / name, own, runtime / f"machine{apart}", offer)
