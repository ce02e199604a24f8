"""By which interface a machine goes outside, and how WSL2 shares the network of Windows."""

from pathlib import Path

import pytest

from node.probes.addresses import InterfaceAddress, read_addresses
from node.probes.sources import Roots
from node.probes.ways_out import interface_of, own_address_outwards, wsl_mode
from tests.node.probes.world import machine

KERNEL = "proc/sys/kernel/osrelease"
WSL2 = "5.15.153.1-microsoft-standard-WSL2\n"


def eth0(host: str) -> tuple[InterfaceAddress, ...]:
    return (InterfaceAddress(host, "eth0", "ethernet", 2, True, None),)


@pytest.mark.parametrize(
    ("files", "host", "mode"),
    [
        ({KERNEL: "6.1.0-18-amd64\n"}, "172.20.0.2", ""),
        ({KERNEL: WSL2}, "172.24.117.9", "nat"),
        ({KERNEL: WSL2, "sys/class/net/loopback0/type": "1"}, "192.168.1.7", "mirrored"),
        ({KERNEL: WSL2}, "10.0.0.4", "unknown"),
        ({}, "172.20.0.2", ""),
    ],
)
def test_wsl_is_known_by_its_kernel_and_its_mode_by_its_interfaces(
    tmp_path: Path, files: dict[str, str], host: str, mode: str
) -> None:
    assert wsl_mode(machine(tmp_path, files), eth0(host)) == mode


def test_the_way_outside_is_an_address_of_ours_or_none() -> None:
    outwards = own_address_outwards()
    own = read_addresses(Roots())
    assert outwards == "" or interface_of(outwards, own) != ""


def test_an_address_that_is_nobodys_has_no_interface() -> None:
    assert interface_of("192.0.2.7", eth0("10.0.0.4")) == ""
