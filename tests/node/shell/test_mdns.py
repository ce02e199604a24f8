"""Found by mDNS: what a record may do to us, and agents that have no other way to meet.

The last ones make network namespaces of their own, joined by nothing but a veth, so no packet
leaves this machine.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import ServiceInfo

from mesh.effects import Address
from mesh.identity import NodeId, id_text
from mesh.secret import Secret
from node.core.reports import Found
from node.shell.interfaces import Interface
from node.shell.mdns import NODES_MAX, Book, Mdns
from node.shell.mdns_records import (
    ADDRESSES_PER_NODE_MAX,
    SERVICE_TYPE,
    Ignored,
    Standpoint,
    judge,
    links_for_mdns,
    node_named,
    service_name,
    service_properties,
)
from node.shell.state import StateFolder

ROOT = Path(__file__).parents[3]
US, THEM = NodeId(b"u" * 16), NodeId(b"t" * 16)
KEY, OTHER_KEY = b"k" * 8, b"o" * 8
LINK = Interface("eth0", "10.1.2.3", 2, "10.1.2.255", multicast=True, loopback=False, link_bits=24)
LOOP = Interface("lo", "127.0.0.1", 1, "127.255.255.255", multicast=False, loopback=True)
HERE = Standpoint(US, KEY, 4653, (LINK,))
PROPERTIES: dict[bytes, bytes | None] = {**service_properties(KEY)}


def packed(*hosts: str) -> list[bytes]:
    return [bytes(int(part) for part in host.split(".")) for host in hosts]


def seen(
    hosts: list[bytes], *, name: str = service_name(THEM), port: int | None = 4653
) -> Found | Ignored:
    return judge(name, port, hosts, PROPERTIES, HERE)


# What a record is good for ---------------------------------------------------------------------


def test_a_record_of_our_mesh_on_our_link_is_a_hint() -> None:
    assert seen(packed("10.1.2.9")) == Found(THEM, (Address("10.1.2.9", 4653),))


def test_nobody_can_make_us_greet_an_address_off_our_links_or_a_crowd() -> None:
    elsewhere = packed(
        "8.8.8.8", "10.1.3.9", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.251",
        "10.1.2.255", "10.1.2.0",
    )  # fmt: skip
    assert seen(elsewhere) is Ignored.NOT_ON_OUR_LINKS
    found = seen([*elsewhere, *packed("10.1.2.9")])
    assert found == Found(THEM, (Address("10.1.2.9", 4653),))


def test_an_agent_beside_us_on_this_machine_is_found_and_our_own_port_is_not() -> None:
    assert seen(packed("10.1.2.3"), port=5001) == Found(THEM, (Address("10.1.2.3", 5001),))
    assert seen(packed("10.1.2.3")) is Ignored.NOT_ON_OUR_LINKS


def test_only_so_many_addresses_of_a_node_are_looked_at() -> None:
    found = seen(packed(*(f"10.1.2.{last}" for last in range(10, 250))))
    assert isinstance(found, Found)
    assert len(found.addresses) == ADDRESSES_PER_NODE_MAX


def test_records_of_strangers_and_of_other_meshes_are_refused_by_name() -> None:
    near = packed("10.1.2.9")
    assert seen(near, name=service_name(US)) is Ignored.OURSELVES
    for name in ("", "oak._holdfast._udp.local.", SERVICE_TYPE, id_text(THEM).upper(), "x" * 5000):
        assert seen(near, name=name) is Ignored.NO_NODE
    for port in (None, 0, -1, 65536):
        assert seen(near, port=port) is Ignored.NO_PORT
    others: list[dict[bytes, bytes | None]] = [
        {}, {b"key": None}, {b"key": b""}, {b"key": OTHER_KEY.hex().encode()}, {b"KEY": KEY},
        {b"key": KEY},
    ]  # fmt: skip
    for properties in others:
        assert judge(service_name(THEM), 4653, near, properties, HERE) is Ignored.OTHER_MESH


def test_what_we_say_is_what_we_understand_and_tells_nothing_else() -> None:
    assert node_named(service_name(THEM)) == THEM
    assert service_properties(KEY) == {b"key": KEY.hex().encode()}


@given(
    st.text() | st.binary(max_size=40).map(lambda raw: service_name(NodeId(raw))),
    st.none() | st.integers(),
    st.lists(st.binary(max_size=20), max_size=20),
    st.dictionaries(st.binary(max_size=20), st.none() | st.binary(max_size=300), max_size=5)
    | st.just(PROPERTIES),
)
def test_whatever_a_record_says_it_is_judged_and_never_more_than_a_hint_on_our_link(
    name: str, port: int | None, addresses: list[bytes], properties: dict[bytes, bytes | None]
) -> None:
    judged = judge(name, port, addresses, properties, HERE)
    if isinstance(judged, Found):
        assert 0 < len(judged.addresses) <= ADDRESSES_PER_NODE_MAX
        assert all(address.host.startswith("10.1.2.") for address in judged.addresses)
        assert judged.node != US


@given(st.binary(max_size=600))
def test_any_text_record_is_read_without_complaint(text: bytes) -> None:
    record = ServiceInfo(SERVICE_TYPE, service_name(THEM), port=4653, properties=text)
    judged = judge(record.name, record.port, packed("10.1.2.9"), record.properties, HERE)
    assert judged is Ignored.OTHER_MESH


# The book ----------------------------------------------------------------------------------------


def opened_book() -> tuple[Book, list[None]]:
    book, wakes = Book(), list[None]()
    book.begin(HERE, lambda: wakes.append(None))
    return book, wakes


def note(book: Book, node: NodeId, host: str = "10.1.2.9") -> None:
    book.note(service_name(node), 4653, packed(host), PROPERTIES)


def test_a_record_is_news_once_and_again_when_it_changes() -> None:
    book, wakes = opened_book()
    for _ in range(3):
        note(book, THEM)
    assert book.fresh() == (Found(THEM, (Address("10.1.2.9", 4653),)),)
    assert book.fresh() == ()
    note(book, THEM, "10.1.2.10")
    assert book.fresh() == (Found(THEM, (Address("10.1.2.10", 4653),)),)
    assert len(wakes) == 2


def test_what_is_known_can_be_told_again_until_its_record_goes() -> None:
    book, _ = opened_book()
    note(book, THEM)
    book.fresh()
    book.freshen()
    assert len(book.fresh()) == 1
    book.strike(service_name(THEM))
    book.strike("nobody." + SERVICE_TYPE)
    book.freshen()
    assert book.fresh() == ()


def test_a_flood_of_records_is_counted_and_bounded() -> None:
    book, wakes = opened_book()
    random = Random(1)
    for _ in range(NODES_MAX * 3):
        note(book, NodeId(random.randbytes(16)))
    assert len(book) == len(book.fresh()) == len(wakes) == NODES_MAX
    assert book.ignored == {Ignored.TOO_MANY: NODES_MAX * 2}


def test_on_other_links_nothing_is_known() -> None:
    book, _ = opened_book()
    note(book, THEM)
    book.begin(HERE, lambda: None)
    assert len(book) == 0
    assert book.fresh() == ()


# The task ----------------------------------------------------------------------------------------


def test_loopback_and_links_without_multicast_are_left_alone() -> None:
    deaf = Interface("tun0", "10.7.0.1", 3, None, multicast=False, loopback=False)
    assert links_for_mdns((LOOP, deaf, LINK)) == (LINK,)


async def test_on_loopback_there_is_no_mdns_at_all() -> None:
    before = threading.active_count()
    finder = Mdns(US, KEY, 4653, lambda found: None)
    finder.interfaces_changed((LOOP,))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(finder.run)
        await trio.testing.wait_all_tasks_blocked()
        assert threading.active_count() == before
        assert not finder.announced
        assert finder.warning is None
        nursery.cancel_scope.cancel()


async def test_an_address_that_is_not_ours_is_a_warning_and_names_what_still_works() -> None:
    finder = Mdns(US, KEY, 4653, lambda found: None)
    finder.interfaces_changed((LINK,))  # 10.1.2.3 is on no interface of this machine
    async with trio.open_nursery() as nursery:
        nursery.start_soon(finder.run)
        with trio.fail_after(10):
            while finder.warning is None:
                await trio.sleep(0.01)
        assert "mDNS can't be used" in finder.warning.sentence
        assert "beacons and --seed still work" in finder.warning.hint
        nursery.cancel_scope.cancel()


# Between machines --------------------------------------------------------------------------------

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


def plug_in(left: Peer, right: Peer) -> None:
    """A cable between two machines."""
    ends = ["name", "eth0", "netns", str(left.process.pid), "type", "veth", "peer"]
    ends += ["name", "eth0", "netns", str(right.process.pid)]
    done = subprocess.run(["ip", "link", "add", *ends], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this kernel lets us make no veth in a namespace: {done.stderr}")
    for peer, address in ((left, "10.6.0.1/24"), (right, "10.6.0.2/24")):
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
