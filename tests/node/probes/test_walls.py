"""Which packet filters may drop what comes in, by their own words."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.probes.walls import (
    iptables_drops_input,
    nft_drops_input,
    read_walls,
    saved_rules,
    ufw_is_on,
)
from tests.node.probes.world import machine

# The workstation example of the nftables wiki ("Simple ruleset for a workstation").
WORKSTATION = """
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif "lo" accept
		tcp dport 22 ct state new accept
	}
}
"""
# What Docker 24 leaves behind on Debian 12 (`nft list ruleset`), shortened: it forwards and
# translates, and drops nothing that is meant for this machine.
DOCKER = """
table ip nat {
	chain DOCKER {
		iifname "docker0" counter packets 0 bytes 0 return
	}
	chain POSTROUTING {
		type nat hook postrouting priority srcnat; policy accept;
		oifname != "docker0" ip saddr 172.17.0.0/16 counter packets 0 bytes 0 masquerade
	}
}
table ip filter {
	chain DOCKER-ISOLATION-STAGE-2 {
		oifname "docker0" counter packets 0 bytes 0 drop
	}
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		counter packets 0 bytes 0 jump DOCKER-ISOLATION-STAGE-2
	}
	chain INPUT {
		type filter hook input priority filter; policy accept;
	}
}
"""
# iptables-nft: ufw's chains as nft lists them, shortened.
JUMPING = """
table ip filter {
	chain ufw-not-local {
		counter packets 0 bytes 0 drop
	}
	chain ufw-before-input {
		iifname "lo" counter packets 8 bytes 672 accept
		counter packets 0 bytes 0 jump ufw-not-local
	}
	chain INPUT {
		type filter hook input priority filter; policy accept;
		counter packets 12 bytes 900 jump ufw-before-input
	}
}
"""
LEGACY = """-P INPUT ACCEPT
-P FORWARD DROP
-P OUTPUT ACCEPT
-N LOGDROP
-A INPUT -i lo -j ACCEPT
-A INPUT -m state --state INVALID -j LOGDROP
-A LOGDROP -m limit --limit 5/min -j LOG
-A LOGDROP -j DROP
"""


@pytest.mark.parametrize(
    ("ruleset", "drops"),
    [(WORKSTATION, True), (DOCKER, False), (JUMPING, True), ("", False), ("table inet", False)],
)
def test_only_what_the_input_hook_can_drop_counts(ruleset: str, drops: bool) -> None:
    assert nft_drops_input(ruleset) is drops


def test_a_comment_or_a_log_prefix_drops_nothing() -> None:
    quiet = """
table inet filter {
	chain input {
		type filter hook input priority 0; policy accept;
		log prefix "drop? " # reject one day
	}
}
"""
    assert not nft_drops_input(quiet)


def test_chains_that_point_at_each_other_end() -> None:
    ring = """
table inet t {
	chain input {
		type filter hook input priority 0; policy accept;
		jump a
	}
	chain a {
		jump b
	}
	chain b {
		goto a
	}
}
"""
    assert not nft_drops_input(ring)


@pytest.mark.parametrize(
    ("rules", "drops"),
    [
        (LEGACY, True),
        ("-P INPUT DROP\n-P FORWARD ACCEPT\n", True),
        ("-P INPUT ACCEPT\n-A FORWARD -j DROP\n", False),
        ("-P INPUT ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j REJECT --reject-with x\n", True),
        ("", False),
    ],
)
def test_iptables_is_read_the_same_way(rules: str, drops: bool) -> None:
    assert iptables_drops_input(rules) is drops


def test_ufw_says_itself_whether_it_is_on(tmp_path: Path) -> None:
    on = machine(tmp_path / "on", {"etc/ufw/ufw.conf": "# ENABLED=no\nENABLED=yes\nLOGLEVEL=low\n"})
    off = machine(tmp_path / "off", {"etc/ufw/ufw.conf": "#ENABLED=yes\nENABLED=no\n"})
    assert ufw_is_on(on)
    assert not ufw_is_on(off)
    assert not ufw_is_on(machine(tmp_path / "none", {}))


def test_the_front_end_is_named_and_not_what_it_wrote(tmp_path: Path) -> None:
    roots = machine(
        tmp_path,
        {"etc/ufw/ufw.conf": "ENABLED=yes", "sys/fs/cgroup/system.slice/firewalld.service/x": ""},
    )
    assert read_walls(roots, lambda _command: WORKSTATION) == ("ufw", "firewalld")


def test_behind_no_front_end_the_kernels_rules_are_listed(tmp_path: Path) -> None:
    roots = machine(tmp_path, {})
    said = {"nft": WORKSTATION, "iptables": LEGACY}
    assert read_walls(roots, lambda command: said[command[0]]) == ("nftables",)
    said["nft"] = DOCKER
    assert read_walls(roots, lambda command: said[command[0]]) == ("iptables",)
    assert read_walls(roots, lambda _command: "") == ()


def test_without_privileges_the_saved_rules_count_if_they_are_loaded(tmp_path: Path) -> None:
    idle = machine(tmp_path / "idle", {"etc/nftables.conf": WORKSTATION})
    assert saved_rules(idle) == ""
    loaded = machine(
        tmp_path / "loaded",
        {
            "etc/nftables.conf": WORKSTATION,
            "etc/systemd/system/sysinit.target.wants/nftables.service": "",
        },
    )
    assert read_walls(loaded, lambda _command: "") == ("nftables",)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(
    ["table ip t {", "chain a {", "type filter hook input priority 0;", "jump a", "drop", "}", "#",
     "-A INPUT -j", "-P INPUT DROP", '"', "\x00"]), max_size=30))  # fmt: skip
def test_no_listing_can_upset_the_reader(lines: list[str]) -> None:
    assert nft_drops_input("\n".join(lines)) in (True, False)
    assert iptables_drops_input("\n".join(lines)) in (True, False)
