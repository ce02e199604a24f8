"""Found by mDNS: what a record may do to us."""

import sys
import threading
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path
from random import Random

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import ServiceInfo

from mesh.effects import Address
from mesh.identity import NodeId, id_text
from node.core.picture.reports import Found
from node.shell.datagrams import mdns
from node.shell.datagrams.interfaces import Interface
from node.shell.datagrams.mdns import NODES_MAX, Book, Mdns, MdnsUnusable, Responder
from node.shell.datagrams.mdns_records import (
    ADDRESSES_PER_NODE_MAX,
    SERVICE_TYPE,
    Ignored,
    Standpoint,
    judge,
    links_for_mdns,
    node_named,
    said_addresses,
    service_name,
    service_properties,
)

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


def test_ipv6_on_our_link_is_a_hint_and_a_link_local_one_names_the_link() -> None:
    routed = replace(LINK, address="fd01::3", link_bits=64, broadcast=None)
    alone = replace(routed, address="fe80::3%eth0")
    second = replace(routed, name="eth1", index=3, address="fe80::4%eth1")
    here = Standpoint(US, KEY, 4653, (LINK, routed, alone, second))
    said = ["fd01::9", "fd02::9", "fd01::", "ff02::1", "::1", "fe80::9", "fd01::3", "fe80::3"]
    hosts = [IPv6Address(host).packed for host in said]
    found = judge(service_name(THEM), 4653, hosts, PROPERTIES, here)
    assert isinstance(found, Found)
    assert [address.host for address in found.addresses] == [
        "fd01::9", "fe80::9%eth0", "fe80::9%eth1",
    ]  # fmt: skip
    assert said_addresses(here.links) == ["10.1.2.3", "fd01::3", "fe80::3", "fe80::4"]


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


def test_a_package_that_is_missing_is_a_warning_that_names_what_still_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    monkeypatch.setattr(mdns, "speaking_links", list)
    with pytest.raises(MdnsUnusable, match="zeroconf cannot be used") as unusable:
        Responder(HERE, Book())
    assert "beacons and --seed still work" in unusable.value.warning.hint
