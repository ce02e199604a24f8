"""Well-known situations, each recognised by what a machine and its peers can see."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mesh.rejections import Rejection
from node.core.picture.evidence import Airway, Evidence
from node.core.reachability import links
from node.core.reachability.diagnoses import allowing, diagnose
from node.core.reachability.findings import Diagnosis, Finding, Scene
from node.core.reachability.links import Link, Stray, Telling
from node.core.reachability.matrix import Survey

ROOT = Path(__file__).parents[3]
LO = Airway("lo", "loopback", ("127.0.0.1/8",))
ETH = Airway("eth0", "ethernet", ("10.0.0.5/24",), sent=9, echoes=9)
WIFI = Airway("wlan0", "wifi", ("192.168.1.7/24",), sent=9, echoes=9)
DOCKER = Airway("docker0", "bridge", ("172.17.0.1/16",))
TAILSCALE = Airway("tailscale0", "tunnel", ("100.101.102.103/32",))
TUN = Airway("tun0", "tunnel", ("10.8.0.6/24",))


def link(node: str = "bob", **seen: object) -> Link:
    return replace(Link(node, node, "alive", "trusted", True, answered_ms=50, heard_ms=40), **seen)


def lost(node: str = "bob", **seen: object) -> Link:
    return link(node, **{"liveness": "dead", "waiting_ms": 60_000, "answered_ms": None,
                         "heard_ms": None, **seen})  # fmt: skip


def scene(
    *seen: Link, airways: tuple[Airway, ...] = (LO, ETH), others: tuple[Telling, ...] = (),
    strays: tuple[Stray, ...] = (), housemates: dict[str, str] | None = None, **evidence: object,
) -> Scene:  # fmt: skip
    here = replace(Evidence(platform="linux", airways=airways, route="eth0"), **evidence)
    us = Telling("ann", "ann", "0.3", "0a1b2c3d", 4653, seen, here, strays)
    return Scene(Survey("ann", {one.id: one for one in (us, *others)}), housemates or {})


def found(scene: Scene, name: Diagnosis) -> Finding:
    matching = [finding for finding in diagnose(scene) if finding.name is name]
    assert len(matching) == 1, [finding.name for finding in diagnose(scene)]
    return matching[0]


def test_where_all_is_well_nothing_is_diagnosed() -> None:
    assert diagnose(scene(link(), airways=(LO, ETH, WIFI, DOCKER))) == []
    assert diagnose(scene()) == []


def test_nothing_but_loopback_is_said() -> None:
    assert found(scene(airways=(LO,)), Diagnosis.NO_NETWORK).ok is None


def test_a_machine_with_container_bridges_alone_is_told_so() -> None:
    finding = found(scene(airways=(LO, DOCKER)), Diagnosis.BRIDGES)
    assert finding.ok is False
    assert "docker0" in finding.sentence


@pytest.mark.parametrize(
    "places", [{"172.17.0.1:4653": "bridge"}, {"172.17.0.1:4653": ""}, {"10.3.0.1:9": "bridge"}]
)
def test_a_peer_known_only_behind_a_bridge_is_named(places: dict[str, str]) -> None:
    finding = found(scene(lost(places=places)), Diagnosis.BRIDGES)
    assert finding.ok is False
    assert finding.nodes == ("bob",)
    assert next(iter(places)) in finding.sentence
    also = {**places, "10.0.0.9:4653": "ethernet"}
    assert diagnose(scene(lost(places=also))) == []


def test_tailscale_needs_a_name_since_it_carries_no_beacons() -> None:
    finding = found(scene(airways=(LO, ETH, TAILSCALE)), Diagnosis.TAILSCALE)
    assert finding.ok is False
    assert "--seed 100.101.102.103:4653" in finding.hint
    assert found(scene(link(), airways=(LO, ETH, TAILSCALE)), Diagnosis.TAILSCALE).ok is None


def test_a_peer_behind_tailscale_while_it_is_down_here_is_named() -> None:
    far = lost(places={"100.90.1.2:4653": "tunnel"})
    finding = found(scene(link("cyd"), far), Diagnosis.TAILSCALE)
    assert finding.ok is False
    assert "tailscale up" in finding.hint


def test_a_carriers_own_address_is_not_tailscale() -> None:
    carrier = Airway("eth0", "ethernet", ("100.70.1.2/24",))
    assert diagnose(scene(airways=(LO, carrier))) == []


def test_a_vpn_that_takes_every_way_is_named() -> None:
    finding = found(scene(airways=(LO, ETH, TUN), route="tun0"), Diagnosis.VPN)
    assert finding.ok is False
    assert "tun0" in finding.sentence
    assert diagnose(scene(airways=(LO, ETH, TUN), route="eth0")) == []


def test_two_machines_behind_tunnels_of_their_own_are_told_so() -> None:
    theirs = Evidence(airways=(Airway("wg0", "tunnel", ("10.99.0.2/24",)),), route="wg0")
    bob = Telling("bob", "bob", "0.3", "0a1b2c3d", 4653, (), theirs)
    here = scene(lost(), others=(bob,), airways=(LO, TUN), route="tun0")
    assert found(here, Diagnosis.TWO_TUNNELS).nodes == ("bob",)
    unasked = scene(lost(places={"10.99.0.2:4653": "tunnel"}), airways=(LO, TUN), route="tun0")
    assert found(unasked, Diagnosis.TWO_TUNNELS).nodes == ("bob",)
    same = scene(lost(places={"10.8.0.9:4653": "tunnel"}), airways=(LO, TUN), route="tun0")
    assert Diagnosis.TWO_TUNNELS not in [finding.name for finding in diagnose(same)]


def test_wsl_in_nat_mode_is_a_fault_only_while_nobody_answers() -> None:
    assert found(scene(wsl="nat"), Diagnosis.WSL_NAT).ok is False
    assert "networkingMode=mirrored" in found(scene(link(), wsl="nat"), Diagnosis.WSL_NAT).hint


def test_mirrored_wsl_that_hears_nobody_points_at_the_windows_firewall() -> None:
    assert "Hyper" in found(scene(wsl="mirrored"), Diagnosis.WINDOWS_FIREWALL).hint
    assert diagnose(scene(link(), wsl="mirrored")) == []


def test_two_on_one_wifi_that_hear_nothing_of_each_other_are_kept_apart() -> None:
    guest = lost(places={"192.168.1.9:4653": "wifi"})
    finding = found(scene(guest, airways=(LO, WIFI)), Diagnosis.ISOLATION)
    assert finding.ok is False
    assert finding.nodes == ("bob",)
    heard = replace(guest, beacons={"wlan0": 900})
    assert diagnose(scene(heard, airways=(LO, replace(WIFI, heard=1)))) == []


def test_beacons_in_vain_on_wifi_are_a_note() -> None:
    assert found(scene(airways=(LO, WIFI)), Diagnosis.ISOLATION).ok is None
    assert diagnose(scene(airways=(LO, replace(WIFI, heard=3)))) == []
    assert diagnose(scene(airways=(LO, replace(WIFI, sent=2)))) == []


def test_macos_says_no_route_when_it_means_no_permission() -> None:
    refused = {"EHOSTUNREACH": 12}
    assert (
        "Local Network"
        in found(scene(platform="darwin", send_failed=refused), Diagnosis.MACOS).hint
    )
    assert diagnose(scene(platform="linux", send_failed=refused)) == []


def test_a_firewall_is_a_fault_when_a_peer_hears_us_and_we_hear_nothing() -> None:
    bob = Telling("bob", "bob", "0.3", "0a1b2c3d", 4653, (link("ann", heard_ms=90),))
    finding = found(scene(lost(), others=(bob,), firewalls=("ufw",)), Diagnosis.FIREWALL)
    assert finding.ok is False
    assert "ufw allow 4653" in finding.hint
    assert found(scene(link(), firewalls=("ufw",)), Diagnosis.FIREWALL).ok is None


@pytest.mark.parametrize("front", ["ufw", "firewalld", "iptables", "nftables"])
def test_every_firewall_has_its_own_words_with_both_ports(front: str) -> None:
    told = allowing((front,), 4700)
    assert "4653" in told
    assert "4700" in told


def test_another_secret_is_counted_with_where_it_came_from() -> None:
    strays = tuple(
        Stray(f"10.0.0.{number}", Rejection.UNKNOWN_KEY.value, number, 100) for number in range(7)
    )
    finding = found(scene(strays=strays), Diagnosis.WRONG_KEY)
    assert finding.ok is False
    assert "1 datagram from 10.0.0.1" in finding.sentence
    assert "3 other sources" in finding.sentence
    assert found(scene(link(), strays=strays), Diagnosis.WRONG_KEY).ok is None


def test_another_version_is_told_apart_from_another_secret() -> None:
    stray = Stray("10.0.0.9", Rejection.UNKNOWN_VERSION.value, 3, 100)
    assert "3 datagrams from 10.0.0.9" in found(scene(strays=(stray,)), Diagnosis.OLD_VERSION)[2]


def test_a_peer_that_says_what_we_do_not_know_is_named_with_its_version() -> None:
    newer = link("bob", version="0.9", passed_over={"letters of kinds we do not know": 3})
    finding = found(scene(newer), Diagnosis.OLD_VERSION)
    assert finding.ok is None
    assert "bob, which runs 0.9, said 3 letters of kinds we do not know" in finding.sentence
    assert "here: 0.3" in finding.hint


def test_two_agents_on_one_machine_are_a_note() -> None:
    finding = found(scene(link(), housemates={"bob": "bob"}), Diagnosis.SHARED_MACHINE)
    assert finding.ok is None
    assert "--offer" in finding.hint


def test_a_port_of_beacons_that_is_not_shared_is_named_with_its_interface() -> None:
    finding = found(scene(taken=("eth0",)), Diagnosis.PORT_TAKEN)
    assert finding.ok is False
    assert "on eth0" in finding.sentence
    assert found(scene(link(), taken=("eth0",)), Diagnosis.PORT_TAKEN).ok is None


def test_mdns_without_its_port_is_a_note() -> None:
    assert found(scene(mdns="UDP 5353 is taken"), Diagnosis.MDNS).ok is None


def test_every_diagnosis_has_a_section_in_the_guide_and_every_section_its_diagnosis() -> None:
    page = (ROOT / "docs/guides/troubleshooting.md").read_text()
    part = page.partition("\n## Diagnoses\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^### (.+)$", part, re.MULTILINE)) == sorted(
        one.value for one in Diagnosis
    )


TELLING = links.encode(scene(link(), lost("cyd", places={"10.0.0.9:1": "wifi"})).us)


@settings(max_examples=100)
@given(st.binary(max_size=64), st.integers(0, len(TELLING)), st.integers(0, len(TELLING)))
def test_no_answer_of_a_peer_can_upset_the_reader(junk: bytes, start: int, end: int) -> None:
    bent = TELLING[:start] + junk + TELLING[end:]
    telling = links.decode(bent)
    if telling is not None:
        assert links.decode(links.encode(telling)) == telling
        diagnose(Scene(Survey(telling.id, {telling.id: telling}), {}))


def test_an_answer_that_is_too_long_is_no_answer() -> None:
    assert links.decode(TELLING) is not None
    assert links.decode(TELLING + bytes(links.ANSWER_BYTES_MAX)) is None
