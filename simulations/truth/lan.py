"""A network of its own for each node, and one switch between them. From inside a sandbox only."""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from simulations.demo.places import PORT, Place
from simulations.truth.fabric import Conditions

SUBNET: Final = "10.213.9"
HOLDER: Final = "echo; exec sleep infinity"
"""Keeps a namespace that has no name; its first line says that the namespace is there."""


class Lan:
    """Places for nodes, and what lies between them. Raises CalledProcessError, OSError."""

    def __init__(self, names: Sequence[str], seed: int) -> None:
        self.conditions = Conditions()
        self.places: dict[str, Place] = {}
        self._ports = {name: f"port{number}" for number, name in enumerate(names, 1)}
        self._holders = [self._plug(name, number) for number, name in enumerate(names, 1)]
        self._switch = subprocess.Popen(
            [sys.executable, "-m", "simulations.truth.switch", str(seed), *self._ports.values()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        self._tell()

    def cut(self, here: Iterable[str], there: Iterable[str], *, one_way: bool = False) -> None:
        """Nothing passes from `here` to `there`, nor back unless `one_way`."""
        there = [self._ports[name] for name in there]
        cuts = {*self.conditions.cuts}
        for a in (self._ports[name] for name in here):
            cuts |= {(a, b) for b in there} | ({(b, a) for b in there} if not one_way else set())
        self.set(replace_cuts(self.conditions, cuts))

    def mend(self) -> None:
        """Everything passes again, at once and once."""
        self.set(Conditions())

    def set(self, conditions: Conditions) -> None:
        """On return the network is like this."""
        self.conditions = conditions
        self._tell()

    def close(self) -> None:
        """The switch and the namespaces end. Once is enough, twice does no harm."""
        for process in (self._switch, *self._holders):
            process.kill()
            process.wait()
        # They would go with their namespaces, when the kernel comes to it; their names are wanted.
        for port in self._ports.values():
            subprocess.run(["ip", "link", "delete", port], check=False, capture_output=True)

    def _tell(self) -> None:
        asked, said = _pipes(self._switch)
        asked.write(msgspec.json.encode(self.conditions) + b"\n")
        asked.flush()
        if not said.readline():
            raise OSError("the switch has ended")

    def _plug(self, name: str, number: int) -> subprocess.Popen[bytes]:
        holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", HOLDER],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert holder.stdout is not None
        holder.stdout.readline()
        enter = ("nsenter", f"--net=/proc/{holder.pid}/ns/net")
        port, address = self._ports[name], f"{SUBNET}.{number}"
        for words in (
            f"ip link add {port} type veth peer name eth0 netns {holder.pid}",
            f"ip link set {port} addrgenmode none up",
        ):
            _run(words.split())
        for words in (
            "ip link set lo up",
            f"ip address add {address}/24 broadcast + dev eth0",
            "ip link set eth0 up",
        ):
            _run([*enter, *words.split()])
        self.places[name] = Place(enter, (), address, PORT)
        return holder


def replace_cuts(conditions: Conditions, cuts: set[tuple[str, str]]) -> Conditions:
    """The same weather with other cuts."""
    return msgspec.structs.replace(conditions, cuts=tuple(sorted(cuts)))


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def _run(argv: Sequence[str]) -> None:
    subprocess.run(argv, check=True, capture_output=True)
