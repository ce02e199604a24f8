"""Found by mDNS between machines: agents that have no other way to meet.

They live in network namespaces of their own, joined by nothing but a veth, so no packet leaves
this machine.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mesh.identity import NodeId
from mesh.keys.secret import Secret
from node.shell.disk.state import StateFolder
from tests.node.shell.test_mdns import KEY, OTHER_KEY, THEM, US

ROOT = Path(__file__).parents[3]

needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(tool) is None for tool in ("ip", "unshare", "nsenter")),
    reason="needs root, ip, unshare and nsenter to make network namespaces",
)


class Peer:
    """A process of `mdns_peer` in a network namespace: its own, or `beside` another's."""

    def __init__(self, *words: str, beside: "Peer | None" = None) -> None:
        enter = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        if beside is not None:
            enter = ["nsenter", "--net", "--target", str(beside.process.pid)]
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [*enter, sys.executable, "-W", "error", "-m", "tests.node.shell.mdns_peer", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=ROOT,
        )  # fmt: skip

    def ask(self, word: str = "look") -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        answer: dict[str, Any] = json.loads(line)
        return answer

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        for _ in range(1200):
            answer = self.ask()
            if condition(answer):
                return answer
            time.sleep(0.025)
        raise AssertionError(answer)

    def ip(self, *words: str) -> None:
        inside = ["nsenter", "--net", "--target", str(self.process.pid)]
        subprocess.run([*inside, "ip", *words], check=True)

    def stop(self) -> None:
        """A clean end: no thread left, and not a word of complaint (warnings are errors)."""
        out, err = self.process.communicate("stop\n", timeout=30)
        assert json.loads(out.splitlines()[-1]) == {"threads": []}
        assert (self.process.returncode, err) == (0, "")

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def plug_in(left: Peer, right: Peer, version: int = 4) -> None:
    """A cable between two machines that have this IP version and no other."""
    ends = ["name", "eth0", "netns", str(left.process.pid), "type", "veth", "peer"]
    ends += ["name", "eth0", "netns", str(right.process.pid)]
    done = subprocess.run(["ip", "link", "add", *ends], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this kernel lets us make no veth in a namespace: {done.stderr}")
    for peer, address in ((left, "10.6.0.1/24"), (right, "10.6.0.2/24")):
        if version == 4:
            peer.ip("link", "set", "eth0", "addrgenmode", "none")
            peer.ip("address", "add", address, "dev", "eth0")
        peer.ip("link", "set", "eth0", "up")


@contextmanager
def peers(*each: tuple[str, ...]) -> Iterator[list[Peer]]:
    with ExitStack() as kept:
        made = []
        for words in each:
            made.append(Peer(*words))
            kept.callback(made[-1].kill)
        for peer in made:
            peer.ask()  # it has come up, and is in its namespace
        yield made


def bare(node: NodeId, port: int = 4653, key: bytes = KEY) -> tuple[str, ...]:
    return ("bare", node.hex(), key.hex(), str(port))


@needs_namespaces
def test_agents_without_beacons_meet_by_mdns_when_the_cable_is_plugged_in(tmp_path: Path) -> None:
    secret = Secret.generate(Random(1))
    for name in ("ann", "bob", "cyd"):
        StateFolder.open(tmp_path / name).write_secret(secret.text)
        (tmp_path / f"{name}-run").mkdir()
    folder = str(tmp_path)
    with peers(("agent", folder, "ann", "4653"), ("agent", folder, "bob", "4653")) as (ann, bob):
        cyd = Peer("agent", folder, "cyd", "4700", "no-mdns", beside=bob)
        try:
            assert ann.ask()["threads"] == []
            plug_in(ann, bob)
            ann.until(lambda answer: answer["met"] == ["bob"])
            bob.until(lambda answer: answer["met"] == ["ann"])
            # The control: told not to use it, and beacons really are cut.
            assert cyd.ask() == {"met": [], "threads": []}
            for peer in (ann, bob, cyd):
                peer.stop()
        finally:
            cyd.kill()


@needs_namespaces
def test_records_are_told_again_while_they_live_and_change_with_the_interfaces() -> None:
    with peers(bare(US), bare(THEM, 5001)) as (ann, bob):
        plug_in(ann, bob)
        there = [THEM.hex(), "10.6.0.2:5001"]
        answer = ann.until(lambda answer: answer["found"].count(there) >= 2)
        assert len(answer["threads"]) == 2
        bob.ip("address", "add", "10.6.0.7/24", "dev", "eth0")
        both = {"10.6.0.2:5001", "10.6.0.7:5001"}
        ann.until(lambda answer: any({*found[1:]} == both for found in answer["found"]))
        ann.ip("link", "set", "eth0", "down")
        ann.until(lambda answer: answer["threads"] == [])
        before = len(ann.ask()["found"])
        ann.ip("link", "set", "eth0", "up")
        ann.until(lambda answer: len(answer["found"]) > before)
        ann.stop()
        bob.stop()


@needs_namespaces
def test_where_there_is_nothing_but_link_local_ipv6_records_are_found_by_it() -> None:
    with peers(bare(US), bare(THEM, 5001)) as (ann, bob):
        plug_in(ann, bob, version=6)
        answer = ann.until(lambda answer: answer["found"])
        node, (where,) = answer["found"][0][0], answer["found"][0][1:]
        assert node == THEM.hex()
        assert where.startswith("[fe80::")
        assert where.endswith("%eth0]:5001")
        ann.stop()
        bob.stop()


@needs_namespaces
def test_another_meshs_record_is_counted_and_nothing_else() -> None:
    with peers(bare(US), bare(THEM, key=OTHER_KEY)) as (ann, bob):
        plug_in(ann, bob)
        answer = ann.until(lambda answer: answer["ignored"])
        assert [*answer["ignored"]] == ["OTHER_MESH"]
        assert answer["found"] == []


@needs_namespaces
def test_a_taken_port_is_a_warning_and_mdns_comes_when_it_is_free() -> None:
    with peers(bare(US), bare(THEM)) as (ann, bob):
        ann.ask("hold")
        plug_in(ann, bob)
        answer = ann.until(lambda answer: answer["warning"])
        assert "keeps UDP port 5353 to itself" in answer["warning"]
        assert answer["threads"] == []
        ann.ask("release")
        assert ann.until(lambda answer: answer["found"])["warning"] is None
        ann.stop()
        bob.stop()


@needs_namespaces
def test_a_second_machine_under_our_id_is_a_warning() -> None:
    with peers(bare(US), bare(US, 5001)) as (ann, bob):
        plug_in(ann, bob)
        answers: list[dict[str, Any]] = []

        def one_warns(answer: dict[str, Any]) -> bool:
            answers[:] = [answer, bob.ask()]
            return any(each["warning"] for each in answers)

        ann.until(one_warns)
        (warning,) = [each["warning"] for each in answers if each["warning"]]
        assert warning == "another machine announces our own id by mDNS, so we do not"
        ann.stop()
        bob.stop()
