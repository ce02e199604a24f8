"""What the sockets and a look at the machine come to, as it is told to peers."""

from collections import Counter

from mesh.instant import MILLISECOND
from node.core.reachability.links import Telling, decode, encode
from node.shell.datagrams.beacons import AirCounts, NetworkWarning, Trouble
from node.shell.datagrams.interfaces import Interface
from node.shell.datagrams.terrain import WALL_MOVED_MIN, Terrain, evidence, look, moved

ETH = Interface("eth0", "10.0.0.5", 2, "10.0.0.255", True, False, 24, "ethernet")
ETH6 = Interface("eth0", "fe80::1%eth0", 2, None, True, False, 64, "ethernet")
LO = Interface("lo", "127.0.0.1", 1, "127.255.255.255", False, True, 8, "loopback")


def test_one_airway_per_interface_with_its_networks_and_its_beacons() -> None:
    taken = NetworkWarning(Trouble.BEACON_PORT_TAKEN, "eth0", "taken", "find it")
    seen = evidence(
        Terrain("linux", "nat", ("ufw",), "eth0"), (ETH, ETH6, LO),
        {"eth0": AirCounts(sent=7, heard=2, echoes=1)}, Counter(EPERM=3), "no route", (taken,),
    )  # fmt: skip
    eth0, lo = seen.airways
    assert (eth0.name, eth0.kind, eth0.networks) == (
        "eth0", "ethernet", ("10.0.0.5/24", "fe80::1/64"),
    )  # fmt: skip
    assert (eth0.sent, eth0.heard, eth0.echoes) == (7, 2, 1)
    assert lo.networks == ("127.0.0.1/8",)
    assert (seen.wsl, seen.firewalls, seen.route) == ("nat", ("ufw",), "eth0")
    assert (seen.send_failed, seen.taken, seen.mdns) == ({"EPERM": 3}, ("eth0",), "no route")


def test_a_host_of_a_thousand_bridges_still_fits_its_answer() -> None:
    many = [Interface(f"veth{n}", f"10.1.{n // 256}.{n % 256}", n, None, True, False, 24, "bridge")
            for n in range(1, 1_000)]  # fmt: skip
    seen = evidence(Terrain("x" * 999), many, {}, Counter({"E" * 9: 1}), "y" * 999)
    telling = Telling("ann", "ann", "1", "00", 4653, (), seen)
    assert decode(encode(telling)) is None  # what nobody's kernel says is not let through
    whole = evidence(Terrain("linux"), many, {}, Counter(), "y" * 999)
    assert decode(encode(Telling("ann", "ann", "1", "00", 4653, (), whole))) is not None


def test_a_wall_clock_that_did_not_move_is_not_told_again() -> None:
    assert moved(None, 1_000) == 1_000
    assert moved(1_000, 1_000 + WALL_MOVED_MIN) == 1_000
    stepped = 1_000 + WALL_MOVED_MIN + MILLISECOND
    assert moved(1_000, stepped) == stepped


def test_a_look_at_this_machine_says_what_it_is() -> None:
    assert look().platform != ""
