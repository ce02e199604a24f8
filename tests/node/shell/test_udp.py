"""The gate, with real sockets: our own port, the beacons of everyone, and nothing stolen.

Most run on this machine's own interfaces with a beacon port that nobody else uses. The last one
makes network namespaces of its own and uses the real port.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from mesh.effects import Address
from node.shell.datagrams import beacons, link_news, udp
from node.shell.datagrams.beacons import AirCounts, Trouble, open_ears, ways_out
from node.shell.datagrams.interfaces import Interface, scan
from node.shell.datagrams.sockets import EVERYWHERE
from node.shell.datagrams.udp import DATAGRAM_BYTES_MAX, Gate
from simulations.ports import free_port


@pytest.fixture(autouse=True)
def beacon_port(monkeypatch: pytest.MonkeyPatch) -> int:
    port = free_port()
    monkeypatch.setattr(beacons, "BEACON_PORT", port)
    monkeypatch.setattr(udp, "BEACON_PORT", port)
    return port


needs_ipv6 = pytest.mark.skipif(
    not any(each.version == 6 for each in scan()), reason="this machine has no IPv6 address"
)


@dataclass
class Post:
    """A running gate and everything that was delivered to it."""

    gate: Gate
    letters: list[tuple[bytes, Address]] = field(default_factory=list)
    scans: list[tuple[Interface, ...]] = field(default_factory=list)

    def got(self, datagram: bytes) -> int:
        return sum(1 for letter, _ in self.letters if letter == datagram)


@asynccontextmanager
async def open_post(port: int = 0, host: str = EVERYWHERE) -> AsyncIterator[Post]:
    post = Post(await Gate.open(port, host))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            post.gate.run,
            lambda datagram, source: post.letters.append((datagram, source)),
            post.scans.append,
        )
        await until(lambda: bool(post.scans))
        yield post
        nursery.cancel_scope.cancel()
    post.gate.close()
    for listener in post.gate.listeners:
        await listener.aclose()


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(5):
        while not condition():
            await trio.sleep(0.005)


async def settle() -> None:
    await trio.sleep(0.05)  # loopback delivers within the send; this only lets the tasks read


async def test_a_datagram_arrives_with_the_address_to_answer() -> None:
    async with open_post() as a, open_post() as b:
        a.gate.send(Address("127.0.0.1", b.gate.port), b"hello")
        await until(lambda: b.got(b"hello") == 1)
        b.gate.send(b.letters[0][1], b"back")
        await until(lambda: a.got(b"back") == 1)
        assert a.gate.counts.sent == b.gate.counts.received == 1


@needs_ipv6
async def test_ipv6_is_the_same_port_and_the_same_road() -> None:
    async with open_post() as a, open_post() as b:
        a.gate.send(Address("::1", b.gate.port), b"hello")
        await until(lambda: b.got(b"hello") == 1)
        assert b.letters[0][1] == Address("::1", a.gate.port)
        b.gate.send(b.letters[0][1], b"back")
        await until(lambda: a.got(b"back") == 1)
        for host in ("127.0.0.1", "::1"):
            stream = await trio.open_tcp_stream(host, b.gate.port)
            await stream.aclose()


async def test_an_interface_that_has_gone_is_counted_by_name() -> None:
    async with open_post() as a:
        a.gate.send(Address("fe80::1%nosuch0", 4653), b"x")
        assert a.gate.counts.send_failed == {"ENODEV": 1}


async def test_every_agent_of_a_machine_hears_a_beacon_and_can_answer_its_sender() -> None:
    async with open_post() as a, open_post() as b, open_post() as c:
        a.gate.broadcast(b"here is a")
        for other in (b, c):
            await until(lambda other=other: other.got(b"here is a") >= 1)  # type: ignore[misc]  # bound now
            assert {source.port for _, source in other.letters} == {a.gate.port}
        await settle()
        assert a.letters == []  # one's own voice is an echo, not a letter
        echoes = sum(air.echoes for air in a.gate.counts.air.values())
        sent = sum(air.sent for air in a.gate.counts.air.values())
        assert 0 < echoes <= sent


async def test_each_interface_and_way_delivers_a_beacon_once() -> None:
    async with open_post() as a, open_post() as b:
        a.gate.broadcast(b"once")
        ways = len(ways_out(a.gate.interfaces))
        await until(lambda: b.got(b"once") >= ways)
        await settle()
        assert b.got(b"once") == ways
        assert sum(air.heard for air in b.gate.counts.air.values()) == ways


async def test_the_agent_on_the_beacon_port_keeps_its_unicast_and_hears_beacons_once(
    beacon_port: int,
) -> None:
    async with open_post(beacon_port) as a, open_post() as b, open_post() as c:
        for number in range(50):
            b.gate.send(Address("127.0.0.1", beacon_port), b"%d" % number)
        await until(lambda: len(a.letters) == 50)
        b.gate.broadcast(b"from b")
        ways = len(ways_out(b.gate.interfaces))
        await until(lambda: a.got(b"from b") >= ways)
        a.gate.broadcast(b"from a")
        await until(lambda: b.got(b"from a") >= ways)
        await settle()
        assert a.got(b"from b") == c.got(b"from b") == ways
        assert a.gate.counts.misdirected > 0  # its own socket got copies, and knew them
        assert len(b.letters) == b.got(b"from a")
        assert {source.port for _, source in b.letters} == {beacon_port}


async def test_what_is_too_long_is_counted_and_dropped() -> None:
    async with open_post() as a:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for length in (DATAGRAM_BYTES_MAX + 1, 9000, DATAGRAM_BYTES_MAX):
                stranger.sendto(b"x" * length, ("127.0.0.1", a.gate.port))
        await until(lambda: len(a.letters) == 1)
        assert a.gate.counts.too_long == 2


async def test_a_burst_is_drained_without_starving_the_others() -> None:
    async with open_post() as a:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number in range(300):
                stranger.sendto(b"%d" % number, ("127.0.0.1", a.gate.port))
        await until(lambda: len(a.letters) == 300)
        assert [letter for letter, _ in a.letters] == [b"%d" % number for number in range(300)]


@pytest.mark.parametrize(
    "to",
    [
        Address("host.example", 1),
        Address("::1::", 1),
        Address("127.0.0.1%lo", 1),
        Address("fe80::1%", 1),
        Address("127.0.0.1", 0),
        Address("127.0.0.1", 65536),
        Address("127.0.0.1\0", 1),
        Address("", 1),
    ],
)
async def test_an_address_that_is_none_is_counted_and_never_looked_up(to: Address) -> None:
    async with open_post() as a:
        a.gate.send(to, b"x")
        assert a.gate.counts.send_failed == {"not an address": 1}


async def test_what_the_network_refuses_is_counted_by_name() -> None:
    async with open_post(host="127.0.0.1") as a:
        a.gate.send(Address("192.0.2.77", 9), b"x")  # from loopback: nowhere
        (name,) = a.gate.counts.send_failed
        assert name.startswith("E")


async def test_a_new_interface_is_noticed_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_news, "SCAN_TOLD_SECONDS", 0.01)
    loopback = tuple(interface for interface in scan() if interface.loopback)
    views = [(), (), loopback]
    monkeypatch.setattr(udp, "scan", lambda *_: views.pop(0) if len(views) > 1 else views[0])
    async with open_post() as a:
        await until(lambda: a.scans == [(), loopback])
        assert {warning.trouble for warning in a.gate.warnings} == {Trouble.NO_NETWORK}


def test_a_beacon_port_that_somebody_keeps_to_himself_is_a_warning(beacon_port: int) -> None:
    loopback = [interface for interface in scan() if interface.loopback]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("0.0.0.0", beacon_port))
        ears, warnings = open_ears(loopback)
    assert ears == []
    assert Trouble.BEACON_PORT_TAKEN in {warning.trouble for warning in warnings}
    assert all(warning.sentence and warning.hint for warning in warnings)


@pytest.mark.parametrize("number", [1, 13])
def test_a_refused_beacon_is_a_warning_and_a_count(number: int) -> None:
    class Forbidden:
        family = socket.AF_INET

        def setsockopt(self, *_arguments: object) -> None: ...

        def sendto(self, *_arguments: object) -> None:
            raise OSError(number, "no")

    counts: dict[str, AirCounts] = {}
    wired = Interface("eth9", "10.0.0.1", 9, "10.0.0.255", multicast=True, loopback=False)
    warnings = beacons.shout({4: Forbidden()}, b"x", [wired], counts)  # type: ignore[dict-item]  # a firewall
    assert [warning.trouble for warning in warnings] == [
        Trouble.BROADCAST_REFUSED,
        Trouble.MULTICAST_REFUSED,
    ]
    assert sum(counts["eth9"].failed.values()) == 2


def test_a_group_that_may_not_be_joined_is_a_warning_and_leaves_no_socket() -> None:
    wired = Interface("eth9", "10.0.0.1", 9_999, None, multicast=True, loopback=False)
    ears, warnings = open_ears([wired])
    assert ears == []
    assert [warning.trouble for warning in warnings] == [Trouble.MULTICAST_REFUSED]


# Namespaces --------------------------------------------------------------------------------------

NODE = """
import json, subprocess, sys, trio
from node.shell.datagrams.udp import Gate
name, port, address = sys.argv[1], int(sys.argv[2]), sys.argv[3]
heard, letters, scans = set(), {}, []

def ip(*words):
    if name != "d":  # it lives in c's namespace, and c sees to the cables
        subprocess.run(["ip", *words], check=True)

async def main():
    ip("link", "set", "lo", "up")
    gate = await Gate.open(port)
    print("open", flush=True)
    def deliver(datagram, source):
        kind, _, sender = datagram.decode().partition(" ")
        if kind == "beacon":
            heard.add(sender)
            gate.send(source, f"letter {name}".encode())
        else:
            letters[sender] = source.port
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.run, deliver, scans.append)
        await trio.to_thread.run_sync(sys.stdin.readline)  # our cable is plugged in now
        ip("address", "add", address + "/24", "dev", "eth0")
        ip("link", "set", "eth0", "up")
        with trio.move_on_after(10):
            while len(letters) < 3 or len(heard) < 3:
                gate.broadcast(f"beacon {name}".encode())
                await trio.sleep(0.05)
            await trio.sleep(0.2)  # let the others finish
        nursery.cancel_scope.cancel()
    print(json.dumps({"heard": sorted(heard), "letters": letters,
        "air": {k: v.heard for k, v in gate.counts.air.items()},
        "warnings": [w.trouble.name for w in gate.warnings], "scans": len(scans)}))
trio.run(main)
"""

BRIDGE = """
import json, subprocess, sys
def ip(*words): subprocess.run(["ip", *words], check=True)
NODE = sys.argv[1]
plan = [("a", 4653, "10.9.0.1"), ("b", 4653, "10.9.0.2"), ("c", 5001, "10.9.0.3")]
ip("link", "add", "br0", "type", "bridge")
ip("link", "set", "br0", "up")
nodes = []
for name, port, address in plan:
    nodes.append(subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", NODE, name, str(port), address],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    assert nodes[-1].stdout.readline() == "open\\n"
    ip("link", "add", "v" + name, "type", "veth", "peer", "name", "eth0",
        "netns", str(nodes[-1].pid))
    ip("link", "set", "v" + name, "master", "br0", "up")
# A fourth agent shares c's machine: same namespace, its own port.
nodes.append(subprocess.Popen(
    ["nsenter", "--net", "--target", str(nodes[2].pid), sys.executable, "-c",
     NODE, "d", "5002", "10.9.0.3"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
assert nodes[-1].stdout.readline() == "open\\n"
for node in nodes:
    node.stdin.write("go\\n")
    node.stdin.flush()
print(json.dumps([json.loads(node.stdout.readline()) for node in nodes]))
"""


needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(tool) is None for tool in ("ip", "unshare", "nsenter")),
    reason="needs root, ip, unshare and nsenter to make network namespaces",
)

TWO_LINKS = """
set -e
ip link set lo up
echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
for end in left right; do
    ip link add $end type veth peer name far-$end
    ip link set far-$end addrgenmode none up
done
ip address add 10.8.1.1/24 dev left
ip address add 10.8.2.1/24 dev right
ip link set left up
ip link set right up
exec "$0" -m pytest -q -p no:cacheprovider "$1" -k each_interface_and_way
"""


@needs_namespaces
def test_an_ear_does_not_hear_what_belongs_to_the_ear_of_another_interface() -> None:
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", TWO_LINKS, sys.executable, __file__],
        capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    if "Operation not permitted" in done.stderr or "not supported" in done.stderr:
        pytest.skip("this kernel lets us make no links in a namespace")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_namespaces
def test_agents_in_namespaces_find_each_other_when_the_cable_is_plugged_in() -> None:
    probe = subprocess.run(
        ["unshare", "--net", "ip", "link", "add", "br0", "type", "bridge"],
        capture_output=True,
        check=False,
    )
    if probe.returncode != 0:
        pytest.skip("this kernel lets us make no bridge in a namespace")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", BRIDGE, NODE],
        capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    nodes = dict(zip("abcd", json.loads(done.stdout), strict=True))
    for name, node in nodes.items():
        others = sorted(set("abcd") - {name})
        assert node["heard"] == others
        assert sorted(node["letters"]) == others
        assert node["warnings"] == []
        assert node["scans"] >= 2 or name == "d"
        assert node["air"]["eth0"] > 0
    assert nodes["a"]["letters"] == {"b": 4653, "c": 5001, "d": 5002}
    assert nodes["d"]["air"]["lo"] > 0
