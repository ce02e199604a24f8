"""Where the nodes of a demo live: in network namespaces with a bridge, or on loopback.

With root and `ip`, each node gets a namespace and a veth to a bridge that lives in a namespace of
its own, so nothing reaches the machine's real network. Without, they share loopback and differ by
port. Either way every packet stays on this machine.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PORT: Final = 4653
LOOPBACK_PORT_FIRST: Final = 46_531
SUBNET: Final = "10.213.7"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one node lives: how to start a command there, and what its agent is told."""

    prefix: tuple[str, ...]
    flags: tuple[str, ...]
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A place for each node, a sentence on what they are, and what must be taken down."""

    sentence: str
    places: dict[str, Place]
    namespaces: tuple[str, ...]

    def close(self) -> None:
        """Take it down. Once is enough, twice does no harm."""
        for namespace in self.namespaces:
            _ip("netns", "delete", namespace, check=False)


def volatile() -> str | None:
    """Where temporary files live in memory, if anywhere."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - mkdtemp, 0700


def neighbourhood(names: Sequence[str]) -> Neighbourhood:
    """A place for each of `names`."""
    if not os.environ.get("HOLDFAST_DEMO_LOOPBACK") and _may_make_namespaces():
        return _namespaces(names)
    ports = range(LOOPBACK_PORT_FIRST, LOOPBACK_PORT_FIRST + len(names))
    made = {
        name: Place((), ("--interface", "lo", "--port", str(port)), "127.0.0.1", port)
        for name, port in zip(names, ports, strict=True)
    }
    return Neighbourhood("three ports on loopback (namespaces need root and `ip`)", made, ())


def _may_make_namespaces() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    probe = f"holdfast-probe-{os.getpid()}"
    made = _ip("netns", "add", probe, check=False)
    if made.returncode != 0:
        return False
    bridge = _ip("-n", probe, "link", "add", "probe0", "type", "bridge", check=False)
    _ip("netns", "delete", probe)
    return bridge.returncode == 0


def _namespaces(names: Sequence[str]) -> Neighbourhood:
    tag = f"hf{os.getpid()}"
    switch = f"{tag}-switch"
    created = (switch, *(f"{tag}-{name}" for name in names))
    sentence = "each node in a network namespace of its own, joined by a bridge"
    made = Neighbourhood(sentence, {}, created)
    with ExitStack() as undo:
        undo.callback(made.close)
        for namespace in created:
            _ip("netns", "add", namespace)
            _ip("-n", namespace, "link", "set", "lo", "up")
        _ip("-n", switch, "link", "add", "bridge0", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge0", "up")
        for number, name in enumerate(names, start=1):
            made.places[name] = _plug(switch, f"{tag}-{name}", number)
        undo.pop_all()
    return made


def _plug(switch: str, namespace: str, number: int) -> Place:
    address = f"{SUBNET}.{number}"
    _ip(
        "-n", switch, "link", "add", f"port{number}", "type", "veth",
        "peer", "name", "eth0", "netns", namespace,
    )  # fmt: skip
    _ip("-n", switch, "link", "set", f"port{number}", "master", "bridge0", "up")
    _ip("-n", namespace, "address", "add", f"{address}/24", "broadcast", "+", "dev", "eth0")
    _ip("-n", namespace, "link", "set", "eth0", "up")
    return Place(("ip", "netns", "exec", namespace), (), address, PORT)


def _ip(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)
