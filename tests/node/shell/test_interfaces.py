"""What the machine's interfaces mean to a beacon."""

from socket import AF_INET, AF_INET6
from typing import NamedTuple

import psutil
import pytest

from node.shell.datagrams import interfaces
from node.shell.datagrams.interfaces import Interface, advertised, scan, unsettled_addresses


def interface(
    name: str, address: str, *, loopback: bool = False, kind: str = "ethernet"
) -> Interface:
    return Interface(name, address, 1, None, multicast=False, loopback=loopback, kind=kind)


def test_loopback_is_always_there_with_its_broadcast_address() -> None:
    (loop, *_) = [found for found in scan() if found.loopback and found.version == 4]
    assert loop.broadcast == "127.255.255.255"
    assert not loop.multicast


def test_two_scans_of_an_unchanged_machine_are_equal() -> None:
    assert scan() == scan()


@pytest.mark.parametrize(
    ("netmask", "broadcast"),
    [
        ("255.255.255.0", "10.1.2.255"),
        ("255.255.0.0", "10.1.255.255"),
        ("255.255.255.254", None),
        ("255.255.255.255", None),
        (None, None),
    ],
)
def test_everyone_on_a_link_is_its_subnets_last_address(
    netmask: str | None, broadcast: str | None
) -> None:
    words = ["up", "broadcast", "multicast"]
    assert interfaces._broadcast("10.1.2.3", netmask, loopback=False, words=words) == broadcast


def test_an_interface_that_is_down_or_gone_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "net_if_stats", dict)
    assert scan() == ()


def test_real_addresses_are_told_first_and_loopback_only_alone() -> None:
    loop = interface("lo", "127.0.0.1", loopback=True, kind="loopback")
    docker = interface("docker0", "172.17.0.1", kind="bridge")
    tunnel = interface("wg0", "fd9a::5", kind="tunnel")
    local = interface("eth1", "169.254.3.4")
    wired = interface("eth0", "10.0.0.5")
    routed = interface("eth0", "2001:db8::5")
    alone = interface("eth0", "fe80::5%eth0")
    found = advertised((docker, tunnel, alone, local, routed, wired, loop))
    assert found == (wired, routed, local, tunnel, docker)
    assert advertised((loop,)) == (loop,)


def test_a_machine_with_nothing_but_link_local_ipv6_tells_no_address_and_never_loopback() -> None:
    loop = interface("lo", "127.0.0.1", loopback=True, kind="loopback")
    assert advertised((interface("eth0", "fe80::5%eth0"), loop)) == ()


def test_an_address_that_the_link_was_not_asked_about_yet_is_not_used() -> None:
    table = """\
fe800000000000000000000000000001 03 40 20 40     eth0
fd000000000000000000000000000002 03 40 00 80     eth0
fd000000000000000000000000000003 03 40 00 c8     eth0
00000000000000000000000000000001 01 80 10 80       lo
nonsense
zz800000000000000000000000000001 03 40 20 40     eth0
"""
    assert unsettled_addresses(table) == {("eth0", "fe80::1"), ("eth0", "fd00::3")}


def test_a_container_that_starts_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    before = scan()
    stats = {**psutil.net_if_stats(), "veth1a2b": _Up()}
    addresses = {**psutil.net_if_addrs(), "veth1a2b": [_At("fe80::42%veth1a2b")]}
    monkeypatch.setattr(psutil, "net_if_stats", lambda: stats)
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: addresses)
    monkeypatch.setattr(interfaces, "if_nametoindex", lambda _: 99)
    changed = {(found.name, found.address) for found in scan()}
    assert changed == {(found.name, found.address) for found in before}
    addresses["veth1a2b"].append(_At("10.9.9.9", AF_INET, "255.255.255.0"))
    assert ("veth1a2b", "10.9.9.9") in {(found.name, found.address) for found in scan()}


class _Up(NamedTuple):
    isup: bool = True
    flags: str = "up,broadcast,running,multicast"


class _At(NamedTuple):
    address: str
    family: int = AF_INET6
    netmask: str = "ffff:ffff:ffff:ffff::"
