"""One agent, the command that speaks to it as a person would, and what the agent must keep."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from simulations.demo.nodes import COMMAND, Node, until
from simulations.demo.places import Place, volatile
from simulations.ports import free_port

OFFER = "ram=64MiB,cores=0.1"


class Ran(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass
class House:
    """A folder for agents on this machine: they share its memory of who runs, and nothing else."""

    folder: Path
    volatile: Path

    def node(self, name: str, prefix: tuple[str, ...] = (), interface: str = "lo") -> Node:
        """An agent that was not started yet; the same name is the same state folder."""
        port = free_port()
        flags = ("--interface", interface) if interface else ()
        place = Place(prefix, (*flags, "--port", str(port)), "127.0.0.1", port)
        own = self.volatile / name
        own.mkdir(mode=0o700, exist_ok=True)
        return Node(name, place, self.folder / name, own, self.volatile / "machine", OFFER)


@contextmanager
def house() -> Iterator[House]:
    """Gone at the end, with what lies in it. Its path is short enough for a socket's."""
    folder = Path(tempfile.mkdtemp(prefix="hf-bad-"))
    shared = Path(tempfile.mkdtemp(prefix="hf-bad-", dir=volatile()))
    try:
        yield House(folder, shared)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(shared, ignore_errors=True)


@contextmanager
def running(node: Node, *flags: str) -> Iterator[Node]:
    """The agent, up and answering; stopped at the end if it still runs."""
    start(node, *flags)
    try:
        yield node
    finally:
        node.stop()


def start(node: Node, *flags: str) -> None:
    """Start it and wait for its door."""
    node.start(*flags)
    until(f"{node.name} is up", node.answers, 30)


def command(node: Node, *words: str, prefix: tuple[str, ...] = (), typed: str = "") -> Ran:
    """`holdfast …` on the state folder of `node`, as a process of its own."""
    done = subprocess.run(
        [*prefix, str(COMMAND), "--state", str(node.state), *words],
        capture_output=True, text=True, check=False, timeout=40, input=typed, env=node.environment,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def up(node: Node, *words: str, prefix: tuple[str, ...] = ()) -> Ran:
    """`holdfast up`, which is expected to end by itself."""
    flags = ("--name", node.name, *node.place.flags, *words)
    return command(node, "up", "--offer", node.offer, *flags, prefix=prefix or node.place.prefix)


def one_sentence(ran: Ran, status: int, *words: str) -> None:
    """It ended so, said this on stderr in a line or three, and showed nobody a traceback."""
    assert ran.status == status, ran
    assert "Traceback" not in ran.err + ran.out, ran.err
    for word in words:
        assert word in ran.err, ran.err
    assert ran.err.startswith("holdfast"), ran.err
    assert len(ran.err.splitlines()) <= 3, ran.err


def hold(node: Node, **more: Any) -> str:
    """A booking of 8 MiB on `node` itself; its id."""
    ask = {"ram": "8MiB", "node": node.name}
    made = node.granted(type="reserve", ask=ask, term_ms=600_000, **more)
    made_id: str = made["id"]
    return made_id


def holds(node: Node) -> list[str]:
    """The ids of the holds that `node` itself owns, as its agent tells."""
    told = node.granted(type="holds")["holds"]
    return sorted(row["id"] for row in told if row["owner"]["name"] == node.name)


def kept(state: Path) -> dict[str, bytes]:
    """What a node must not lose: its key, its secret, its name, its journal."""
    names = ("node.key", "secret", "name", "journal.sqlite3")
    return {name: (state / name).read_bytes() for name in names if (state / name).exists()}


def ends(node: Node, seconds_max: float = 20) -> int:
    """The exit status of an agent that ends by itself."""
    assert node.process is not None
    status = node.process.wait(seconds_max)
    node.process = None
    return status


def terminate(node: Node) -> None:
    """SIGTERM, and no waiting."""
    assert node.process is not None
    os.kill(node.process.pid, signal.SIGTERM)
