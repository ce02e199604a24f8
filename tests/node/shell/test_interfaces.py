"""What the machine's interfaces mean to a beacon."""

import psutil
import pytest

from node.shell import interfaces
from node.shell.interfaces import Interface, advertised, scan


def interface(name: str, address: str, *, loopback: bool = False) -> Interface:
    return Interface(name, address, 1, None, multicast=False, loopback=loopback)


def test_loopback_is_always_there_with_its_broadcast_address() -> None:
    (loop, *_) = [found for found in scan() if found.loopback]
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
    loop = interface("lo", "127.0.0.1", loopback=True)
    docker = interface("docker0", "172.17.0.1")
    local = interface("eth1", "169.254.3.4")
    wired = interface("eth0", "10.0.0.5")
    assert advertised((docker, local, wired, loop)) == ("10.0.0.5", "169.254.3.4", "172.17.0.1")
    assert advertised((loop,)) == ("127.0.0.1",)
