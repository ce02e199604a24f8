"""Machines and cables: a network namespace for each machine, a bridge for each segment.

From inside a sandbox only: the bridges live in its own network, and nothing here has a name that
would outlive it. Words are those of `ip`, since that is what they are.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from simulations.demo.nodes import COMMAND, Node, until
from simulations.demo.places import PORT, Place
from simulations.truth.sandbox import make_volatile

HOLDER: Final = "echo; exec sleep infinity"
"""Keeps a namespace that has no name; its first line says that the namespace is there."""
OFFER: Final = "ram=64MiB,cores=0.05"
UP_SECONDS_MAX: Final = 30.0
LINK_LOCAL_SECONDS_MAX: Final = 5.0


class Machine:
    """One machine: a namespace, its interfaces, and at most one agent."""

    def __init__(self, name: str, number: int, folder: Path, volatile: Path) -> None:
        self.name = name
        self._number = number
        self._ports: dict[str, str] = {}
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", HOLDER],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        self.enter = ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net")
        runtime = volatile / name
        runtime.mkdir(mode=0o700)
        self.node = Node(
            name, Place(self.enter, ("--no-mdns",), "", PORT), folder / name, runtime,
            volatile / "machine", OFFER, (str(COMMAND),),
        )  # fmt: skip
        self.ip("link set lo up")

    def ip(self, words: str) -> None:
        """`ip WORDS` in this machine. Raises CalledProcessError."""
        run([*self.enter, "ip", *words.split()])

    def plug(self, segment: str, interface: str, *addresses: str) -> None:
        """A cable from `interface` to `segment`, with these addresses on it."""
        self._cable(interface)
        run(["ip", "link", "set", self._ports[interface], "master", segment, "up"])
        for address in addresses:
            self.address(interface, address)
        self.ip(f"link set {interface} up")

    def bridge(self, interface: str, address: str) -> None:
        """A bridge that leads nowhere, as container engines make them."""
        self.ip(f"link add {interface} type bridge")
        self.ip("link add veth0 type veth peer name veth1")  # its container
        self.ip(f"link set veth0 addrgenmode none master {interface} up")
        self.ip("link set veth1 addrgenmode none up")
        self.address(interface, address)
        self.ip(f"link set {interface} up")

    def address(self, interface: str, address: str, word: str = "add") -> None:
        """Give an address, or take it away (`del`)."""
        more = " nodad" if ":" in address and word == "add" else ""
        self.ip(f"address {word} {address} dev {interface}{more}")

    def unplug(self, interface: str) -> None:
        """The far end of the cable is pulled out of the segment; the near end does not notice."""
        run(["ip", "link", "set", self._ports[interface], "nomaster"])

    def route(self) -> None:
        """Hand on what is meant for others: it is a router."""
        for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            run([*self.enter, "sh", "-c", f"echo 1 > /proc/sys/net/{key}"])

    def without_ipv6(self) -> None:
        """As systems are that were told to do without."""
        for where in ("all", "default"):
            key = f"/proc/sys/net/ipv6/conf/{where}/disable_ipv6"
            run([*self.enter, "sh", "-c", f"echo 1 > {key}"])

    def start(self, *flags: str) -> None:
        """Start its agent, for the first time if there is no state yet."""
        first = [] if self.node.state.exists() else ["--first"]
        self.node.start(*first, *flags)

    def join(self, invite: str) -> None:
        """Start its agent with an invite, as anyone would paste it."""
        self.node.start(verb=("join", invite))

    def close(self) -> None:
        """The agent and the namespace end."""
        if self.node.process is not None:
            self.node.kill()
        self._holder.kill()
        self._holder.wait()
        for port in self._ports.values():
            subprocess.run(["ip", "link", "delete", port], check=False, capture_output=True)

    def _cable(self, interface: str) -> None:
        port = self._ports[interface] = f"p{self._number}{interface}"
        end = f"peer name {interface} netns {self._holder.pid}"
        run(f"ip link add {port} type veth {end}".split())
        run(f"ip link set {port} addrgenmode none".split())


class Site:
    """All machines and segments of one wiring."""

    def __init__(self, folder: Path, volatile: Path) -> None:
        self._folder, self._volatile = folder, volatile
        self.machines: dict[str, Machine] = {}
        self._segments: list[str] = []

    def segment(self, name: str) -> str:
        """A switch with nothing plugged in."""
        run(["ip", "link", "add", name, "type", "bridge"])
        run(["ip", "link", "set", name, "addrgenmode", "none", "up"])
        self._segments.append(name)
        return name

    def machine(self, name: str) -> Machine:
        """A machine with nothing plugged in."""
        made = Machine(name, len(self.machines) + 1, self._folder, self._volatile)
        self.machines[name] = made
        return made

    def secret(self, name: str) -> str:
        """The file with the secret of the mesh that `name` has begun."""
        node = self.machines[name].node
        until(f"{name} is up", node.answers, UP_SECONDS_MAX)
        return str(node.state / "secret")

    def close(self) -> None:
        """Everything ends. Once is enough."""
        for machine in self.machines.values():
            machine.close()
        for segment in self._segments:
            subprocess.run(["ip", "link", "delete", segment], check=False, capture_output=True)


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A site in `folder`, which is empty and on a disk."""
    made = Site(folder, make_volatile(folder))
    try:
        yield made
    finally:
        made.close()
        subprocess.run(["umount", str(folder / "volatile")], check=False, capture_output=True)


def run(argv: Sequence[str]) -> None:
    """One command that must succeed; what it says is shown when it does not."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
