import ipaddress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from node.probes.addresses import (
    InterfaceAddress,
    InterfaceMarks,
    address_facts,
    kind_of,
    parse_device_type,
    ranked,
    read_addresses,
    read_marks,
)
from node.probes.sources import Roots

ETHER = InterfaceMarks(arp_type="1")


def test_the_kernel_says_what_an_interface_is() -> None:
    assert kind_of("lan0", InterfaceMarks("1", is_bridge=True)) == "bridge"
    assert kind_of("x0", InterfaceMarks("1", is_wireless=True)) == "wifi"
    assert kind_of("corp", InterfaceMarks("1", is_tun=True)) == "tunnel"
    assert kind_of("home", InterfaceMarks("65534", device_type="wireguard")) == "tunnel"
    assert kind_of("lo", InterfaceMarks("772")) == "loopback"
    assert kind_of("ib0", InterfaceMarks("32")) == "other"


def test_names_tell_what_the_kernel_does_not() -> None:
    assert kind_of("docker0", ETHER) == "bridge"
    assert kind_of("br-0c1f", ETHER) == "bridge"
    assert kind_of("veth12ab", ETHER) == "bridge"
    assert kind_of("zt5u4y", ETHER) == "tunnel"
    assert kind_of("tailscale0", ETHER) == "tunnel"
    assert kind_of("wlp3s0", ETHER) == "wifi"
    assert kind_of("enp0s31f6", InterfaceMarks()) == "ethernet"
    assert kind_of("eth0", ETHER) == "ethernet"


def test_a_bridge_with_a_real_cable_in_it_is_the_machines_own_network(tmp_path: Path) -> None:
    net = tmp_path / "class/net"
    for made in ("br0/bridge", "br0/brif/tap0", "br0/brif/eno1", "docker0/bridge",
                 "docker0/brif/veth1", "eno1/device", "tap0", "veth1"):  # fmt: skip
        (net / made).mkdir(parents=True)
    roots = Roots(sys=str(tmp_path))
    assert kind_of("br0", read_marks(roots, "br0")) == "ethernet"
    assert kind_of("docker0", read_marks(roots, "docker0")) == "bridge"


def _address(host: str, kind: str, up: bool = True) -> InterfaceAddress:
    return InterfaceAddress(host, f"{kind}0", kind, 1, up, None)


def test_virtual_bridges_and_tunnels_come_after_real_networks() -> None:
    hosts = [
        _address("172.17.0.1", "bridge"),
        _address("127.0.0.1", "loopback"),
        _address("100.64.0.1", "tunnel"),
        _address("192.168.1.5", "wifi"),
        _address("169.254.3.3", "ethernet"),
        _address("2001:db8::1", "ethernet"),
        _address("192.168.1.4", "ethernet"),
    ]
    assert [found.host for found in ranked(tuple(hosts))] == [
        "192.168.1.4",
        "2001:db8::1",
        "169.254.3.3",
        "192.168.1.5",
        "100.64.0.1",
        "172.17.0.1",
        "127.0.0.1",
    ]


def test_peers_are_not_told_addresses_that_are_down_or_mean_nothing_to_them() -> None:
    addresses = (
        _address("fe80::1", "ethernet"),
        _address("192.168.1.4", "ethernet"),
        _address("10.0.0.1", "bridge", up=False),
    )
    assert [fact.host for fact in address_facts(addresses)] == ["192.168.1.4"]


def test_the_device_type_is_one_line_of_many() -> None:
    assert parse_device_type("INTERFACE=br0\nDEVTYPE=bridge\nIFINDEX=3\n") == "bridge"
    assert parse_device_type("INTERFACE=eth0\n") is None


def test_this_machine_has_a_loopback_address_and_every_address_is_one() -> None:
    found = read_addresses(Roots())
    assert "127.0.0.1" in [address.host for address in found if address.kind == "loopback"]
    for address in found:
        ipaddress.ip_address(address.host)
        assert address.broadcast is None or ipaddress.ip_address(address.broadcast).version == 4


@given(st.text(max_size=15), st.one_of(st.none(), st.text(max_size=6)))
def test_every_interface_has_a_kind(name: str, arp_type: str | None) -> None:
    assert _address("::1", kind_of(name, InterfaceMarks(arp_type))) in ranked(
        (_address("::1", kind_of(name, InterfaceMarks(arp_type))),)
    )
